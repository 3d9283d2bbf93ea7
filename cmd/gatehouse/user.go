package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/gatehouse-auth/gatehouse/internal/api/types"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/plaintext"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

func userOf(u team.User) types.User {
	return types.User{
		ID: string(u.ID), Email: u.Email, EmailVerified: u.EmailVerified, Name: u.Name, Operator: u.Operator,
		CreatedAt: types.Instant(u.CreatedAt), DisabledAt: types.Instant(u.DisabledAt),
	}
}

func newUserCommand(e *env) *cobra.Command {
	return e.group("user", "Add, list, rename, verify, disable, enable and remove people",
		`A user is a person who can sign in. They can connect applications to the teams
that they belong to (see "gatehouse member").`,
		newUserAdd(e), newUserList(e), newUserVerifyEmail(e), newUserSetEmail(e), newUserRename(e), newUserDisable(e), newUserEnable(e), newUserRemove(e), newUserSetPassword(e), newUserResetFactors(e))
}

func newUserAdd(e *env) *cobra.Command {
	var name string
	var fromStdin, operator, verified bool
	cmd := &cobra.Command{
		Use:   "add EMAIL --name NAME [--password-stdin] [--operator] [--email-verified]",
		Short: "Add a person",
		Long: `Adds a person. Without --password-stdin they have no password, and cannot sign in
until "gatehouse user set-password" sets one. The password is one line on
standard input. It is never an argument, because every process on the machine
can read arguments.

Applications are told whether the e-mail address is verified, and some let in
only people with a verified one. Give --email-verified if you know that the
address is theirs; "gatehouse user verify-email" does it later.`,
		Example: `  gatehouse user add ada@example.com --name "Ada Lovelace" --password-stdin < password.txt
  gatehouse user add root@example.com --name Operations --operator`,
		Args: takes("EMAIL"),
	}
	cmd.Flags().StringVar(&name, "name", "", "the person's `NAME`, as pages show it")
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	cmd.Flags().BoolVar(&operator, "operator", false, "may administer this server")
	cmd.Flags().BoolVar(&verified, "email-verified", false, "you know that the e-mail address is theirs")
	cmd.MarkFlagRequired("name")
	cmd.RunE = e.start(func(cmd *cobra.Command, args []string) error {
		var password string
		if fromStdin { // read before the database is opened, so that nothing is done when it is missing
			var err error
			if password, err = readPassword(e.stdin); err != nil {
				return err
			}
		}
		return e.with(func(ctx context.Context, a *app.App, args []string) error {
			if fromStdin {
				if err := a.Authn.CheckPassword(password, args[0], name); err != nil {
					return err
				}
			}
			u, err := a.Team.AddUser(ctx, team.CommandLine, team.NewUser{Email: args[0], Name: name, Operator: operator, EmailVerified: verified})
			if err != nil {
				return err
			}
			if fromStdin {
				if err := a.Authn.SetPassword(ctx, u, password); err != nil {
					return fmt.Errorf("%s was added without a password; give them one with \"gatehouse user set-password\": %w", u.Email, err)
				}
			}
			return e.showf(userOf(u), "added user %s (%s)", u.Email, u.ID)
		})(cmd, args)
	})
	return cmd
}

func newUserList(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all people, by e-mail",
		Args:  takes(),
		RunE: e.with(func(ctx context.Context, a *app.App, _ []string) error {
			users, err := a.Team.Users(ctx, team.CommandLine)
			if err != nil {
				return fmt.Errorf("list users: %w", err)
			}
			out := make([]types.User, len(users))
			for i, u := range users {
				out[i] = userOf(u)
			}
			return e.show(out, func(t *tabwriter.Writer) {
				row(t, "EMAIL", "NAME", "ID", "STATE", "CREATED")
				for _, u := range users {
					what := state(u.DisabledAt)
					if u.Operator {
						what += ", operator"
					}
					if !u.EmailVerified {
						what += ", e-mail not verified"
					}
					row(t, u.Email, u.Name, string(u.ID), what, stamp(u.CreatedAt))
				}
			})
		}),
	}
}

func newUserVerifyEmail(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "verify-email EMAIL",
		Short: "Vouch that a person's e-mail address is theirs",
		Long: `Tells applications from now on that the address is verified (email_verified).
Some applications give an account to everyone who has its verified address, so do
this only if you know that the address belongs to this person.`,
		Example: "  gatehouse user verify-email ada@example.com",
		Args:    takes("EMAIL"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			u, err := a.Team.VerifyEmail(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			return e.showf(userOf(u), "verified the e-mail address of user %s", u.Email)
		}),
	}
}

func newUserSetEmail(e *env) *cobra.Command {
	var verified bool
	cmd := &cobra.Command{
		Use:   "set-email EMAIL NEW [--verified]",
		Short: "Give a person another e-mail address",
		Long: `Replaces a person's e-mail address. Both addresses are told by mail. Links that
were mailed to the person stop working. Give --verified if you know that the new
address is theirs; else they prove it on their account page.`,
		Example: "  gatehouse user set-email ada@example.com ada@example.org --verified",
		Args:    takes("EMAIL", "NEW"),
	}
	cmd.Flags().BoolVar(&verified, "verified", false, "you know that the new e-mail address is theirs")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		u, err := a.Team.SetEmail(ctx, team.CommandLine, args[0], args[1], verified)
		if err != nil {
			return err
		}
		return e.showf(userOf(u), "user %s has the address %s now", args[0], u.Email)
	})
	return cmd
}

func newUserDisable(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "disable EMAIL --yes",
		Short: "Stop a person from signing in, and end their sessions and grants",
		Long: `Stops a person from signing in, until "gatehouse user enable". Their sessions and
grants end at once, and do not come back. Without --yes, this only prints what
would end.`,
		Example: `  gatehouse user disable ada@example.com
  gatehouse user disable ada@example.com --yes`,
		Args: takes("EMAIL"),
	}
	yes := yesFlag(cmd)
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		if !*yes {
			u, err := a.Team.UserByEmail(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			ends, err := connections(ctx, a, authz.GrantFilter{User: u.ID})
			if err != nil {
				return err
			}
			return e.onlySay(ends, "disable", "user "+u.Email)
		}
		u, err := a.Team.DisableUser(ctx, team.CommandLine, args[0])
		if err != nil {
			return err
		}
		return e.showf(userOf(u), "disabled user %s", u.Email)
	})
	return cmd
}

func newUserEnable(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "enable EMAIL",
		Short: "Let a disabled person sign in again",
		Long: `Lets a person sign in again. Sessions and grants that ended when they were
disabled do not come back: they have to connect their applications again.`,
		Example: "  gatehouse user enable ada@example.com",
		Args:    takes("EMAIL"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			u, err := a.Team.EnableUser(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			return e.showf(userOf(u), "enabled user %s", u.Email)
		}),
	}
}

func newUserRename(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "rename EMAIL NAME",
		Short:   "Give a person another name",
		Example: "  gatehouse user rename ada@example.com \"Ada King\"",
		Args:    takes("EMAIL", "NAME"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			u, err := a.Team.RenameUser(ctx, team.CommandLine, args[0], args[1])
			if err != nil {
				return err
			}
			return e.showf(userOf(u), "user %s is now called %s", u.Email, u.Name)
		}),
	}
}

func newUserRemove(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove EMAIL --yes",
		Short: "Remove a person with all that is theirs",
		Long: `Removes a person: their account, sessions, memberships and grants end at once.
This cannot be undone. The audit trail keeps their id. Teams that have no admin
any more are named. The last operator cannot be removed. Without --yes, this only
prints what would end. To keep somebody out for some time, use "gatehouse user
disable".`,
		Example: `  gatehouse user remove ada@example.com
  gatehouse user remove ada@example.com --yes`,
		Args: takes("EMAIL"),
	}
	yes := yesFlag(cmd)
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		if !*yes {
			return e.sayUserRemove(ctx, a, args[0])
		}
		u, orphans, err := a.Team.RemoveUser(ctx, team.CommandLine, args[0])
		if err != nil {
			return err
		}
		removed := types.RemovedUser{User: userOf(u)}
		for _, t := range orphans {
			removed.WithoutAdmin = append(removed.WithoutAdmin, t.Slug)
		}
		return e.show(removed, func(w *tabwriter.Writer) {
			fmt.Fprintf(w, "removed user %s (%s)\n", u.Email, u.ID)
			for _, slug := range removed.WithoutAdmin {
				fmt.Fprintf(w, "team %s has no admin any more\n", slug)
			}
		})
	})
	return cmd
}

// sayUserRemove says what of a person would end.
func (e *env) sayUserRemove(ctx context.Context, a *app.App, email string) error {
	u, err := a.Team.UserByEmail(ctx, team.CommandLine, email)
	if err != nil {
		return err
	}
	_, memberships, err := a.Team.Acting(ctx, u)
	if err != nil {
		return err
	}
	ends, err := connections(ctx, a, authz.GrantFilter{User: u.ID})
	if err != nil {
		return err
	}
	ends.Members = len(memberships)
	for _, m := range memberships {
		ends.Teams = append(ends.Teams, m.Team.Slug)
	}
	return e.onlySay(ends, "remove", "user "+u.Email)
}

func newUserSetPassword(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set-password EMAIL --password-stdin",
		Short: "Give a person a new password, and sign them out everywhere",
		Long: `Replaces a person's password with the line on standard input, and ends their
sessions. Their grants stay.`,
		Example: "  gatehouse user set-password ada@example.com --password-stdin < password.txt",
		Args:    takes("EMAIL"),
	}
	cmd.Flags().Bool("password-stdin", false, "read the password from standard input (required)")
	cmd.MarkFlagRequired("password-stdin")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		u, err := a.Team.UserByEmail(ctx, team.CommandLine, args[0])
		if err != nil {
			return err
		}
		password, err := readPassword(e.stdin)
		if err != nil {
			return err
		}
		if err := a.Authn.SetPassword(ctx, u, password); err != nil {
			return err
		}
		return e.showf(userOf(u), "set the password of %s and ended their sessions", u.Email)
	})
	return cmd
}

// maxPasswordLine limits what is read. The password check reports a password that is too long.
const maxPasswordLine = 4096

// readPassword reads one line, without the line end.
func readPassword(r io.Reader) (string, error) {
	// Not more than a line: a person at a terminal types no end of file.
	read, err := bufio.NewReader(io.LimitReader(r, maxPasswordLine)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if len(read) == maxPasswordLine {
		return "", fmt.Errorf("the password on standard input is longer than %d bytes", maxPasswordLine)
	}
	line, err := plaintext.Line(read)
	if err != nil {
		return "", fmt.Errorf("the password on standard input %w", err)
	}
	if line == "" {
		return "", errors.New("there is no password on standard input")
	}
	return line, nil
}
