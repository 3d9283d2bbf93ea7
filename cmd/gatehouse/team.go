package main

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/gatehouse-auth/gatehouse/internal/api/types"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

func teamOf(t team.Team) types.Team {
	return types.Team{ID: string(t.ID), Slug: t.Slug, Name: t.Name, CreatedAt: types.Instant(t.CreatedAt)}
}

func newTeamCommand(e *env) *cobra.Command {
	return e.group("team", "Add, list, rename and remove teams, invite people, and block applications",
		`People connect applications to teams. A team's slug is in URLs and tokens, and
can change. Its id never changes.`,
		newTeamAdd(e), newTeamList(e), newTeamRename(e), newTeamRequireFactor(e), newTeamRequireProvider(e), newTeamRemove(e), newTeamInvite(e), newTeamInvitations(e), newTeamUninvite(e),
		newTeamPolicy(e), newTeamRequests(e), newTeamApprove(e), newTeamDecline(e), newTeamWithhold(e), newTeamDecisions(e), newTeamBlock(e), newTeamUnblock(e), newTeamBlocks(e))
}

func newTeamAdd(e *env) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "add SLUG --name NAME",
		Short: "Add a team",
		Long: `Adds a team without members. A slug has 1 to 63 characters: a-z, 0-9, and single
hyphens between them.`,
		Example: "  gatehouse team add acme --name \"Acme Corporation\"",
		Args:    takes("SLUG"),
	}
	cmd.Flags().StringVar(&name, "name", "", "the team's `NAME`, as pages show it")
	cmd.MarkFlagRequired("name")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		t, err := a.Team.AddTeam(ctx, team.CommandLine, args[0], name)
		if err != nil {
			return err
		}
		return e.showf(teamOf(t), "added team %s (%s)", t.Slug, t.ID)
	})
	return cmd
}

func newTeamList(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all teams, by slug",
		Args:  takes(),
		RunE: e.with(func(ctx context.Context, a *app.App, _ []string) error {
			teams, err := a.Team.All(ctx, team.CommandLine)
			if err != nil {
				return fmt.Errorf("list teams: %w", err)
			}
			out := make([]types.Team, len(teams))
			for i, t := range teams {
				out[i] = teamOf(t)
			}
			return e.show(out, func(w *tabwriter.Writer) {
				row(w, "SLUG", "NAME", "ID", "CREATED")
				for _, t := range teams {
					row(w, t.Slug, t.Name, string(t.ID), stamp(t.CreatedAt))
				}
			})
		}),
	}
}

func newTeamRename(e *env) *cobra.Command {
	var slug, name string
	cmd := &cobra.Command{
		Use:   "rename SLUG [--slug NEW] [--name NAME]",
		Short: "Give a team another slug, name, or both",
		Long: `Renames a team. Its id, members and grants stay. Tokens issued from now on have
the new slug. For 48 hours no other team can take the old slug, and this team
can take it back. A team that takes it later gets no access to anything of this
team.`,
		Example: `  gatehouse team rename acme --slug acme-labs
  gatehouse team rename acme --slug acme-labs --name "Acme Labs"`,
	}
	cmd.Flags().StringVar(&slug, "slug", "", "the `NEW` slug")
	cmd.Flags().StringVar(&name, "name", "", "the new `NAME`")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if slug == "" && name == "" {
			return usagef("--slug and --name are missing: give one of them, or both")
		}
		return takes("SLUG")(cmd, args)
	}
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		t, err := a.Team.RenameTeam(ctx, team.CommandLine, args[0], slug, name)
		if err != nil {
			return err
		}
		return e.showf(teamOf(t), "team %s is now %s (%s)", args[0], t.Slug, t.Name)
	})
	return cmd
}

func newTeamRemove(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove SLUG --yes",
		Short: "Remove a team with its memberships, applications and grants",
		Long: `Removes a team and everything that belongs to it: memberships, the team's own
applications, and every grant in it. This cannot be undone. The slug is free
again after 48 hours, and a new team with it gets nothing back. Without --yes, this only prints what would end.`,
		Example: `  gatehouse team remove acme
  gatehouse team remove acme --yes`,
		Args: takes("SLUG"),
	}
	yes := yesFlag(cmd)
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		if !*yes {
			return e.sayTeamRemove(ctx, a, args[0])
		}
		t, err := a.Team.RemoveTeam(ctx, team.CommandLine, args[0])
		if err != nil {
			return err
		}
		return e.showf(teamOf(t), "removed team %s", t.Slug)
	})
	return cmd
}

// sayTeamRemove says what of a team would end.
func (e *env) sayTeamRemove(ctx context.Context, a *app.App, slug string) error {
	t, err := a.Team.TeamBySlug(ctx, team.CommandLine, slug)
	if err != nil {
		return err
	}
	people, err := a.Team.Members(ctx, team.CommandLine, slug)
	if err != nil {
		return err
	}
	clients, err := a.Registry.TeamClients(ctx, team.CommandLine, t.ID)
	if err != nil {
		return err
	}
	ends, err := connections(ctx, a, authz.GrantFilter{Team: t.ID})
	if err != nil {
		return err
	}
	ends.Members = len(people)
	for _, c := range clients {
		if c.Team.ID == t.ID {
			ends.OwnApplications = append(ends.OwnApplications, c.Name)
		}
	}
	return e.onlySay(ends, "remove", "team "+t.Slug)
}

func newTeamBlock(e *env) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "block SLUG CLIENT_ID --reason TEXT",
		Short: "Block an application in a team",
		Long: `Blocks an application in a team, and ends its grants there at once. Members who
try to connect it see the reason. Blocking it again replaces the reason.`,
		Example: "  gatehouse team block acme 7kq2m --reason \"Not reviewed by our security team yet\"",
		Args:    takes("SLUG", "CLIENT_ID"),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "the reason, a `TEXT` that the team's members see")
	cmd.MarkFlagRequired("reason")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		t, err := a.Team.TeamBySlug(ctx, team.CommandLine, args[0])
		if err != nil {
			return err
		}
		id := oauth.ClientID(args[1])
		if _, err := a.Govern.Block(ctx, team.CommandLine, t.ID, id, reason); err != nil {
			return err
		}
		return e.showf(types.Block{Team: t.Slug, ClientID: string(id), Reason: reason}, "team %s blocks %s", t.Slug, id)
	})
	return cmd
}

func newTeamUnblock(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "unblock SLUG CLIENT_ID",
		Short: "Let a blocked application be connected again",
		Long: `Lets members connect the application again. Grants that ended when it was
blocked do not come back.`,
		Example: "  gatehouse team unblock acme 7kq2m",
		Args:    takes("SLUG", "CLIENT_ID"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			t, err := a.Team.TeamBySlug(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			id := oauth.ClientID(args[1])
			if err := a.Govern.Unblock(ctx, team.CommandLine, t.ID, id); err != nil {
				return fmt.Errorf("unblock %s in team %s: %w", id, t.Slug, err)
			}
			return e.showf(types.Block{Team: t.Slug, ClientID: string(id)}, "team %s no longer blocks %s", t.Slug, id)
		}),
	}
}

func newTeamBlocks(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "blocks SLUG",
		Short:   "List the applications that are blocked in a team, newest first",
		Example: "  gatehouse team blocks acme",
		Args:    takes("SLUG"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			t, err := a.Team.TeamBySlug(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			blocks, err := a.Govern.Rows(ctx, team.CommandLine, t.ID)
			if err != nil {
				return fmt.Errorf("list blocks of team %s: %w", t.Slug, err)
			}
			blocks = slices.DeleteFunc(blocks, func(r govern.Row) bool { return r.State != govern.Blocked })
			out := make([]types.Block, len(blocks))
			for i, b := range blocks {
				out[i] = types.Block{Team: t.Slug, ClientID: string(b.Client), Reason: b.Reason, CreatedAt: types.Instant(b.At)}
			}
			return e.show(out, func(w *tabwriter.Writer) {
				row(w, "CLIENT_ID", "REASON", "SINCE")
				for _, b := range blocks {
					row(w, string(b.Client), b.Reason, stamp(b.At))
				}
			})
		}),
	}
}
