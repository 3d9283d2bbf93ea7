package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestAttackRequiredSecondFactorSkipped: with require_second_factor a person who signed in with a password alone reaches nothing but the pages to set up a
// second factor. Connections that exist go on.
func TestAttackRequiredSecondFactorSkipped(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		earlier := h.SignedIn(webtest.Ben)
		got := earlier.Connection(h.Insight, h.Atlas)
		cookie := earlier.SessionOf()
		h.Requiring(authn.RequireAll)
		ben := h.Browser()
		ben.SetSession(cookie) // a session of before the setting

		for _, path := range []string{
			"/", "/account/", "/account/applications/", "/account/password/", "/account/email/", "/account/sessions/", "/account/profile/", "/account/security/passkeys/x/",
			"/teams/", "/teams/new/", "/teams/atlas/members/", "/teams/atlas/settings/leave/",
		} {
			a := ben.Get(path).WantStatus(http.StatusSeeOther)
			if !strings.HasPrefix(a.Location(), "/login/?next="+url.QueryEscape(path)+"&stronger=1") {
				h.Errorf("%s leads to %q", path, a.Location())
			}
		}
		for _, path := range []string{"/account/applications/", "/account/password/", "/account/profile/", "/account/sessions/", "/teams/atlas/settings/leave/"} {
			ben.Post(path, url.Values{}).WantStatus(http.StatusSeeOther)
		}
		ben.Get("/").Follow().WantPage(http.StatusOK, "You need a second factor")
		ben.Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "interaction_required")
		asked := ben.Authorize(h.Insight).WantPage(http.StatusForbidden, "Gatehouse requires a second factor, and you have none yet")
		sealed := asked.Hidden("request")
		ben.Post("/o/consent/", url.Values{"request": {sealed}, "team": {string(h.Atlas.ID)}, "decision": {"authorize"}}).WantStatus(http.StatusForbidden)
		ben.Post("/o/consent/", url.Values{"request": {sealed}, "decision": {"cancel"}}).WantError(webtest.Callback, "access_denied")
		if !h.Live(h.Insight, got.AccessToken) {
			h.Error("the connection that there was has ended")
		}
		h.Refresh(h.Insight, got.RefreshToken).WantTokens()

		// A person who signs in now is led there too, and back to the application.
		fresh := h.Browser()
		fresh.SignIn(webtest.Ben, nil).WantStatus(http.StatusSeeOther).Follow().WantPage(http.StatusOK, "You need a second factor")
		asked = fresh.Authorize(h.Insight).WantPage(http.StatusForbidden, "requires a second factor")
		sealed = asked.Hidden("request")
		fresh.Get("/login/?stronger=1&request="+url.QueryEscape(sealed)).Follow().WantPage(http.StatusOK, "Continue with the application")
		app := fresh.AddApp()
		fresh.Get("/o/consent/?request=" + url.QueryEscape(sealed)).WantCode(webtest.Callback)
		fresh.Get("/account/").WantStatus(http.StatusOK)

		// The last second factor cannot be removed.
		fresh.Post("/account/security/app/", webtest.Pairs("do", "remove")).WantPage(http.StatusUnprocessableEntity, "second factor")
		fresh.Get("/account/security/").WantPage(http.StatusOK, "Recovery codes")

		// The weak session uses the factor that there is now.
		h.Clock.Advance(time.Minute)
		ben.Get("/account/").Follow().WantPage(http.StatusOK, "One more step").Prove(app.Now()).Follow().WantPage(http.StatusOK, webtest.Ben)
	})
}

// TestRequiredSecondFactorOfOperators: others sign in as before.
func TestRequiredSecondFactorOfOperators(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Requiring(authn.RequireOperators)
		_, err := h.Directory.AddUser(h.Context(), team.CommandLine, team.NewUser{Email: "olga@example.org", Name: "Olga", Operator: true})
		h.OK(err)
		olga, err := h.Directory.UserByEmail(h.Context(), team.CommandLine, "olga@example.org")
		h.OK(err)
		h.OK(h.Parts.Authn.SetPassword(h.Context(), olga, webtest.Password))
		h.SignedIn(webtest.Ben).Get("/account/").WantStatus(http.StatusOK)
		ben := h.SignedIn(webtest.Ben)
		ben.AddApp()
		ben.Post("/account/security/app/", webtest.Pairs("do", "remove")).Follow().WantPage(http.StatusOK, "has been removed")
		h.SignedIn("olga@example.org").Get("/account/").WantStatus(http.StatusSeeOther).Follow().WantPage(http.StatusOK, "You need a second factor")
	})
}
