package main

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/gatehouse-auth/gatehouse/internal/api/types"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

func newMemberCommand(e *env) *cobra.Command {
	return e.group("member", "Add, list and remove members of teams, and change their roles",
		`A member of a team can connect applications to it. When they leave the team,
those connections end.`,
		newMemberAdd(e), newMemberList(e), newMemberSetRole(e), newMemberRemove(e))
}

func newMemberAdd(e *env) *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "add SLUG EMAIL [--role admin|developer|member]",
		Short: "Add a person to a team",
		Example: `  gatehouse member add acme ada@example.com --role admin
  gatehouse member add acme grace@example.com`,
		Args: takes("SLUG", "EMAIL"),
	}
	cmd.Flags().StringVar(&role, "role", string(team.Member), "what they may do in the team: admin, developer or member")
	cmd.RegisterFlagCompletionFunc("role", completeRoles)
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		m, err := a.Team.AddMember(ctx, team.CommandLine, args[0], args[1], team.Role(role))
		if err != nil {
			return err
		}
		u, err := a.Team.UserByEmail(ctx, team.CommandLine, args[1])
		if err != nil {
			return err
		}
		return e.showf(types.Member{Team: m.Team.Slug, Email: u.Email, Role: string(m.Role), CreatedAt: types.Instant(m.CreatedAt)}, "added %s to team %s as %s", u.Email, m.Team.Slug, m.Role)
	})
	return cmd
}

// completeRoles offers the roles.
func completeRoles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var roles []string
	for _, r := range team.Roles() {
		roles = append(roles, string(r))
	}
	return roles, cobra.ShellCompDirectiveNoFileComp
}

func newMemberSetRole(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set-role SLUG EMAIL ROLE",
		Short: "Give a member another role",
		Long: `Gives a member another role. An admin manages the team, its members and its
applications. A developer builds applications of the team. A member connects
applications. Their connections do not change.`,
		Example: "  gatehouse member set-role acme ada@example.com admin",
		Args:    takes("SLUG", "EMAIL", "ROLE"),
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) != 2 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeRoles(cmd, args, typed)
	}
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		u, err := a.Team.SetRole(ctx, team.CommandLine, args[0], args[1], team.Role(args[2]))
		if err != nil {
			return err
		}
		return e.showf(types.Member{Team: args[0], Email: u.Email, Name: u.Name, Role: args[2]}, "%s is now %s of team %s", u.Email, args[2], args[0])
	})
	return cmd
}

func newMemberList(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "list SLUG",
		Short:   "List who belongs to a team, by e-mail",
		Example: "  gatehouse member list acme",
		Args:    takes("SLUG"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			people, err := a.Team.Members(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			out := make([]types.Member, len(people))
			for i, p := range people {
				out[i] = types.Member{
					Team: args[0], Email: p.User.Email, Name: p.User.Name, Role: string(p.Role), CreatedAt: types.Instant(p.CreatedAt),
				}
			}
			return e.show(out, func(t *tabwriter.Writer) {
				row(t, "EMAIL", "NAME", "ROLE", "STATE", "SINCE")
				for _, p := range people {
					row(t, p.User.Email, p.User.Name, string(p.Role), state(p.User.DisabledAt), stamp(p.CreatedAt))
				}
			})
		}),
	}
}

func newMemberRemove(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove SLUG EMAIL --yes",
		Short: "Remove a person from a team, and end their grants there",
		Long: `Removes a person from a team. Every application that they connected to it loses
access at once. Their other teams do not change. Without --yes, this only prints
what would end.`,
		Example: `  gatehouse member remove acme ada@example.com
  gatehouse member remove acme ada@example.com --yes`,
		Args: takes("SLUG", "EMAIL"),
	}
	yes := yesFlag(cmd)
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		if !*yes {
			return e.sayMemberRemove(ctx, a, args[0], args[1])
		}
		if err := a.Team.RemoveMember(ctx, team.CommandLine, args[0], args[1]); err != nil {
			return err
		}
		u, err := a.Team.UserByEmail(ctx, team.CommandLine, args[1])
		if err != nil {
			return err
		}
		return e.showf(types.Member{Team: args[0], Email: u.Email}, "removed %s from team %s", u.Email, args[0])
	})
	return cmd
}

// sayMemberRemove says what of a member would end.
func (e *env) sayMemberRemove(ctx context.Context, a *app.App, slug, email string) error {
	people, err := a.Team.Members(ctx, team.CommandLine, slug)
	if err != nil {
		return err
	}
	u, err := a.Team.UserByEmail(ctx, team.CommandLine, email)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(people, func(p team.Person) bool { return p.User.ID == u.ID })
	if i < 0 {
		return fmt.Errorf("remove %s from team %s: %w", u.Email, slug, team.ErrNoMember)
	}
	t, err := a.Team.TeamBySlug(ctx, team.CommandLine, slug)
	if err != nil {
		return err
	}
	ends, err := connections(ctx, a, authz.GrantFilter{Team: t.ID, User: u.ID})
	if err != nil {
		return err
	}
	ends.Members, ends.Teams = 1, []string{t.Slug}
	return e.onlySay(ends, "remove", u.Email)
}
