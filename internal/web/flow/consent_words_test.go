package flow_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestConsentSaysWhatHasChanged since the page was shown.
func TestConsentSaysWhatHasChanged(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		shown := b.Authorize(h.Insight, "team", "atlas").WantConsent()
		b.SignIn(webtest.Ben, nil).WantStatus(http.StatusSeeOther)
		shown.Decide("authorize", h.Atlas.ID).WantPage(http.StatusUnprocessableEntity, "shown to another account", webtest.Ben)

		shown = b.Authorize(h.Insight).WantConsent()
		_, err := h.Directory.AddMember(h.Context(), team.CommandLine, "borealis", webtest.Ben, team.Member)
		h.OK(err)
		h.OK(h.Directory.RemoveMember(h.Context(), team.CommandLine, "atlas", webtest.Ben))
		shown.Decide("authorize", h.Atlas.ID).WantPage(http.StatusUnprocessableEntity, "The team that this page named")
	})
}

// TestConsentMarksTheTeamsOnlyWhenTheyAreWrong: the failure leads to them, but not when somebody else is signed in now.
func TestConsentMarksTheTeamsOnlyWhenTheyAreWrong(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		shown := b.Authorize(h.Insight).WantConsent()
		b.SignIn(webtest.Ana, nil).WantStatus(http.StatusSeeOther)
		again := shown.Decide("authorize", h.Atlas.ID).WantPage(http.StatusUnprocessableEntity, "shown to another account", `type="radio"`).
			WantNothingOf("aria-invalid", "#teams")
		again.Decide("authorize", "").WantPage(http.StatusUnprocessableEntity, `<a href="#teams">Choose a team.</a>`, `<fieldset id="teams"`, "aria-invalid")
	})
}

// TestConsentSaysWhoChoseTheTeam: the application by its request, or because it belongs to the team; else nobody did.
func TestConsentSaysWhoChoseTheTeam(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		const asked, belongs = "The application asked for this team", "The application belongs to this team"
		b.Authorize(h.Insight, "team", "atlas").WantPage(http.StatusOK, asked).WantNothingOf(belongs)
		b.Authorize(h.Insight).WantConsent().WantNothingOf(asked, belongs)
		h.SignedIn(webtest.Ben).Authorize(h.Insight).WantConsent().WantNothingOf(asked, belongs) // Ben has one team
	})
}

// TestThrottledSignInMarksNoField: nothing is wrong with what was typed.
func TestThrottledSignInMarksNoField(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		wrong := webtest.Pairs("email", webtest.Ana, "password", "wrong")
		if page := h.Browser().Post("/login/", wrong); strings.Count(page.Body, `aria-invalid="true"`) != 2 {
			h.Errorf("a wrong password marks %d fields, want both", strings.Count(page.Body, `aria-invalid="true"`))
		}
		for range 9 {
			h.Browser().Post("/login/", wrong)
		}
		h.Browser().Post("/login/", wrong).WantPage(http.StatusTooManyRequests, "too many attempts").WantNothingOf("aria-invalid")
	})
}
