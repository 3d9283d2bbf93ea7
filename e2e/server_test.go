// Package e2e tests the whole server from outside: with other people's clients, the guide's commands and a browser.
package e2e_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/examples/chatapi/api"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// patience limits every wait for another program. It is far longer than any of them takes.
const patience = time.Minute

const (
	annEmail    = "ann@example.com"
	annPassword = "a long and quiet passphrase"
)

// house is a complete Gatehouse with the example API, listening on loopback, with its own database. Ann is in the teams acme and harbour. The team
// elsewhere has no members.
type house struct {
	*app.App
	t      *testing.T
	url    string // of the server: the issuer and the address of the example API
	server *httptest.Server
}

// newHouse starts a house. changes can alter its configuration.
func newHouse(t *testing.T, changes ...func(*config.Config)) *house {
	t.Helper()
	h := newEmptyHouse(t, app.Deps{}, changes...)
	h.furnish()
	return h
}

// newEmptyHouse is a house with nobody in it.
func newEmptyHouse(t *testing.T, deps app.Deps, changes ...func(*config.Config)) *house {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	h := &house{t: t, server: server, url: "http://" + server.Listener.Addr().String()}
	cfg := config.Default()
	cfg.PublicURL = h.url
	cfg.APIDocsURL = h.url + "/api/docs/"
	cfg.DatabaseURL = "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db")
	for _, change := range changes {
		change(&cfg)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	guard, err := resourceserver.New(ctx, cfg.PublicURL, resourceserver.Options{Log: log})
	h.ok(err)
	chats := api.New(api.Config{Issuer: cfg.PublicURL, PublicURL: cfg.PublicURL, Guard: guard})
	deps.Log, deps.API, deps.InsecureFastHashing = log, chats, true
	h.App, err = app.Open(ctx, cfg, deps)
	h.ok(err)
	t.Cleanup(func() { h.ok(h.Close()) })
	server.Config.Handler = h.Handler()
	server.Start()
	t.Cleanup(server.Close)
	return h
}

// in returns the house for a subtest.
func (h *house) in(t *testing.T) *house {
	inner := *h
	inner.t = t
	return &inner
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// furnish adds the people and the teams.
func (h *house) furnish() {
	h.t.Helper()
	ctx := h.t.Context()
	ann, err := h.Team.AddUser(ctx, team.CommandLine, team.NewUser{Email: annEmail, Name: "Ann Lee", EmailVerified: true})
	h.ok(err)
	h.ok(h.Authn.SetPassword(ctx, ann, annPassword))
	for _, slug := range []string{"acme", "harbour", "elsewhere"} {
		_, err := h.Team.AddTeam(ctx, team.CommandLine, slug, "Team "+slug)
		h.ok(err)
	}
	for _, slug := range []string{"acme", "harbour"} {
		_, err := h.Team.AddMember(ctx, team.CommandLine, slug, annEmail, team.Member)
		h.ok(err)
	}
}

// registered is an application with its credentials.
type registered struct {
	id, secret  string
	redirectURI string
}

// register registers a global application with one redirect URI; a public one has no secret.
func (h *house) register(redirectURI string, public bool) registered {
	h.t.Helper()
	client, secret, err := h.Registry.AddClient(h.t.Context(), team.CommandLine, client.Registration{
		Name: "Stranger", Owner: "Strangers Ltd", Public: public, RedirectURIs: []string{redirectURI},
	})
	h.ok(err)
	return registered{string(client.ID), secret.Reveal(), redirectURI}
}

// me is what GET /api/me/ says about a token.
type me struct {
	Team     string   `json:"team"`
	ClientID string   `json:"client_id"`
	Scopes   []string `json:"scopes"`
}

// call is a GET of the example API; a JSON answer goes into result.
func (h *house) call(path, accessToken string, result any) int {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.url+path, nil)
	h.ok(err)
	if accessToken != "" {
		r.Header.Set("Authorization", "Bearer "+accessToken)
	}
	response, err := h.server.Client().Do(r)
	h.ok(err)
	defer response.Body.Close()
	if result != nil {
		h.ok(json.NewDecoder(response.Body).Decode(result))
	}
	return response.StatusCode
}

// parameter returns one parameter of a redirect.
func parameter(u *url.URL, name string) string { return u.Query().Get(name) }
