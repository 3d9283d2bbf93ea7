package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

// clientJSON is an application on the command line, with the member names of RFC 7591 §2 where it has one.
type clientJSON struct {
	ID           authz.ClientID `json:"client_id"`
	Secret       string         `json:"client_secret,omitempty"` // only where it was made just now
	Name         string         `json:"client_name"`
	Owner        string         `json:"owner,omitempty"`
	Team         string         `json:"team,omitempty"` // absent: global
	Public       bool           `json:"public"`
	Machine      bool           `json:"machine"`
	RedirectURIs []string       `json:"redirect_uris"`
	Scope        string         `json:"scope"` // all that it may ask for
	CreatedAt    instant        `json:"created_at"`
	DisabledAt   instant        `json:"disabled_at,omitzero"`
}

// clientOf spells out what "every API scope" is today.
func clientOf(a *app.App, c authz.Client) clientJSON {
	scope := c.Scope
	if len(scope) == 0 {
		scope = a.Registry.Catalogue.Scope()
	}
	return clientJSON{
		ID: c.ID, Name: c.Name, Owner: c.Owner, Team: c.Team.Slug, Public: c.Public, Machine: c.Machine,
		RedirectURIs: append([]string{}, c.RedirectURIs...), Scope: scope.String(), CreatedAt: instant(c.CreatedAt), DisabledAt: instant(c.DisabledAt),
	}
}

// kind is a client's kind in a word or two.
func kind(c authz.Client) string {
	switch {
	case c.Machine:
		return "machine"
	case c.Public:
		return "public"
	}
	return "confidential"
}

func newClientCommand(e *env) *cobra.Command {
	return e.group("client", "Register and manage applications",
		`A client is an application that people connect to their teams. A global client
may be connected to any team; one with --team belongs to that team and works
only there.`,
		newClientAdd(e), newClientList(e), newClientShow(e), newClientUpdate(e), newClientRotateSecret(e),
		newClientDisable(e), newClientEnable(e), newClientRemove(e))
}

// clientFlags are those that add and update share.
type clientFlags struct {
	redirectURIs, scopes []string
}

func (f *clientFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.redirectURIs, "redirect-uri", nil, "a `URI` to send people back to; repeat it for more")
	cmd.Flags().StringArrayVar(&f.scopes, "scope", nil, "a `SCOPE` that it may ask for; repeat it for more (default: every API scope)")
}

func (f *clientFlags) scope() (oauth.Scope, error) {
	return oauth.ParseScope(strings.Join(f.scopes, " "))
}

func newClientAdd(e *env) *cobra.Command {
	var owner, slug string
	var public, machine bool
	var shared clientFlags
	cmd := &cobra.Command{
		Use:   "add NAME --redirect-uri URI... [--team SLUG] [--public] [--scope SCOPE...]",
		Short: "Register an application, and print its client_id and client_secret",
		Long: `Registers an application. Its secret is shown this once and cannot be read
again; "gatehouse client rotate-secret" makes another.

A redirect URI is compared character for character. It is https, or http to a
loopback address; a public client may also use http://localhost and a scheme of
its own such as com.example.app:/callback. Use --public for an application that
cannot keep a secret, in a browser or on somebody's device.`,
		Example: `  gatehouse client add "Weather Bot" --redirect-uri https://weather.example/callback
  gatehouse client add "Acme Reports" --team acme \
      --redirect-uri https://reports.acme.example/oauth --scope chatbot:read --scope session:read
  gatehouse client add "Desk App" --public --redirect-uri http://127.0.0.1/callback --json`,
		Args: takes("NAME"),
	}
	shared.register(cmd)
	cmd.Flags().StringVar(&slug, "team", "", "the team it belongs to, by its `SLUG` (default: global)")
	cmd.Flags().StringVar(&owner, "owner", "", "who registers it, in a `TEXT` that the consent page shows")
	cmd.Flags().BoolVar(&public, "public", false, "it has no secret")
	cmd.Flags().BoolVar(&machine, "machine", false, "it acts for itself in its team, without a person; needs --team")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		reg := authz.Registration{Name: args[0], Owner: owner, Public: public, Machine: machine, RedirectURIs: shared.redirectURIs}
		var err error
		if reg.Scope, err = shared.scope(); err != nil {
			return err
		}
		if reg.Team, err = teamBySlug(ctx, a, slug); err != nil {
			return err
		}
		c, secret, err := a.Registry.AddClient(ctx, reg)
		if err != nil {
			return err
		}
		out := clientOf(a, c)
		out.Secret = secret.Reveal()
		return e.show(out, func(t *tabwriter.Writer) { writeSecret(t, out) })
	})
	return cmd
}

// writeSecret writes what a client needs to identify itself.
func writeSecret(t *tabwriter.Writer, c clientJSON) {
	row(t, "client_id", string(c.ID))
	if c.Secret != "" {
		row(t, "client_secret", c.Secret)
		fmt.Fprintln(t, "Keep the secret now: it is not shown again.")
	}
}

func newClientList(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all applications, by name",
		Args:  takes(),
		RunE: e.with(func(ctx context.Context, a *app.App, _ []string) error {
			clients, err := a.Registry.Store.Clients(ctx)
			if err != nil {
				return fmt.Errorf("list clients: %w", err)
			}
			out := make([]clientJSON, len(clients))
			for i, c := range clients {
				out[i] = clientOf(a, c)
			}
			return e.show(out, func(t *tabwriter.Writer) {
				row(t, "CLIENT_ID", "NAME", "TEAM", "KIND", "STATE", "CREATED")
				for _, c := range clients {
					row(t, string(c.ID), c.Name, c.Team.Slug, kind(c), state(c.DisabledAt), stamp(c.CreatedAt))
				}
			})
		}),
	}
}

func newClientShow(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "show CLIENT_ID",
		Short:   "Show all about an application but its secret",
		Example: "  gatehouse client show 7kq2m",
		Args:    takes("CLIENT_ID"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			c, err := findClient(ctx, a, args[0])
			if err != nil {
				return err
			}
			return e.show(clientOf(a, c), func(t *tabwriter.Writer) { writeClient(t, a, c) })
		}),
	}
}

func findClient(ctx context.Context, a *app.App, id string) (authz.Client, error) {
	c, err := a.Registry.Store.Client(ctx, authz.ClientID(id))
	if err != nil {
		return authz.Client{}, fmt.Errorf("client %q: %w", id, err)
	}
	return c, nil
}

func writeClient(t *tabwriter.Writer, a *app.App, c authz.Client) {
	row(t, "client_id", string(c.ID))
	row(t, "name", c.Name)
	row(t, "owner", c.Owner)
	where := "any (global)"
	if !c.Global() {
		where = c.Team.Slug
	}
	row(t, "team", where)
	row(t, "kind", kind(c))
	for _, uri := range c.RedirectURIs {
		row(t, "redirect_uri", uri)
	}
	scope := clientOf(a, c).Scope
	if len(c.Scope) == 0 {
		scope += " (every API scope)"
	}
	row(t, "scope", scope)
	for _, s := range c.Secrets {
		until := ""
		if !s.ExpiresAt.IsZero() {
			until = ", until " + stamp(s.ExpiresAt)
		}
		row(t, "secret", "made "+stamp(s.CreatedAt)+until)
	}
	row(t, "state", state(c.DisabledAt))
	row(t, "created", stamp(c.CreatedAt))
}

func newClientUpdate(e *env) *cobra.Command {
	var name string
	var shared clientFlags
	cmd := &cobra.Command{
		Use:   "update CLIENT_ID [--name NAME] [--redirect-uri URI...] [--scope SCOPE...]",
		Short: "Replace an application's name, redirect URIs or scopes",
		Long: `Replaces what is given and keeps the rest. The redirect URIs that are given
replace all there were, and so do the scopes; --scope "" allows every API scope
again.`,
		Example: `  gatehouse client update 7kq2m --name "Weather Bot 2"
  gatehouse client update 7kq2m --redirect-uri https://weather.example/callback \
      --redirect-uri https://weather.example/callback2`,
	}
	cmd.Flags().StringVar(&name, "name", "", "the new `NAME`")
	shared.register(cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if !slices.ContainsFunc([]string{"name", "redirect-uri", "scope"}, cmd.Flags().Changed) {
			return usagef("nothing to change: give --name, --redirect-uri or --scope")
		}
		return takes("CLIENT_ID")(cmd, args)
	}
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		change := authz.ClientChange{RedirectURIs: shared.redirectURIs}
		if cmd.Flags().Changed("name") {
			change.Name = &name
		}
		if cmd.Flags().Changed("scope") {
			scope, err := shared.scope()
			if err != nil {
				return err
			}
			change.Scope = append(oauth.Scope{}, scope...) // never nil: that would keep what there was
		}
		c, err := a.Registry.UpdateClient(ctx, authz.ClientID(args[0]), change)
		if err != nil {
			return err
		}
		return e.show(clientOf(a, c), func(t *tabwriter.Writer) { writeClient(t, a, c) })
	})
	return cmd
}

func newClientRotateSecret(e *env) *cobra.Command {
	var revokeOld bool
	cmd := &cobra.Command{
		Use:   "rotate-secret CLIENT_ID [--revoke-old]",
		Short: "Give an application a new secret",
		Long: `Makes a new secret and prints it this once. The one before stays valid, so that
it can be replaced everywhere without an outage; the next rotation ends it. With
--revoke-old it ends now: use that when it has leaked.`,
		Example: "  gatehouse client rotate-secret 7kq2m",
		Args:    takes("CLIENT_ID"),
	}
	cmd.Flags().BoolVar(&revokeOld, "revoke-old", false, "end every older secret now")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		secret, err := a.Registry.RotateSecret(ctx, authz.ClientID(args[0]), revokeOld)
		if err != nil {
			return err
		}
		c, err := findClient(ctx, a, args[0])
		if err != nil {
			return err
		}
		out := clientOf(a, c)
		out.Secret = secret.Reveal()
		return e.show(out, func(t *tabwriter.Writer) { writeSecret(t, out) })
	})
	return cmd
}

func newClientDisable(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "disable CLIENT_ID",
		Short: "Keep an application out, and end its grants",
		Long: `Keeps an application out until "gatehouse client enable". Its grants end at
once, and stay ended.`,
		Example: "  gatehouse client disable 7kq2m",
		Args:    takes("CLIENT_ID"),
		RunE: e.changeClient("disabled", func(ctx context.Context, s authz.Store, id authz.ClientID) error {
			return s.DisableClient(ctx, id, e.now())
		}),
	}
}

func newClientEnable(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "enable CLIENT_ID",
		Short: "Let a disabled application be connected again",
		Long: `Lets people connect the application again. Grants that ended when it was
disabled stay ended.`,
		Example: "  gatehouse client enable 7kq2m",
		Args:    takes("CLIENT_ID"),
		RunE:    e.changeClient("enabled", func(ctx context.Context, s authz.Store, id authz.ClientID) error { return s.EnableClient(ctx, id) }),
	}
}

func newClientRemove(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "remove CLIENT_ID",
		Short: "Remove an application with its grants",
		Long: `Removes an application and every grant it has. This cannot be undone; "gatehouse
client disable" can.`,
		Example: "  gatehouse client remove 7kq2m",
		Args:    takes("CLIENT_ID"),
		RunE:    e.changeClient("removed", func(ctx context.Context, s authz.Store, id authz.ClientID) error { return s.RemoveClient(ctx, id) }),
	}
}

// changeClient is the RunE of a command that does one thing to a client. done is what it says then.
func (e *env) changeClient(done string, do func(context.Context, authz.Store, authz.ClientID) error) func(*cobra.Command, []string) error {
	return e.with(func(ctx context.Context, a *app.App, args []string) error {
		c, err := findClient(ctx, a, args[0])
		if err != nil {
			return err
		}
		if err := do(ctx, a.Registry.Store, c.ID); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
		if again, err := findClient(ctx, a, args[0]); err == nil { // gone when it was removed
			c = again
		}
		return e.showf(clientOf(a, c), "%s client %s (%s)", done, c.ID, c.Name)
	})
}

// teamBySlug is a team, or the zero Team for an empty slug.
func teamBySlug(ctx context.Context, a *app.App, slug string) (team.Team, error) {
	if slug == "" {
		return team.Team{}, nil
	}
	return a.Directory.TeamBySlug(ctx, slug)
}
