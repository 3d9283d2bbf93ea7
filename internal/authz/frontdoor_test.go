package authz_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/go-jose/go-jose/v4"
)

// pushed is what a client gets for pushing a good request, with changes as for params.
func (w *world) pushed(client app, key string, changes ...string) (oauth.PushedResponse, error) {
	return w.server.Push(w.ctx(), oauth.PushedRequest{Client: client.asks("").Client, Params: params(client, changes...), DPoPKey: key})
}

// arriving is the authorization request by which a pushed one arrives.
func arriving(client app, requestURI string, changes ...string) oauth.Params {
	values := url.Values{"client_id": {string(client.ID)}, "request_uri": {requestURI}}
	for i := 0; i < len(changes); i += 2 {
		values.Set(changes[i], changes[i+1])
	}
	return oauth.NewParams(values)
}

func TestPushedRequestIsTheRequest(t *testing.T) {
	w := onSQLite(t)
	client := w.register(client.Registration{Name: "P", RedirectURIs: []string{callback}, RequirePAR: true})
	for _, client := range []app{client, w.app, w.public} {
		var answer oauth.PushedResponse
		var err error
		asked := w.statements.during(func() { answer, err = w.pushed(client, "", "team", "red") })
		w.ok(err)
		if asked["commit"] != 1 || answer.ExpiresIn != 90 || !strings.HasPrefix(answer.RequestURI, "urn:ietf:params:oauth:request_uri:") {
			t.Errorf("statements %v, answer %v", asked, answer.ExpiresIn)
		}
		w.clock.Advance(89 * time.Second)
		// What else the address says is ignored.
		request := w.begin(arriving(client, answer.RequestURI, "scope", "session:write", "redirect_uri", "https://evil.example/", "state", "other"))
		if request.Scope.String() != "chatbot:read session:read" || request.RedirectURI != callback || request.State != "st&te" || request.Team != "red" {
			t.Errorf("the request is %+v", request.AuthorizationRequest)
		}
		session := w.session(w.ada)
		code := w.approve(w.page(arriving(client, answer.RequestURI), session).Sealed, session, w.red.ID).Response.Code
		w.mustRedeem(client, code)
	}
}

func TestPushedRequestIsCheckedAtOnce(t *testing.T) {
	w := onSQLite(t)
	for name, tt := range map[string]struct {
		changes []string
		want    oauth.Code
	}{
		"redirect URI": {[]string{"redirect_uri", "https://evil.example/"}, oauth.InvalidRequest},
		"none":         {[]string{"redirect_uri", ""}, oauth.InvalidRequest},
		"scope":        {[]string{"scope", "chatbot:fly"}, oauth.InvalidScope},
		"challenge":    {[]string{"code_challenge", ""}, oauth.InvalidRequest},
		"resource":     {[]string{"resource", "https://other.example/"}, oauth.InvalidTarget},
		"other client": {[]string{"client_id", string(w.redOnly.ID)}, oauth.InvalidRequest},
	} {
		_, err := w.pushed(w.app, "", tt.changes...)
		if _, redirected := errors.AsType[*authz.RedirectError](err); redirected || !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want a plain %s", name, err, tt.want)
		}
	}
	r := oauth.PushedRequest{Client: w.app.asks("").Client, Params: params(w.app)}
	r.Client.Secret = "gh_cs_wrong"
	_, err := w.server.Push(w.ctx(), r)
	wantCode(t, err, oauth.InvalidClient)
}

// RFC 9126 §7: request_uri guessing, swapping and replay after its time.
func TestAttackRequestURI(t *testing.T) {
	w := onSQLite(t)
	good, err := w.pushed(w.app, "")
	w.ok(err)
	other, err := w.server.Accept(w.ctx(), params(w.app))
	w.ok(err)
	for name, p := range map[string]oauth.Params{
		"another client":      arriving(w.public, good.RequestURI),
		"no client":           arriving(w.public, good.RequestURI, "client_id", ""),
		"guessed":             arriving(w.app, oauth.RequestURIPrefix+"guess"),
		"altered":             arriving(w.app, good.RequestURI[:len(good.RequestURI)-1]),
		"for another purpose": arriving(w.app, oauth.RequestURIPrefix+other),
	} {
		_, err := w.server.Begin(w.ctx(), p, authz.Browser{})
		if _, page := errors.AsType[*authz.PageError](err); !page {
			t.Errorf("%s: error %v, want a *PageError", name, err)
		}
	}
	w.clock.Advance(90 * time.Second)
	_, err = w.server.Begin(w.ctx(), arriving(w.app, good.RequestURI), authz.Browser{})
	wantRedirect(t, err, oauth.InvalidRequestURI)
	late, err := w.pushed(w.app, "")
	w.ok(err)
	w.ok(w.db.DisableClient(w.ctx(), w.app.ID, w.clock.Now()))
	if _, err := w.server.Begin(w.ctx(), arriving(w.app, late.RequestURI), authz.Browser{}); !errors.Is(err, oauth.InvalidClient) {
		t.Errorf("of a client disabled meanwhile: %v", err)
	}
}

// RFC 9700 §4.5, RFC 9449 §10: a code that is bound to a key is of no use without it.
func TestAttackCodeBoundToAKey(t *testing.T) {
	w := onSQLite(t)
	const key = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	for name, code := range map[string]string{"dpop_jkt": w.connect(w.app, w.red, "dpop_jkt", key), "pushed with a proof": w.pushedCode(w.app, key)} {
		for _, wrong := range []string{"", "another key"} {
			_, err := w.proved(wrong, form(w.app, code))
			wantCode(t, err, oauth.InvalidGrant)
			if got := w.family(code); got != "none" {
				t.Fatalf("%s: the family is %q, want none", name, got)
			}
		}
		got, err := w.proved(key, form(w.app, code))
		w.ok(err)
		if got.TokenType != "DPoP" || w.thumbprint(got.AccessToken) != key {
			t.Errorf("%s: token type %s, bound to %s", name, got.TokenType, w.thumbprint(got.AccessToken))
		}
		// A confidential client proves itself by its secret, and may change its key.
		again, err := w.proved("new key", form(w.app, "", "grant_type", "refresh_token", "refresh_token", got.RefreshToken))
		w.ok(err)
		if w.thumbprint(again.AccessToken) != "new key" {
			t.Errorf("%s: refreshed to key %q", name, w.thumbprint(again.AccessToken))
		}
	}
	_, err := w.pushed(w.app, "another key", "dpop_jkt", key)
	wantCode(t, err, oauth.InvalidDPoPProof)
}

func (w *world) pushedCode(client app, key string) string {
	w.Helper()
	answer, err := w.pushed(client, key)
	w.ok(err)
	session := w.session(w.ada)
	return w.approve(w.page(arriving(client, answer.RequestURI), session).Sealed, session, w.red.ID).Response.Code
}

func TestClientThatRequiresDPoPGetsNoBearerToken(t *testing.T) {
	w := onSQLite(t)
	client := w.register(client.Registration{Name: "D", RedirectURIs: []string{callback}, RequireDPoP: true})
	code := w.connect(client, w.red)
	_, err := w.redeem(client, code)
	wantCode(t, err, oauth.InvalidDPoPProof)
	got, err := w.proved("key", form(client, code))
	w.ok(err)
	_, err = w.refresh(client, got.RefreshToken)
	wantCode(t, err, oauth.InvalidDPoPProof)
	w.wantConnection(got.RefreshToken, "live")
}

func TestResourceNarrowsTheAudience(t *testing.T) {
	w := onSQLite(t)
	const reports, billing = "https://reports.example/", "https://billing.example/"
	client := w.register(client.Registration{Name: "R", RedirectURIs: []string{callback}, Resources: []string{reports, billing}})
	aud := func(got oauth.TokenResponse, err error) any {
		w.Helper()
		w.ok(err)
		return w.claims(got.AccessToken)["aud"]
	}
	if got := aud(w.redeem(client, w.connect(client, w.red))); got != issuer {
		t.Errorf("none: aud %v, want the default", got)
	}
	first, err := w.redeem(client, w.connect(client, w.red, "resource", reports))
	if got := aud(first, err); got != reports {
		t.Errorf("asked: aud %v, want %s", got, reports)
	}
	if got := aud(w.refresh(client, first.RefreshToken)); got != reports {
		t.Errorf("refreshed: aud %v, want the same", got)
	}
	_, err = w.refresh(client, first.RefreshToken, "resource", billing)
	wantCode(t, err, oauth.InvalidTarget)

	both := twoResources(client, reports, billing)
	session := w.session(w.ada)
	code := w.approve(w.page(both, session).Sealed, session, w.red.ID).Response.Code
	_, err = w.redeem(client, code, "resource", issuer)
	wantCode(t, err, oauth.InvalidTarget)
	w.wantFamily(code, "none")
	second, err := w.redeem(client, code, "resource", billing)
	if got := aud(second, err); got != billing {
		t.Errorf("narrowed at the token endpoint: aud %v, want %s", got, billing)
	}
	if got, ok := aud(w.refresh(client, second.RefreshToken)).([]any); !ok || len(got) != 2 {
		t.Errorf("the next one: aud %v, want both again", got)
	}
	api := w.resourceServer(billing)
	if w.introspect(api, first.AccessToken).Active || !w.introspect(api, second.AccessToken).Active {
		t.Error("a resource server is not told exactly of the tokens for it")
	}
}

// Client libraries rewrite a URL: they add a slash, drop a port, change case. The token has the registered spelling, which the API knows.
func TestResourceIsComparedAsAURL(t *testing.T) {
	w := onSQLite(t)
	const reports = "https://reports.example"
	app := w.register(client.Registration{Name: "R", RedirectURIs: []string{callback}, Resources: []string{reports, "https://billing.example/v1"}})
	machine := w.register(client.Registration{Name: "M", Machine: true, Team: w.red, Resources: []string{reports}})
	first, err := w.redeem(app, w.connect(app, w.red, "resource", "HTTPS://Reports.example:443/"))
	w.ok(err)
	refreshed, err := w.refresh(app, first.RefreshToken, "resource", reports+"/")
	w.ok(err)
	code := w.connect(app, w.red, "resource", reports)
	narrowed, err := w.redeem(app, code, "resource", reports+"/")
	w.ok(err)
	for name, text := range map[string]string{
		"authorized": first.AccessToken, "refreshed": refreshed.AccessToken, "exchanged": narrowed.AccessToken,
		"machine": w.mustMachineToken(machine, "resource", reports+":443/").AccessToken,
	} {
		if aud := w.claims(text)["aud"]; aud != reports {
			t.Errorf("%s: aud %v, want %s as registered", name, aud, reports)
		}
		if !w.introspect(w.resourceServer(reports+"/"), text).Active {
			t.Errorf("%s: the resource server that is registered as %s/ is not told", name, reports)
		}
	}
	if aud := w.claims(w.mustMachineToken(machine, "resource", issuer+"/").AccessToken)["aud"]; aud != issuer {
		t.Errorf("the default with a slash: aud %v, want %s", aud, issuer)
	}
	for _, other := range []string{"https://billing.example/v1/", "https://billing.example/V1", "https://reports.example.evil"} {
		_, err := w.redeem(app, w.connect(app, w.red), "resource", other)
		wantCode(t, err, oauth.InvalidTarget)
	}
	// The operator spells it in another way from now on.
	_, err = w.registry.UpdateClient(w.ctx(), team.CommandLine, app.ID, client.Change{Resources: []string{reports + "/"}})
	w.ok(err)
	later, err := w.refresh(app, refreshed.RefreshToken)
	w.ok(err)
	if aud := w.claims(later.AccessToken)["aud"]; aud != reports+"/" {
		t.Errorf("after the change: aud %v, want %s/ as registered now", aud, reports)
	}
}

// signer is a client's key.
type signer struct {
	key *ecdsa.PrivateKey
	kid string
}

func newSigner(t testing.TB, kid string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, kid}
}

func (s signer) set() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.key.Public(), KeyID: s.kid, Algorithm: "ES256", Use: "sig"}}}
}

func (s signer) jwks(t testing.TB) string {
	t.Helper()
	text, err := json.Marshal(s.set())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// assertion is by a client, with changes to its claims.
func (s signer) assertion(w *world, client app, changes map[string]any) oauth.ClientAuthentication {
	w.Helper()
	claims := map[string]any{
		"iss": client.ID, "sub": client.ID, "aud": issuer, "jti": rand.Text(), "iat": w.clock.Now().Unix(), "exp": w.clock.Now().Add(time.Minute).Unix(),
	}
	for name, value := range changes {
		claims[name] = value
	}
	payload, err := json.Marshal(claims)
	w.ok(err)
	by, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: s.key, KeyID: s.kid}}, nil)
	w.ok(err)
	signed, err := by.Sign(payload)
	w.ok(err)
	text, err := signed.CompactSerialize()
	w.ok(err)
	return oauth.ClientAuthentication{ClientID: string(client.ID), Method: oauth.AuthPrivateKeyJWT, Assertion: text}
}

// believed asks about nothing, to see whether the client is believed.
func (w *world) believed(server *authz.Server, a oauth.ClientAuthentication) error {
	_, err := server.Introspect(w.ctx(), oauth.TokenParameter{Token: "x", Client: a})
	return err
}

func TestClientAuthenticatesByItsKey(t *testing.T) {
	w := onSQLite(t)
	key := newSigner(t, "k1")
	client := w.register(client.Registration{Name: "K", RedirectURIs: []string{callback}, JWKS: key.jwks(t)})
	if client.secret != "" {
		t.Error("a client with keys got a secret")
	}
	w.ok(w.believed(w.server, key.assertion(w, client, nil)))
	if _, err := w.registry.RotateSecret(w.ctx(), team.CommandLine, client.ID, false); err == nil {
		t.Error("a client with keys can get a secret")
	}
}

// A malicious server that a client trusts names itself as the token endpoint, or us, and passes the assertion on. Only the
// issuer as a string is safe (RFC 7523bis); a client that cannot send that needs the exception.
func TestAttackAssertionMadeForAnotherServer(t *testing.T) {
	w := onSQLite(t)
	key := newSigner(t, "k1")
	strict := w.register(client.Registration{Name: "K", RedirectURIs: []string{callback}, JWKS: key.jwks(t)})
	excepted := w.register(client.Registration{Name: "E", RedirectURIs: []string{callback}, JWKS: key.jwks(t), InsecureAssertionAudience: true})
	for _, tt := range []struct {
		aud      any
		excepted bool
	}{
		{issuer + "/o/token/", true},
		{issuer + "/o/token", true},
		{[]string{issuer}, true},
		{[]string{issuer + "/o/token/"}, true},
		{[]string{issuer, issuer + "/o/token/"}, false},
		{issuer + "/o/introspect/", false},
		{issuer + "/o/par/", false},
	} {
		if err := w.believed(w.server, key.assertion(w, strict, map[string]any{"aud": tt.aud})); !errors.Is(err, oauth.InvalidClient) {
			t.Errorf("aud %v: got %v, want invalid_client", tt.aud, err)
		}
		if err := w.believed(w.server, key.assertion(w, excepted, map[string]any{"aud": tt.aud})); (err == nil) != tt.excepted {
			t.Errorf("aud %v from a client with the exception: got %v", tt.aud, err)
		}
	}
	no := false
	_, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, excepted.ID, client.Change{InsecureAssertionAudience: &no})
	w.ok(err)
	if err := w.believed(w.server, key.assertion(w, excepted, map[string]any{"aud": issuer + "/o/token/"})); !errors.Is(err, oauth.InvalidClient) {
		t.Errorf("after the exception was taken away: got %v, want invalid_client", err)
	}
}

func TestClientKeysAreFetched(t *testing.T) {
	w := onSQLite(t)
	const uri = "https://app.example/jwks.json"
	key := newSigner(t, "k1")
	client := w.register(client.Registration{Name: "K", RedirectURIs: []string{callback}, JWKSURI: uri})
	if err := w.believed(w.server, key.assertion(w, client, nil)); !errors.Is(err, oauth.InvalidClient) {
		t.Errorf("a server that fetches no keys: error %v, want invalid_client", err)
	}
	reachable := true
	stores := storetest.Stores(w.db)
	stores.FetchJWKS = func(_ context.Context, at, kid string) (jose.JSONWebKeySet, error) {
		if !reachable || at != uri || kid != "k1" {
			return jose.JSONWebKeySet{}, errors.New("unreachable")
		}
		return key.set(), nil
	}
	server := authz.New(stores, w.keys, w.clock.Now, options())
	w.ok(w.believed(server, key.assertion(w, client, nil)))
	reachable = false
	if err := w.believed(server, key.assertion(w, client, nil)); !errors.Is(err, oauth.InvalidClient) {
		t.Errorf("keys that cannot be fetched: error %v, want invalid_client", err)
	}
}

// RFC 7523 §3, RFC 9700 §4.10: an assertion is for this server, from this client, for a short time, and once.
func TestAttackClientAssertion(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		key, other := newSigner(t, "k1"), newSigner(t, "k1")
		client := w.register(client.Registration{Name: "K", RedirectURIs: []string{callback}, JWKS: key.jwks(t)})
		used := key.assertion(w, client, nil)
		w.ok(w.believed(w.server, used))
		sameID := map[string]any{"jti": "same"}
		w.ok(w.believed(w.server, key.assertion(w, client, sameID)))
		bare := client.asks("").Client
		bare.Method = oauth.AuthNone
		byPost := oauth.ClientAuthentication{ClientID: string(client.ID), Secret: "gh_cs_x", Method: oauth.AuthPost}
		for name, a := range map[string]oauth.ClientAuthentication{
			"used":                       used,
			"another with its id":        key.assertion(w, client, sameID),
			"another key":                other.assertion(w, client, nil),
			"another audience":           key.assertion(w, client, map[string]any{"aud": "https://other.example"}),
			"another endpoint":           key.assertion(w, client, map[string]any{"aud": issuer + "/o/par/"}),
			"another subject":            key.assertion(w, client, map[string]any{"sub": w.app.ID}),
			"another issuer":             key.assertion(w, client, map[string]any{"iss": w.app.ID}),
			"expired":                    key.assertion(w, client, map[string]any{"exp": w.clock.Now().Add(-time.Hour).Unix()}),
			"without an end":             key.assertion(w, client, map[string]any{"exp": nil}),
			"for too long":               key.assertion(w, client, map[string]any{"exp": w.clock.Now().Add(24 * time.Hour).Unix()}),
			"without an id":              key.assertion(w, client, map[string]any{"jti": nil}),
			"no assertion":               bare,
			"a secret":                   byPost,
			"for a client with a secret": key.assertion(w, w.app, nil),
		} {
			if err := w.believed(w.server, a); !errors.Is(err, oauth.InvalidClient) {
				t.Errorf("%s: error %v, want invalid_client", name, err)
			}
		}
		if events := w.events(audit.ClientAuthFailed); len(events) != 14 || events[0].Detail == "" || events[0].Actor != "" {
			t.Errorf("recorded %d failures, want 14 by nobody in particular: %+v", len(events), events)
		}
		w.ok(w.db.DisableClient(w.ctx(), client.ID, w.clock.Now()))
		if err := w.believed(w.server, key.assertion(w, client, nil)); !errors.Is(err, oauth.InvalidClient) {
			t.Errorf("disabled: error %v, want invalid_client", err)
		}
	})
}

// twoResources is a good request for two resources: resource may be repeated (RFC 8707 §2).
func twoResources(client app, resources ...string) oauth.Params {
	return oauth.NewParams(url.Values{
		"response_type": {"code"}, "client_id": {string(client.ID)}, "redirect_uri": {callback}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
		"prompt": {"consent"}, "resource": resources,
	})
}
