package authz_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// withNonce is a confidential client that may send a nonce in place of a challenge.
func (w *world) withNonce() app {
	w.Helper()
	return w.register(client.Registration{Name: "Knows no PKCE", RedirectURIs: []string{callback}, PKCE: oauth.PKCENonce})
}

// stripped are the changes that make a request one without PKCE, with openid and a nonce, and then more changes.
func stripped(more ...string) []string {
	return append([]string{"code_challenge", "", "code_challenge_method", "", "scope", "openid chatbot:read", "nonce", "n1"}, more...)
}

// RFC 9700 §4.8: PKCE downgrade. The challenge or its method is taken out of a request.
func TestAttackPKCEDowngrade(t *testing.T) {
	w := onSQLite(t)
	for _, changes := range [][]string{
		{"code_challenge", ""}, {"code_challenge_method", ""}, {"code_challenge_method", "plain"}, {"code_challenge", "", "code_challenge_method", ""}, stripped(),
	} {
		for name, client := range map[string]app{"confidential": w.app, "public": w.public} {
			_, err := w.server.Begin(w.ctx(), params(client, changes...), authz.Browser{})
			wantRedirect(t, err, oauth.InvalidRequest)
			_, err = w.pushed(client, "", changes...)
			if !errors.Is(err, oauth.InvalidRequest) {
				t.Errorf("%s, pushed with %q: error %v, want invalid_request", name, changes, err)
			}
		}
	}
	code := w.connect(w.app, w.red)
	for _, value := range []string{"", challenge} {
		_, err := w.redeem(w.app, code, "code_verifier", value)
		wantCode(t, err, oauth.InvalidGrant)
	}
}

// RFC 9700 §4.8, §2.1.1: a client that may do without PKCE uses it all the same, and the attacker takes the challenge out of its request. The verifier that
// the client then sends has no challenge: the code is refused, and burned.
func TestAttackPKCEDowngradeWhereANonceIsEnough(t *testing.T) {
	w := onSQLite(t)
	client := w.withNonce()
	code := w.connect(client, w.red, stripped()...)
	_, err := w.redeem(client, code)
	wantCode(t, err, oauth.InvalidGrant)
	w.wantFamily(code, "ended")
	_, err = w.redeem(client, code, "code_verifier", "")
	wantCode(t, err, oauth.InvalidGrant)

	for _, changes := range [][]string{
		{"code_challenge", ""}, // its method shows that it was there
		stripped("code_challenge_method", "S256"), stripped("nonce", ""), stripped("scope", "chatbot:read"), stripped("scope", ""),
	} {
		_, err := w.server.Begin(w.ctx(), params(client, changes...), authz.Browser{})
		wantRedirect(t, err, oauth.InvalidRequest)
		if _, err := w.pushed(client, "", changes...); !errors.Is(err, oauth.InvalidRequest) {
			t.Errorf("pushed with %q: error %v, want invalid_request", changes, err)
		}
	}
}

// A challenge that was sent has to be proved, whatever the client may leave out: RFC 7636 §4.6.
func TestAttackVerifierLeftOut(t *testing.T) {
	w := onSQLite(t)
	client := w.withNonce()
	empty := sha256.Sum256(nil)
	ofNothing := base64.RawURLEncoding.EncodeToString(empty[:])
	for _, c := range []app{client, w.app, w.public} {
		for _, sent := range []string{challenge, ofNothing} {
			code := w.connect(c, w.red, "code_challenge", sent)
			_, err := w.redeem(c, code, "code_verifier", "")
			wantCode(t, err, oauth.InvalidGrant)
			w.wantFamily(code, "none") // nothing was guessed
		}
	}
}

// A code without a challenge is proved by the client's authentication, and works once.
func TestNonceInPlaceOfPKCE(t *testing.T) {
	w := onSQLite(t)
	client := w.withNonce()
	code := w.connect(client, w.red, stripped()...)
	_, err := w.redeem(client, code, "code_verifier", "", "client_secret", "gh_cs_wrong")
	wantCode(t, err, oauth.InvalidClient)
	got, err := w.redeem(client, code, "code_verifier", "")
	w.ok(err)
	if claims := w.claims(got.IDToken); claims["nonce"] != "n1" {
		t.Errorf("the ID token has the nonce %v, want n1", claims["nonce"])
	}
	_, err = w.redeem(client, code, "code_verifier", "")
	wantCode(t, err, oauth.InvalidGrant)
	w.wantFamily(code, "ended")

	late := w.connect(client, w.red, stripped()...)
	_, err = w.redeem(client, late, "code_verifier", "")
	w.ok(err)
	w.clock.Advance(2 * time.Minute)
	_, err = w.redeem(client, late, "code_verifier", "")
	wantCode(t, err, oauth.InvalidGrant)
	w.wantFamily(late, "ended")

	w.mustRedeem(client, w.connect(client, w.red)) // with PKCE

	pushed, err := w.pushed(client, "", stripped()...)
	w.ok(err)
	session := w.session(w.ada)
	code = w.approve(w.page(arriving(client, pushed.RequestURI), session).Sealed, session, w.red.ID).Response.Code
	_, err = w.redeem(client, code, "code_verifier", "")
	w.ok(err)
}

// The operator takes the exception away while requests without a challenge are on their way.
func TestAttackRequestsOutliveThePermissionToDoWithoutPKCE(t *testing.T) {
	w := onSQLite(t)
	client := w.withNonce()
	code := w.connect(client, w.red, stripped()...)
	pushed, err := w.pushed(client, "", stripped()...)
	w.ok(err)
	session := w.session(w.ada)
	asked := w.page(params(client, stripped("prompt", "consent")...), session)
	w.setPKCE(client, oauth.PKCERequired)
	_, err = w.server.Approve(w.ctx(), asked.Sealed, w.browser(session), authz.Choice{Team: w.red.ID})
	wantRedirect(t, err, oauth.InvalidRequest)
	_, err = w.server.Begin(w.ctx(), arriving(client, pushed.RequestURI), authz.Browser{})
	wantRedirect(t, err, oauth.InvalidRequest)
	_, err = w.redeem(client, code, "code_verifier", "")
	wantCode(t, err, oauth.InvalidGrant)
	w.setPKCE(client, oauth.PKCENonce)
	_, err = w.redeem(client, code, "code_verifier", "")
	w.ok(err)
}

func (w *world) setPKCE(changed app, pkce oauth.PKCE) {
	w.Helper()
	_, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, changed.ID, client.Change{PKCE: &pkce})
	w.ok(err)
}

// A client with insecure_no_pkce_no_nonce may leave out both, until the setting is taken away. A challenge that it sends has to be proved all the same.
func TestNeitherPKCENorNonce(t *testing.T) {
	w := onSQLite(t)
	bare := []string{"code_challenge", "", "code_challenge_method", "", "scope", "chatbot:read"}
	open := w.register(client.Registration{Name: "Suite", RedirectURIs: []string{callback}, InsecureNoPKCENoNonce: true})
	_, err := w.redeem(open, w.connect(open, w.red, bare...), "code_verifier", "")
	w.ok(err)
	w.mustRedeem(open, w.connect(open, w.red)) // with PKCE
	_, err = w.redeem(open, w.connect(open, w.red), "code_verifier", "")
	wantCode(t, err, oauth.InvalidGrant)
	code := w.connect(open, w.red, bare...)
	_, err = w.registry.UpdateClient(w.ctx(), team.CommandLine, open.ID, client.Change{InsecureNoPKCENoNonce: new(false)})
	w.ok(err)
	_, err = w.redeem(open, code, "code_verifier", "")
	wantCode(t, err, oauth.InvalidGrant)
	_, err = w.server.Begin(w.ctx(), params(open, bare...), authz.Browser{})
	wantRedirect(t, err, oauth.InvalidRequest)
}

// What people read who have never heard of PKCE.
func TestAMissingChallengeNamesTheSettingOfCommonClients(t *testing.T) {
	w := onSQLite(t)
	_, err := w.server.Begin(w.ctx(), params(w.app, "code_challenge", ""), authz.Browser{})
	_, description := oauth.Outside(err)
	for _, setting := range []string{"OIDCPKCEMethod S256", "--code-challenge-method=S256", "pkce: true", "state: true", "guide"} {
		if !strings.Contains(description, setting) {
			t.Errorf("%q does not name %q", description, setting)
		}
	}
}
