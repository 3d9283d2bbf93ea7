package config

import (
	"bytes"
	"image"
	"image/png"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/google/go-cmp/cmp"
)

const acme = "id: acme, name: Acme SSO, issuer: https://login.acme.example, client_id: gatehouse"

func TestProviders(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "acme.secret")
	if err := os.WriteFile(secret, []byte("kept out of this file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	icon := filepath.Join(dir, "acme.png")
	var drawn bytes.Buffer
	if err := png.Encode(&drawn, image.NewGray(image.Rect(0, 0, 3, 5))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(icon, drawn.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "gatehouse.yaml")
	text := `
providers:
  - id: acme
    name: Acme SSO
    issuer: https://login.acme.example/realms/acme
    client_id: gatehouse
    client_secret_file: ` + secret + `
    icon: ` + icon + `
    domains: [ACME.example, "@acme.test"]
    sign_up: true
    scopes: [openid, email]
    trusted_amr: [mfa]
    trusted_acr: [urn:acme:two]
    internal_networks: [10.0.0.0/8]
  - {id: other, name: Other, issuer: "https://other.example", client_id: g}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := c.Providers[0]
	if got.Secret.Reveal() != "kept out of this file" {
		t.Errorf("the secret is %q", got.Secret.Reveal())
	}
	if !slices.Contains(c.SecretFiles, secret) {
		t.Errorf("the file of the secret is not among %v", c.SecretFiles)
	}
	if got.Icon.Type != "image/jpeg" || len(got.Icon.Content) == 0 || bytes.Equal(got.Icon.Content, drawn.Bytes()) {
		t.Errorf("the icon is %s, %d bytes", got.Icon.Type, len(got.Icon.Content))
	}
	got.Secret, got.Icon = provider.Settings{}.Secret, provider.Settings{}.Icon
	want := provider.Settings{
		ID: "acme", Name: "Acme SSO", Issuer: "https://login.acme.example/realms/acme", ClientID: "gatehouse", Domains: []string{"acme.example", "acme.test"},
		SignUp: true, Scopes: []string{"email"}, TrustedAMR: []string{"mfa"}, TrustedACR: []string{"urn:acme:two"}, InternalNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	}
	if diff := cmp.Diff(want, got, compareConfigs); diff != "" {
		t.Error(diff)
	}
	other := c.Providers[1]
	if !slices.Equal(other.Scopes, provider.DefaultScopes) || other.Icon.Content != nil || other.SignUp || other.Domains != nil {
		t.Errorf("the other has the defaults %+v", other)
	}
	if c, err = Load("", []string{"GATEHOUSE_PROVIDERS=[{" + acme + "}]"}); err != nil || len(c.Providers) != 1 {
		t.Errorf("by variable: %v, %+v", err, c.Providers)
	}
}

func TestProviderMistakes(t *testing.T) {
	for name, row := range map[string]struct{ text, says string }{
		"no list":            {"providers: {" + acme + "}", "has to be a list of providers"},
		"id with a slash":    {"providers: [{id: a/b, name: A, issuer: 'https://a.example', client_id: g}]", `has the id "a/b"`},
		"id twice":           {"providers:\n- {" + acme + "}\n- {id: acme, name: B, issuer: 'https://b.example', client_id: g}", `g.yaml:3: providers has the id "acme" twice`},
		"issuer twice":       {"providers:\n- {" + acme + "}\n- {id: b, name: B, issuer: 'https://login.acme.example', client_id: g}", "one provider only"},
		"name twice":         {"providers:\n- {" + acme + "}\n- {id: b, name: Acme SSO, issuer: 'https://b.example', client_id: g}", "tell the buttons apart"},
		"plain http":         {"providers: [{id: a, name: A, issuer: 'http://login.acme.example', client_id: g}]", "has to begin with https://"},
		"no issuer":          {"providers: [{id: a, name: A, client_id: g}]", "exactly as the provider writes it"},
		"template":           {"providers: [{id: a, name: A, issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0', client_id: g}]", "stands for every tenant"},
		"every tenant":       {"providers: [{id: a, name: A, issuer: 'https://login.microsoftonline.com/common/v2.0', client_id: g}]", "stands for every tenant"},
		"no client id":       {"providers: [{id: a, name: A, issuer: 'https://a.example'}]", "has no client_id"},
		"no name":            {"providers: [{id: a, issuer: 'https://a.example', client_id: g}]", "the button on the sign-in page shows it"},
		"icon from outside":  {"providers: [{" + acme + ", icon: 'https://login.acme.example/logo.svg'}]", "pictures of other servers are not loaded"},
		"secret in place":    {"providers: [{" + acme + ", client_secret: hunter2}]", "put it in a file of its own"},
		"no secret file":     {"providers: [{" + acme + ", client_secret_file: nowhere}]", "client_secret_file that cannot be read"},
		"domain":             {"providers: [{" + acme + ", domains: [acme]}]", "the part of an address after the @"},
		"field":              {"providers: [{" + acme + ", domain: [acme.example]}]", "did you mean domains?"},
		"icon that is none":  {"providers: [{" + acme + ", icon: g.yaml}]", "no complete PNG"},
		"sign-up of anybody": {"providers: [{" + acme + ", sign_up: true}]", "has sign_up without domains"},
		"sign-up":            {"providers: [{" + acme + ", sign_up: perhaps}]", "true or false"},
		"network":            {"providers: [{" + acme + ", internal_networks: [everything]}]", "a network such as 10.0.0.0/8"},
		"scope":              {"providers: [{" + acme + ", scopes: ['a\"b']}]", "a scope is one word"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("g.yaml", []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load("g.yaml", nil)
			if err == nil || !strings.Contains(err.Error(), row.says) || !strings.HasPrefix(err.Error(), "g.yaml:") {
				t.Errorf("got %v, want a line of g.yaml and %q", err, row.says)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error has the secret: %v", err)
			}
		})
	}
}
