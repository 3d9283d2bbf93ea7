package flow_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestErrorPagesSayWhoIsSignedIn, as every page does: a person who is refused may want to be somebody else.
func TestErrorPagesSayWhoIsSignedIn(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		for path, status := range map[string]int{"/nowhere/": http.StatusNotFound, "/teams/atlas/audit/": http.StatusForbidden, "/o/authorize/": http.StatusBadRequest} {
			b.Get(path).WantPage(status, webtest.Ben, "Sign out")
			h.Browser().Get("/nowhere/").WantPage(http.StatusNotFound, "Sign in").WantNothingOf(webtest.Ben)
		}
	})
}

// A page that no application led to links the way out that it has.
func TestErrorPagesLinkToTheStartPage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		const link = `<a href="/">Go to the start page</a>`
		b := h.SignedIn(webtest.Ben)
		b.Get("/nowhere/").WantPage(http.StatusNotFound, link)
		b.Get("/teams/atlas/audit/").WantPage(http.StatusForbidden, link)
	})
}

// TestConsentSaysWhatIsLearntAboutThePerson apart from the team's data, and how to take it back.
func TestConsentSaysWhatIsLearntAboutThePerson(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.SignedIn(webtest.Ana).Authorize(h.Insight, "scope", "openid profile email offline_access chatbot:read").WantConsent().
			WantPage(http.StatusOK, `href="/account/applications/"`).
			InOrder("Can see", "See the team's chatbots", "About you", "Sign you in", "See your name", "See your e-mail address", "while you are away")
	})
}
