package flow_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestFormPostCarriesTheAnswer without its ever being in an address: a code after consent, a remembered one, errors and Cancel.
func TestFormPostCarriesTheAnswer(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		state := `"><script>alert(1)</script> é+%20`
		ask := func(changes ...string) *webtest.Answer {
			return b.Authorize(h.Insight, append([]string{"response_mode", "form_post", "state", state}, changes...)...)
		}
		fields := ask().WantConsent().Decide("authorize", h.Atlas.ID).WantFormPost(webtest.Callback)
		if fields.Get("state") != state || len(fields) != 3 {
			h.Errorf("the fields are %v", fields)
		}
		h.Redeem(h.Insight, fields.Get("code")).WantTokens()
		h.Redeem(h.Insight, ask("team", "atlas", "prompt", "none").WantFormPost(webtest.Callback).Get("code")).WantTokens()
		if got := ask("prompt", "consent").WantConsent().Decide("cancel", "").WantFormPost(webtest.Callback); got.Get("error") != "access_denied" || got.Has("code") {
			h.Errorf("Cancel: %v", got)
		}
		for code, changes := range map[string][]string{
			"invalid_scope": {"scope", "nothing"}, "consent_required": {"prompt", "none", "team", "borealis"}, "unsupported_response_type": {"response_type", "token"},
		} {
			if got := ask(changes...).WantFormPost(webtest.Callback); got.Get("error") != code || got.Get("error_description") == "" || got.Get("state") != state {
				h.Errorf("%s: %v", code, got)
			}
		}
		odd := webtest.App{Client: h.Insight.Client, Secret: h.Insight.Secret, RedirectURI: h.Insight.RedirectURIs[1]}
		b.Authorize(odd, "response_mode", "form_post", "team", "atlas").WantFormPost(odd.RedirectURI)
		ask("redirect_uri", "https://evil.example/").WantPage(http.StatusBadRequest)
		b.Authorize(h.Insight, "response_mode", "query", "team", "atlas").WantCode(webtest.Callback)
		for _, mode := range []string{"fragment", "form_post.jwt", "query form_post"} {
			b.Authorize(h.Insight, "response_mode", mode).WantError(webtest.Callback, "invalid_request")
		}
	})
}

// TestFormPostScriptOnlySubmits, and comes from this server under a name that changes with it.
func TestFormPostScriptOnlySubmits(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		page := h.SignedIn(webtest.Ben).Authorize(h.Insight, "response_mode", "form_post", "prompt", "none")
		script := webtest.ScriptField.FindStringSubmatch(page.Body)
		if script == nil || strings.Count(page.Body, "<script") != 1 {
			h.Fatalf("the page has another script:\n%s", page.Body)
		}
		a := h.Browser().Get(script[1]).WantStatus(http.StatusOK)
		if kind := a.Header.Get("Content-Type"); kind != "text/javascript; charset=utf-8" || !strings.Contains(a.Body, "submit()") {
			h.Errorf("%s: %s", kind, a.Body)
		}
	})
}
