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
	{"/logout/", "GET, HEAD, POST"},
	{"/docs/", "GET, HEAD"},
	{"/docs/guide/", "GET, HEAD"},
}

func TestEveryPathAnswersWithAndWithoutItsSlash(t *testing.T) {
	onBoth(t, func(h *house) {
		query := "?" + parameters(h.insight).Encode()
		for _, row := range paths {
			for method := range strings.SplitSeq(row.allow, ", ") {
				var with, without *answer
				if form := parameters(h.insight, "email", ana); method == http.MethodPost {
					with, without = h.browser().post(row.path, form), h.browser().post(strings.TrimSuffix(row.path, "/"), form)
				} else {
					with, without = h.browser().do(method, row.path+query, ""), h.browser().do(method, strings.TrimSuffix(row.path, "/")+query, "")
				}
				place := func(a *answer) string { return sealedValue.ReplaceAllString(a.location(), "SEALED") }
				if with.status != without.status || place(with) != place(without) || neutral(with, "\x00") != neutral(without, "\x00") {
					h.Errorf("%s %s: %d to %q with the slash, %d to %q without", method, row.path, with.status, with.location(), without.status, without.location())
				}
				if with.status == http.StatusMovedPermanently || with.status == http.StatusPermanentRedirect || with.status == http.StatusTemporaryRedirect {
					h.Errorf("%s %s: redirected with %d", method, row.path, with.status)
				}
				if with.status == http.StatusNotFound || with.status == http.StatusMethodNotAllowed {
					h.Errorf("%s %s: status %d", method, row.path, with.status)
				}
			}
		}
	})
}

func TestWrongMethodIs405WithAllow(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, row := range paths {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
				if slices.Contains(strings.Split(row.allow, ", "), method) {
					continue
				}
				for _, path := range []string{row.path, strings.TrimSuffix(row.path, "/")} {
					a := h.browser().do(method, path, "")
					if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != row.allow {
						h.Errorf("%s %s: status %d, Allow %q, want 405 and %q", method, path, a.status, a.header.Get("Allow"), row.allow)
					}
				}
			}
		}
		h.browser().get("/o/token/").wantJSON(http.StatusMethodNotAllowed, "invalid_request")
		h.browser().do(http.MethodPut, "/login/", "").wantPage(http.StatusMethodNotAllowed, "PUT")
	})
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, path := range []string{"/", "/login/", "/docs/guide/", "/.well-known/jwks.json", "/.well-known/openid-configuration", "/.well-known/ended-tokens.jwt", "/o/logout/", "/nowhere/"} {
			get, head := h.browser().get(path), h.browser().do(http.MethodHead, path, "")
			if head.status != get.status || head.body != "" || head.header.Get("Content-Length") != strconv.Itoa(len(get.body)) {
				h.Errorf("HEAD %s: status %d, %q, Content-Length %q; GET has %d bytes", path, head.status, head.body, head.header.Get("Content-Length"), len(get.body))
			}
		}
	})
}

// TestBodiesOver64KiBAre413, whether their length is declared or not.
func TestBodiesOver64KiBAre413(t *testing.T) {
	onBoth(t, func(h *house) {
		large := "grant_type=authorization_code&x=" + strings.Repeat("x", 64<<10)
		for _, row := range paths {
			if !strings.Contains(row.allow, "POST") {
				continue
			}
			for _, declared := range []bool{true, false} {
				body := &struct{ *strings.Reader }{strings.NewReader(large)} // a type whose length net/http does not know
				r, err := http.NewRequestWithContext(h.Context(), http.MethodPost, h.server.URL+row.path, body)
				h.ok(err)
				if declared {
					r.ContentLength = int64(len(large))
				}
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				response, err := h.server.Client().Do(r)
				h.ok(err)
				response.Body.Close()
				if response.StatusCode != http.StatusRequestEntityTooLarge {
					h.Errorf("POST %s, declared %v: status %d, want 413", row.path, declared, response.StatusCode)
				}
			}
		}
		fits := url.Values{"grant_type": {"x"}}.Encode() + "&y="
		fits += strings.Repeat("y", 64<<10-len(fits))
		h.program().do(http.MethodPost, "/o/token/", fits, "Content-Type", "application/x-www-form-urlencoded").
			wantJSON(http.StatusBadRequest, "unsupported_grant_type")
	})
}

// TestTextThatIsNotUTF8IsNeverA500: invalid UTF-8 or NUL in a parameter is invalid_request.
func TestTextThatIsNotUTF8IsNeverA500(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		code := b.connect(h.insight, h.atlas)
		for _, bad := range []string{"a\x00b", "\xff\xfe", "\xc3\x28", "\xed\xa0\x80"} {
			for _, name := range []string{"client_id", "redirect_uri"} {
				b.authorize(h.insight, name, bad).wantPage(http.StatusBadRequest, "invalid_request")
			}
			for _, name := range []string{"response_type", "code_challenge", "code_challenge_method", "scope", "team", "prompt", "max_age", "nonce", "request", "request_uri", "response_mode", "login_hint", "id_token_hint", "acr_values", "ui_locales", "dpop_jkt"} {
				if got := b.authorize(h.insight, name, bad).wantRedirect(callback).Get("error"); got != "invalid_request" {
					h.Errorf("%s=%q: error %q, want invalid_request", name, bad, got)
				}
			}
			if a := b.authorize(h.insight, "state", bad); !strings.HasPrefix(a.location(), callback+"?error=invalid_request&") {
				h.Errorf("state=%q: %d to %q", bad, a.status, a.location())
			}
			for _, name := range []string{"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"} {
				h.redeem(h.insight, code, name, bad).wantJSON(http.StatusBadRequest, "invalid_request")
			}
			for _, name := range []string{"refresh_token", "scope", "client_assertion"} {
				h.refresh(h.insight, "gh_rt_x", name, bad).wantJSON(http.StatusBadRequest, "invalid_request")
			}
			for _, path := range []string{"/o/revoke_token/", "/o/introspect/"} {
				for _, name := range []string{"token", "client_id", "client_secret", "client_assertion"} {
					h.call(path, h.insight, "token", "x", name, bad).wantJSON(http.StatusBadRequest, "invalid_request")
				}
			}
			for _, name := range []string{"client_id", "redirect_uri", "scope", "state", "nonce", "request_uri"} {
				h.push(h.insight, name, bad).wantJSON(http.StatusBadRequest, "invalid_request")
			}
			for _, name := range []string{"id_token_hint", "client_id"} {
				b.get("/o/logout/?"+pairs(name, bad).Encode()).wantPage(http.StatusBadRequest, "invalid_request")
				b.post("/o/logout/", pairs(name, bad)).wantPage(http.StatusBadRequest, "invalid_request")
			}
			b.get("/o/logout/?request=" + url.QueryEscape(bad)).wantPage(http.StatusBadRequest)
			h.redeem(h.insight, code, "client_id", "", "client_secret", "").wantJSON(http.StatusUnauthorized, "invalid_client")
			h.program().post("/o/token/", tokenRequest(h.insight, code, "client_id", "", "client_secret", ""), "Authorization", basic(bad, bad)).
				wantJSON(http.StatusUnauthorized, "invalid_client")
			for _, form := range []url.Values{
				{"email": {bad}, "password": {password}},
				{"email": {ana}, "password": {bad}},
				{"email": {ana}, "password": {password}, "request": {bad}},
				{"email": {ana}, "password": {password}, "next": {bad}},
			} {
				h.browser().post("/login/", form).wantPage(http.StatusBadRequest, "invalid_request")
			}
			b.post("/o/consent/", url.Values{"request": {bad}, "decision": {"cancel"}}).wantPage(http.StatusBadRequest)
			b.post("/o/consent/", url.Values{"request": {b.authorize(h.insight).sealed()}, "team": {bad}, "decision": {"authorize"}}).wantPage(http.StatusBadRequest)
			b.get("/o/consent/?request=" + url.QueryEscape(bad)).wantPage(http.StatusBadRequest)
			b.get("/login/?request=" + url.QueryEscape(bad)).wantPage(http.StatusBadRequest)
			b.get("/docs/" + url.PathEscape(bad) + "/").wantPage(http.StatusNotFound)
		}
		b.get("/o/authorize/?client_id=%zz").wantPage(http.StatusBadRequest, "hexadecimal")
	})
}

// TestEmptyParameterCountsAsOmitted (RFC 6749 §3.1).
func TestEmptyParameterCountsAsOmitted(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		for _, required := range []string{"response_type", "code_challenge", "code_challenge_method"} {
			values := parameters(h.insight)
			values.Set(required, "")
			b.get("/o/authorize/?"+values.Encode()).wantError(callback, "invalid_request")
		}
		values := parameters(h.insight)
		for _, optional := range []string{"scope", "team", "prompt", "max_age", "nonce", "request", "request_uri", "response_mode", "login_hint", "id_token_hint", "acr_values", "ui_locales", "dpop_jkt", "resource"} {
			values.Set(optional, "")
		}
		code := b.get("/o/authorize/?"+values.Encode()).wantConsent().decide("authorize", h.atlas.ID).wantCode(callback)
		form := tokenRequest(h.insight, code)
		form.Set("client_assertion", "")
		if got := b.post("/o/token/", form).wantTokens().Scope; got != catalogue.Scope().String() {
			h.Errorf("an empty scope got %q, want all", got)
		}
	})
}

// TestRepeatedParameterIsInvalidRequest, also when it is the same twice.
func TestRepeatedParameterIsInvalidRequest(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		for _, name := range []string{"client_id", "redirect_uri"} {
			values := parameters(h.insight)
			values.Add(name, values.Get(name))
			b.get("/o/authorize/?"+values.Encode()).wantPage(http.StatusBadRequest, name)
		}
		for _, name := range []string{"response_type", "code_challenge", "code_challenge_method", "scope", "team", "prompt", "max_age", "nonce", "login_hint", "id_token_hint", "acr_values", "ui_locales", "dpop_jkt"} {
			values := parameters(h.insight)
			values.Add(name, "x")
			values.Add(name, "x")
			if says := b.get("/o/authorize/?"+values.Encode()).wantError(callback, "invalid_request"); !strings.Contains(says, name) {
				h.Errorf("%s: the description %q does not name it", name, says)
			}
		}
		values := parameters(h.insight)
		values.Add("state", "other")
		if a := b.get("/o/authorize/?" + values.Encode()); !strings.HasPrefix(a.location(), callback+"?error=invalid_request&") {
			h.Errorf("state: %d to %q", a.status, a.location())
		}
		code := b.connect(h.insight, h.atlas)
		for _, name := range []string{"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"} {
			form := tokenRequest(h.insight, code)
			form.Add(name, form.Get(name))
			b.post("/o/token/", form).wantJSON(http.StatusBadRequest, "invalid_request")
		}
		got := h.redeem(h.insight, code).wantTokens()
		for _, name := range []string{"refresh_token", "scope"} {
			form := asClient(h.insight, "grant_type", "refresh_token", "refresh_token", got.RefreshToken, "scope", "chatbot:read")
			form.Add(name, form.Get(name))
			b.post("/o/token/", form).wantJSON(http.StatusBadRequest, "invalid_request")
		}
		h.refresh(h.insight, got.RefreshToken).wantTokens()
		form := pushed(h.insight)
		form.Add("scope", "chatbot:read")
		b.post("/o/par/", form).wantJSON(http.StatusBadRequest, "invalid_request")
	})
}

// TestRepeatedParameterOfAPageIsRefused: what the person saw must be what is done.
func TestRepeatedParameterOfAPageIsRefused(t *testing.T) {
	onBoth(t, func(h *house) {
		b, admin := h.signedIn(ana), h.admin("atlas")
		refused := func(a *answer, name string) { a.wantPage(http.StatusBadRequest, name, "2 times") }
		sealed := b.authorize(h.insight).wantConsent().sealed()
		for _, name := range []string{"request", "team", "decision"} {
			form := pairs("request", sealed, "team", string(h.atlas.ID), "decision", "authorize")
			form.Add(name, form.Get(name))
			refused(b.post("/o/consent/", form), name)
		}
		if grants := h.grants(); len(grants) > 0 {
			h.Errorf("there are the grants %q", grants)
		}
		for _, name := range []string{"email", "password", "next"} {
			form := pairs("email", ana, "password", password, "next", "/account/")
			form.Add(name, form.Get(name))
			refused(h.browser().post("/login/", form), name)
		}
		for path, name := range map[string]string{
			"/o/consent/?request=a&request=b": "request", "/o/logout/?request=a&request=b": "request", "/login/?request=a&request=b": "request",
			"/login/?next=/a&next=/b": "next", "/teams/atlas/audit/?before=1&before=2": "before", "/teams/atlas/audit/?kind=a&kind=b": "kind",
		} {
			refused(admin.get(path), name)
		}
		refused(b.post("/o/logout/", pairs("decision", "sign_out", "decision", "stay")), "decision")
		refused(b.post("/o/select-account/", pairs("request", sealed, "decision", "continue", "decision", "cancel")), "decision")
		refused(b.post("/account/applications/", pairs("grant", "a", "grant", "b")), "grant")
		refused(admin.govern("atlas", "decision", "end", "grant", "a", "grant", "b"), "grant")
	})
}

func TestUnknownParametersAreIgnored(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		code := b.get("/o/authorize/?"+parameters(h.insight).Encode()+"&x=1&x=2&y=%ff%00&claims=%7B%7D&semi;colon").
			wantConsent().decide("authorize", h.atlas.ID).wantCode(callback)
		form := tokenRequest(h.insight, code)
		form["x"] = []string{"1", "2", "\xff\x00"}
		b.post("/o/token/", form).wantTokens()
	})
}

func TestOverTheLimitIs429(t *testing.T) {
	onBoth(t, func(h *house) {
		wrong := func(server string) *answer {
			return h.browserAt(server).post("/o/token/", tokenRequest(h.insight, "gh_ac_x", "client_secret", "gh_cs_wrong"))
		}
		for range 3 {
			wrong(h.server.URL).wantJSON(http.StatusUnauthorized, "invalid_client")
		}
		a := wrong(h.server.URL)
		a.wantJSON(http.StatusTooManyRequests, "temporarily_unavailable")
		if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 15*60 {
			h.Errorf("Retry-After %q, want seconds", a.header.Get("Retry-After"))
		}
		// It holds on another node, and after a restart.
		second := h.serve(func(p *web.Parts) { p.ClientFailures = 3 })
		wrong(second.URL).wantJSON(http.StatusTooManyRequests, "temporarily_unavailable")
		// Nobody else is kept out, nor the client itself: what succeeds costs nothing.
		h.redeem(h.notes, "gh_ac_x", "client_secret", "gh_cs_wrong").wantJSON(http.StatusUnauthorized, "invalid_client")
		h.redeem(h.insight, "gh_ac_x").wantJSON(http.StatusBadRequest, "invalid_grant")
		h.clock.advance(15 * time.Minute)
		wrong(h.server.URL).wantJSON(http.StatusUnauthorized, "invalid_client")
	}, func(p *web.Parts) { p.ClientFailures = 3 })
}

// TestFailuresWithManyClientIDsAreLimitedPerAddress.
func TestFailuresWithManyClientIDsAreLimitedPerAddress(t *testing.T) {
	onBoth(t, func(h *house) {
		last := 0
		for i := range 11 {
			last = h.redeem(h.insight, "gh_ac_x", "client_id", "guess"+strconv.Itoa(i)).status
		}
		if last != http.StatusTooManyRequests {
			h.Errorf("the eleventh client id: status %d, want 429", last)
		}
	}, func(p *web.Parts) { p.ClientFailures = 1 })
}

func TestIssuerIsNeverTheHostHeader(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		b.connect(h.insight, h.atlas)
		for _, a := range []*answer{
			b.get("/.well-known/oauth-authorization-server", "Host", "evil.example", "X-Forwarded-Host", "evil.example"),
			b.get("/o/authorize/?"+parameters(h.insight).Encode(), "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https"),
			h.browser().get("/o/authorize/?"+parameters(h.insight).Encode(), "Host", "evil.example"),
			b.get("/docs/guide/", "Host", "evil.example"),
			b.get("/.well-known/openid-configuration", "Host", "evil.example", "X-Forwarded-Host", "evil.example"),
			b.get("/o/userinfo/", "Host", "evil.example"),
			b.get("/o/logout/", "Host", "evil.example"),
		} {
			if strings.Contains(a.body, "evil") || strings.Contains(a.location(), "evil") {
				h.Errorf("%s: the answer names the host that was sent: %s %s", a.request.URL.Path, a.location(), a.body)
			}
		}
		b.get("/o/authorize/?"+parameters(h.insight).Encode(), "X-Forwarded-Host", "evil.example").wantCode(callback) // checks iss
	})
}

func TestRequestIDIsInTheResponseTheLogAndTheErrorPage(t *testing.T) {
	onBoth(t, func(h *house) {
		a := h.browser().get("/o/authorize/?client_id=nobody", "X-Request-Id", "chosen-by-a-stranger")
		id := a.header.Get("X-Request-Id")
		if len(id) < 20 || id == "chosen-by-a-stranger" {
			h.Errorf("X-Request-Id %q, want one of ours", id)
		}
		a.wantPage(http.StatusBadRequest, id)
		if got := strings.Count(h.log.String(), `"request_id":"`+id+`"`); got != 2 { // why it was refused, and the access log
			h.Errorf("the id is in %d lines of the log, want 2:\n%s", got, h.log)
		}
		if other := h.browser().get("/").header.Get("X-Request-Id"); other == id {
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
		{"nonsense", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-For", "203.0.113.9, unknown", "X-Request-Id", "two words"}, "127.0.0.1", ""},
		{"nothing", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil, "127.0.0.1", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			onBoth(t, func(h *house) {
				a := h.browser().get("/", row.headers...)
				if id := a.header.Get("X-Request-Id"); row.id != "" && id != row.id || row.id == "" && len(id) < 20 {
					h.Errorf("X-Request-Id %q, want %q or one of ours", id, row.id)
				}
				if want := `"address":"` + row.address + `"`; !strings.Contains(h.log.String(), want) {
					h.Errorf("the log does not say %s:\n%s", want, h.log)
				}
			}, func(p *web.Parts) { p.TrustedProxies = row.trusted })
		})
	}
}

// TestFormsFromOtherSitesDoNothing (CSRF): neither Sec-Fetch-Site nor Origin of another site passes, and SameSite is not what we rely on.
func TestFormsFromOtherSitesDoNothing(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		page := b.authorize(h.insight).wantConsent()
		forms := map[string]url.Values{
			"/o/consent/":        {"request": {page.sealed()}, "team": {string(h.atlas.ID)}, "decision": {"authorize"}},
			"/o/select-account/": {"request": {page.sealed()}, "decision": {"continue"}},
			"/login/":            {"email": {ben}, "password": {password}},
			"/logout/":           {},
		}
		for path, form := range forms {
			for _, headers := range [][]string{
				{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
			} {
				a := b.post(path, form, headers...).wantPage(http.StatusForbidden, "another site")
				if len(a.header.Values("Set-Cookie")) > 0 {
					h.Errorf("%s, %v: set a cookie", path, headers)
				}
			}
		}
		if got := h.grants(); len(got) != 0 {
			h.Errorf("grants are %q, want none", got)
		}
		b.post("/o/consent/", forms["/o/consent/"], "Sec-Fetch-Site", "same-origin", "Origin", h.server.URL).wantCode(callback)
		b.post("/o/token/", nil, "Sec-Fetch-Site", "cross-site", "Origin", "https://pocket.example").wantJSON(http.StatusBadRequest, "invalid_request")
	})
}

// TestUnknownPathsAndDocumentsAre404.
func TestUnknownPathsAndDocumentsAre404(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, path := range []string{"/nowhere", "/o/", "/o/nothing/", "/docs/nothing/", "/docs/guide.md", "/docs/..%2fdocs/", "/api/me/", "/.well-known/", "/login/x"} {
			h.browser().get(path).wantPage(http.StatusNotFound, "no page")
		}
		h.browser().get("/static/nothing.css").wantStatus(http.StatusNotFound)
	})
}

// TestGuideNamesThisServer instead of the examples' hosts.
func TestGuideNamesThisServer(t *testing.T) {
	onBoth(t, func(h *house) {
		guide := h.browser().get("/docs/guide/").wantPage(http.StatusOK, h.server.URL+"/o/token/", "https://chat.example/api/docs/", "https://chat.example/api/chatbots/", `href="#`).
			wantNothingOf("auth.example.com", "api.example.com")
		if !strings.Contains(guide.body, url.QueryEscape(h.server.URL)) {
			h.Error("the escaped issuer is not filled in")
		}
		h.browser().get("/docs/").wantPage(http.StatusOK, `href="/docs/guide/"`)
	}, func(p *web.Parts) { p.APIDocs = "https://chat.example/api/docs/" })
}

// TestAPIIsMountedBesideThePages and has the limits and headers of every endpoint; its panic is a 500 and does not stop the server.
func TestAPIIsMountedBesideThePages(t *testing.T) {
	onBoth(t, func(h *house) {
		if a := h.browser().get("/api/me/").wantStatus(http.StatusTeapot); a.body != "/api/me/" || a.header.Get("X-Request-Id") == "" {
			h.Errorf("got %q with %v", a.body, a.header)
		}
		a := h.browser().get("/api/panic").wantPage(http.StatusInternalServerError)
		if id := a.header.Get("X-Request-Id"); !strings.Contains(h.log.String(), `"error":"panic: oh"`) || !strings.Contains(a.body, id) {
			h.Errorf("the log is %s", h.log)
		}
		h.browser().do(http.MethodPost, "/api/me/", strings.Repeat("x", 64<<10+1)).wantStatus(http.StatusRequestEntityTooLarge)
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

// TestFailureOfTheDatabaseIsServerError, in words for people and JSON for programs, and the cause is in the log alone.
func TestFailureOfTheDatabaseIsServerError(t *testing.T) {
	onBoth(t, func(h *house) {
		got := h.signedIn(ben).connection(h.insight, h.atlas, "scope", "openid")
		h.ok(h.db.Close())
		page := h.browser().authorize(h.insight).wantPage(http.StatusInternalServerError, "could not answer")
		page.wantPage(http.StatusInternalServerError, page.header.Get("X-Request-Id")).wantNothingOf("sql", "closed")
		h.redeem(h.insight, "gh_ac_x").wantJSON(http.StatusInternalServerError, "server_error")
		h.call("/o/introspect/", h.insight, "token", "x").wantJSON(http.StatusInternalServerError, "server_error")
		h.call("/o/revoke_token/", h.insight, "token", "x").wantJSON(http.StatusInternalServerError, "server_error")
		h.push(h.insight).wantJSON(http.StatusInternalServerError, "server_error")
		h.program().get("/.well-known/ended-tokens.jwt").wantJSON(http.StatusInternalServerError, "server_error")
		unanswered := h.userInfo(got.AccessToken)
		unanswered.wantJSON(http.StatusInternalServerError, "server_error")
		if unanswered.header.Get("WWW-Authenticate") != "" {
			h.Error("a client is told that its token is bad, and nobody knows")
		}
		if !strings.Contains(h.log.String(), "closed") {
			h.Errorf("the log does not say why:\n%s", h.log)
		}
	})
}
