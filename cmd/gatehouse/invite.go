package main

import (
	"context"
	"text/tabwriter"

	"github.com/gatehouse-auth/gatehouse/internal/api/types"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

func invitationOf(i team.Invitation) types.Invitation {
	return types.Invitation{
		ID: string(i.ID), Team: i.Team.Slug, Email: i.Email, Role: string(i.Role), State: string(i.State),
		CreatedAt: types.Instant(i.CreatedAt), ExpiresAt: types.Instant(i.ExpiresAt),
	}
}

func newTeamInvite(e *env) *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "invite SLUG EMAIL [--role admin|developer|member]",
		Short: "Invite an e-mail address to a team",
		Long: `Sends a mail with a link to an address. The link works once, for seven days.
Who accepts signs in, or gets an account with this address.`,
		Example: "  gatehouse team invite acme ada@example.com --role developer",
		Args:    takes("SLUG", "EMAIL"),
	}
	cmd.Flags().StringVar(&role, "role", string(team.Member), "what they will be in the team: admin, developer or member")
	cmd.RegisterFlagCompletionFunc("role", completeRoles)
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		i, err := a.Team.Invite(ctx, team.CommandLine, args[0], args[1], team.Role(role))
		if err != nil {
			return err
		}
		return e.showf(invitationOf(i), "invited %s to team %s as %s", i.Email, i.Team.Slug, i.Role)
	})
	return cmd
}

func newTeamInvitations(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "invitations SLUG",
		Short:   "List the invitations of a team, newest first",
		Example: "  gatehouse team invitations acme",
		Args:    takes("SLUG"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			all, err := a.Team.Invitations(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			out := make([]types.Invitation, len(all))
			for n, i := range all {
				out[n] = invitationOf(i)
			}
			return e.show(out, func(t *tabwriter.Writer) {
				row(t, "EMAIL", "ROLE", "STATE", "EXPIRES", "BY")
				for _, i := range all {
					state := string(i.State)
					if i.State == team.InvitationSent && !i.Open(e.now()) {
						state = "expired"
					}
					row(t, i.Email, string(i.Role), state, stamp(i.ExpiresAt), i.ByName)
				}
			})
		}),
	}
}

func newTeamUninvite(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "uninvite SLUG EMAIL",
		Short:   "Withdraw an invitation that was not answered",
		Long:    `Withdraws an invitation. The link in its mail no longer works.`,
		Example: "  gatehouse team uninvite acme ada@example.com",
		Args:    takes("SLUG", "EMAIL"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			all, err := a.Team.Invitations(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			for _, i := range all {
				if i.State != team.InvitationSent || team.NormalizeEmail(i.Email) != team.NormalizeEmail(args[1]) {
					continue
				}
				if err := a.Team.Withdraw(ctx, team.CommandLine, args[0], i.ID); err != nil {
					return err
				}
				return e.showf(invitationOf(i), "withdrew the invitation of %s to team %s", i.Email, i.Team.Slug)
			}
			return team.ErrNoInvitation
		}),
	}
}
