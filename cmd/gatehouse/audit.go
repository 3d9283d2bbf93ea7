package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/spf13/cobra"
)

// auditPage is how many events are read at a time.
const auditPage = 1000

func newAuditCommand(e *env) *cobra.Command {
	var names auditNames
	var limit int
	var lines bool
	cmd := &cobra.Command{
		Use:   "audit [--team SLUG] [--user EMAIL] [--client CLIENT_ID] [--kind KIND] [--since WHEN]",
		Short: "Show what happened, to whom, by whom, newest first",
		Long: `Shows the record of what happened: registrations, sign-ins, consent, tokens
issued, refreshed, replayed and revoked, memberships, keys. Nothing in it is
secret, and nothing in it can be changed; it is kept for audit_retention.

WHEN is a length of time back from now (30m, 24h, 7d), a day (2026-03-31) or a
time (2026-03-31T12:00:00Z). --team and --user also take the id of one that is
no longer there. A KIND is a noun and what became of it: sign_in.failed,
client.added, consent.given, token.refreshed, refresh.replayed, member.removed.

With --jsonl it prints every event that matches, each as one JSON object on a
line of its own, for export.`,
		Example: `  gatehouse audit --team acme --since 7d
  gatehouse audit --kind sign_in.failed --since 24h --json
  gatehouse audit --since 2026-03-01 --jsonl > march.jsonl`,
		Args: takes(),
	}
	cmd.Flags().StringVar(&names.team, "team", "", "only what concerns the team with this `SLUG`")
	cmd.Flags().StringVar(&names.user, "user", "", "only what concerns the person with this `EMAIL`")
	cmd.Flags().StringVar(&names.client, "client", "", "only what concerns the application with this `CLIENT_ID`")
	cmd.Flags().StringVar(&names.kind, "kind", "", "only events of this `KIND`")
	cmd.Flags().StringVar(&names.since, "since", "", "only what happened since `WHEN`")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most `N` events; 0 for all (with --jsonl, all unless it is given)")
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
				return eachEvent(ctx, a, filter, limit, func(event audit.Event) error { return out.Encode(event) })
			}
			events := []audit.Event{}
			err = eachEvent(ctx, a, filter, limit, func(event audit.Event) error {
				events = append(events, event)
				return nil
			})
			if err != nil {
				return err
			}
			people := namesOf(ctx, a)
			return e.show(events, func(t *tabwriter.Writer) { writeEvents(t, events, people) })
		})(cmd, args)
	})
	return cmd
}

// eachEvent calls do with the newest events that the filter lets through, up to a limit (0: all of them), reading a page at a time.
func eachEvent(ctx context.Context, a *app.App, f audit.Filter, limit int, do func(audit.Event) error) error {
	for left := limit; limit == 0 || left > 0; {
		f.Limit = auditPage
		if limit > 0 {
			f.Limit = min(left, auditPage)
		}
		events, err := a.Store.Events(ctx, f)
		if err != nil {
			return fmt.Errorf("read the record: %w", err)
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

// auditNames are what the flags say, in the words of people.
type auditNames struct{ team, user, client, kind, since string }

// filter resolves the names. One that does not exist is an error, not an empty list; an id is taken as it is, because what it named may be gone.
func (n auditNames) filter(ctx context.Context, a *app.App, now time.Time) (audit.Filter, error) {
	f := audit.Filter{Client: n.client, Kind: audit.Kind(n.kind), Team: n.team, User: n.user}
	if n.kind != "" && !slices.Contains(audit.Kinds(), f.Kind) {
		return f, usagef("--kind %q does not exist; there are: %s", n.kind, joinKinds(audit.Kinds()))
	}
	if n.team != "" && !isID(n.team) {
		t, err := a.Directory.TeamBySlug(ctx, n.team)
		if err != nil {
			return f, err
		}
		f.Team = string(t.ID)
	}
	if strings.Contains(n.user, "@") {
		u, err := a.Directory.UserByEmail(ctx, n.user)
		if err != nil {
			return f, err
		}
		f.User = string(u.ID)
	}
	var err error
	f.Since, err = parseSince(n.since, now)
	return f, err
}

func joinKinds(kinds []audit.Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

// isID tells an id of ours from a slug: ids have capital letters.
func isID(s string) bool { return strings.ToLower(s) != s }

// parseSince reads a length of time, a day or a time.
func parseSince(s string, now time.Time) (time.Time, error) {
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
	return time.Time{}, usagef("--since is %q; it has to be a length of time such as 24h or 7d, a day such as 2026-03-31, or a time such as 2026-03-31T12:00:00Z", s)
}

// directory turns ids into what people call them, as far as they are still there.
type directory struct{ users, teams, clients map[string]string }

// name is what an id is called; the id itself when it is called nothing any more.
func name(names map[string]string, id string) string {
	if known, ok := names[id]; ok {
		return known
	}
	return id
}

func namesOf(ctx context.Context, a *app.App) directory {
	d := directory{map[string]string{}, map[string]string{}, map[string]string{}}
	// Only names: an event is worth showing without them.
	users, _ := a.Directory.Store.Users(ctx)
	for _, u := range users {
		d.users[string(u.ID)] = u.Email
	}
	teams, _ := a.Directory.Store.Teams(ctx)
	for _, t := range teams {
		d.teams[string(t.ID)] = t.Slug
	}
	clients, _ := a.Store.Clients(ctx)
	for _, c := range clients {
		d.clients[string(c.ID)] = c.Name
	}
	return d
}

// actor is who did it.
func (d directory) actor(e audit.Event) string {
	if id, ok := strings.CutPrefix(e.Actor, "client:"); ok {
		return name(d.clients, id)
	}
	return name(d.users, e.Actor)
}

func writeEvents(t *tabwriter.Writer, events []audit.Event, d directory) {
	row(t, "AT", "KIND", "BY", "PERSON", "TEAM", "APPLICATION", "ADDRESS", "DETAIL")
	for _, e := range events {
		row(t, e.At.UTC().Format(time.DateTime), string(e.Kind), d.actor(e), name(d.users, e.User), name(d.teams, e.Team), name(d.clients, e.Client), e.Address, e.Detail)
	}
}
