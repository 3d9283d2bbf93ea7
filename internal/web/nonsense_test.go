package web_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// parameterNames is every parameter that an endpoint or a page reads.
var parameterNames = []string{
	"client_id", "client_secret", "redirect_uri", "response_type", "code_challenge", "code_challenge_method", "scope", "team", "prompt", "max_age", "nonce", "state",
	"request", "request_uri", "response_mode", "login_hint", "id_token_hint", "acr_values", "ui_locales", "dpop_jkt", "resource", "grant_type", "code", "code_verifier",
	"refresh_token", "token", "token_type_hint", "client_assertion", "client_assertion_type", "post_logout_redirect_uri", "decision", "email", "password", "next", "switch",
	"current", "new", "again", "grant", "client", "reason", "kind", "before",
	"access_token", "claims", "display", "logout_hint", // these are read by nobody
}

// TestNonsenseIsAnsweredByTheStandards: whatever is put where, in any combination of what is right, wrong and somebody else's, the answer is about the
// request and has the form of the standards.
func TestNonsenseIsAnsweredByTheStandards(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		random := rand.New(rand.NewPCG(9700, 6749)) // the same nonsense each time
		b := h.Admin("atlas")
		got := b.Connection(h.Insight, h.Atlas, "scope", "openid chatbot:read")
		page := b.Authorize(h.Insight, "prompt", "consent").WantConsent()
		values := []string{
			"", " ", "x", "\x00", "\xff", "0", "-1", "9223372036854775808", "é\u202e", strings.Repeat("x", 5000), "a b", "%", "%00", "'; --", `{"a":[]}`, "<b>", "\r\n",
			string(h.Insight.ID), string(h.Notes.ID), h.Insight.Secret, webtest.Callback, "http://127.0.0.1:1/cb", "https://evil.example/", "code", "S256", webtest.Challenge, webtest.Verifier,
			"authorization_code", "refresh_token", "client_credentials", "none", "login consent", "openid", "chatbot:read", "atlas", "cobalt", "form_post", "query",
			got.AccessToken, got.RefreshToken, got.IDToken, page.Sealed(), b.Connect(h.Insight, h.Atlas), h.Push(h.Insight).WantRequestURI(), string(h.Atlas.ID),
			webtest.Ana, webtest.Password, "authorize", "cancel", "end", "block", "continue", "another", "sign_out", webtest.AssertionType, "urn:ietf:params:oauth:request_uri:", "2026-03-01",
		}
		pick := func(of []string) string { return of[random.IntN(len(of))] }
		targets := []string{"/account/applications/", "/account/password/", "/teams/atlas/applications/", "/teams/atlas/audit/", "/teams/x/audit/", "/"}
		for _, row := range paths {
			targets = append(targets, row.path)
		}
		for range 1500 {
			form := url.Values{}
			if random.IntN(2) == 0 { // half of it begins with what is right
				form = webtest.Parameters(h.Insight, "client_secret", h.Insight.Secret, "grant_type", "refresh_token", "token", got.AccessToken, "decision", "cancel", "request", "")
			}
			for range random.IntN(6) {
				form.Add(pick(parameterNames), pick(values))
			}
			who, headers, target := pick([]string{"somebody", "nobody"}), []string{"X-Nonsense", "1"}, pick(targets)
			if random.IntN(3) == 0 {
				headers = append(headers, pick([]string{"Authorization", "DPoP", "Origin", "Cookie"}), strings.Map(printableOnly, pick([]string{"Basic ", "Bearer ", "DPoP ", ""})+pick(values)))
			}
			from := map[string]*webtest.Browser{"somebody": b.Browser, "nobody": h.Browser()}[who]
			var a *webtest.Answer
			if random.IntN(2) == 0 {
				a = from.Get(target+"?"+form.Encode(), headers...)
			} else {
				a = from.Post(target, form, headers...)
			}
			if a.Status >= 500 {
				h.Fatalf("%s %s with %v by %s: status %d: %s", a.Request.Method, target, form, who, a.Status, a.Body)
			}
			if wrong := wrongForm(h, a); wrong != "" {
				h.Errorf("%s %s with %v by %s: %s: status %d, %v: %s", a.Request.Method, target, form, who, wrong, a.Status, a.Header, a.Body)
			}
		}
		if strings.Contains(h.Logged.String(), `"level":"ERROR"`) {
			i := strings.Index(h.Logged.String(), `"level":"ERROR"`)
			h.Errorf("an error of ours: %s", line(h.Logged.String(), i))
		}
		h.Browser().Get("/").WantStatus(http.StatusOK)
	})
}

// descriptions are the characters of an error_description (RFC 6749 §5.2).
var descriptions = regexp.MustCompile(`^[ !#-\[\]-~]*$`)

// wrongForm says what is wrong with the form of an answer, or nothing.
func wrongForm(h *webtest.House, a *webtest.Answer) string {
	location := a.Header.Get("Location")
	ours := strings.HasPrefix(location, "/") && !strings.HasPrefix(location, "//") && !strings.HasPrefix(location, `/\`)
	registered := strings.HasPrefix(location, h.Insight.RedirectURI+"?") || strings.HasPrefix(location, h.Notes.RedirectURI+"?")
	switch {
	case location != "" && !ours && !registered && !strings.HasPrefix(location, h.Parts.Issuer+"/"):
		return "it redirects to somebody else"
	case a.Header.Get("X-Content-Type-Options") != "nosniff":
		return "browsers may guess its type"
	case strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") && !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'"):
		return "a page without a policy"
	case strings.Contains(a.Body, "<b>"):
		return "it reflects markup"
	case a.Header.Get("Content-Type") != "application/json" || a.Status < 400:
		return ""
	}
	var failure struct {
		Code        oauth.Code `json:"error"`
		Description string     `json:"error_description"`
	}
	known := []oauth.Code{
		oauth.InvalidRequest, oauth.InvalidClient, oauth.InvalidGrant, oauth.UnauthorizedClient, oauth.UnsupportedGrantType, oauth.UnsupportedResponseType,
		oauth.InvalidScope, oauth.InvalidTarget, oauth.InvalidDPoPProof, oauth.UseDPoPNonce, oauth.InvalidToken, oauth.InsufficientScope,
		oauth.RequestNotSupported, oauth.RequestURINotSupported, oauth.InvalidRequestURI, oauth.TemporarilyUnavailable,
		"unauthorized", // ours, at UserInfo: RFC 6750 §3.1 wants no code in the header where there is no token
	}
	switch err := json.Unmarshal([]byte(a.Body), &failure); {
	case err != nil || failure.Code == "":
		return "an error without its code"
	case !slices.Contains(known, failure.Code):
		return "no standard knows this error"
	case !descriptions.MatchString(failure.Description):
		return "error_description has characters that RFC 6749 §5.2 does not allow"
	}
	return ""
}

// printableOnly leaves out what net/http lets no header have.
func printableOnly(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}
