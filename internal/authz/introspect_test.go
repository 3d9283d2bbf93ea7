package authz_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/google/go-cmp/cmp"
)

func TestIntrospectionOfALiveToken(t *testing.T) {
	w := onSQLite(t)
	api := w.resourceServer(issuer)
	got := w.mustConnect(w.app, w.red, "scope", "chatbot:read openid")
	claims := w.claims(got.AccessToken)
	for name, asker := range map[string]app{"owner": w.app, "resource server": api} {
		body, err := json.Marshal(w.introspect(asker, got.AccessToken))
		w.ok(err)
		var said map[string]any
		w.ok(json.Unmarshal(body, &said))
		want := map[string]any{
			"active": true, "username": "ada@example.org", "token_type": "Bearer", "scope": "chatbot:read openid", "client_id": string(w.app.ID),
			"sub": string(w.ada.ID), "team": "red", "team_id": string(w.red.ID), "acr": "urn:gatehouse:aal1",
		}
		for _, same := range []string{"exp", "iat", "iss", "aud", "jti", "auth_time"} {
			want[same] = claims[same]
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestIntrospectionOfARefreshToken(t *testing.T) {
	w := onSQLite(t)
	api := w.resourceServer(issuer)
	first := w.mustConnect(w.app, w.red)
	w.clock.Advance(time.Hour)
	second := w.mustRefresh(w.app, first.RefreshToken)
	i := w.introspect(w.app, second.RefreshToken)
	if !i.Active || i.TokenType != "refresh_token" || i.IssuedAt != w.clock.Now().Unix() || i.Expires != w.clock.Now().Add(30*day).Unix() || i.Subject != string(w.ada.ID) || i.Team != "red" {
		t.Errorf("the current one: %+v", i)
	}
	for name, i := range map[string]oauth.Introspection{
		"used":                       w.introspect(w.app, first.RefreshToken),
		"asked by a resource server": w.introspect(api, second.RefreshToken),
		"asked by another client":    w.introspect(w.redOnly, second.RefreshToken),
	} {
		if i != (oauth.Introspection{}) {
			t.Errorf("%s: %+v, want nothing", name, i)
		}
	}
	w.mustRefresh(w.app, second.RefreshToken) // asking changed nothing
}

// RFC 7662 §4: introspection tells strangers nothing, and does not even look for them.
func TestAttackIntrospectionByStrangers(t *testing.T) {
	w := onSQLite(t)
	const reports = "https://reports.example/"
	got := w.mustConnect(w.app, w.red)
	for name, stranger := range map[string]app{"another client": w.redOnly, "a machine": w.machine(), "the API of another audience": w.resourceServer(reports)} {
		var i oauth.Introspection
		asked := w.statements.during(func() { i = w.introspect(stranger, got.AccessToken) })
		if i != (oauth.Introspection{}) {
			t.Errorf("%s is told %+v", name, i)
		}
		if diff := cmp.Diff(map[string]int{}, asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	ask := w.app.asks(got.AccessToken)
	ask.Client.Secret = "gh_cs_wrong"
	_, err := w.server.Introspect(w.ctx(), ask)
	wantCode(t, err, oauth.InvalidClient)
	own := w.mustConnect(w.public, w.red)
	_, err = w.server.Introspect(w.ctx(), w.public.asks(own.AccessToken))
	wantCode(t, err, oauth.InvalidClient)
}

func TestIntrospectionIsOneLookupAndNoWrite(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		api, machine := w.resourceServer(issuer), w.machine()
		person, own := w.mustConnect(w.app, w.red), w.mustMachineToken(machine)
		for text, want := range map[string]map[string]int{
			person.AccessToken: {"Connection": 1},
			own.AccessToken:    {"MachineLive": 1},
			"garbage":          {},
		} {
			asked := w.statements.during(func() { w.introspect(api, text) })
			if diff := cmp.Diff(want, asked); diff != "" {
				t.Errorf("statements (-want +got):\n%s", diff)
			}
		}
	})
}

// RFC 9068 §4, RFC 8725 §3.11: what we signed for another purpose is no access token anywhere.
func TestAttackOneTokenInThePlaceOfAnother(t *testing.T) {
	w := onSQLite(t)
	api := w.resourceServer(issuer)
	code := w.connect(w.app, w.red, "scope", "chatbot:read openid")
	got := w.mustRedeem(w.app, code)
	ended, _, err := w.server.EndedList(w.ctx())
	w.ok(err)
	for name, text := range map[string]string{"ID token": got.IDToken, "code": code, "list of what has ended": string(ended), "garbage": "a.b.c", "nothing signed": "eyJhbGciOiJub25lIn0.e30."} {
		if i := w.introspect(api, text); i.Active {
			t.Errorf("%s: introspected as %+v", name, i)
		}
		_, err := w.server.UserInfo(w.ctx(), text, "")
		wantCode(t, err, oauth.InvalidToken)
		w.ok(w.server.Revoke(w.ctx(), w.app.asks(text)))
		w.wantFamily(code, "live")
	}
	_, err = w.server.UserInfo(w.ctx(), got.RefreshToken, "")
	wantCode(t, err, oauth.InvalidToken)
}

func TestRevocationEndsTheConnection(t *testing.T) {
	for _, which := range []string{"access token", "refresh token", "used refresh token", "expired access token"} {
		t.Run(which, func(t *testing.T) {
			w := onSQLite(t)
			first := w.mustConnect(w.app, w.red, "scope", "chatbot:read openid")
			other := w.mustConnect(w.app, w.red)
			w.clock.Advance(time.Minute)
			second := w.mustRefresh(w.app, first.RefreshToken)
			text := map[string]string{
				"access token": second.AccessToken, "refresh token": second.RefreshToken, "used refresh token": first.RefreshToken, "expired access token": first.AccessToken,
			}[which]
			if which == "expired access token" {
				w.clock.Advance(time.Hour)
			}
			for range 2 {
				w.ok(w.server.Revoke(w.ctx(), w.app.asks(text)))
			}
			w.wantConnection(first.RefreshToken, "ended")
			w.wantLive(w.app, second.AccessToken, false)
			w.wantConnection(other.RefreshToken, "live") // another connection of the same grant goes on
		})
	}
}

// RFC 7009 §2.1: only the client that a token was issued to may revoke it.
func TestAttackRevocationByAnotherClient(t *testing.T) {
	w := onSQLite(t)
	got := w.mustConnect(w.app, w.red, "scope", "openid")
	for _, stranger := range []app{w.redOnly, w.public, w.machine(), w.resourceServer(issuer)} {
		for _, text := range []string{got.AccessToken, got.RefreshToken, "garbage"} {
			w.ok(w.server.Revoke(w.ctx(), stranger.asks(text)))
		}
	}
	w.wantLive(w.app, got.AccessToken, true)
	ask := w.app.asks(got.RefreshToken)
	ask.Client.Secret = "gh_cs_wrong"
	wantCode(t, w.server.Revoke(w.ctx(), ask), oauth.InvalidClient)
	w.wantConnection(got.RefreshToken, "live")
	// A public client revokes its own by naming itself.
	own := w.mustConnect(w.public, w.red)
	w.ok(w.server.Revoke(w.ctx(), w.public.asks(own.RefreshToken)))
	w.wantConnection(own.RefreshToken, "ended")
}

func TestUserInfoSaysWhatTheScopeLetsOut(t *testing.T) {
	w := onSQLite(t)
	no := false
	for scope, want := range map[string]authz.UserInfo{
		"openid":               {},
		"openid profile":       {Name: "Ada"},
		"openid email":         {Email: "ada@example.org", EmailVerified: &no},
		"openid profile email": {Name: "Ada", Email: "ada@example.org", EmailVerified: &no},
	} {
		want.Subject, want.Team, want.TeamID, want.TeamName, want.Role = string(w.ada.ID), "red", string(w.red.ID), w.red.Name, team.Member
		got, err := w.server.UserInfo(w.ctx(), w.mustConnect(w.app, w.red, "scope", scope).AccessToken, "")
		w.ok(err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", scope, diff)
		}
	}
}

func TestUserInfoNeedsOpenID(t *testing.T) {
	w := onSQLite(t)
	for name, text := range map[string]string{
		"API scopes": w.mustConnect(w.app, w.red).AccessToken, "profile without openid": w.mustConnect(w.app, w.red, "scope", "profile").AccessToken,
		"a machine": w.mustMachineToken(w.machine()).AccessToken,
	} {
		_, err := w.server.UserInfo(w.ctx(), text, "")
		if code, _ := oauth.Outside(err); code != oauth.InsufficientScope {
			t.Errorf("%s: error %v, want insufficient_scope", name, err)
		}
	}
	got := w.mustConnect(w.app, w.red, "scope", "openid")
	w.clock.Advance(time.Hour)
	_, err := w.server.UserInfo(w.ctx(), got.AccessToken, "")
	wantCode(t, err, oauth.InvalidToken)
}

// RFC 9700 §4.10: a token is of use only with its key and at its audience.
func TestAttackUserInfoWithAnothersToken(t *testing.T) {
	w := onSQLite(t)
	const reports = "https://reports.example/"
	client := w.register(client.Registration{Name: "R", RedirectURIs: []string{callback}, Resources: []string{reports}})
	bound, err := w.proved("key", form(w.app, w.connect(w.app, w.red, "scope", "openid")))
	w.ok(err)
	bearer := w.mustConnect(w.app, w.red, "scope", "openid")
	elsewhere := w.mustConnect(client, w.red, "scope", "openid", "resource", reports)
	for name, try := range map[string][2]string{
		"bound, without a proof": {bound.AccessToken, ""}, "bound, with another key": {bound.AccessToken, "other"}, "bearer, with a proof": {bearer.AccessToken, "key"},
		"for another API": {elsewhere.AccessToken, ""},
	} {
		_, err := w.server.UserInfo(w.ctx(), try[0], try[1])
		if code, _ := oauth.Outside(err); code != oauth.InvalidToken {
			t.Errorf("%s: error %v, want invalid_token", name, err)
		}
	}
	if _, err := w.server.UserInfo(w.ctx(), bound.AccessToken, "key"); err != nil {
		t.Errorf("with its key: %v", err)
	}
	if i := w.introspect(w.app, bound.AccessToken); i.TokenType != "DPoP" || i.Confirmation == nil || i.Confirmation.Thumbprint != "key" {
		t.Errorf("introspection says %+v, want DPoP and the key", i)
	}
}

// TestUserInfoTakesItsAudienceInEverySpelling: a token is for us under our audience or our issuer, and resources are compared as at the other endpoints.
func TestUserInfoTakesItsAudienceInEverySpelling(t *testing.T) {
	w := onSQLite(t)
	const api = "https://api.example"
	for name, tt := range map[string]struct{ audience, resource string }{
		"our issuer with a slash":                {api, issuer + "/"},
		"our audience, respelled":                {"https://API.example:443/", api},
		"our issuer, while there is an audience": {api, issuer},
	} {
		c := w.register(client.Registration{Name: name, RedirectURIs: []string{callback}, Resources: []string{tt.resource}})
		got := w.mustConnect(c, w.red, "scope", "openid", "resource", tt.resource)
		server := authz.New(storetest.Stores(w.db), w.keys, w.clock.Now, options(func(o *authz.Options) { o.Audience = tt.audience }))
		if _, err := server.UserInfo(w.ctx(), got.AccessToken, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
