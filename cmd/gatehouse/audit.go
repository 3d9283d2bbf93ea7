package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

// auditPage is how many events are read at once.
const auditPage = 1000

func newAuditCommand(e *env) *cobra.Command {
	var names auditNames
	var limit int
	var lines bool
	cmd := &cobra.Command{
		Use:   "audit [--team SLUG] [--user EMAIL] [--client CLIENT_ID] [--kind KIND] [--since WHEN]",
		Short: "Show the audit trail, newest first",
		Long: `Shows the audit trail: registrations, sign-ins, consent, memberships, keys, and
tokens issued, refreshed, replayed and revoked. Events contain no secrets and
cannot be changed. They are kept for audit_retention.

WHEN is a duration before now (30m, 24h, 7d), a day (2026-03-31) or a time
(2026-03-31T12:00:00Z). --team and --user also accept an id, also of a team or
user that was removed. Examples of KIND: sign_in.failed, client.added,
consent.given, token.refreshed, refresh.replayed, member.removed.

With --jsonl it prints every matching event as one JSON object per line, for
export.`,
		Example: `  gatehouse audit --team acme --since 7d
  gatehouse audit --kind sign_in.failed --since 24h --json
  gatehouse audit --since 2026-03-01 --jsonl > march.jsonl`,
		Args: takes(),
	}
	cmd.Flags().StringVar(&names.team, "team", "", "only events of the team with this `SLUG`")
	cmd.Flags().StringVar(&names.user, "user", "", "only events of the person with this `EMAIL`")
	cmd.Flags().StringVar(&names.client, "client", "", "only events of the application with this `CLIENT_ID`")
	cmd.Flags().StringVar(&names.kind, "kind", "", "only events of this `KIND`")
	cmd.Flags().StringVar(&names.since, "since", "", "only events since `WHEN`")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most `N` events; 0 for all (the default with --jsonl)")
	cmd.Flags().BoolVar(&lines, "jsonl", false, "print one JSON object per line")
	cmd.RunE = e.start(func(cmd *cobra.Command, args []string) error {
		if limit < 0 {
			return usagef("--limit is %d; it cannot be negative", limit)
		}
		if lines && !cmd.Flags().Changed("limit") {
			limit = 0
		}
		return e.with(func(ctx context.Context, a *app.App, _ []string) error {
			filter, err := names.filter(ctx, a, e.now())
			if err != nil {
				return err
			}
			if lines {
				out := json.NewEncoder(e.stdout)
				out.SetEscapeHTML(false)
				return eachEvent(ctx, a, filter, limit, func(event audit.Entry) error { return out.Encode(event) })
			}
			events := []audit.Entry{}
			err = eachEvent(ctx, a, filter, limit, func(event audit.Entry) error {
				events = append(events, event)
				return nil
			})
			if err != nil {
				return err
			}
			return e.show(events, func(t *tabwriter.Writer) { writeEvents(t, events) })
		})(cmd, args)
	})
	return cmd
}

// eachEvent calls do for the newest matching events, up to a limit (0 for all). It reads a page at a time.
func eachEvent(ctx context.Context, a *app.App, f audit.Filter, limit int, do func(audit.Entry) error) error {
	for left := limit; limit == 0 || left > 0; {
		f.Limit = auditPage
		if limit > 0 {
			f.Limit = min(left, auditPage)
		}
		events, err := a.Team.History(ctx, team.CommandLine, f)
		if err != nil {
			return fmt.Errorf("read the audit trail: %w", err)
		}
		for _, event := range events {
			if err := do(event); err != nil {
				return err
			}
		}
		if len(events) < f.Limit {
			return nil
		}
		f.Before = events[len(events)-1].ID
		left -= len(events)
	}
	return nil
}

// auditNames are the values of the filter flags.
type auditNames struct{ team, user, client, kind, since string }

// filter resolves names to ids. An unknown name is an error, not an empty list. An id is used as it is, because its team or user may be removed.
func (n auditNames) filter(ctx context.Context, a *app.App, now time.Time) (audit.Filter, error) {
	f := audit.Filter{Client: n.client, Kind: audit.Kind(n.kind), Team: n.team, User: n.user}
	if n.kind != "" && !slices.Contains(audit.Kinds(), f.Kind) {
		return f, usagef("--kind %q does not exist; the kinds are: %s", n.kind, joinKinds(audit.Kinds()))
	}
	if n.team != "" && !isID(n.team) {
		t, err := a.Team.TeamBySlug(ctx, team.CommandLine, n.team)
		if err != nil {
			return f, err
		}
		f.Team = string(t.ID)
	}
	if strings.Contains(n.user, "@") {
		u, err := a.Team.UserByEmail(ctx, team.CommandLine, n.user)
		if err != nil {
			return f, err
		}
		f.User = string(u.ID)
	}
	var err error
	f.Since, err = parseTime("--since", n.since, now)
	return f, err
}

func joinKinds(kinds []audit.Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

// isID reports whether s is an id and not a slug: only ids have capital letters.
func isID(s string) bool { return strings.ToLower(s) != s }

// parseTime reads the duration, day or time of a flag; the zero time when it is empty.
func parseTime(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days+"\n", "%d\n", &n); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usagef("%s is %q; it must be a duration such as 24h or 7d, a day such as 2026-03-31, or a time such as 2026-03-31T12:00:00Z", flag, s)
}

func writeEvents(t *tabwriter.Writer, events []audit.Entry) {
	row(t, "AT", "KIND", "BY", "PERSON", "TEAM", "APPLICATION", "ADDRESS", "DETAIL")
	for _, e := range events {
		// The id stands for somebody who is gone.
		row(t, e.At.UTC().Format(time.DateTime), string(e.Kind), cmp.Or(e.ActorEmail, e.ActorName, strings.TrimPrefix(e.Actor, "client:")),
			cmp.Or(e.UserEmail, e.User), cmp.Or(e.TeamSlug, e.Team), cmp.Or(e.ClientName, e.Client), e.Address, e.Detail)
	}
}
