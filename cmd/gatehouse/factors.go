package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/gatehouse-auth/gatehouse/internal/api/types"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

func newTeamRequireFactor(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "require-second-factor SLUG [on|off]",
		Short: "Let members use applications only with a second factor",
		Long: `Says whether members need a passkey or an authenticator app to choose the team for
an application. Connections that exist go on. Without "on" or "off", this only
prints whether it is required, and how many members have no second factor yet.`,
		Example: `  gatehouse team require-second-factor acme
  gatehouse team require-second-factor acme on`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 && (args[1] == "on" || args[1] == "off") {
				return nil
			}
			if len(args) == 2 {
				return usagef("%q is neither on nor off", args[1])
			}
			return takes("SLUG")(cmd, args)
		},
	}
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) (err error) {
		var now team.SecondFactor
		if len(args) == 1 {
			now, err = a.Team.SecondFactor(ctx, team.CommandLine, args[0])
		} else {
			now, err = a.Team.RequireSecondFactor(ctx, team.CommandLine, args[0], args[1] == "on")
		}
		if err != nil {
			return err
		}
		out := types.SecondFactor{Team: args[0], Required: now.Required, Members: now.Members, Without: now.Without}
		return e.show(out, func(w *tabwriter.Writer) {
			required := "does not require"
			if out.Required {
				required = "requires"
			}
			fmt.Fprintf(w, "team %s %s a second factor; %d of %d members have none\n", out.Team, required, out.Without, out.Members)
		})
	})
	return cmd
}

func newTeamRequireProvider(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "require-provider SLUG [ID|none]",
		Short: "Let members use applications only after the sign-in at a provider",
		Long: `Says at which provider of the configuration members have to sign in to choose the
team for an application. Connections that exist go on. Without an id or "none", this
only prints which provider is required, and how many members have linked no account
there yet.`,
		Example: `  gatehouse team require-provider acme
  gatehouse team require-provider acme acme-sso
  gatehouse team require-provider acme none`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return takes("SLUG")(cmd, args)
		},
	}
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) (err error) {
		var now team.RequiredProvider
		switch {
		case len(args) == 1:
			now, err = a.Team.RequiredProvider(ctx, team.CommandLine, args[0])
		case args[1] == "none":
			now, err = a.Team.RequireProvider(ctx, team.CommandLine, args[0], "")
		default:
			now, err = a.Team.RequireProvider(ctx, team.CommandLine, args[0], args[1])
		}
		if err != nil {
			return err
		}
		out := types.RequiredProvider{Team: args[0], Provider: now.Provider, Members: now.Members, Without: now.Without, Connections: now.Connections}
		return e.show(out, func(w *tabwriter.Writer) {
			if out.Provider == "" {
				fmt.Fprintf(w, "team %s requires no provider\n", out.Team)
				return
			}
			fmt.Fprintf(w, "team %s requires provider %s; %d of %d members have no account there; %d connections go on\n",
				out.Team, out.Provider, out.Without, out.Members, out.Connections)
		})
	})
	return cmd
}

func newUserResetFactors(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset-factors EMAIL --yes",
		Short: "Remove a person's passkeys, authenticator app and recovery codes",
		Long: `The way back in for somebody who has lost their second factor: it removes passkeys,
authenticator app and recovery codes, and ends all sessions. The password and the
connections of applications stay. The person is told by mail. Make sure that it is
they who ask. Without --yes, this only prints what the person has.`,
		Example: `  gatehouse user reset-factors ada@example.com
  gatehouse user reset-factors ada@example.com --yes`,
		Args: takes("EMAIL"),
	}
	yes := yesFlag(cmd)
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		u, err := a.Team.UserByEmail(ctx, team.CommandLine, args[0])
		if err != nil {
			return err
		}
		if !*yes {
			have, err := a.Authn.Enrolment().Factors(ctx, team.CommandLine, u)
			if err != nil {
				return err
			}
			out := types.Factors{Passkeys: len(have.Passkeys), AuthenticatorApp: have.HasApp(), RecoveryCodes: len(have.Recovery.Hashes)}
			err = e.show(out, func(w *tabwriter.Writer) {
				row(w, "passkeys", fmt.Sprint(out.Passkeys))
				row(w, "authenticator app", map[bool]string{true: "yes", false: "no"}[out.AuthenticatorApp])
				row(w, "recovery codes", fmt.Sprint(out.RecoveryCodes))
			})
			if err != nil {
				return err
			}
			return fmt.Errorf("nothing was done; add --yes to remove the second factors of user %s", u.Email)
		}
		if err := a.Authn.Enrolment().Reset(ctx, team.CommandLine, u); err != nil {
			return err
		}
		return e.showf(userOf(u), "user %s (%s) signs in with the password alone now", u.Email, u.ID)
	})
	return cmd
}
