package web_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// The rows of "Every endpoint", in their order. Timeouts and the limit of the header block are the listener's (internal/app).

// paths is every path that answers, with the methods that it answers.
var paths = []struct {
	path  string
	allow string
}{
	{"/o/authorize/", "GET, HEAD, POST"},
	{"/o/consent/", "GET, HEAD, POST"},
	{"/o/select-account/", "POST"},
	{"/o/token/", "POST, OPTIONS"},
	{"/o/revoke_token/", "POST, OPTIONS"},
	{"/o/introspect/", "POST"},
	{"/o/par/", "POST"},
	{"/o/userinfo/", "GET, HEAD, POST, OPTIONS"},
	{"/o/logout/", "GET, HEAD, POST"},
	{"/.well-known/oauth-authorization-server/", "GET, HEAD, OPTIONS"},
	{"/.well-known/openid-configuration/", "GET, HEAD, OPTIONS"},
	{"/.well-known/jwks.json/", "GET, HEAD, OPTIONS"},
	{"/.well-known/ended-tokens.jwt/", "GET, HEAD, OPTIONS"},
	{"/login/", "GET, HEAD, POST"},
	{"/login/factor/", "GET, HEAD, POST"},
	{"/login/passkey/", "POST"},
	{"/login/forgot/", "GET, HEAD, POST"},
	{"/logout/", "GET, HEAD, POST"},
	{"/docs/", "GET, HEAD"},
	{"/docs/guide/", "GET, HEAD"},
}

func TestEveryPathAnswersWithAndWithoutItsSlash(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		query := "?" + webtest.Parameters(h.Insight).Encode()
		for _, row := range paths {
			for method := range strings.SplitSeq(row.allow, ", ") {
				var with, without *webtest.Answer
				if form := webtest.Parameters(h.Insight, "email", webtest.Ana); method == http.MethodPost {
					with, without = h.Browser().Post(row.path, form), h.Browser().Post(strings.TrimSuffix(row.path, "/"), form)
				} else {
					with, without = h.Browser().Do(method, row.path+query, ""), h.Browser().Do(method, strings.TrimSuffix(row.path, "/")+query, "")
				}
				place := func(a *webtest.Answer) string { return webtest.SealedValue.ReplaceAllString(a.Location(), "SEALED") }
				if with.Status != without.Status || place(with) != place(without) || webtest.Neutral(with, "\x00") != webtest.Neutral(without, "\x00") {
					h.Errorf("%s %s: %d to %q with the slash, %d to %q without", method, row.path, with.Status, with.Location(), without.Status, without.Location())
				}
				if with.Status == http.StatusMovedPermanently || with.Status == http.StatusPermanentRedirect || with.Status == http.StatusTemporaryRedirect {
					h.Errorf("%s %s: redirected with %d", method, row.path, with.Status)
				}
				if with.Status == http.StatusNotFound || with.Status == http.StatusMethodNotAllowed {
					h.Errorf("%s %s: status %d", method, row.path, with.Status)
				}
			}
		}
	})
}

func TestWrongMethodIs405WithAllow(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, row := range paths {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
				if slices.Contains(strings.Split(row.allow, ", "), method) {
					continue
				}
				for _, path := range []string{row.path, strings.TrimSuffix(row.path, "/")} {
					a := h.Browser().Do(method, path, "")
					if a.Status != http.StatusMethodNotAllowed || a.Header.Get("Allow") != row.allow {
						h.Errorf("%s %s: status %d, Allow %q, want 405 and %q", method, path, a.Status, a.Header.Get("Allow"), row.allow)
					}
				}
			}
		}
		h.Browser().Get("/o/token/").WantJSON(http.StatusMethodNotAllowed, "invalid_request")
		h.Browser().Do(http.MethodPut, "/login/", "").WantPage(http.StatusMethodNotAllowed, "PUT")
	})
}

// TestHeadIsGetWithoutABody, except for pages: see TestPagesAreForPeopleOnly.
func TestHeadIsGetWithoutABody(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, path := range []string{"/.well-known/jwks.json", "/.well-known/openid-configuration", "/.well-known/ended-tokens.jwt", stylesheet(h.Browser()), "/nowhere/"} {
			get, head := h.Browser().Get(path), h.Browser().Do(http.MethodHead, path, "")
			if head.Status != get.Status || head.Body != "" || head.Header.Get("Content-Length") != strconv.Itoa(len(get.Body)) {
				h.Errorf("HEAD %s: status %d, %q, Content-Length %q; GET has %d bytes", path, head.Status, head.Body, head.Header.Get("Content-Length"), len(get.Body))
			}
		}
	})
}

// TestBodiesOver64KiBAre413, whether their length is declared or not.
func TestBodiesOver64KiBAre413(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		large := "grant_type=authorization_code&x=" + strings.Repeat("x", 64<<10)
		for _, row := range paths {
			if !strings.Contains(row.allow, "POST") {
				continue
			}
			for _, declared := range []bool{true, false} {
				body := &struct{ *strings.Reader }{strings.NewReader(large)} // a type whose length net/http does not know
				r, err := http.NewRequestWithContext(h.Context(), http.MethodPost, h.Server.URL+row.path, body)
				h.OK(err)
				if declared {
					r.ContentLength = int64(len(large))
				}
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				response, err := h.Server.Client().Do(r)
				h.OK(err)
				response.Body.Close()
				if response.StatusCode != http.StatusRequestEntityTooLarge {
					h.Errorf("POST %s, declared %v: status %d, want 413", row.path, declared, response.StatusCode)
				}
			}
		}
		fits := url.Values{"grant_type": {"x"}}.Encode() + "&y="
		fits += strings.Repeat("y", 64<<10-len(fits))
		h.Program().Do(http.MethodPost, "/o/token/", fits, "Content-Type", "application/x-www-form-urlencoded").
			WantJSON(http.StatusBadRequest, "unsupported_grant_type")
	})
}

// TestTextThatIsNotUTF8IsNeverA500: invalid UTF-8 or NUL in a parameter is invalid_request.
func TestTextThatIsNotUTF8IsNeverA500(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		code := b.Connect(h.Insight, h.Atlas)
		for _, bad := range []string{"a\x00b", "\xff\xfe", "\xc3\x28", "\xed\xa0\x80"} {
			for _, name := range []string{"client_id", "redirect_uri"} {
				b.Authorize(h.Insight, name, bad).WantPage(http.StatusBadRequest, "invalid_request")
			}
			for _, name := range []string{"response_type", "code_challenge", "code_challenge_method", "scope", "team", "prompt", "max_age", "nonce", "request", "request_uri", "response_mode", "login_hint", "id_token_hint", "acr_values", "ui_locales", "dpop_jkt"} {
				if got := b.Authorize(h.Insight, name, bad).WantRedirect(webtest.Callback).Get("error"); got != "invalid_request" {
					h.Errorf("%s=%q: error %q, want invalid_request", name, bad, got)
				}
			}
			if a := b.Authorize(h.Insight, "state", bad); !strings.HasPrefix(a.Location(), webtest.Callback+"?error=invalid_request&") {
				h.Errorf("state=%q: %d to %q", bad, a.Status, a.Location())
			}
			for _, name := range []string{"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"} {
				h.Redeem(h.Insight, code, name, bad).WantJSON(http.StatusBadRequest, "invalid_request")
			}
			for _, name := range []string{"refresh_token", "scope", "client_assertion"} {
				h.Refresh(h.Insight, "gh_rt_x", name, bad).WantJSON(http.StatusBadRequest, "invalid_request")
			}
			for _, path := range []string{"/o/revoke_token/", "/o/introspect/"} {
				for _, name := range []string{"token", "client_id", "client_secret", "client_assertion"} {
					h.Call(path, h.Insight, "token", "x", name, bad).WantJSON(http.StatusBadRequest, "invalid_request")
				}
			}
			for _, name := range []string{"client_id", "redirect_uri", "scope", "state", "nonce", "request_uri"} {
				h.Push(h.Insight, name, bad).WantJSON(http.StatusBadRequest, "invalid_request")
			}
			for _, name := range []string{"id_token_hint", "client_id"} {
				b.Get("/o/logout/?"+webtest.Pairs(name, bad).Encode()).WantPage(http.StatusBadRequest, "invalid_request")
				b.Post("/o/logout/", webtest.Pairs(name, bad)).WantPage(http.StatusBadRequest, "invalid_request")
			}
			b.Get("/o/logout/?request=" + url.QueryEscape(bad)).WantPage(http.StatusBadRequest)
			h.Redeem(h.Insight, code, "client_id", "", "client_secret", "").WantJSON(http.StatusUnauthorized, "invalid_client")
			h.Program().Post("/o/token/", webtest.TokenRequest(h.Insight, code, "client_id", "", "client_secret", ""), "Authorization", webtest.Basic(bad, bad)).
				WantJSON(http.StatusUnauthorized, "invalid_client")
			for _, form := range []url.Values{
				{"email": {bad}, "password": {webtest.Password}},
				{"email": {webtest.Ana}, "password": {bad}},
				{"email": {webtest.Ana}, "password": {webtest.Password}, "request": {bad}},
				{"email": {webtest.Ana}, "password": {webtest.Password}, "next": {bad}},
			} {
				h.Browser().Post("/login/", form).WantPage(http.StatusBadRequest, "invalid_request")
			}
			b.Post("/o/consent/", url.Values{"request": {bad}, "decision": {"cancel"}}).WantPage(http.StatusBadRequest)
			b.Post("/o/consent/", url.Values{"request": {b.Authorize(h.Insight).Sealed()}, "team": {bad}, "decision": {"authorize"}}).WantPage(http.StatusBadRequest)
			b.Get("/o/consent/?request=" + url.QueryEscape(bad)).WantPage(http.StatusBadRequest)
			b.Get("/login/?request=" + url.QueryEscape(bad)).WantPage(http.StatusBadRequest)
			b.Get("/docs/" + url.PathEscape(bad) + "/").WantPage(http.StatusNotFound)
		}
		b.Get("/o/authorize/?client_id=%zz").WantPage(http.StatusBadRequest, "hexadecimal")
	})
}

// TestEmptyParameterCountsAsOmitted (RFC 6749 §3.1).
func TestEmptyParameterCountsAsOmitted(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		for _, required := range []string{"response_type", "code_challenge", "code_challenge_method"} {
			values := webtest.Parameters(h.Insight)
			values.Set(required, "")
			b.Get("/o/authorize/?"+values.Encode()).WantError(webtest.Callback, "invalid_request")
		}
		values := webtest.Parameters(h.Insight)
		for _, optional := range []string{"scope", "team", "prompt", "max_age", "nonce", "request", "request_uri", "response_mode", "login_hint", "id_token_hint", "acr_values", "ui_locales", "dpop_jkt", "resource"} {
			values.Set(optional, "")
		}
		code := b.Get("/o/authorize/?"+values.Encode()).WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		form := webtest.TokenRequest(h.Insight, code)
		form.Set("client_assertion", "")
		if got := b.Post("/o/token/", form).WantTokens().Scope; got != webtest.Catalogue.Scope().String() {
			h.Errorf("an empty scope got %q, want all", got)
		}
	})
}

// TestRepeatedParameterIsInvalidRequest, also when it is the same twice.
func TestRepeatedParameterIsInvalidRequest(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		for _, name := range []string{"client_id", "redirect_uri"} {
			values := webtest.Parameters(h.Insight)
			values.Add(name, values.Get(name))
			b.Get("/o/authorize/?"+values.Encode()).WantPage(http.StatusBadRequest, name)
		}
		for _, name := range []string{"response_type", "code_challenge", "code_challenge_method", "scope", "team", "prompt", "max_age", "nonce", "login_hint", "id_token_hint", "acr_values", "ui_locales", "dpop_jkt"} {
			values := webtest.Parameters(h.Insight)
			values.Add(name, "x")
			values.Add(name, "x")
			if says := b.Get("/o/authorize/?"+values.Encode()).WantError(webtest.Callback, "invalid_request"); !strings.Contains(says, name) {
				h.Errorf("%s: the description %q does not name it", name, says)
			}
		}
		values := webtest.Parameters(h.Insight)
		values.Add("state", "other")
		if a := b.Get("/o/authorize/?" + values.Encode()); !strings.HasPrefix(a.Location(), webtest.Callback+"?error=invalid_request&") {
			h.Errorf("state: %d to %q", a.Status, a.Location())
		}
		code := b.Connect(h.Insight, h.Atlas)
		for _, name := range []string{"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"} {
			form := webtest.TokenRequest(h.Insight, code)
			form.Add(name, form.Get(name))
			b.Post("/o/token/", form).WantJSON(http.StatusBadRequest, "invalid_request")
		}
		got := h.Redeem(h.Insight, code).WantTokens()
		for _, name := range []string{"refresh_token", "scope"} {
			form := webtest.AsClient(h.Insight, "grant_type", "refresh_token", "refresh_token", got.RefreshToken, "scope", "chatbot:read")
			form.Add(name, form.Get(name))
			b.Post("/o/token/", form).WantJSON(http.StatusBadRequest, "invalid_request")
		}
		h.Refresh(h.Insight, got.RefreshToken).WantTokens()
		form := webtest.Pushed(h.Insight)
		form.Add("scope", "chatbot:read")
		b.Post("/o/par/", form).WantJSON(http.StatusBadRequest, "invalid_request")
	})
}

// TestRepeatedParameterOfAPageIsRefused: what the person saw must be what is done.
func TestRepeatedParameterOfAPageIsRefused(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b, admin := h.SignedIn(webtest.Ana), h.Admin("atlas")
		refused := func(a *webtest.Answer, name string) { a.WantPage(http.StatusBadRequest, name, "2 times") }
		sealed := b.Authorize(h.Insight).WantConsent().Sealed()
		for _, name := range []string{"request", "team", "decision"} {
			form := webtest.Pairs("request", sealed, "team", string(h.Atlas.ID), "decision", "authorize")
			form.Add(name, form.Get(name))
			refused(b.Post("/o/consent/", form), name)
		}
		if grants := h.Grants(); len(grants) > 0 {
			h.Errorf("there are the grants %q", grants)
		}
		for _, name := range []string{"email", "password", "next"} {
			form := webtest.Pairs("email", webtest.Ana, "password", webtest.Password, "next", "/account/")
			form.Add(name, form.Get(name))
			refused(h.Browser().Post("/login/", form), name)
		}
		for path, name := range map[string]string{
			"/o/consent/?request=a&request=b": "request", "/o/logout/?request=a&request=b": "request", "/login/?request=a&request=b": "request",
			"/login/?next=/a&next=/b": "next", "/teams/atlas/audit/?before=1&before=2": "before", "/teams/atlas/audit/?kind=a&kind=b": "kind",
		} {
			refused(admin.Get(path), name)
		}
		refused(b.Post("/o/logout/", webtest.Pairs("decision", "sign_out", "decision", "stay")), "decision")
		refused(b.Post("/o/select-account/", webtest.Pairs("request", sealed, "decision", "continue", "decision", "cancel")), "decision")
		refused(b.Post("/account/applications/", webtest.Pairs("grant", "a", "grant", "b")), "grant")
		refused(admin.Govern("atlas", "decision", "end", "grant", "a", "grant", "b"), "grant")
	})
}

func TestUnknownParametersAreIgnored(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		code := b.Get("/o/authorize/?"+webtest.Parameters(h.Insight).Encode()+"&x=1&x=2&y=%ff%00&claims=%7B%7D&semi;colon").
			WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		form := webtest.TokenRequest(h.Insight, code)
		form["x"] = []string{"1", "2", "\xff\x00"}
		b.Post("/o/token/", form).WantTokens()
	})
}

func TestOverTheLimitIs429(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		wrong := func(server string) *webtest.Answer {
			return h.BrowserAt(server).Post("/o/token/", webtest.TokenRequest(h.Insight, "gh_ac_x", "client_secret", "gh_cs_wrong"))
		}
		for range 3 {
			wrong(h.Server.URL).WantJSON(http.StatusUnauthorized, "invalid_client")
		}
		a := wrong(h.Server.URL)
		a.WantJSON(http.StatusTooManyRequests, "temporarily_unavailable")
		if seconds, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 15*60 {
			h.Errorf("Retry-After %q, want seconds", a.Header.Get("Retry-After"))
		}
		// It holds on another node, and after a restart.
		second := h.Serve(func(p *web.Parts) { p.ClientFailures = 3 })
		wrong(second.URL).WantJSON(http.StatusTooManyRequests, "temporarily_unavailable")
		// Nobody else is kept out, nor the client itself: what succeeds costs nothing.
		h.Redeem(h.Notes, "gh_ac_x", "client_secret", "gh_cs_wrong").WantJSON(http.StatusUnauthorized, "invalid_client")
		h.Redeem(h.Insight, "gh_ac_x").WantJSON(http.StatusBadRequest, "invalid_grant")
		h.Clock.Advance(15 * time.Minute)
		wrong(h.Server.URL).WantJSON(http.StatusUnauthorized, "invalid_client")
	}, func(p *web.Parts) { p.ClientFailures = 3 })
}

// TestFailuresWithManyClientIDsAreLimitedPerAddress.
func TestFailuresWithManyClientIDsAreLimitedPerAddress(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		last := 0
		for i := range 11 {
			last = h.Redeem(h.Insight, "gh_ac_x", "client_id", "guess"+strconv.Itoa(i)).Status
		}
		if last != http.StatusTooManyRequests {
			h.Errorf("the eleventh client id: status %d, want 429", last)
		}
	}, func(p *web.Parts) { p.ClientFailures = 1 })
}

func TestIssuerIsNeverTheHostHeader(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		b.Connect(h.Insight, h.Atlas)
		for _, a := range []*webtest.Answer{
			b.Get("/.well-known/oauth-authorization-server", "Host", "evil.example", "X-Forwarded-Host", "evil.example"),
			b.Get("/o/authorize/?"+webtest.Parameters(h.Insight).Encode(), "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https"),
			h.Browser().Get("/o/authorize/?"+webtest.Parameters(h.Insight).Encode(), "Host", "evil.example"),
			b.Get("/docs/guide/", "Host", "evil.example"),
			b.Get("/.well-known/openid-configuration", "Host", "evil.example", "X-Forwarded-Host", "evil.example"),
			b.Get("/o/userinfo/", "Host", "evil.example"),
			b.Get("/o/logout/", "Host", "evil.example"),
		} {
			if strings.Contains(a.Body, "evil") || strings.Contains(a.Location(), "evil") {
				h.Errorf("%s: the answer names the host that was sent: %s %s", a.Request.URL.Path, a.Location(), a.Body)
			}
		}
		b.Get("/o/authorize/?"+webtest.Parameters(h.Insight).Encode(), "X-Forwarded-Host", "evil.example").WantCode(webtest.Callback) // checks iss
	})
}

func TestRequestIDIsInTheResponseTheLogAndTheErrorPage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		a := h.Browser().Get("/o/authorize/?client_id=nobody", "X-Request-Id", "chosen-by-a-stranger")
		id := a.Header.Get("X-Request-Id")
		if len(id) < 20 || id == "chosen-by-a-stranger" {
			h.Errorf("X-Request-Id %q, want one of ours", id)
		}
		a.WantPage(http.StatusBadRequest, id)
		if got := strings.Count(h.Logged.String(), `"request_id":"`+id+`"`); got != 2 { // why it was refused, and the access log
			h.Errorf("the id is in %d lines of the log, want 2:\n%s", got, h.Logged)
		}
		if other := h.Browser().Get("/").Header.Get("X-Request-Id"); other == id {
			h.Errorf("two requests have the id %q", id)
		}
	})
}

// TestAddressAndRequestIDComeFromTrustedProxiesOnly.
func TestAddressAndRequestIDComeFromTrustedProxiesOnly(t *testing.T) {
	for _, row := range []struct {
		name    string
		trusted []netip.Prefix
		headers []string
		address string
		id      string
	}{
		{"nobody is trusted by default", nil, []string{"X-Forwarded-For", "203.0.113.9", "X-Request-Id", "theirs"}, "127.0.0.1", ""},
		{"a proxy tells", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-For", "203.0.113.9", "X-Request-Id", "theirs"}, "203.0.113.9", "theirs"},
		{
			"the rightmost that is not trusted",
			[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")},
			[]string{"X-Forwarded-For", "198.51.100.1, 203.0.113.9, 10.1.2.3", "X-Forwarded-For", "10.9.9.9"},
			"203.0.113.9", "",
		},
		{"IPv6 with a port", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-For", "[2001:db8::7]:4711"}, "2001:db8::7", ""},
		{"IPv6 in brackets", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-For", "[2001:db8::7]"}, "2001:db8::7", ""},
		{"half a bracket", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-For", "[2001:db8::7"}, "127.0.0.1", ""},
		{"nonsense", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-For", "203.0.113.9, unknown", "X-Request-Id", "two words"}, "127.0.0.1", ""},
		{"nothing", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil, "127.0.0.1", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			webtest.OnBoth(t, func(h *webtest.House) {
				a := h.Browser().Get("/", row.headers...)
				if id := a.Header.Get("X-Request-Id"); row.id != "" && id != row.id || row.id == "" && len(id) < 20 {
					h.Errorf("X-Request-Id %q, want %q or one of ours", id, row.id)
				}
				if want := `"address":"` + row.address + `"`; !strings.Contains(h.Logged.String(), want) {
					h.Errorf("the log does not say %s:\n%s", want, h.Logged)
				}
			}, func(p *web.Parts) { p.TrustedProxies = row.trusted })
		})
	}
}

// TestFormsFromOtherSitesDoNothing (CSRF): neither Sec-Fetch-Site nor Origin of another site passes, and SameSite is not what we rely on.
func TestFormsFromOtherSitesDoNothing(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		page := b.Authorize(h.Insight).WantConsent()
		forms := map[string]url.Values{
			"/o/consent/":        {"request": {page.Sealed()}, "team": {string(h.Atlas.ID)}, "decision": {"authorize"}},
			"/o/select-account/": {"request": {page.Sealed()}, "decision": {"continue"}},
			"/login/":            {"email": {webtest.Ben}, "password": {webtest.Password}},
			"/logout/":           {},
		}
		for path, form := range forms {
			for _, headers := range [][]string{
				{"Sec-Fetch-Site", "cross-site"},
				{"Sec-Fetch-Site", "same-site"},
				{"Origin", "https://evil.example"},
				{"Origin", "null"},
				{"Origin", "null", "Sec-Fetch-Site", "cross-site"},
			} {
				says := "sent from another site"
				if slices.Contains(headers, "null") {
					says = "did not say which page this form came from" // a sandboxed frame, or an old proxy
				}
				a := b.Post(path, form, headers...).WantPage(http.StatusForbidden, says).WantNothingOf("<form")
				if len(a.Header.Values("Set-Cookie")) > 0 {
					h.Errorf("%s, %v: set a cookie", path, headers)
				}
			}
		}
		if got := h.Grants(); len(got) != 0 {
			h.Errorf("grants are %q, want none", got)
		}
		b.Post("/o/consent/", forms["/o/consent/"], "Sec-Fetch-Site", "same-origin", "Origin", h.Server.URL).WantCode(webtest.Callback)
		b.Post("/o/token/", nil, "Sec-Fetch-Site", "cross-site", "Origin", "https://pocket.example").WantJSON(http.StatusBadRequest, "invalid_request")
	})
}

// TestUnknownPathsAndDocumentsAre404.
func TestUnknownPathsAndDocumentsAre404(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, path := range []string{"/nowhere", "/o/", "/o/nothing/", "/docs/nothing/", "/docs/guide.md", "/docs/..%2fdocs/", "/api/me/", "/.well-known/", "/login/x", "/dev/mails/", "/dev/mails", "/dev/mails/sample/mail.connected/html"} {
			h.Browser().Get(path).WantPage(http.StatusNotFound, "no page")
		}
		h.Browser().Get("/static/nothing.css").WantStatus(http.StatusNotFound)
	})
}

// TestAPIIsMountedBesideThePages and has the limits and headers of every endpoint; its panic is a 500 and does not stop the server.
func TestAPIIsMountedBesideThePages(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		if a := h.Browser().Get("/api/me/").WantStatus(http.StatusTeapot); a.Body != "/api/me/" || a.Header.Get("X-Request-Id") == "" {
			h.Errorf("got %q with %v", a.Body, a.Header)
		}
		a := h.Browser().Get("/api/panic").WantPage(http.StatusInternalServerError)
		if id := a.Header.Get("X-Request-Id"); !strings.Contains(h.Logged.String(), `"error":"panic: oh"`) || !strings.Contains(a.Body, id) {
			h.Errorf("the log is %s", h.Logged)
		}
		h.Browser().Do(http.MethodPost, "/api/me/", strings.Repeat("x", 64<<10+1)).WantStatus(http.StatusRequestEntityTooLarge)
	}, func(p *web.Parts) {
		p.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "panic") {
				panic("oh")
			}
			w.WriteHeader(http.StatusTeapot)
			w.Write([]byte(r.URL.Path))
		})
	})
}
