package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// inGerman and inEnglish check the language of a page: what it says of itself, and its words.
func inGerman(a *webtest.Answer, status int, says ...string) *webtest.Answer {
	a.Helper()
	return inLanguage(a, "de", status, says...)
}

func inEnglish(a *webtest.Answer, status int, says ...string) *webtest.Answer {
	a.Helper()
	return inLanguage(a, "en", status, says...)
}

func inLanguage(a *webtest.Answer, code string, status int, says ...string) *webtest.Answer {
	a.Helper()
	a.WantPage(status, append(says, `<html lang="`+code+`">`)...)
	if got := a.Header.Get("Content-Language"); got != code {
		a.Errorf("Content-Language is %q, want %q", got, code)
	}
	if vary := a.Header.Get("Vary"); !strings.Contains(vary, "Accept-Language") {
		a.Errorf("Vary is %q", vary)
	}
	return a
}

const german = "de-AT,de;q=0.9,en;q=0.5"

// TestPagesAreInTheLanguageOfTheBrowser, errors included.
func TestPagesAreInTheLanguageOfTheBrowser(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		inEnglish(b.Get("/account/"), http.StatusOK, "Your account")
		inGerman(b.Get("/account/", "Accept-Language", german), http.StatusOK, "Ihr Konto", "Abmelden")
		inGerman(b.Get("/account/applications/", "Accept-Language", german), http.StatusOK, "Sie haben keine Anwendung verbunden")
		inGerman(b.Get("/nowhere/", "Accept-Language", german), http.StatusNotFound, "Seite nicht gefunden")
		inGerman(b.Get("/o/authorize/", "Accept-Language", german), http.StatusBadRequest, "abgelehnt", "client_id is missing") // for developers
		inEnglish(b.Get("/account/", "Accept-Language", "fr, ja"), http.StatusOK, "Your account")
		wrong := h.Browser().Post("/login/", webtest.Pairs("email", webtest.Ana, "password", "x"), "Accept-Language", german)
		inGerman(wrong, http.StatusUnprocessableEntity, "Die E-Mail-Adresse oder das Passwort ist falsch")
		weak := b.Post("/account/password/", webtest.Pairs("current", webtest.Password, "new", "aaaaaaaaaaaaaaaaaaaa", "again", "aaaaaaaaaaaaaaaaaaaa"), "Accept-Language", german)
		inGerman(weak, http.StatusUnprocessableEntity, "wiederholt dieselben Zeichen")
		h.Browser().Get("/docs/guide/", "Accept-Language", german).WantPage(http.StatusOK, `<html lang="de">`, `<article lang="en">`, "Anmelden")
	})
}

// TestApplicationsAskForALanguage: ui_locales is kept through sign-in and consent, and comes before what the browser prefers.
func TestApplicationsAskForALanguage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Browser()
		asked := b.Authorize(h.Insight, "ui_locales", "fr-CA de-CH").Follow()
		inGerman(asked, http.StatusOK, "möchte in einem Ihrer Teams arbeiten")
		failed := b.Post("/login/", webtest.Pairs("email", webtest.Ana, "password", "x", "request", asked.Sealed()), "Accept-Language", "en")
		inGerman(failed, http.StatusUnprocessableEntity, "ist falsch")
		consent := b.SignIn(webtest.Ana, webtest.Pairs("request", asked.Sealed())).Follow()
		inGerman(consent, http.StatusOK, "Worum sie bittet", "zulassen?", "Die Chatbots des Teams sehen", "Read the team") // the catalogue has one in German
		inGerman(consent.Decide("authorize", ""), http.StatusUnprocessableEntity, "Wählen Sie ein Team")
		inEnglish(b.Get("/account/"), http.StatusOK) // the request asked, not the person
		inEnglish(b.Authorize(h.Insight, "ui_locales", "en"), http.StatusOK)
		inGerman(b.Get("/o/authorize/?"+webtest.Parameters(h.Insight, "ui_locales", "ja", "prompt", "select_account").Encode(), "Accept-Language", german), http.StatusOK)
	})
}

// TestEveryAdvertisedLanguageIsSpoken.
func TestEveryAdvertisedLanguageIsSpoken(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		var metadata struct {
			UILocales []string `json:"ui_locales_supported"`
		}
		h.OK(json.Unmarshal([]byte(h.Browser().Get("/.well-known/oauth-authorization-server").Body), &metadata))
		if len(metadata.UILocales) < 2 {
			h.Errorf("the metadata lists the languages %q", metadata.UILocales)
		}
		for _, code := range metadata.UILocales {
			inLanguage(h.Browser().Authorize(h.Insight, "ui_locales", code).Follow(), code, http.StatusOK)
		}
	})
}

// TestLanguageOfTheServer is for people whose languages there are not.
func TestLanguageOfTheServer(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		inGerman(h.Browser().Get("/login/"), http.StatusOK, "Passwort")
		inGerman(h.Browser().Get("/login/", "Accept-Language", "ja"), http.StatusOK)
		inEnglish(h.Browser().Get("/login/", "Accept-Language", "en"), http.StatusOK)
	}, func(p *web.Parts) { p.Language = words.Named("de") })
}

// TestHostileLanguages do nothing but to choose one that there is.
func TestHostileLanguages(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, header := range []string{strings.Repeat("de-", 5000), strings.Repeat("a,", 5000), "de;q=NaN", "en-u-" + strings.Repeat("aa-", 300), `"><script>`} {
			h.Browser().Get("/login/", "Accept-Language", header).WantPage(http.StatusOK, `<html lang="`).WantNothingOf("<script>")
		}
		h.Browser().Authorize(h.Insight, "ui_locales", `"><script>`).Follow().WantPage(http.StatusOK, `<html lang="en">`).WantNothingOf("<script>")
	})
}
