package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/provider/providertest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// The doctor tries each provider, prints what has to be registered there, and lists who depends on a provider that is no longer configured.
func TestDoctorLooksAtProviders(t *testing.T) {
	onDatabases(t, func(t *testing.T, cfg config.Config, _ bool) {
		acme := providertest.Start(t, time.Now)
		settings := provider.Settings{ID: "acme", Name: "Acme SSO", Issuer: acme.Issuer, ClientID: "x"}
		cfg.Providers = []provider.Settings{settings}
		a := open(t, cfg, Deps{})
		says := func(cfg config.Config, level operate.Level, texts ...string) {
			t.Helper()
			for _, text := range texts {
				ok := false
				for _, f := range found(Doctor(t.Context(), cfg, Deps{}), "providers") {
					ok = ok || f.Level == level && strings.Contains(f.Found+" "+f.Do, text)
				}
				if !ok {
					t.Errorf("it does not say %q: %+v", text, found(Doctor(t.Context(), cfg, Deps{}), "providers"))
				}
			}
		}
		says(cfg, operate.Fine, "acme answers; its redirect URI here is "+cfg.PublicURL+"/login/provider/acme/callback/")

		u := team.User{ID: "u-nora", Email: "nora@acme.example", Name: "Nora", EmailVerified: true, CreatedAt: time.Now()}
		if err := a.Store.AddUserWith(t.Context(), u, authn.Identity{ID: "i", User: u.ID, Issuer: acme.Issuer, Subject: "nora", Provider: "acme", LinkedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Team.AddTeam(t.Context(), team.CommandLine, "north", "North"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Team.RequireProvider(t.Context(), team.CommandLine, "north", "acme"); err != nil {
			t.Fatal(err)
		}
		if all := found(Doctor(t.Context(), cfg, Deps{}), "providers"); len(all) != 1 {
			t.Errorf("while it is configured: %+v", all)
		}
		without := cfg
		without.Providers = nil
		says(without, operate.Warning, "not configured any more: nora@acme.example", "require the provider acme, which is not configured: north")
		var log bytes.Buffer
		b := open(t, without, Deps{Log: slog.New(slog.NewTextHandler(&log, nil))})
		b.warnKeptOut(t.Context())
		if !strings.Contains(log.String(), "nora@acme.example") || !strings.Contains(log.String(), "north") {
			t.Errorf("the log says %s", log.String())
		}

		acme.Metadata = func(c providertest.Claims) { c["issuer"] = "https://evil.example" }
		says(cfg, operate.Problem, "acme: ", "which has to be written as in its discovery document")
	})
}
