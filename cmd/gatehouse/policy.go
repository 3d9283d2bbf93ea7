package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/api/types"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

func effectOf(f govern.Effect) types.Effect {
	return types.Effect{Ended: f.Ended, Suspended: f.Suspended, Resumed: f.Resumed, Narrowed: f.Narrowed}
}

// effectInWords is what a change does to connections, or "".
func effectInWords(f govern.Effect) string {
	var parts []string
	for _, part := range []struct {
		count int
		what  string
	}{{f.Ended, "ended"}, {f.Suspended, "suspended"}, {f.Resumed, "allowed again"}, {f.Narrowed, "allowed less"}} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.count, part.what))
		}
	}
	if parts == nil {
		return "no connection changes"
	}
	return "connections: " + strings.Join(parts, ", ")
}

func newTeamPolicy(e *env) *cobra.Command {
	var strict bool
	var cut []string
	cmd := &cobra.Command{
		Use:   "policy SLUG [everyone|approve_first|listed_only|nobody]",
		Short: "Show or set a team's policy for applications",
		Long: `Without a policy, prints the one there is. Otherwise prints what a change
would do, and with --yes does it.

everyone       members connect what they want, unless it is blocked
approve_first  an admin approves an application before members connect it
listed_only    members connect what is approved, and cannot ask
nobody         nothing is connected; connections rest, and can be restored for 30 days

Applications that are in use are approved with the change, unless --cut ends
their connections.`,
		Example: "  gatehouse team policy acme approve_first --yes",
		Args:    cobra.RangeArgs(1, 2),
	}
	yes := yesFlag(cmd)
	cmd.Flags().BoolVar(&strict, "strict", false, "the policy is also for the team's own applications and the operator's")
	cmd.Flags().StringArrayVar(&cut, "cut", nil, "end the connections of this `CLIENT_ID`; repeat it for more")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		t, err := a.Team.TeamBySlug(ctx, team.CommandLine, args[0])
		if err != nil {
			return err
		}
		now, err := a.Govern.Policy(ctx, team.CommandLine, t.ID)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			return e.showf(types.Policy{Team: t.Slug, Policy: string(now.Rule), Strict: now.Strict}, "%s", now)
		}
		rule, err := govern.ParseRule(args[1])
		if err != nil {
			return err
		}
		to := govern.Policy{Rule: rule, Strict: strict}
		ids := make([]oauth.ClientID, len(cut))
		for i, id := range cut {
			ids[i] = oauth.ClientID(id)
		}
		if !*yes {
			preview, err := a.Govern.Preview(ctx, team.CommandLine, t.ID, to, ids)
			if err != nil {
				return err
			}
			return e.previewPolicy(t, preview)
		}
		effect, err := a.Govern.SetPolicy(ctx, team.CommandLine, t.ID, to, ids)
		if err != nil {
			return err
		}
		out := effectOf(effect)
		return e.showf(types.Policy{Team: t.Slug, Policy: string(rule), Strict: strict, Effect: &out}, "the policy of team %s is %s; %s", t.Slug, to, effectInWords(effect))
	})
	return cmd
}

// previewPolicy prints what a change of policy would do, and fails, because nothing was done.
func (e *env) previewPolicy(t team.Team, p govern.Preview) error {
	out := types.Policy{Team: t.Slug, Policy: string(p.To.Rule), Strict: p.To.Strict}
	effect := effectOf(p.Effect)
	out.Effect = &effect
	for _, a := range p.Applications {
		out.Applications = append(out.Applications, types.Affected{ClientID: string(a.Client), Name: a.Name, People: a.People, Scope: a.Scope.String(), Cut: a.Cut})
	}
	err := e.show(out, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "from %s to %s; %s\n", p.From, p.To, effectInWords(p.Effect))
		for _, a := range p.Applications {
			becomes := "would be approved"
			if a.Cut {
				becomes = "would be cut"
			}
			row(w, string(a.Client), a.Name, fmt.Sprintf("%d people", a.People), becomes)
		}
	})
	if err != nil {
		return err
	}
	return errors.New("nothing was done; add --yes to set the policy")
}

func rowOf(r govern.Row, slug string) types.Decision {
	return types.Decision{
		Team: slug, ClientID: string(r.Client), State: string(r.State), Scope: r.Scope.String(), Reason: r.Reason, DecidedAt: types.Instant(r.At),
		ReviewBy: types.Instant(r.ReviewBy), UsedSince: r.UsedSince,
	}
}

func newTeamDecisions(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "decisions SLUG",
		Short:   "List what a team decided about applications, newest first",
		Example: "  gatehouse team decisions acme",
		Args:    takes("SLUG"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			t, err := a.Team.TeamBySlug(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			rows, err := a.Govern.Rows(ctx, team.CommandLine, t.ID)
			if err != nil {
				return err
			}
			out := make([]types.Decision, len(rows))
			for i, r := range rows {
				out[i] = rowOf(r, t.Slug)
			}
			return e.show(out, func(w *tabwriter.Writer) {
				row(w, "CLIENT_ID", "STATE", "SCOPE", "SINCE", "REASON")
				for _, r := range rows {
					row(w, string(r.Client), string(r.State), r.Scope.String(), stamp(r.At), r.Reason)
				}
			})
		}),
	}
}

func newTeamRequests(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "requests SLUG",
		Short:   "List what members ask their admins to approve, the oldest first",
		Example: "  gatehouse team requests acme",
		Args:    takes("SLUG"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			t, err := a.Team.TeamBySlug(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			requests, err := a.Govern.Requests(ctx, team.CommandLine, t.ID)
			if err != nil {
				return err
			}
			out := make([]types.ApplicationRequest, len(requests))
			for i, r := range requests {
				out[i] = types.ApplicationRequest{
					Team: t.Slug, ClientID: string(r.Client), Email: r.Email, Scope: r.Scope.String(), Note: r.Note,
					AskedAt: types.Instant(r.AskedAt), ExpiresAt: types.Instant(r.ExpiresAt),
				}
			}
			return e.show(out, func(w *tabwriter.Writer) {
				row(w, "CLIENT_ID", "EMAIL", "SCOPE", "ASKED", "NOTE")
				for _, r := range requests {
					row(w, string(r.Client), r.Email, r.Scope.String(), stamp(r.AskedAt), strings.Join(strings.Fields(r.Note), " "))
				}
			})
		}),
	}
}

func newTeamApprove(e *env) *cobra.Command {
	var scopes []string
	var reason, reviewBy string
	cmd := &cobra.Command{
		Use:   "approve SLUG CLIENT_ID [--scope SCOPE...]",
		Short: "Let members of a team connect an application",
		Long: `Approves an application up to the scopes that are given, or up to all that it
may ask for. Fewer scopes than before narrow the connections that there are.`,
		Example: "  gatehouse team approve acme 7kq2m --scope chatbot:read",
		Args:    takes("SLUG", "CLIENT_ID"),
	}
	cmd.Flags().StringArrayVar(&scopes, "scope", nil, "the most that members may grant: a `SCOPE`; repeat it for more (default: all that it may ask for)")
	cmd.Flags().StringVar(&reason, "reason", "", "a `TEXT` for the members")
	cmd.Flags().StringVar(&reviewBy, "review-by", "", "the `DATE` (YYYY-MM-DD) when admins are reminded to look again")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		t, err := a.Team.TeamBySlug(ctx, team.CommandLine, args[0])
		if err != nil {
			return err
		}
		id := oauth.ClientID(args[1])
		c, err := a.Govern.Client(ctx, team.CommandLine, t.ID, id)
		if err != nil {
			return err
		}
		approval := govern.Approval{Reason: reason}
		if approval.Scope, err = oauth.ParseScope(strings.Join(scopes, " ")); err != nil {
			return err
		}
		if len(scopes) == 0 {
			approval.Scope = c.Permitted(a.Registry.Catalogue, a.Registry.Catalogue.Scope().Union(oauth.Scope{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail, oauth.ScopeOfflineAccess}))
		}
		if reviewBy != "" {
			if approval.ReviewBy, err = time.Parse(time.DateOnly, reviewBy); err != nil {
				return usagef("--review-by %q is not a date such as 2027-01-31", reviewBy)
			}
		}
		effect, err := a.Govern.Approve(ctx, team.CommandLine, t.ID, id, approval)
		if err != nil {
			return err
		}
		return e.showf(types.Decision{Team: t.Slug, ClientID: string(id), State: string(govern.Approved), Scope: approval.Scope.String(), Reason: reason, ReviewBy: types.Instant(approval.ReviewBy)},
			"team %s approves %s: %s; %s", t.Slug, id, approval.Scope, effectInWords(effect))
	})
	return cmd
}

func newTeamDecline(e *env) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "decline SLUG CLIENT_ID [--reason TEXT]",
		Short: "Answer the requests for an application with no",
		Long: `Declines what members ask for. They can ask for the same again after 30 days,
and for something else at once.`,
		Example: "  gatehouse team decline acme 7kq2m --reason \"We have another one\"",
		Args:    takes("SLUG", "CLIENT_ID"),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "a `TEXT` for the members")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		t, err := a.Team.TeamBySlug(ctx, team.CommandLine, args[0])
		if err != nil {
			return err
		}
		if err := a.Govern.Decline(ctx, team.CommandLine, t.ID, oauth.ClientID(args[1]), reason); err != nil {
			return err
		}
		return e.showf(types.Decision{Team: t.Slug, ClientID: args[1], State: string(govern.Declined), Reason: reason}, "team %s declined %s", t.Slug, args[1])
	})
	return cmd
}

func newTeamWithhold(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "withdraw-approval SLUG CLIENT_ID",
		Short: "Take back the approval of an application",
		Long: `Takes back an approval. The application's connections in the team end at once.
Members can ask for it again.`,
		Example: "  gatehouse team withdraw-approval acme 7kq2m",
		Args:    takes("SLUG", "CLIENT_ID"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			t, err := a.Team.TeamBySlug(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			effect, err := a.Govern.Withhold(ctx, team.CommandLine, t.ID, oauth.ClientID(args[1]))
			if err != nil {
				return err
			}
			return e.showf(types.Decision{Team: t.Slug, ClientID: args[1]}, "team %s no longer approves %s; %s", t.Slug, args[1], effectInWords(effect))
		}),
	}
}
