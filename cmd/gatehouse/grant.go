package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/api/types"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

func grantOf(g authz.GrantDetail) types.Grant {
	return types.Grant{
		ID: string(g.ID), Email: g.User.Email, ClientID: string(g.Client.ID), ClientName: g.Client.Name, Team: g.Team.Slug, Scope: g.Scope.String(),
		CreatedAt: types.Instant(g.CreatedAt), UpdatedAt: types.Instant(g.UpdatedAt), LastUsed: types.Instant(g.LastUsed),
	}
}

func newGrantCommand(e *env) *cobra.Command {
	return e.group("grant", "List and revoke grants: what people allow applications to do",
		"A grant is what one person lets one application do in one of their teams.",
		newGrantList(e), newGrantRevoke(e))
}

func newGrantList(e *env) *cobra.Command {
	var email, slug, client string
	cmd := &cobra.Command{
		Use:   "list [--user EMAIL] [--team SLUG] [--client CLIENT_ID]",
		Short: "List grants, newest first",
		Long: `Lists grants. LAST USED is when the application last exchanged a code or
refreshed a token under the grant. Calls of the API are not recorded.`,
		Example: `  gatehouse grant list --team acme
  gatehouse grant list --user ada@example.com --json`,
		Args: takes(),
	}
	cmd.Flags().StringVar(&email, "user", "", "only grants of the person with this `EMAIL`")
	cmd.Flags().StringVar(&slug, "team", "", "only grants in the team with this `SLUG`")
	cmd.Flags().StringVar(&client, "client", "", "only grants of the application with this `CLIENT_ID`")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, _ []string) error {
		filter, err := grantFilter(ctx, a, email, slug, client)
		if err != nil {
			return err
		}
		grants, err := a.Authz.Grants(ctx, team.CommandLine, filter)
		if err != nil {
			return fmt.Errorf("list grants: %w", err)
		}
		out := make([]types.Grant, len(grants))
		for i, g := range grants {
			out[i] = grantOf(g)
		}
		return e.show(out, func(t *tabwriter.Writer) {
			row(t, "ID", "PERSON", "APPLICATION", "TEAM", "SCOPE", "SINCE", "LAST USED")
			for _, g := range out {
				row(t, string(g.ID), g.Email, g.ClientName, g.Team, g.Scope, stamp(time.Time(g.CreatedAt)), stamp(time.Time(g.LastUsed)))
			}
		})
	})
	return cmd
}

// grantFilter resolves names to ids. An unknown name is an error, not an empty list.
func grantFilter(ctx context.Context, a *app.App, email, slug, client string) (authz.GrantFilter, error) {
	var f authz.GrantFilter
	if email != "" {
		u, err := a.Team.UserByEmail(ctx, team.CommandLine, email)
		if err != nil {
			return f, err
		}
		f.User = u.ID
	}
	if client != "" {
		c, err := findClient(ctx, a, client)
		if err != nil {
			return f, err
		}
		f.Client = c.ID
	}
	t, err := teamBySlug(ctx, a, slug)
	f.Team = t.ID
	return f, err
}

func newGrantRevoke(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke ID --yes",
		Short: "End a grant and everything issued under it",
		Long: `Ends a grant. At once, the application can no longer act for the person in the
team. The person can connect it again. Without --yes, this only prints what
would end.`,
		Example: `  gatehouse grant revoke 4hd9w
  gatehouse grant revoke 4hd9w --yes`,
		Args: takes("ID"),
	}
	yes := yesFlag(cmd)
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		id := authz.GrantID(args[0])
		if !*yes {
			return e.sayGrantRevoke(ctx, a, id)
		}
		if _, err := a.Authz.EndGrant(ctx, team.CommandLine, authz.GrantFilter{}, id); err != nil {
			return fmt.Errorf("grant %q: %w", id, err)
		}
		return e.showf(struct {
			ID authz.GrantID `json:"id"`
		}{id}, "revoked grant %s", id)
	})
	return cmd
}

// sayGrantRevoke says whose connection would end.
func (e *env) sayGrantRevoke(ctx context.Context, a *app.App, id authz.GrantID) error {
	grants, err := a.Authz.Grants(ctx, team.CommandLine, authz.GrantFilter{})
	if err != nil {
		return err
	}
	for _, g := range grants {
		if g.Grant.ID == id {
			what := fmt.Sprintf("grant %s (%s in %s)", id, g.User.Email, g.Team.Slug)
			return e.onlySay(types.Ends{Connections: 1, Applications: []string{g.Client.Name}}, "revoke", what)
		}
	}
	return fmt.Errorf("grant %q: %w", id, authz.ErrNoGrant)
}
