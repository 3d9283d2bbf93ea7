package client

import (
	"strings"
	"testing"
)

// TestServersOwnAudienceHasOneSpelling: every client may ask for tokens for the server's audience. An API compares the tokens' audience with its own spelling.
func TestServersOwnAudienceHasOneSpelling(t *testing.T) {
	registry := Registry{Audience: "https://auth.example"}
	for resource, ok := range map[string]bool{
		"https://auth.example": true, "https://auth.example/api": true, "https://api.example/": true,
		"https://auth.example/": false, "https://AUTH.example": false, "https://auth.example:443": false,
	} {
		err := registry.check(Client{Name: "C", RedirectURIs: []string{"https://c.example/cb"}, Resources: []string{resource}})
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), `"https://auth.example"`) {
			t.Errorf("%s: %v, want an error: %v", resource, err, !ok)
		}
	}
}

// TestIDNHostsAreNamedInALabels: whatever the URI is for, the error says which form to register.
func TestIDNHostsAreNamedInALabels(t *testing.T) {
	const host, ascii = "https://bücher.example:8443/x", "https://xn--bcher-kva.example:8443/x"
	for what, c := range map[string]Client{
		"redirect URI":             {RedirectURIs: []string{host}},
		"post-logout redirect URI": {PostLogoutRedirectURIs: []string{host}},
		"jwks_uri":                 {JWKSURI: host},
		"back-channel logout URI":  {BackchannelLogoutURI: host},
		"initiate_login_uri":       {InitiateLoginURI: host},
		"audience":                 {Resources: []string{host}},
		"audience that it serves":  {ResourceServer: host},
	} {
		c.Name = "C"
		if c.RedirectURIs == nil {
			c.RedirectURIs = []string{"https://c.example/cb"}
		}
		err := (&Registry{}).check(c)
		if err == nil || !strings.Contains(err.Error(), ascii) || !strings.Contains(err.Error(), "'ü'") {
			t.Errorf("%s: %v, want the character and %s", what, err, ascii)
		}
	}
}

// A character outside the host needs percent-encoding instead.
func TestOtherCharactersOfURIs(t *testing.T) {
	for _, uri := range []string{"https://c.example/bücher", "bücher"} {
		for what, c := range map[string]Client{"jwks_uri": {JWKSURI: uri}, "audience": {Resources: []string{uri}}} {
			c.Name, c.RedirectURIs = "C", []string{"https://c.example/cb"}
			if err := (&Registry{}).check(c); err == nil || strings.Contains(err.Error(), "A-label") {
				t.Errorf("%s %q: %v, want an error that says nothing about A-labels", what, uri, err)
			}
		}
	}
}
