package webtest

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
)

// OAuth 2.0 Form Post Response Mode.

var (
	formAction  = regexp.MustCompile(`<form [^>]*method="post" action="([^"]*)"`)
	formField   = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
	ScriptField = regexp.MustCompile(`<script src="(/static/form_post\.[0-9a-f]{16}\.js)" defer></script>`)
)

// WantFormPost checks the page that posts an answer to the client, and returns its fields.
func (a *Answer) WantFormPost(redirectURI string) url.Values {
	a.Helper()
	a.WantPage(http.StatusOK, "Continue")
	action := formAction.FindStringSubmatch(a.Body)
	if action == nil || html.UnescapeString(action[1]) != redirectURI {
		a.Fatalf("the form leads to %q, want %q:\n%s", action, redirectURI, a.Body)
	}
	if a.Location() != "" || a.Header.Get("Cache-Control") != "no-store" {
		a.Errorf("headers are %v", a.Header)
	}
	const want = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"
	if got := a.Header.Get("Content-Security-Policy"); got != want {
		a.Errorf("CSP %q, want %q", got, want)
	}
	fields := url.Values{}
	for _, field := range formField.FindAllStringSubmatch(a.Body, -1) {
		fields.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	if fields.Get("iss") != a.Parts.Issuer || len(fields["state"]) != 1 {
		a.Errorf("the fields are %v", fields)
	}
	return fields
}
