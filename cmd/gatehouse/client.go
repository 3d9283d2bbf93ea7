package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/api/types"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// clientOf lists every API scope of today for a client that may use all of them.
func clientOf(a *app.App, c client.Client) types.Client {
	scope := c.Scope
	if len(scope) == 0 {
		scope = a.Registry.Catalogue.Scope()
	}
	return types.Client{
		ID: string(c.ID), Name: c.Name, Owner: c.Owner, Team: c.Team.Slug, Public: c.Public, Machine: c.Machine,
		RedirectURIs: append([]string{}, c.RedirectURIs...), Scope: scope.String(), AuthMethod: string(c.Method()),
		OptionalScope: c.OptionalScope.String(), FirstParty: c.FirstParty,
		ResourceServer: c.ResourceServer, Resources: c.Resources, JWKS: json.RawMessage(c.JWKS), JWKSURI: c.JWKSURI, IDTokenAlgorithm: c.IDTokenAlgorithm,
		PostLogoutRedirectURIs: c.PostLogoutRedirectURIs, BackchannelLogoutURI: c.BackchannelLogoutURI, InitiateLoginURI: c.InitiateLoginURI,
		RequirePAR: c.RequirePAR, RequireDPoP: c.RequireDPoP,
		PKCE: string(c.PKCE), InsecureAssertionAudience: c.InsecureAssertionAudience,
		InsecureNoPKCENoNonce: c.InsecureNoPKCENoNonce, RefreshGrace: int64(c.RefreshGrace / time.Second),
		CreatedAt: types.Instant(c.CreatedAt), DisabledAt: types.Instant(c.DisabledAt),
	}
}

// kind names the kind of a client.
func kind(c client.Client) string {
	switch {
	case c.Machine:
		return "machine"
	case c.Public:
		return "public"
	case c.ResourceServer != "" && len(c.RedirectURIs) == 0:
		return "resource server"
	}
	return "confidential"
}

func newClientCommand(e *env) *cobra.Command {
	return e.group("client", "Register and manage applications",
		`A client is an application that people connect to their teams. A global client
can be connected to any team. A client with --team belongs to that team and
works only there.`,
		newClientAdd(e), newClientList(e), newClientShow(e), newClientUpdate(e), newClientRotateSecret(e),
		newClientDisable(e), newClientEnable(e), newClientRemove(e), newClientLog(e))
}

func newClientAdd(e *env) *cobra.Command {
	var owner, slug string
	var public, machine bool
	var shared clientFlags
	cmd := &cobra.Command{
		Use:   "add NAME --redirect-uri URI... [--team SLUG] [--public] [--machine] [--scope SCOPE...]",
		Short: "Register an application, and print its client_id and client_secret",
		Long: `Registers an application. Its secret is printed once and cannot be read again;
"gatehouse client rotate-secret" makes a new one. An application with keys
(--jwks-file or --jwks-uri) has no secret. It signs assertions instead
(private_key_jwt).

Redirect URIs are compared character by character. A redirect URI is https, or
http to a loopback address. A public client may also use http://localhost, or a
scheme of its own such as com.example.app:/callback.

  --public           for an application in a browser or on a person's device,
                     which cannot keep a secret
  --machine          for an application that acts for itself in its team; it
                     needs no redirect URI
  --resource-server  for an API that introspects the tokens it gets; it needs
                     no redirect URI`,
		Example: `  gatehouse client add "Weather Bot" --redirect-uri https://weather.example/callback
  gatehouse client add "Acme Reports" --team acme \
      --redirect-uri https://reports.acme.example/oauth --scope chatbot:read --scope session:read
  gatehouse client add "Desk App" --public --redirect-uri http://127.0.0.1/callback --json
  gatehouse client add "Night Export" --machine --team acme --scope session:read
  gatehouse client add "Our API" --resource-server https://api.example.com`,
		Args: takes("NAME"),
	}
	shared.register(cmd)
	cmd.Flags().StringVar(&slug, "team", "", "the `SLUG` of the team that it belongs to (default: global)")
	cmd.Flags().StringVar(&owner, "owner", "", "who registers it; the consent page shows this `TEXT`")
	cmd.Flags().BoolVar(&public, "public", false, "it has no secret")
	cmd.Flags().BoolVar(&machine, "machine", false, "it acts for itself in its team, without a person (needs --team)")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		reg, err := shared.registration()
		if err != nil {
			return err
		}
		reg.Name, reg.Owner, reg.Public, reg.Machine = args[0], owner, public, machine
		if reg.Team, err = teamBySlug(ctx, a, slug); err != nil {
			return err
		}
		c, secret, err := a.Registry.AddClient(ctx, team.CommandLine, reg)
		if err != nil {
			return err
		}
		out := clientOf(a, c)
		out.Secret = secret.Reveal()
		return e.show(out, func(t *tabwriter.Writer) { writeSecret(t, out) })
	})
	return cmd
}

// writeSecret writes the client's id and secret.
func writeSecret(t *tabwriter.Writer, c types.Client) {
	row(t, "client_id", string(c.ID))
	if c.Secret != "" {
		row(t, "client_secret", c.Secret)
		fmt.Fprintln(t, "Store the secret now: it is not shown again.")
	}
}

func newClientList(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all applications, by name",
		Args:  takes(),
		RunE: e.with(func(ctx context.Context, a *app.App, _ []string) error {
			clients, err := a.Registry.Clients(ctx, team.CommandLine)
			if err != nil {
				return fmt.Errorf("list clients: %w", err)
			}
			out := make([]types.Client, len(clients))
			for i, c := range clients {
				out[i] = clientOf(a, c)
			}
			return e.show(out, func(t *tabwriter.Writer) {
				row(t, "CLIENT_ID", "NAME", "TEAM", "KIND", "STATE", "CREATED")
				for _, c := range clients {
					what := kind(c)
					if loosened := c.Loosened(); len(loosened) > 0 {
						what += ", insecure (" + strings.Join(loosened, ", ") + ")"
					}
					if profile := a.Config.Authz.Profile; c.Fits(profile) != nil {
						what += ", refused by profile " + profile.String()
					}
					row(t, string(c.ID), c.Name, c.Team.Slug, what, state(c.DisabledAt), stamp(c.CreatedAt))
				}
			})
		}),
	}
}

func newClientShow(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "show CLIENT_ID",
		Short:   "Show everything about an application except its secret",
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

func findClient(ctx context.Context, a *app.App, id string) (client.Client, error) {
	c, err := a.Registry.Client(ctx, team.CommandLine, oauth.ClientID(id))
	if err != nil {
		return client.Client{}, fmt.Errorf("client %q: %w", id, err)
	}
	return c, nil
}

func writeClient(t *tabwriter.Writer, a *app.App, c client.Client) {
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
	writeClientOptions(t, c)
	for _, s := range c.Secrets {
		until := ""
		if !s.ExpiresAt.IsZero() {
			until = ", until " + stamp(s.ExpiresAt)
		}
		row(t, "secret", "made "+stamp(s.CreatedAt)+until)
	}
	row(t, "state", state(c.DisabledAt))
	if err := c.Fits(a.Config.Authz.Profile); err != nil {
		row(t, "refused", err.Error())
	}
	row(t, "created", stamp(c.CreatedAt))
}

// writeClientOptions writes the options that a client uses.
func writeClientOptions(t *tabwriter.Writer, c client.Client) {
	keys := "at " + c.JWKSURI
	if c.JWKS != "" {
		keys = "registered (--json shows them)"
	}
	if c.Method() == oauth.AuthPrivateKeyJWT {
		row(t, "keys", keys)
	}
	option := func(name string, values ...string) {
		for _, value := range values {
			if value != "" {
				row(t, name, value)
			}
		}
	}
	option("optional_scope", c.OptionalScope.String())
	option("resource_server", c.ResourceServer)
	option("resource", c.Resources...)
	option("id_token_alg", c.IDTokenAlgorithm)
	option("post_logout_redirect_uri", c.PostLogoutRedirectURIs...)
	option("backchannel_logout_uri", c.BackchannelLogoutURI)
	option("initiate_login_uri", c.InitiateLoginURI)
	if c.FirstParty {
		row(t, "first_party", "yes")
	}
	if c.RequirePAR {
		row(t, "requires", "pushed authorization requests")
	}
	if c.RequireDPoP {
		row(t, "requires", "DPoP")
	}
	if c.RefreshGrace > 0 {
		row(t, "refresh_grace", c.RefreshGrace.String())
	}
	if c.InsecureNoPKCENoNonce {
		row(t, "insecure", "requests with neither PKCE nor a nonce are accepted")
	}
	if c.PKCE != oauth.PKCERequired {
		row(t, "insecure", "requests without PKCE are accepted if they have a nonce")
	}
	if c.InsecureAssertionAudience {
		row(t, "insecure", "assertions whose audience is the token endpoint are accepted")
	}
}

func newClientUpdate(e *env) *cobra.Command {
	var name string
	var shared clientFlags
	cmd := &cobra.Command{
		Use:   "update CLIENT_ID [--name NAME] [--redirect-uri URI...] [--scope SCOPE...]",
		Short: "Replace an application's name, redirect URIs, scopes or options",
		Long: `Replaces what is given and keeps the rest. The redirect URIs that are given
replace all there were, and so does every other flag that can be repeated. An
empty value takes away: --scope "" allows every API scope again, --jwks-uri ""
forgets where the keys were; --require-par=false no longer requires it.

People who agreed to the application are asked again after it has another name,
and before they are sent to another host.`,
		Example: `  gatehouse client update 7kq2m --name "Weather Bot 2"
  gatehouse client update 7kq2m --redirect-uri https://weather.example/callback \
      --redirect-uri https://weather.example/callback2
  gatehouse client update 7kq2m --require-par --backchannel-logout-uri https://weather.example/logout`,
	}
	cmd.Flags().StringVar(&name, "name", "", "the new `NAME`")
	shared.register(cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		changes := false
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { changes = changes || f.Changed })
		if !changes {
			return usagef("nothing to change: give --name, --redirect-uri, --scope or another flag")
		}
		return takes("CLIENT_ID")(cmd, args)
	}
	cmd.RunE = e.start(func(cmd *cobra.Command, args []string) error {
		change, err := shared.change(cmd.Flags())
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("name") {
			change.Name = &name
		}
		return e.with(func(ctx context.Context, a *app.App, args []string) error {
			c, err := a.Registry.UpdateClient(ctx, team.CommandLine, oauth.ClientID(args[0]), change)
			if err != nil {
				return err
			}
			return e.show(clientOf(a, c), func(t *tabwriter.Writer) { writeClient(t, a, c) })
		})(cmd, args)
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
		secret, err := a.Registry.RotateSecret(ctx, team.CommandLine, oauth.ClientID(args[0]), revokeOld)
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
	cmd := &cobra.Command{
		Use:   "disable CLIENT_ID --yes",
		Short: "Disable an application, and end its grants",
		Long: `Disables an application until "gatehouse client enable". Its grants end at once,
and do not come back. Without --yes, this only prints what would end.`,
		Example: `  gatehouse client disable 7kq2m
  gatehouse client disable 7kq2m --yes`,
		Args: takes("CLIENT_ID"),
	}
	cmd.RunE = e.endClient("disable", yesFlag(cmd), (*client.Registry).DisableClient)
	return cmd
}

func newClientEnable(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "enable CLIENT_ID",
		Short: "Let people connect a disabled application again",
		Long: `Lets people connect the application again. Grants that ended when it was
disabled do not come back.`,
		Example: "  gatehouse client enable 7kq2m",
		Args:    takes("CLIENT_ID"),
		RunE:    e.changeClient("enabled", (*client.Registry).EnableClient),
	}
}

func newClientRemove(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove CLIENT_ID --yes",
		Short: "Remove an application with its grants",
		Long: `Removes an application and all its grants. This cannot be undone. To stop an
application for some time, use "gatehouse client disable". Without --yes, this
only prints what would end.`,
		Example: `  gatehouse client remove 7kq2m
  gatehouse client remove 7kq2m --yes`,
		Args: takes("CLIENT_ID"),
	}
	cmd.RunE = e.endClient("remove", yesFlag(cmd), (*client.Registry).RemoveClient)
	return cmd
}

// endClient is changeClient for a command that ends connections, and only says so without --yes.
func (e *env) endClient(verb string, yes *bool, do func(*client.Registry, context.Context, team.Actor, oauth.ClientID) error) func(*cobra.Command, []string) error {
	say := e.with(func(ctx context.Context, a *app.App, args []string) error {
		c, err := findClient(ctx, a, args[0])
		if err != nil {
			return err
		}
		ends, err := connections(ctx, a, authz.GrantFilter{Client: c.ID})
		if err != nil {
			return err
		}
		return e.onlySay(ends, verb, fmt.Sprintf("client %s (%s)", c.ID, c.Name))
	})
	change := e.changeClient(verb+"d", do)
	return func(cmd *cobra.Command, args []string) error {
		if *yes {
			return change(cmd, args)
		}
		return say(cmd, args)
	}
}

// changeClient returns the RunE of a command that changes a client. done is the word for it in the output.
func (e *env) changeClient(done string, do func(*client.Registry, context.Context, team.Actor, oauth.ClientID) error) func(*cobra.Command, []string) error {
	return e.with(func(ctx context.Context, a *app.App, args []string) error {
		c, err := findClient(ctx, a, args[0])
		if err != nil {
			return err
		}
		if err := do(a.Registry, ctx, team.CommandLine, c.ID); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
		if again, err := findClient(ctx, a, args[0]); err == nil { // it is gone after client remove
			c = again
		}
		return e.showf(clientOf(a, c), "%s client %s (%s)", done, c.ID, c.Name)
	})
}

// teamBySlug returns a team, or the zero Team for an empty slug.
func teamBySlug(ctx context.Context, a *app.App, slug string) (team.Team, error) {
	if slug == "" {
		return team.Team{}, nil
	}
	return a.Team.TeamBySlug(ctx, team.CommandLine, slug)
}
