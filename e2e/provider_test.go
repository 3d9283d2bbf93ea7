package e2e_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// offers adds a provider, whose client is registered with our redirect URI. Its people are those of example.com.
func offers(id, name, issuer string, register func(redirectURI string) registered) func(*config.Config) {
	return func(cfg *config.Config) {
		app := register(cfg.PublicURL + provider.CallbackPath(id))
		cfg.Providers = append(cfg.Providers, provider.Settings{
			ID: id, Name: name, Issuer: issuer, ClientID: app.id, Secret: token.SecretFrom(app.secret), Scopes: provider.DefaultScopes, Domains: []string{"example.com"}, SignUp: true,
		})
	}
}

// gatehouse is another Gatehouse as a provider.
func gatehouseProvider(t *testing.T) (*house, func(*config.Config)) {
	hq := newHouse(t)
	return hq, offers("hq", "Head office", hq.url, func(redirectURI string) registered { return hq.register(redirectURI, false) })
}

// nodeProvider is oidc-provider by Filip Skokan.
func nodeProvider(t *testing.T) func(*config.Config) {
	address := freeAddress(t)
	issuer := "http://" + address
	return offers("node", "Node", issuer, func(redirectURI string) registered {
		app := registered{id: "gatehouse", secret: "a-secret-of-this-test-0123456789", redirectURI: redirectURI}
		h := &house{t: t}
		cmd := exec.CommandContext(t.Context(), "node", "node/provider.mjs")
		cmd.Env = append(os.Environ(), "BASE="+issuer, "CLIENT_ID="+app.id, "CLIENT_SECRET="+app.secret, "REDIRECT_URI="+redirectURI)
		h.ok(watch("node/provider.mjs"))
		h.serve(address, cmd)
		return app
	})
}

// signInAt goes to a provider, fills in its forms, and returns our page at which the person arrives.
func (p *person) signInAt(id string, answers map[string]string) string {
	p.t.Helper()
	response := p.send(http.MethodPost, p.base+provider.Path(id), url.Values{"next": {"/account/"}})
	for range 20 {
		if target, err := response.Location(); err == nil {
			response = p.send(http.MethodGet, target.String(), nil)
			continue
		}
		page := response.Request.URL
		if strings.HasPrefix(page.String(), p.base+"/") {
			text, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != http.StatusOK {
				p.t.Fatalf("%s answers %s: %v\n%s", page.Path, response.Status, err, text)
			}
			return string(text)
		}
		f, err := readForm(response.Body)
		if err != nil {
			p.t.Fatalf("%s: %s: %v", page, response.Status, err)
		}
		for name, value := range answers {
			if f.asks(name) {
				f.values.Set(name, value)
			}
		}
		if id, ok := f.teams[p.team]; ok {
			f.values.Set("team", id)
		}
		target, err := page.Parse(f.action)
		if err != nil {
			p.t.Fatal(err)
		}
		response = p.send(http.MethodPost, target.String(), f.values)
	}
	p.t.Fatal("the pages do not come to an end")
	return ""
}

// TestProvidersOfStrangers signs in at providers that are none of ours: a known person, whose account is linked because the provider decides about its
// domain, and one who gets an account.
func TestProvidersOfStrangers(t *testing.T) {
	t.Parallel()
	hq, ofHQ := gatehouseProvider(t)
	hq.add("bea@example.com", "Bea Hill", "acme")
	h := newHouse(t, ofHQ, nodeProvider(t))
	for _, row := range []struct {
		provider, who string
		answers       map[string]string
		wantName      string
	}{
		{"hq", "Ann", map[string]string{"email": annEmail, "password": annPassword, "decision": "authorize"}, "Ann Lee"},
		{"hq", "Ann again", map[string]string{"email": annEmail, "password": annPassword, "decision": "authorize"}, "Ann Lee"},
		{"hq", "Bea, who has no account here", map[string]string{"email": "bea@example.com", "password": annPassword, "decision": "authorize"}, "bea@example.com"},
		{"node", "Ann", map[string]string{"login": "ann", "password": "x"}, "Ann Lee"},
		{"node", "Ann again", map[string]string{"login": "ann", "password": "x"}, "Ann Lee"},
		{"node", "Cid, who has no account here", map[string]string{"login": "cid", "password": "x"}, "cid@example.com"},
	} {
		p := h.in(t).person()
		if page := p.signInAt(row.provider, row.answers); !strings.Contains(page, row.wantName) {
			t.Errorf("%s at %s: the page does not name %s:\n%s", row.who, row.provider, row.wantName, page)
		}
	}
	ann, err := h.Store.UserByEmail(t.Context(), annEmail)
	h.ok(err)
	identities, err := h.Store.Identities(t.Context(), ann.ID)
	h.ok(err)
	if len(identities) != 2 || identities[0].Issuer != hq.url || identities[1].Subject != "ann" {
		t.Errorf("identities of Ann: %+v", identities)
	}
}
