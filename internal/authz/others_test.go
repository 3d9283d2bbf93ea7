package authz_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// A refresh token that its client used a moment ago gets the same successor again: its client, and nobody else.
func TestAttackRefreshByAnotherClientAMomentLater(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		first := w.mustConnect(w.app, w.red)
		second := w.mustRefresh(w.app, first.RefreshToken)
		for name, thief := range map[string]app{"confidential": w.redOnly, "public": w.public} {
			for _, changes := range [][]string{nil, {"scope", "chatbot:read"}} {
				got, err := w.refresh(thief, first.RefreshToken, changes...)
				wantCode(t, err, oauth.InvalidGrant)
				if got.AccessToken != "" || got.RefreshToken != "" {
					t.Errorf("a %s client got %v for another's refresh token", name, got)
				}
			}
		}
		if again := w.mustRefresh(w.app, first.RefreshToken); again.RefreshToken != second.RefreshToken {
			t.Error("the client itself does not get the same successor again")
		}
	})
}

// A token for two APIs is told of to these two.
func TestIntrospectionOfATokenForTwoOtherAPIs(t *testing.T) {
	w := onSQLite(t)
	const reports, billing = "https://reports.example/", "https://billing.example/"
	owner := w.register(client.Registration{Name: "R", RedirectURIs: []string{callback}, Resources: []string{reports, billing}})
	session := w.session(w.ada)
	code := w.approve(w.page(twoResources(owner, reports, billing), session).Sealed, session, w.red.ID).Response.Code
	both := w.mustRedeem(owner, code)
	for audience, told := range map[string]bool{
		reports: true, billing: true, issuer: false, "https://third.example/": false, "https://reports.example/x": false, "https://reports.example.evil/": false, "https://billing.example:8443/": false,
	} {
		if got := w.introspect(w.resourceServer(audience), both.AccessToken).Active; got != told {
			t.Errorf("the API %s is told of a token for two others: %v, want %v", audience, got, told)
		}
	}
	if w.introspect(w.app, both.AccessToken).Active || w.introspect(w.machine(), both.AccessToken).Active {
		t.Error("a client that is no API is told of another's token")
	}
}
