package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// The demo's people, teams and applications.
var (
	demoTeams = []demoTeam{
		{Slug: "acme", Name: "Acme"},
		{Slug: "harbour", Name: "Harbour School"},
	}
	demoPeople = []demoPerson{
		{Email: "ann@example.com", Name: "Ann Lee", Operator: true, Roles: map[string]team.Role{"acme": team.Admin, "harbour": team.Member}},
		{Email: "ben@example.com", Name: "Ben Okoye", Roles: map[string]team.Role{"harbour": team.Admin}},
	}
	demoClients = []demoClient{
		{Name: demoWebClient, Owner: "Fieldnotes Ltd"},
		{Name: demoTeamClient, Owner: "Acme's own engineers", Team: "acme"},
		{Name: demoDocsClient, Owner: "this demo", Public: true},
		{Name: demoMachineClient, Owner: "Acme's own engineers", Team: "acme", Machine: true},
	}
)

const (
	demoWebClient     = "Transcript Explorer"
	demoTeamClient    = "Weekly Digest"
	demoDocsClient    = "API documentation"
	demoMachineClient = "Night Export"
)

type demoTeam struct{ Slug, Name string }

type demoPerson struct {
	Email, Name string
	Operator    bool
	Roles       map[string]team.Role // by the team's slug
}

type demoClient struct {
	Name, Owner string
	Team        string // slug; empty for a global client
	Public      bool
	Machine     bool
}

// demoSecrets are stored in the data directory, so that the next start has the same passwords and clients. A real server never stores them in clear text.
type demoSecrets struct {
	Port      int                        `json:"port"` // the port in the registered redirect URIs
	Passwords map[string]string          `json:"passwords"`
	Clients   map[string]demoCredentials `json:"clients"` // by name
}

type demoCredentials struct {
	ID     oauth.ClientID `json:"client_id"`
	Secret string         `json:"client_secret,omitempty"`
}

// seedDemo creates what is missing: everything at the first start, nothing at later ones.
// It keeps what was changed with the command line in between.
func seedDemo(ctx context.Context, a *app.App, file string, at demoAddresses) (demoSecrets, error) {
	secrets, err := readDemoSecrets(file)
	if err != nil {
		return secrets, err
	}
	complete, err := demoComplete(ctx, a, secrets)
	if err != nil {
		return secrets, err
	}
	if !complete {
		if err := addDemoPeople(ctx, a, secrets); err != nil {
			return secrets, err
		}
		if err := addDemoClients(ctx, a, secrets, at); err != nil {
			return secrets, err
		}
	} else if secrets.Port != at.port {
		for name, c := range secrets.Clients {
			if err := moveDemoClient(ctx, a, c.ID, at.redirectURIs(name)); err != nil {
				return secrets, err
			}
		}
	}
	if complete && secrets.Port == at.port {
		return secrets, nil
	}
	secrets.Port = at.port
	return secrets, secrets.write(file)
}

// demoComplete reports whether every stored application exists. Applications are created last.
func demoComplete(ctx context.Context, a *app.App, secrets demoSecrets) (bool, error) {
	for _, c := range demoClients {
		_, err := a.Registry.Client(ctx, team.CommandLine, secrets.Clients[c.Name].ID)
		if errors.Is(err, client.ErrNoClient) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// addDemoPeople adds missing teams and people, and sets a password for people without a stored one.
func addDemoPeople(ctx context.Context, a *app.App, secrets demoSecrets) error {
	for _, t := range demoTeams {
		if _, err := a.Team.AddTeam(ctx, team.CommandLine, t.Slug, t.Name); err != nil && !errors.Is(err, team.ErrSlugTaken) {
			return err
		}
	}
	for _, p := range demoPeople {
		user, err := a.Team.AddUser(ctx, team.CommandLine, team.NewUser{Email: p.Email, Name: p.Name, Operator: p.Operator, EmailVerified: true})
		known := errors.Is(err, team.ErrUserTaken) && secrets.Passwords[p.Email] != ""
		if errors.Is(err, team.ErrUserTaken) {
			user, err = a.Team.VerifyEmail(ctx, team.CommandLine, p.Email) // an older demo did not
		}
		if err != nil {
			return err
		}
		if !known {
			secrets.Passwords[p.Email] = demoPassword()
			if err := a.Authn.SetPassword(ctx, user, secrets.Passwords[p.Email]); err != nil {
				return err
			}
		}
		for slug, role := range p.Roles {
			if _, err := a.Team.AddMember(ctx, team.CommandLine, slug, p.Email, role); err != nil && !errors.Is(err, team.ErrIsMember) {
				return err
			}
		}
	}
	return nil
}

// addDemoClients registers the applications. If an earlier start was interrupted before it stored a secret, that application gets a new one.
func addDemoClients(ctx context.Context, a *app.App, secrets demoSecrets, at demoAddresses) error {
	existing, err := a.Registry.Clients(ctx, team.CommandLine)
	if err != nil {
		return err
	}
	for _, c := range demoClients {
		i := slices.IndexFunc(existing, func(e client.Client) bool { return e.Name == c.Name })
		switch {
		case i < 0:
			secrets.Clients[c.Name], err = addDemoClient(ctx, a, c, at)
		case existing[i].ID == secrets.Clients[c.Name].ID:
			err = moveDemoClient(ctx, a, existing[i].ID, at.redirectURIs(c.Name))
		default:
			secrets.Clients[c.Name], err = adoptDemoClient(ctx, a, existing[i], at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// moveDemoClient changes an application's redirect URIs to this demo's ports. A machine has none.
func moveDemoClient(ctx context.Context, a *app.App, id oauth.ClientID, redirectURIs []string) error {
	if len(redirectURIs) == 0 {
		return nil
	}
	_, err := a.Registry.UpdateClient(ctx, team.CommandLine, id, client.Change{RedirectURIs: redirectURIs})
	return err
}

func addDemoClient(ctx context.Context, a *app.App, c demoClient, at demoAddresses) (demoCredentials, error) {
	registration := client.Registration{Name: c.Name, Owner: c.Owner, Public: c.Public, Machine: c.Machine, RedirectURIs: at.redirectURIs(c.Name)}
	if c.Team != "" {
		t, err := a.Team.TeamBySlug(ctx, team.CommandLine, c.Team)
		if err != nil {
			return demoCredentials{}, err
		}
		registration.Team = t
	}
	client, secret, err := a.Registry.AddClient(ctx, team.CommandLine, registration)
	if err != nil {
		return demoCredentials{}, err
	}
	return demoCredentials{client.ID, secret.Reveal()}, nil
}

func adoptDemoClient(ctx context.Context, a *app.App, c client.Client, at demoAddresses) (demoCredentials, error) {
	if err := moveDemoClient(ctx, a, c.ID, at.redirectURIs(c.Name)); err != nil {
		return demoCredentials{}, err
	}
	if c.Public {
		return demoCredentials{ID: c.ID}, nil
	}
	secret, err := a.Registry.RotateSecret(ctx, team.CommandLine, c.ID, true)
	return demoCredentials{c.ID, secret.Reveal()}, err
}

// demoPassword is 75 random bits in three groups that are easy to type.
func demoPassword() string {
	s := strings.ToLower(rand.Text())
	return s[:5] + "-" + s[5:10] + "-" + s[10:15]
}

func readDemoSecrets(file string) (demoSecrets, error) {
	secrets := demoSecrets{Passwords: map[string]string{}, Clients: map[string]demoCredentials{}}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return secrets, nil
	}
	if err != nil {
		return secrets, err
	}
	if err := json.Unmarshal(text, &secrets); err != nil {
		return secrets, fmt.Errorf("%s is damaged (%w): delete the directory %s to start again", file, err, filepath.Dir(file))
	}
	return secrets, nil
}

// write replaces the file in one step, so that an interrupted start keeps the old file.
func (s demoSecrets) write(file string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	draft := file + ".new"
	if err := os.WriteFile(draft, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(draft, file)
}
