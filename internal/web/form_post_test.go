package web_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// OAuth 2.0 Form Post Response Mode.

var (
	formAction  = regexp.MustCompile(`<form [^>]*method="post" action="([^"]*)"`)
	formField   = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
	scriptField = regexp.MustCompile(`<script src="(/static/form_post\.[0-9a-f]{16}\.js)" defer></script>`)
)

// wantFormPost checks the page that posts an answer to the client, and returns its fields.
func (a *answer) wantFormPost(redirectURI string) url.Values {
	a.Helper()
	a.wantPage(http.StatusOK, "Continue")
	action := formAction.FindStringSubmatch(a.body)
	if action == nil || html.UnescapeString(action[1]) != redirectURI {
		a.Fatalf("the form leads to %q, want %q:\n%s", action, redirectURI, a.body)
	}
	if a.location() != "" || a.header.Get("Cache-Control") != "no-store" {
		a.Errorf("headers are %v", a.header)
	}
	u, err := url.Parse(redirectURI)
	a.ok(err)
	want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action " + u.Scheme + "://" + u.Host + "; frame-ancestors 'none'; base-uri 'none'"
	if got := a.header.Get("Content-Security-Policy"); got != want {
		a.Errorf("CSP %q, want %q", got, want)
	}
	fields := url.Values{}
	for _, field := range formField.FindAllStringSubmatch(a.body, -1) {
		fields.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	if fields.Get("iss") != a.parts.Issuer || len(fields["state"]) != 1 {
		a.Errorf("the fields are %v", fields)
	}
	return fields
}

// TestFormPostCarriesTheAnswer without its ever being in an address: a code after consent, a remembered one, errors and Cancel.
func TestFormPostCarriesTheAnswer(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		state := `"><script>alert(1)</script> é+%20`
		ask := func(changes ...string) *answer {
			return b.authorize(h.insight, append([]string{"response_mode", "form_post", "state", state}, changes...)...)
		}
		fields := ask().wantConsent().decide("authorize", h.atlas.ID).wantFormPost(callback)
		if fields.Get("state") != state || len(fields) != 3 {
			h.Errorf("the fields are %v", fields)
		}
		h.redeem(h.insight, fields.Get("code")).wantTokens()
		h.redeem(h.insight, ask("team", "atlas", "prompt", "none").wantFormPost(callback).Get("code")).wantTokens()
		if got := ask("prompt", "consent").wantConsent().decide("cancel", "").wantFormPost(callback); got.Get("error") != "access_denied" || got.Has("code") {
			h.Errorf("Cancel: %v", got)
		}
		for code, changes := range map[string][]string{
			"invalid_scope": {"scope", "nothing"}, "consent_required": {"prompt", "none", "team", "borealis"}, "unsupported_response_type": {"response_type", "token"},
		} {
			if got := ask(changes...).wantFormPost(callback); got.Get("error") != code || got.Get("error_description") == "" || got.Get("state") != state {
				h.Errorf("%s: %v", code, got)
			}
		}
		odd := app{h.insight.Client, h.insight.secret, h.insight.RedirectURIs[1]}
		b.authorize(odd, "response_mode", "form_post", "team", "atlas").wantFormPost(odd.redirectURI)
		ask("redirect_uri", "https://evil.example/").wantPage(http.StatusBadRequest)
		b.authorize(h.insight, "response_mode", "query", "team", "atlas").wantCode(callback)
		for _, mode := range []string{"fragment", "form_post.jwt", "query form_post"} {
			b.authorize(h.insight, "response_mode", mode).wantError(callback, "invalid_request")
		}
	})
}

// TestFormPostScriptOnlySubmits, and comes from this server under a name that changes with it.
func TestFormPostScriptOnlySubmits(t *testing.T) {
	onBoth(t, func(h *house) {
		page := h.signedIn(ben).authorize(h.insight, "response_mode", "form_post", "prompt", "none")
		script := scriptField.FindStringSubmatch(page.body)
		if script == nil || strings.Count(page.body, "<script") != 1 {
			h.Fatalf("the page has another script:\n%s", page.body)
		}
		a := h.browser().get(script[1]).wantStatus(http.StatusOK)
		if kind := a.header.Get("Content-Type"); kind != "text/javascript; charset=utf-8" || !strings.Contains(a.body, "submit()") {
			h.Errorf("%s: %s", kind, a.body)
		}
	})
}
