package authz_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// An application may give an account to the person with its verified address. So the claim is false until an operator verifies the
// address. After that it is true in every answer, also for connections that were made before.
func TestEmailVerifiedIsWhatIsKnownNow(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		got := w.mustConnect(w.app, w.red, "scope", "openid email offline_access")
		says := func(when string, response oauth.TokenResponse, want bool) {
			t.Helper()
			if claims := w.claims(response.IDToken); claims["email_verified"] != want {
				t.Errorf("%s: the ID token has email_verified %v, want %v", when, claims["email_verified"], want)
			}
			info, err := w.server.UserInfo(w.ctx(), got.AccessToken, "")
			w.ok(err)
			if info.EmailVerified == nil || *info.EmailVerified != want {
				t.Errorf("%s: userinfo has email_verified %v, want %v", when, info.EmailVerified, want)
			}
		}
		says("at first", got, false)
		_, err := w.directory.VerifyEmail(w.ctx(), team.CommandLine, w.bob.Email)
		w.ok(err)
		says("another person's was verified", w.mustRefresh(w.app, got.RefreshToken), false)
		_, err = w.directory.VerifyEmail(w.ctx(), team.CommandLine, w.ada.Email)
		w.ok(err)
		says("a retry", w.mustRefresh(w.app, got.RefreshToken), true)
		next := w.mustRefresh(w.app, got.RefreshToken)
		says("a refresh", w.mustRefresh(w.app, next.RefreshToken), true)
		says("a new connection", w.mustConnect(w.app, w.red, "scope", "openid email"), true)
	})
}
