package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Clients that were registered before the server kept a profile are named with the reason, unless they are disabled.
func TestServeNamesTheClientsThatAProfileRefuses(t *testing.T) {
	cfg := testConfig(t)
	before := open(t, cfg, Deps{})
	ids := map[string]string{}
	for name, reg := range map[string]client.Registration{"fits": {JWKSURI: "https://a.example/jwks"}, "secret": {}, "public": {Public: true}, "disabled": {Public: true}} {
		reg.Name, reg.RedirectURIs = name, []string{"https://" + name + ".example/cb"}
		c, _, err := before.Registry.AddClient(t.Context(), team.CommandLine, reg)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = string(c.ID)
	}
	if err := before.Registry.DisableClient(t.Context(), team.CommandLine, oauth.ClientID(ids["disabled"])); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cfg.Authz.Profile = oauth.ProfileFAPI2
	r := start(t, open(t, cfg, Deps{Log: slog.New(slog.NewTextHandler(&log, nil))}))
	r.stop()
	if err := r.wait(t); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`msg="these clients are refused: this server keeps the profile fapi2: the client has to authenticate by private_key_jwt, so register its keys (jwks or jwks_uri)" clients=[` + ids["secret"] + `]`,
		`msg="these clients are refused: this server keeps the profile fapi2, which allows no public client: register one with keys (private_key_jwt) instead" clients=[` + ids["public"] + `]`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, log.String())
		}
	}
}

func TestServeNamesTheClientsToKnowAbout(t *testing.T) {
	var log bytes.Buffer
	a := open(t, testConfig(t), Deps{Log: slog.New(slog.NewTextHandler(&log, nil))})
	ids := map[string]string{}
	for name, reg := range map[string]client.Registration{
		"strict":   {JWKSURI: "https://a.example/jwks"},
		"excepted": {JWKSURI: "https://b.example/jwks", InsecureAssertionAudience: true},
		"nonce":    {PKCE: oauth.PKCENonce},
		"neither":  {InsecureNoPKCENoNonce: true},
		"secret":   {},
		"public":   {Public: true},
	} {
		reg.Name, reg.RedirectURIs = name, []string{"https://" + name + ".example/cb"}
		c, _, err := a.Registry.AddClient(t.Context(), team.CommandLine, reg)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = string(c.ID)
	}
	r := start(t, a)
	r.stop()
	if err := r.wait(t); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`msg="the assertions of these clients (private_key_jwt) have to name the issuer alone as aud, as a string" clients=[` + ids["strict"] + `]`,
		`level=WARN msg="insecure_assertion_audience: assertions of these clients may have been made for another server" clients=[` + ids["excepted"] + `]`,
		`level=WARN msg="insecure_no_pkce_no_nonce: a stolen code of these clients can be used in another sign-in; it is for the official OpenID suite only" clients=[` + ids["neither"] + `]`,
		`level=WARN msg="pkce nonce: a stolen code of these clients can be used in another sign-in, unless they compare the nonce" clients=[` + ids["nonce"] + `]`,
	} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log does not say %s:\n%s", line, log.String())
		}
	}
}
