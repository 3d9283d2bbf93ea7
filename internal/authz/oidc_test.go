package authz_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// verified is the header and the claims of a JWT whose signature by one of our published keys was checked.
func (w *world) verified(text string, algorithm jose.SignatureAlgorithm) (jose.Header, map[string]any) {
	w.Helper()
	body, _ := w.keys.JWKS()
	var keys jose.JSONWebKeySet
	w.ok(json.Unmarshal(body, &keys))
	jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{algorithm})
	w.ok(err)
	published := keys.Key(jws.Signatures[0].Header.KeyID)
	if len(published) != 1 {
		w.Fatalf("%d published keys have the id of the signature, want 1", len(published))
	}
	if _, err := jws.Verify(published[0]); err != nil {
		w.Fatal(err)
	}
	return jws.Signatures[0].Header, w.claims(text)
}

func TestIDTokenSaysWhoSignedIn(t *testing.T) {
	w := onSQLite(t)
	es256 := w.register(client.Registration{Name: "ES", RedirectURIs: []string{callback}, IDTokenAlgorithm: "ES256"})
	for client, algorithm := range map[*app]jose.SignatureAlgorithm{&w.app: jose.RS256, &es256: jose.ES256} {
		code := w.connect(*client, w.red, "scope", "openid profile email", "nonce", "n-0S6")
		signedIn := w.clock.Now()
		w.clock.Advance(5 * time.Second)
		got := w.mustRedeem(*client, code)
		_, claims := w.verified(got.IDToken, algorithm)
		now := w.clock.Now().Unix()
		want := map[string]any{
			"iss": issuer, "sub": string(w.ada.ID), "aud": string(client.ID), "iat": float64(now), "exp": float64(now + 3600), "auth_time": float64(signedIn.Unix()),
			"nonce": "n-0S6", "acr": "urn:gatehouse:aal1", "amr": []any{"pwd"}, "at_hash": token.HalfHash(got.AccessToken), "sid": w.session(w.ada).SID(),
			"team": "red", "team_id": string(w.red.ID), "name": "Ada", "email": "ada@example.org", "email_verified": false,
		}
		if diff := cmp.Diff(want, claims); diff != "" {
			t.Errorf("%s (-want +got):\n%s", algorithm, diff)
		}
	}
}

func TestIDTokenOnlyWithOpenID(t *testing.T) {
	w := onSQLite(t)
	if got := w.mustConnect(w.app, w.red, "scope", "profile email"); got.IDToken != "" {
		t.Error("an ID token without openid")
	}
	claims := w.claims(w.mustConnect(w.app, w.red, "scope", "openid").IDToken)
	for _, name := range []string{"name", "email", "email_verified", "nonce"} {
		if claims[name] != nil {
			t.Errorf("with openid alone, %s is %v", name, claims[name])
		}
	}
}

func TestServerChoosesTheIDTokenAlgorithm(t *testing.T) {
	w := onSQLite(t)
	server := authz.New(storetest.Stores(w.db), w.keys, w.clock.Now, options(func(o *authz.Options) { o.IDTokenAlgorithm = "ES256" }))
	got, err := w.exchange(server, form(w.app, w.connect(w.app, w.red, "scope", "openid")))
	w.ok(err)
	w.verified(got.IDToken, jose.ES256)
}

// TestIdentityIsAskedForInWords: what is asked by name is on the page, and is in the grant afterwards; what was not asked for is not.
func TestIdentityIsAskedForInWords(t *testing.T) {
	w := onSQLite(t)
	n := w.page(params(w.app, "scope", "chatbot:read offline_access openid"), w.session(w.ada))
	var names []string
	for _, info := range n.Asked {
		names = append(names, info.Name)
		if info.Description == "" {
			t.Errorf("%s has no words", info.Name)
		}
	}
	if diff := cmp.Diff([]string{"openid", "offline_access", "chatbot:read"}, names); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if n := w.page(params(w.app, "scope", ""), w.session(w.ada)); w.opened(n.Sealed).Scope.String() != "chatbot:read session:read session:write" {
		t.Errorf("scope omitted: %q, want no identity scope", w.opened(n.Sealed).Scope)
	}
}

func TestHintAtAnotherPerson(t *testing.T) {
	w := onSQLite(t)
	hint := w.mustConnect(w.app, w.blue, "scope", "openid").IDToken
	w.clock.Advance(48 * time.Hour) // a hint may have expired
	request := w.begin(params(w.app, "scope", "openid", "team", "blue", "id_token_hint", hint))
	if request.IDTokenHint != "" {
		t.Error("the hint travels on, although it has been understood")
	}
	if n := w.next(request, w.session(w.ada)); n.Step != authz.Answer {
		t.Errorf("the person of the hint: %v, want Answer", n.Step)
	}
	early := w.session(w.bob)
	early.AuthTime = early.AuthTime.Add(-time.Hour)
	if n := w.next(request, early); n.Step != authz.SignIn {
		t.Errorf("another person: %v, want SignIn", n.Step)
	}
	// Signing in as someone else again is an answer, not a loop.
	bob := w.session(w.bob)
	_, err := w.server.Continue(w.ctx(), w.sealed(w.signedInFor(request, bob)), w.browser(bob))
	wantRedirect(t, err, oauth.LoginRequired)
	_, err = w.server.Begin(w.ctx(), params(w.app, "scope", "openid", "id_token_hint", hint, "prompt", "none"), w.browser(early))
	wantRedirect(t, err, oauth.LoginRequired)
	_, err = w.server.Begin(w.ctx(), params(w.public, "id_token_hint", hint), authz.Browser{})
	wantRedirect(t, err, oauth.InvalidRequest)
}

func TestHintsReachTheSignInPage(t *testing.T) {
	w := onSQLite(t)
	n := w.next(w.begin(params(w.app, "login_hint", "ada@example.org", "acr_values", "urn:unknown pwd", "ui_locales", "de")), nil)
	page, err := w.server.SignInPage(w.ctx(), n.Sealed, authz.Browser{})
	w.ok(err)
	if n.Step != authz.SignIn || page.LoginHint != "ada@example.org" {
		t.Errorf("%v, and its page has login_hint %q", n.Step, page.LoginHint)
	}
}

func TestFormPostIsHowTheAnswerGoesBack(t *testing.T) {
	w := onSQLite(t)
	session := w.session(w.ada)
	p := params(w.app, "response_mode", "form_post", "team", "red")
	page := w.page(p, session)
	cancelled, err := w.server.Cancel(w.ctx(), page.Sealed, w.browser(session))
	w.ok(err)
	answer := w.approve(page.Sealed, session, w.red.ID).Response
	_, err = w.server.Begin(w.ctx(), params(w.app, "response_mode", "form_post", "scope", "nonsense"), authz.Browser{})
	redirect, _ := errors.AsType[*authz.RedirectError](err)
	for name, response := range map[string]oauth.AuthorizationResponse{"code": answer, "cancel": cancelled.Response, "error": redirect.Response} {
		if response.Mode != oauth.ModeFormPost {
			t.Errorf("%s: mode %q, want form_post", name, response.Mode)
		}
	}
	if events := w.events(audit.ConsentDenied); len(events) != 1 || events[0].User != string(w.ada.ID) || events[0].Client != string(w.app.ID) {
		t.Errorf("recorded: %+v, want ada's refusal", events)
	}
}

// signOut is a logout request.
func signOut(values ...string) oauth.Params {
	v := url.Values{}
	for i := 0; i < len(values); i += 2 {
		v.Set(values[i], values[i+1])
	}
	return oauth.NewParams(v)
}

func TestSignOutRequest(t *testing.T) {
	w := onSQLite(t)
	const after = "https://app.example/bye?x=1"
	client := w.register(client.Registration{Name: "C", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{after}})
	hint := w.mustConnect(client, w.red, "scope", "openid").IDToken
	ada, bob := w.session(w.ada), w.session(w.bob)
	w.clock.Advance(24 * time.Hour)

	got, err := w.server.BeginSignOut(w.ctx(), signOut("id_token_hint", hint, "post_logout_redirect_uri", after, "state", "a&b"), ada)
	w.ok(err)
	if !got.Sure || got.Client.ID != client.ID || got.RedirectURI != after+"&state=a%26b" || got.Client.Secrets != nil {
		t.Errorf("with everything: %+v", got)
	}
	for name, tt := range map[string]struct {
		p    oauth.Params
		uri  string
		sure bool
	}{
		"nothing":                      {signOut(), "", false},
		"state alone":                  {signOut("state", "x"), "", false},
		"client and URI, without hint": {signOut("client_id", string(client.ID), "post_logout_redirect_uri", after), after, false},
		"hint, and client to match":    {signOut("client_id", string(client.ID), "id_token_hint", hint), "", true},
		"what it may ignore":           {signOut("logout_hint", "x", "ui_locales", "de"), "", false},
	} {
		got, err := w.server.BeginSignOut(w.ctx(), tt.p, ada)
		if err != nil || got.RedirectURI != tt.uri || got.Sure != tt.sure {
			t.Errorf("%s: %+v, %v; want %q, sure %v", name, got, err, tt.uri, tt.sure)
		}
	}
	if got, err := w.server.BeginSignOut(w.ctx(), signOut("id_token_hint", hint), bob); err != nil || got.Sure {
		t.Errorf("another person's hint: %+v, %v; want a question", got, err)
	}
	if got, err := w.server.BeginSignOut(w.ctx(), signOut("id_token_hint", hint), nil); err != nil || got.Sure {
		t.Errorf("nobody signed in: %+v, %v", got, err)
	}
}

// RFC 9700 §4.11: the end of a session is no open redirector, and a stranger's link signs nobody out unasked.
func TestAttackOpenRedirectionAfterSignOut(t *testing.T) {
	w := onSQLite(t)
	const after = "https://app.example/bye"
	leaver := w.register(client.Registration{Name: "C", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{after}})
	got := w.mustConnect(leaver, w.red, "scope", "openid")
	disabled := w.register(client.Registration{Name: "D", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{after}})
	w.ok(w.db.DisableClient(w.ctx(), disabled.ID, w.clock.Now()))
	for name, p := range map[string]oauth.Params{
		"a disabled client's":     signOut("client_id", string(disabled.ID), "post_logout_redirect_uri", after),
		"unregistered":            signOut("client_id", string(leaver.ID), "post_logout_redirect_uri", "https://evil.example/"),
		"almost registered":       signOut("client_id", string(leaver.ID), "post_logout_redirect_uri", after+"/"),
		"a redirect URI":          signOut("client_id", string(leaver.ID), "post_logout_redirect_uri", callback),
		"nobody's":                signOut("post_logout_redirect_uri", after),
		"another client's":        signOut("client_id", string(w.app.ID), "post_logout_redirect_uri", after),
		"unknown client":          signOut("client_id", "nobody"),
		"hint of another client":  signOut("client_id", string(w.app.ID), "id_token_hint", got.IDToken),
		"a hint that is no hint":  signOut("id_token_hint", got.AccessToken),
		"a hint that was altered": signOut("id_token_hint", got.IDToken[:len(got.IDToken)-4]+"AAAA"),
	} {
		_, err := w.server.BeginSignOut(w.ctx(), p, w.session(w.ada))
		if _, ok := errors.AsType[*authz.PageError](err); !ok {
			t.Errorf("%s: error %v, want a *PageError", name, err)
		}
	}
}

func TestLogoutTokenTellsTheClient(t *testing.T) {
	w := onSQLite(t)
	const hear = "https://app.example/backchannel"
	listener := w.register(client.Registration{Name: "C", RedirectURIs: []string{callback}, BackchannelLogoutURI: hear})
	notice := outbox.Message{ID: "n1", Kind: outbox.BackchannelLogout, User: string(w.ada.ID), Client: string(listener.ID), SessionID: "sid"}
	text, to, err := w.server.LogoutToken(w.ctx(), notice)
	w.ok(err)
	header, claims := w.verified(text, jose.RS256)
	now := float64(w.clock.Now().Unix())
	want := map[string]any{
		"iss": issuer, "aud": string(listener.ID), "sub": string(w.ada.ID), "sid": "sid", "iat": now, "exp": now + 120, "jti": "n1",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	if diff := cmp.Diff(want, claims); diff != "" || to.String() != hear || header.ExtraHeaders["typ"] != "logout+jwt" {
		t.Errorf("to %s, typ %v, claims (-want +got):\n%s", to, header.ExtraHeaders["typ"], diff)
	}
	notice.Client = string(w.app.ID)
	if _, _, err := w.server.LogoutToken(w.ctx(), notice); !errors.Is(err, client.ErrNoClient) {
		t.Errorf("a client that does not listen: error %v, want ErrNoClient", err)
	}
}

func TestOpenIDConfigurationIsWhatIsAccepted(t *testing.T) {
	server := authz.New(authz.Stores{}, nil, nil, options())
	want := oauth.OpenIDConfiguration{
		Metadata:                          server.Metadata(),
		UserInfoEndpoint:                  issuer + "/o/userinfo/",
		EndSessionEndpoint:                issuer + "/o/logout/",
		SubjectTypesSupported:             []string{"public"},
		IDTokenSigningAlgValuesSupported:  []string{"RS256", "ES256"},
		ClaimsSupported:                   []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid", "team", "team_id", "name", "email", "email_verified", "team_name", "role", "picture", "locale", "zoneinfo"},
		ACRValuesSupported:                []string{"urn:gatehouse:aal1", "urn:gatehouse:aal2", "urn:gatehouse:phr"},
		PromptValuesSupported:             []string{"none", "login", "consent", "select_account"},
		BackchannelLogoutSupported:        true,
		BackchannelLogoutSessionSupported: true,
	}
	if diff := cmp.Diff(want, server.OpenIDConfiguration()); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}
