package authz_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestRegistration(t *testing.T) {
	w := onSQLite(t)
	uris := []string{callback}
	tests := []struct {
		name string
		reg  client.Registration
		says string // empty when it is accepted
	}{
		{"good", client.Registration{Name: "A", RedirectURIs: uris}, ""},
		{"machine", client.Registration{Name: "A", Machine: true, Team: w.red}, ""},
		{"public, private-use scheme", client.Registration{Name: "A", Public: true, RedirectURIs: []string{"com.example.app:/callback"}}, ""},
		{"a name in any language", client.Registration{Name: "Türöffner 門番 🚪", RedirectURIs: uris}, ""},
		{"no name", client.Registration{Name: " ", RedirectURIs: uris}, "needs a name"},
		{"long name", client.Registration{Name: strings.Repeat("ä", 101), RedirectURIs: uris}, "longer than 100"},
		{"as long as it may be", client.Registration{Name: strings.Repeat("ä", 100), RedirectURIs: uris}, ""},
		{"line break in the name", client.Registration{Name: "A\nB", RedirectURIs: uris}, "the name has a control character"},
		{"name that turns the text around", client.Registration{Name: "A\u202eB", RedirectURIs: uris}, "the name has a control character"},
		{"name that is not UTF-8", client.Registration{Name: "A\xff", RedirectURIs: uris}, "the name is not UTF-8"},
		{"owner with NUL", client.Registration{Name: "A", Owner: "B\x00", RedirectURIs: uris}, "the owner has a control character"},
		{"no redirect URI", client.Registration{Name: "A"}, "at least one redirect URI"},
		{"bad redirect URI", client.Registration{Name: "A", RedirectURIs: []string{"http://app.example/"}}, `redirect URI "http://app.example/"`},
		{"private-use scheme, with a secret", client.Registration{Name: "A", RedirectURIs: []string{"com.example.app:/callback"}}, "redirect URI"},
		{"machine without team", client.Registration{Name: "A", Machine: true}, "name it"},
		{"public machine", client.Registration{Name: "A", Machine: true, Public: true, Team: w.red}, "cannot be public"},
		{"machine with redirect URI", client.Registration{Name: "A", Machine: true, Team: w.red, RedirectURIs: uris}, "has no redirect URI"},
		{"unknown scope", client.Registration{Name: "A", RedirectURIs: uris, Scope: oauth.Scope{"chatbot:fly"}}, `"chatbot:fly" does not exist`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := w.registry.AddClient(w.ctx(), team.CommandLine, tt.reg)
			if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("error %v, want one with %q", err, tt.says)
			}
		})
	}
}

func TestRegistrationIsKept(t *testing.T) {
	w := onSQLite(t)
	client, secret, err := w.registry.AddClient(w.ctx(), team.CommandLine, client.Registration{
		Name: " Shop ", Owner: "Shop Ltd", Team: w.red, RedirectURIs: []string{callback, "https://b.example/", callback}, Scope: oauth.Scope{"session:read", "session:read"},
	})
	w.ok(err)
	if !strings.HasPrefix(secret.Reveal(), token.PrefixClientSecret) {
		t.Error("the secret has not the prefix that scanners know")
	}
	kept, err := w.db.Client(w.ctx(), client.ID)
	w.ok(err)
	if kept.Name != "Shop" || kept.Owner != "Shop Ltd" || kept.Team.ID != w.red.ID || kept.Team.Slug != "red" || kept.Public || kept.Machine {
		t.Errorf("kept as %+v", kept)
	}
	if diff := cmp.Diff([]string{callback, "https://b.example/"}, kept.RedirectURIs); diff != "" {
		t.Errorf("redirect URIs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(oauth.Scope{"session:read"}, kept.Scope); diff != "" {
		t.Errorf("scope (-want +got):\n%s", diff)
	}
	if len(kept.Secrets) != 1 || !secret.Matches(kept.Secrets[0].Hash) || strings.Contains(kept.Secrets[0].Hash, secret.Reveal()) {
		t.Error("the secret is not kept as its hash")
	}
}

func TestPublicClientHasNoSecret(t *testing.T) {
	w := onSQLite(t)
	if w.public.secret != "" {
		t.Error("a public client got a secret")
	}
	if _, err := w.registry.RotateSecret(w.ctx(), team.CommandLine, w.public.ID, false); err == nil || !strings.Contains(err.Error(), "public") {
		t.Errorf("rotating: error %v, want one that says why not", err)
	}
}

func TestRegistrationForATeamThatIsGone(t *testing.T) {
	w := onSQLite(t)
	_, err := w.directory.RemoveTeam(w.ctx(), team.CommandLine, "red")
	w.ok(err)
	if _, _, err := w.registry.AddClient(w.ctx(), team.CommandLine, client.Registration{Name: "A", Team: w.red, RedirectURIs: []string{callback}}); !errors.Is(err, team.ErrNoTeam) {
		t.Errorf("error %v, want ErrNoTeam", err)
	}
}

func TestUpdateReplacesWhatIsGiven(t *testing.T) {
	w := onSQLite(t)
	name := "Renamed"
	got, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, w.app.ID, client.Change{Name: &name})
	w.ok(err)
	if got.Name != name || len(got.RedirectURIs) != 2 {
		t.Errorf("after the name: %+v", got)
	}
	got, err = w.registry.UpdateClient(w.ctx(), team.CommandLine, w.app.ID, client.Change{RedirectURIs: []string{"https://new.example/"}, Scope: oauth.Scope{"chatbot:read"}})
	w.ok(err)
	kept, err := w.db.Client(w.ctx(), w.app.ID)
	w.ok(err)
	for _, c := range []client.Client{got, kept} {
		if c.Name != name || len(c.RedirectURIs) != 1 || c.RedirectURIs[0] != "https://new.example/" || c.Scope.String() != "chatbot:read" {
			t.Errorf("after the rest: %+v", c)
		}
	}
	for _, change := range []client.Change{{RedirectURIs: []string{}}, {RedirectURIs: []string{"nonsense"}}, {Scope: oauth.Scope{"chatbot:fly"}}} {
		if _, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, w.app.ID, change); err == nil {
			t.Errorf("%+v was accepted", change)
		}
	}
	if _, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, "nobody", client.Change{}); !errors.Is(err, client.ErrNoClient) {
		t.Errorf("unknown client: error %v, want ErrNoClient", err)
	}
	if _, err := w.registry.RotateSecret(w.ctx(), team.CommandLine, "nobody", false); !errors.Is(err, client.ErrNoClient) {
		t.Errorf("unknown client: error %v, want ErrNoClient", err)
	}
}

func TestBlockEndsTheGrantsAndSaysWhy(t *testing.T) {
	w := onSQLite(t)
	w.connect(w.app, w.red)
	w.connect(w.app, w.blue)
	w.ok(w.blockIn(w.red, w.app.ID, "  not reviewed "))
	grants, err := w.db.Grants(w.ctx(), authz.GrantFilter{})
	w.ok(err)
	if len(grants) != 1 || grants[0].Grant.Team != w.blue.ID {
		t.Errorf("grants %+v, want the one in blue only", grants)
	}
	n := w.page(params(w.app, "team", "red"), w.session(w.ada))
	if n.Teams[0].Row.Reason != "not reviewed" {
		t.Errorf("the page says %q", n.Teams[0].Row.Reason)
	}
	for reason, id := range map[string]oauth.ClientID{"": w.app.ID, "\x07": w.app.ID, "good": "nobody"} {
		if _, err := w.govern.Block(w.ctx(), team.CommandLine, w.red.ID, id, reason); err == nil {
			t.Errorf("reason %q for %q was accepted", reason, id)
		}
	}
}

func TestRegistrationOfTheSecondHalf(t *testing.T) {
	w := onSQLite(t)
	key := newSigner(t, "k1")
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.key, KeyID: "k1"}}})
	w.ok(err)
	good := func(change func(r *client.Registration)) client.Registration {
		r := client.Registration{Name: "A", RedirectURIs: []string{callback}}
		change(&r)
		return r
	}
	for name, tt := range map[string]struct {
		reg  client.Registration
		says string // empty when it is accepted
	}{
		"resource server alone":    {client.Registration{Name: "API", ResourceServer: "https://api.example"}, ""},
		"resource server, a URN":   {client.Registration{Name: "API", ResourceServer: "urn:example:api"}, ""},
		"public resource server":   {good(func(r *client.Registration) { r.Public, r.ResourceServer = true, "https://api.example" }), "cannot be public"},
		"relative audience":        {good(func(r *client.Registration) { r.ResourceServer = "api" }), "not an absolute URI"},
		"audience with a fragment": {good(func(r *client.Registration) { r.Resources = []string{"https://api.example/#a"} }), "not an absolute URI"},
		"keys":                     {good(func(r *client.Registration) { r.JWKS = key.jwks(t) }), ""},
		"keys of a machine":        {client.Registration{Name: "M", Machine: true, Team: w.red, JWKS: key.jwks(t)}, ""},
		"private key":              {good(func(r *client.Registration) { r.JWKS = string(private) }), "not a public key"},
		"symmetric key":            {good(func(r *client.Registration) { r.JWKS = `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"s"}]}` }), "not a public key"},
		"no keys":                  {good(func(r *client.Registration) { r.JWKS = `{"keys":[]}` }), "empty"},
		"keys that are none":       {good(func(r *client.Registration) { r.JWKS = `nonsense` }), "not a JSON Web Key Set"},
		"keys of a public client":  {good(func(r *client.Registration) { r.Public, r.JWKS = true, key.jwks(t) }), "no use for keys"},
		"keys twice":               {good(func(r *client.Registration) { r.JWKS, r.JWKSURI = key.jwks(t), "https://app.example/jwks" }), "not both"},
		"one audience twice": {good(func(r *client.Registration) {
			r.Resources = []string{"https://api.example", "https://API.example:443/"}
		}), "are the same resource"},
		"audiences by path": {good(func(r *client.Registration) {
			r.Resources = []string{"https://api.example/a", "https://api.example/a/"}
		}), ""},
		"address of keys":              {good(func(r *client.Registration) { r.JWKSURI = "https://app.example/jwks" }), ""},
		"address without https":        {good(func(r *client.Registration) { r.JWKSURI = "http://app.example/jwks" }), "must be https"},
		"address of another scheme":    {good(func(r *client.Registration) { r.JWKSURI = "file://localhost/etc/passwd" }), "must be https"},
		"address with a password":      {good(func(r *client.Registration) { r.JWKSURI = "https://u:p@app.example/jwks" }), "without user"},
		"back channel":                 {good(func(r *client.Registration) { r.BackchannelLogoutURI = "https://app.example/out?x=1" }), ""},
		"back channel on localhost":    {good(func(r *client.Registration) { r.BackchannelLogoutURI = "http://127.0.0.1:9/out" }), ""},
		"back channel, http":           {good(func(r *client.Registration) { r.BackchannelLogoutURI = "http://app.example/out" }), "must be https"},
		"back channel, fragment":       {good(func(r *client.Registration) { r.BackchannelLogoutURI = "https://app.example/#x" }), "fragment"},
		"after sign-out":               {good(func(r *client.Registration) { r.PostLogoutRedirectURIs = []string{"https://app.example/bye"} }), ""},
		"after sign-out, http":         {good(func(r *client.Registration) { r.PostLogoutRedirectURIs = []string{"http://app.example/bye"} }), "post-logout"},
		"start of a sign-in":           {good(func(r *client.Registration) { r.InitiateLoginURI = "https://app.example/start?x=1" }), ""},
		"start of a sign-in, http":     {good(func(r *client.Registration) { r.InitiateLoginURI = "http://127.0.0.1/start" }), "must begin with https://"},
		"start of a sign-in, script":   {good(func(r *client.Registration) { r.InitiateLoginURI = "javascript:alert(1)" }), "must begin with https://"},
		"start of a sign-in, fragment": {good(func(r *client.Registration) { r.InitiateLoginURI = "https://app.example/#x" }), "fragment"},
		"start of a sign-in, its iss":  {good(func(r *client.Registration) { r.InitiateLoginURI = "https://app.example/?iss=x" }), `parameter "iss"`},
		"start of a sign-in, no host":  {good(func(r *client.Registration) { r.InitiateLoginURI = "https:///start" }), "no host"},
		"ES256":                        {good(func(r *client.Registration) { r.IDTokenAlgorithm = "ES256" }), ""},
		"none":                         {good(func(r *client.Registration) { r.IDTokenAlgorithm = "none" }), "RS256, ES256"},
		"nonce for PKCE":               {good(func(r *client.Registration) { r.PKCE = oauth.PKCENonce }), ""},
		"nonce, with openid":           {good(func(r *client.Registration) { r.PKCE, r.Scope = oauth.PKCENonce, oauth.Scope{"openid"} }), ""},
		"nonce, without openid":        {good(func(r *client.Registration) { r.PKCE, r.Scope = oauth.PKCENonce, oauth.Scope{"email"} }), "needs the scope openid"},
		"nonce, public":                {good(func(r *client.Registration) { r.PKCE, r.Public = oauth.PKCENonce, true }), "must use PKCE"},
		"nonce of a machine":           {client.Registration{Name: "M", Machine: true, Team: w.red, PKCE: oauth.PKCENonce}, "means nothing"},
		"nonce, resource server":       {client.Registration{Name: "API", ResourceServer: "https://api.example", PKCE: oauth.PKCENonce}, "means nothing"},
		"neither":                      {good(func(r *client.Registration) { r.InsecureNoPKCENoNonce, r.Scope = true, oauth.Scope{"email"} }), ""},
		"neither, public":              {good(func(r *client.Registration) { r.InsecureNoPKCENoNonce, r.Public = true, true }), "must use PKCE"},
		"neither, of a machine":        {client.Registration{Name: "M", Machine: true, Team: w.red, InsecureNoPKCENoNonce: true}, "means nothing"},
		"grace":                        {good(func(r *client.Registration) { r.RefreshGrace = time.Second }), ""},
		"the server's grace":           {good(func(r *client.Registration) { r.RefreshGrace, r.Public = time.Minute, true }), ""},
		"grace, longer":                {good(func(r *client.Registration) { r.RefreshGrace = 61 * time.Second }), "less than the server's 1m0s"},
		"grace, negative":              {good(func(r *client.Registration) { r.RefreshGrace = -time.Second }), "whole seconds"},
		"grace, half a second":         {good(func(r *client.Registration) { r.RefreshGrace = 500 * time.Millisecond }), "whole seconds"},
		"grace of a machine":           {client.Registration{Name: "M", Machine: true, Team: w.red, RefreshGrace: time.Second}, "means nothing"},
		"grace, with keys":             {good(func(r *client.Registration) { r.RefreshGrace, r.JWKS = time.Second, key.jwks(t) }), "means nothing"},
		"another PKCE":                 {good(func(r *client.Registration) { r.PKCE = "plain" }), "required and nonce"},
		"identity scope":               {good(func(r *client.Registration) { r.Scope = oauth.Scope{"chatbot:read", "openid"} }), ""},
		"identity of a machine":        {client.Registration{Name: "M", Machine: true, Team: w.red, Scope: oauth.Scope{"openid"}}, "acts for none"},
	} {
		_, _, err := w.registry.AddClient(w.ctx(), team.CommandLine, tt.reg)
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.says)
		}
	}
}

func TestEverythingAboutAClientIsKeptAndReplaced(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		key := newSigner(t, "k1")
		added, secret, err := w.registry.AddClient(w.ctx(), team.CommandLine, client.Registration{
			Name: "A", RedirectURIs: []string{callback}, ResourceServer: "https://api.example", Resources: []string{"https://b.example", "https://b.example"}, JWKS: key.jwks(t),
			IDTokenAlgorithm: "ES256", PostLogoutRedirectURIs: []string{"https://app.example/bye"}, BackchannelLogoutURI: "https://app.example/out", InitiateLoginURI: "https://app.example/start", RequirePAR: true, RequireDPoP: true,
			PKCE: oauth.PKCENonce,
		})
		w.ok(err)
		if secret.Reveal() != "" {
			t.Error("a client with keys got a secret")
		}
		uri, empty, es, no := "https://app.example/jwks", "", "RS256", false
		changed, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, added.ID, client.Change{
			ResourceServer: &empty, Resources: []string{}, JWKS: &empty, JWKSURI: &uri, IDTokenAlgorithm: &es, PostLogoutRedirectURIs: []string{}, BackchannelLogoutURI: &empty, InitiateLoginURI: &empty,
			RequirePAR: &no, RequireDPoP: &no, PKCE: new(oauth.PKCERequired),
		})
		w.ok(err)
		want := added
		want.ResourceServer, want.Resources, want.JWKS, want.JWKSURI, want.IDTokenAlgorithm = "", nil, "", uri, "RS256"
		want.PostLogoutRedirectURIs, want.BackchannelLogoutURI, want.RequirePAR, want.RequireDPoP = nil, "", false, false
		want.PKCE, want.InitiateLoginURI = oauth.PKCERequired, ""
		kept, err := w.db.Client(w.ctx(), added.ID)
		w.ok(err)
		want.CreatedAt = kept.CreatedAt
		changed.CreatedAt = kept.CreatedAt
		for name, got := range map[string]client.Client{"answered": changed, "kept": kept} {
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		for _, change := range []client.Change{{JWKS: new(key.jwks(t))}, {BackchannelLogoutURI: new("ftp://x")}, {IDTokenAlgorithm: new("HS256")}, {ResourceServer: new("x")}} {
			if _, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, added.ID, change); err == nil {
				t.Errorf("%+v was accepted", change)
			}
		}
	})
}
