package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// A team that requires a second factor cannot be chosen without one: not by remembered consent, not with prompt=none, not by an edited form.
func TestAttackTeamThatRequiresASecondFactor(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		ben := h.SignedIn(webtest.Ben)
		got := ben.Connection(h.Insight, h.Atlas)
		ben.Authorize(h.Insight).WantCode(webtest.Callback)
		ana := h.SignedIn(webtest.Ana)
		page := ana.Authorize(h.Insight).WantConsent()
		_, err := h.Directory.RequireSecondFactor(h.Context(), team.CommandLine, "atlas", true)
		h.OK(err)

		ben.Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "interaction_required")
		page.Decide("authorize", h.Atlas.ID).WantPage(http.StatusUnprocessableEntity, "requires a second factor")
		ana.Authorize(h.Insight).WantConsent().Decide("authorize", h.Atlas.ID).WantPage(http.StatusUnprocessableEntity, "requires a second factor")
		ana.Authorize(h.Insight).WantConsent().Decide("authorize", h.Borealis.ID).WantCode(webtest.Callback)
		if !h.Live(h.Insight, got.AccessToken) {
			h.Error("the connection that there was has ended")
		}

		asked := ben.Authorize(h.Insight).WantPage(http.StatusForbidden, "Atlas Research", "requires a second factor")
		sealed := asked.Hidden("request")
		ben.Post("/o/consent/", url.Values{"request": {sealed}, "team": {string(h.Atlas.ID)}, "decision": {"authorize"}}).WantStatus(http.StatusForbidden)
		stronger := "/login/?stronger=1&request=" + url.QueryEscape(sealed)
		ben.Get(stronger).WantStatus(http.StatusSeeOther).Follow().WantPage(http.StatusOK, "You need a second factor", "Continue with the application")
		ben.AddApp()
		ben.Get("/o/consent/?request=" + url.QueryEscape(sealed)).WantCode(webtest.Callback)

		// Somebody with an app whose session is weak uses it.
		h.Clock.Advance(time.Minute)
		weak := h.SignedIn(webtest.Ana)
		anaApp := h.SignedIn(webtest.Ana).AddApp()
		h.Clock.Advance(time.Minute)
		asked = weak.Authorize(h.Insight, "team", "atlas").WantPage(http.StatusForbidden, "requires a second factor")
		step := weak.Get("/login/?stronger=1&request="+url.QueryEscape(asked.Hidden("request"))).Follow().WantPage(http.StatusOK, "One more step")
		step.Prove(anaApp.Now()).Follow().WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
	})
}
