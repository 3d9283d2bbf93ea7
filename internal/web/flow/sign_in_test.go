package flow_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

func TestUnknownEMailAndWrongPasswordGetTheSameAnswer(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		_, err := h.Directory.DisableUser(h.Context(), team.CommandLine, webtest.Ben)
		h.OK(err)
		pages := map[string]bool{}
		for _, form := range []url.Values{
			{"email": {webtest.Ana}, "password": {"wrong"}},
			{"email": {"nobody@example.org"}, "password": {webtest.Password}},
			{"email": {webtest.Ben}, "password": {webtest.Password}},
			{"email": {webtest.Ana}, "password": {""}},
			{"email": {""}, "password": {""}},
		} {
			a := h.Browser().Post("/login/", form).WantPage(http.StatusUnprocessableEntity, "e-mail address or the password is wrong")
			if cookies := a.Header.Values("Set-Cookie"); len(cookies) > 0 {
				h.Errorf("%q got the cookies %q", form.Get("email"), cookies)
			}
			email := form.Get("email")
			if email == "" {
				email = "\x00"
			}
			page := webtest.Neutral(a, email)
			pages[strings.ReplaceAll(page, `value=""`, `value="VARIES"`)] = true
		}
		if len(pages) != 1 {
			h.Errorf("there are %d different pages", len(pages))
		}
	})
}

func TestEverySignInHasANewSession(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Browser()
		b.SetSession("gh_se_fixed-by-a-stranger-before-the-sign-in-000000")
		b.SignIn(webtest.Ana, nil).WantStatus(http.StatusSeeOther)
		first := b.SessionOf()
		b.Get("/").WantPage(http.StatusOK, "Ana Anders", "Atlas Research", "Borealis")
		b.SignIn(webtest.Ana, nil).WantStatus(http.StatusSeeOther)
		second := b.SessionOf()
		if first == second || !strings.HasPrefix(first, "gh_se_") || !strings.HasPrefix(second, "gh_se_") {
			h.Errorf("the sessions are %q and %q", first, second)
		}
		// The session that was replaced has ended on the server.
		b.SetSession(first)
		b.Get("/").WantPage(http.StatusOK).WantNothingOf(webtest.Ana)
		b.SetSession(second)
		b.Get("/").WantPage(http.StatusOK, webtest.Ana)
	})
}

func TestSignInIsThrottledWithoutLockingThePersonOut(t *testing.T) {
	proxied := func(p *web.Parts) { webtest.TrustLoopback(p) }
	webtest.OnBoth(t, func(h *webtest.House) {
		known := h.SignedIn(webtest.Ana) // a browser that Ana has used before
		from := func(b *webtest.Browser, address, email, typed string) *webtest.Answer {
			return b.Post("/login/", url.Values{"email": {email}, "password": {typed}}, "X-Forwarded-For", address)
		}
		// Per account and address: the eleventh wrong password, and then the right one too, in words and with Retry-After.
		for range 10 {
			from(h.Browser(), "203.0.113.1", webtest.Ana, "wrong").WantStatus(http.StatusUnprocessableEntity)
		}
		for _, typed := range []string{"wrong", webtest.Password} {
			a := from(h.Browser(), "203.0.113.1", webtest.Ana, typed).WantPage(http.StatusTooManyRequests, "too many attempts", "minutes")
			if seconds, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || seconds < 1 {
				h.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
			}
		}
		// Another node and a restart know it; another address does not suffer, nor does her own browser at the same address.
		second := h.Serve(proxied)
		from(h.BrowserAt(second.URL), "203.0.113.1", webtest.Ana, webtest.Password).WantStatus(http.StatusTooManyRequests)
		from(h.Browser(), "203.0.113.2", webtest.Ana, webtest.Password).WantStatus(http.StatusSeeOther)
		from(known, "203.0.113.1", webtest.Ana, webtest.Password).WantStatus(http.StatusSeeOther)

		// Per address, whatever the account: fifty in all.
		last := 0
		for i := range 41 {
			last = from(h.Browser(), "203.0.113.1", "guess"+strconv.Itoa(i)+"@example.org", "wrong").Status
		}
		if last != http.StatusTooManyRequests {
			h.Errorf("the fifty-first failure of an address: status %d, want 429", last)
		}
		// Attempts beyond a limit leave no row. One event for each limit says so.
		events, err := h.DB.Events(h.Context(), audit.Filter{Kind: audit.LimitReached})
		h.OK(err)
		if len(events) != 2 || events[1].User == "" || events[1].Address != "203.0.113.1" || !strings.HasPrefix(events[1].Detail, "too many sign_in.failed: no more are recorded until 2026-03-01T12:15:00Z") {
			h.Errorf("the events that say that a limit was reached: %+v", events)
		}
		h.Clock.Advance(15 * time.Minute)
		from(h.Browser(), "203.0.113.1", webtest.Ana, webtest.Password).WantStatus(http.StatusSeeOther)
	}, proxied)
}

// TestSignInLimitsAreSettable.
func TestSignInLimitsAreSettable(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		opts := authn.Defaults()
		opts.InsecureFastHashing, opts.FailuresPerPair = true, 1
		h.Parts.Authn = authn.New(h.DB, h.Keys, h.Clock.Now, opts)
		server := h.Serve(func(p *web.Parts) { p.Authn = h.Parts.Authn })
		wrong := func() int {
			return h.BrowserAt(server.URL).SignIn(webtest.Ana, url.Values{"password": {"wrong"}}).Status
		}
		if first, second := wrong(), wrong(); first != http.StatusUnprocessableEntity || second != http.StatusTooManyRequests {
			h.Errorf("statuses are %d and %d, want 422 and 429", first, second)
		}
	})
}

func TestOnlyRelativeTargetsAfterSignIn(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		for target, want := range map[string]string{
			"/docs/guide/": "/docs/guide/", "/docs/guide/?a=b#c": "/docs/guide/?a=b#c", "/": "/", "": "/",
			"//evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/", "https://evil.example/": "/", "evil.example": "/", "javascript:alert(1)": "/",
			"/\t/evil.example": "/", "/\n/evil.example": "/", " /x": "/", "///evil.example": "/", "/%zz": "/", "/é": "/", `/x\y`: "/", "?x": "/",
		} {
			if got := b.SignIn(webtest.Ana, url.Values{"next": {target}}).WantStatus(http.StatusSeeOther).Location(); got != want {
				h.Errorf("next=%q leads to %q, want %q", target, got, want)
			}
			// A browser that is new here comes by way of a look whether it has kept the cookie.
			if want == "/docs/guide/?a=b#c" || want == "/" && !strings.HasPrefix(target, "http") {
				h.Browser().SignIn(webtest.Ana, url.Values{"next": {target}}).Follow().WantStatus(http.StatusOK)
			}
		}
		h.Browser().Get("/login/?next=/docs/guide/").WantPage(http.StatusOK, `name="next" value="/docs/guide/"`)
		h.Browser().Get("/login/?next=//evil.example").WantPage(http.StatusOK).WantNothingOf("evil.example")
	})
}

func TestSignOutEndsTheSessionOnTheServer(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		session := b.SessionOf()
		b.Get("/logout/").WantPage(http.StatusOK, "Sign out", webtest.Ana, `method="post"`)
		b.Get("/").WantPage(http.StatusOK, webtest.Ana) // a GET only asks
		b.Post("/logout/", nil).WantPage(http.StatusOK, "signed out")
		if got := b.SessionOf(); got != "" {
			h.Errorf("the browser still has the session %q", got)
		}
		b.SetSession(session)
		b.Get("/").WantPage(http.StatusOK).WantNothingOf(webtest.Ana)
		b.Authorize(h.Insight).WantSignIn()
		h.Browser().Post("/logout/", nil).WantPage(http.StatusOK, "signed out") // nobody was
	})
}

// TestSessionEndsWithItsTimeAndItsPerson.
func TestSessionEndsWithItsTimeAndItsPerson(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		h.Clock.Advance(14*24*time.Hour - time.Second)
		b.Authorize(h.Insight).WantConsent()
		h.Clock.Advance(time.Second)
		b.Authorize(h.Insight).WantSignIn()

		b = h.SignedIn(webtest.Ben)
		_, err := h.Directory.DisableUser(h.Context(), team.CommandLine, webtest.Ben)
		h.OK(err)
		b.Authorize(h.Insight).WantSignIn()
		_, err = h.Directory.EnableUser(h.Context(), team.CommandLine, webtest.Ben)
		h.OK(err)
		b.Authorize(h.Insight).WantSignIn()
		for _, forged := range []string{"x", "gh_se_", strings.Repeat("g", 5000), "gh_se_" + strings.Repeat("A", 43)} {
			b.SetSession(forged)
			b.Authorize(h.Insight).WantSignIn()
		}
	})
}

// TestSignInKeepsThePendingRequestThroughAWrongPassword, and says which application waits.
func TestSignInKeepsThePendingRequestThroughAWrongPassword(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Browser()
		login := b.Authorize(h.Insight).WantSignIn()
		wrong := b.SignIn(webtest.Ana, url.Values{"request": {login.Sealed()}, "password": {"wrong"}}).WantPage(http.StatusUnprocessableEntity, "Insight", webtest.Ana).WantNothingOf(webtest.Password)
		b.SignIn(webtest.Ana, url.Values{"request": {wrong.Sealed()}}).Follow().WantConsent()
	})
}

// TestSignInPageLeftOpenStillSignsIn: the request has expired by then, so the page links back to the application.
func TestSignInPageLeftOpenStillSignsIn(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Browser()
		login := b.Authorize(h.Insight).WantSignIn()
		consent := h.SignedIn(webtest.Ben).Authorize(h.Insight).WantConsent()
		h.Clock.Advance(time.Hour)
		request := url.Values{"request": {login.Sealed()}}
		wrong := b.SignIn(webtest.Ana, url.Values{"request": {login.Sealed()}, "password": {"wrong"}}).
			WantPage(http.StatusUnprocessableEntity, `name="password"`, "Insight")
		b.SignIn(webtest.Ana, url.Values{"request": {wrong.Sealed()}}).
			WantPage(http.StatusOK, "You are signed in", `href="https://insight.example"`, "Go to <bdi>Insight</bdi>")
		b.Get("/").WantPage(http.StatusOK, webtest.Ana)
		// The other pages of a request that has expired lead back, too.
		h.Browser().Get("/login/?"+request.Encode()).WantPage(http.StatusBadRequest, "no longer valid", `href="https://insight.example"`)
		consent.Decide("authorize", h.Atlas.ID).WantPage(http.StatusBadRequest, "no longer valid", `href="https://insight.example"`)
		consent.Decide("cancel", "").WantPage(http.StatusBadRequest, "no longer valid", `href="https://insight.example"`)
		altered := url.Values{"request": {login.Sealed() + "x"}}
		h.Browser().SignIn(webtest.Ana, altered).WantPage(http.StatusBadRequest, "no longer valid").WantNothingOf("insight.example")
	})
}

// TestBrowserWithoutCookiesIsTold, whatever it wanted to sign in for: the sign-in page would come again without end.
func TestBrowserWithoutCookiesIsTold(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for name, form := range map[string]url.Values{
			"an application": {"request": {h.Browser().Authorize(h.Insight).WantSignIn().Sealed()}},
			"a page of ours": {"next": {"/account/"}},
			"nothing":        nil,
		} {
			h.Log(name)
			b := h.Browser()
			b.Client.Jar = nil
			b.SignIn(webtest.Ana, form).Follow().WantPage(http.StatusBadRequest, "did not send back the cookie", "Allow cookies", `href="`+h.Parts.Issuer+`/login/?`).
				WantNothingOf(`name="password"`)
			h.Browser().SignIn(webtest.Ana, form).Follow().WantStatus(http.StatusOK)
		}
	})
}

// TestPageThatCameByHTTPIsTold: the public URL is https, so the browser would not keep the cookie.
func TestPageThatCameByHTTPIsTold(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		form := url.Values{"email": {webtest.Ana}, "password": {webtest.Password}, "next": {"/account/"}}
		host := "auth.example"
		a := h.Browser().Post("/login/", form, "Host", host, "Origin", "http://"+host)
		a.WantPage(http.StatusBadRequest, "without encryption", `href="https://auth.example/login/?next=%2Faccount%2F"`).WantNothingOf(`name="password"`)
		if len(a.Header.Values("Set-Cookie")) > 0 {
			h.Errorf("the cookies are %q", a.Header.Values("Set-Cookie"))
		}
		h.Browser().Post("/login/", form, "Host", host, "Origin", "https://"+host).WantStatus(http.StatusSeeOther)
	}, func(p *web.Parts) { p.Issuer = "https://auth.example" })
}

// TestOldCookieNamesAreRead after an upgrade, until the next sign-in replaces them.
func TestOldCookieNamesAreRead(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		old := "gatehouse_session=" + h.SignedIn(webtest.Ana).SessionOf()
		b := h.Browser()
		b.Get("/", "Cookie", old).WantPage(http.StatusOK, webtest.Ana)
		replaced := b.Post("/login/", url.Values{"email": {webtest.Ben}, "password": {webtest.Password}}, "Cookie", old).WantStatus(http.StatusSeeOther)
		if cookies := strings.Join(replaced.Header.Values("Set-Cookie"), "\n"); strings.Contains(cookies, "gatehouse_session") {
			h.Errorf("the old cookie, which may be another server's, is touched:\n%s", cookies)
		}
		b.Get("/", "Cookie", old).WantPage(http.StatusOK, webtest.Ben).WantNothingOf(webtest.Ana)
		h.Browser().Get("/", "Cookie", old).WantPage(http.StatusOK).WantNothingOf(webtest.Ana)
	})
}

// TestFreshSignInIsForThisRequest: a sign-in for something else in the same browser does not answer prompt=login.
func TestFreshSignInIsForThisRequest(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		b.Connect(h.Insight, h.Atlas)
		for _, change := range [][]string{{"prompt", "login"}, {"max_age", "0"}} {
			page := b.Authorize(h.Insight, change...).WantSignIn()
			h.Clock.Advance(time.Minute)
			b.SignIn(webtest.Ben, url.Values{"next": {"/account/"}}).WantStatus(http.StatusSeeOther) // in another window
			b.Get("/o/consent/?" + url.Values{"request": {page.Sealed()}}.Encode()).WantSignIn()
			done := b.SignIn(webtest.Ben, url.Values{"request": {page.Sealed()}}).WantStatus(http.StatusSeeOther)
			b.Get(done.Location()).WantCode(webtest.Callback)
			h.SignedIn(webtest.Ben).Get(done.Location()).WantSignIn() // in another browser
		}
	})
}

// TestTwoServersOnOneHost get each other's cookies, whatever their ports (RFC 6265 §8.5), and do not sign each other out.
func TestTwoServersOnOneHost(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		other := webtest.NewHouse(h.TB, storetest.SQLiteURL(h.TB))
		b := h.SignedIn(webtest.Ana)
		there := func(path string) string { return other.Server.URL + path }
		form := url.Values{"email": {webtest.Ben}, "password": {webtest.Password}}
		b.Post(there("/login/"), form).WantStatus(http.StatusSeeOther)
		b.Get(there("/")).WantPage(http.StatusOK, webtest.Ben)
		b.Get("/").WantPage(http.StatusOK, webtest.Ana)
		b.Post(there("/logout/"), nil).WantPage(http.StatusOK, "signed out")
		b.Get("/").WantPage(http.StatusOK, webtest.Ana)

		// One that was not upgraded, or where nobody has signed in since, still uses the old name.
		old := "gatehouse_session=" + b.SessionOf()
		for _, a := range []*webtest.Answer{
			other.Browser().Post(there("/login/"), form, "Cookie", old), other.Browser().Post(there("/logout/"), nil, "Cookie", old),
		} {
			if cookies := strings.Join(a.Header.Values("Set-Cookie"), "\n"); strings.Contains(cookies, "gatehouse_session") {
				h.Errorf("%s: the cookie of another server is touched:\n%s", a.Request.URL.Path, cookies)
			}
		}
	})
}

// TestNobodySignsInTwiceWithoutAReason: several tabs wait for a sign-in, and one is enough for all of them.
func TestNobodySignsInTwiceWithoutAReason(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Browser()
		page := "/login/?next=%2Faccount%2F"
		b.Get(page).WantPage(http.StatusOK, `name="password"`)
		waiting := b.Authorize(h.Insight, "team", "atlas").WantSignIn()
		fresh := b.Authorize(h.Insight, "prompt", "login").WantSignIn()
		silent := b.Authorize(h.Insight, "prompt", "select_account").WantSignIn()
		b.SignIn(webtest.Ben, nil).WantStatus(http.StatusSeeOther) // in yet another tab

		at := func(sealed string) string { return "/login/?" + url.Values{"request": {sealed}}.Encode() }
		for path, want := range map[string]string{"/login/": "/", page: "/account/", "/login/?next=//evil.example": "/"} {
			if got := b.Get(path).WantStatus(http.StatusSeeOther).Location(); got != want {
				h.Errorf("%s leads to %q, want %q", path, got, want)
			}
		}
		b.Get(at(waiting.Sealed())).Follow().WantConsent().WantPage(http.StatusOK, webtest.Ben)
		b.Get(at(silent.Sealed())).Follow().WantPage(http.StatusOK, "Which account do you want to use?", webtest.Ben)

		// These ask for the page.
		b.Get(at(fresh.Sealed())).WantPage(http.StatusOK, `name="password"`)
		b.Get(at(waiting.Sealed())+"&switch=1").WantPage(http.StatusOK, `name="password"`)
		b.Get("/login/?switch=1").WantPage(http.StatusOK, `name="password"`)
	})
}

// TestFreshSignIn: a page of ours that wants a sign-in of the last ten minutes gets one, however the person answers.
func TestFreshSignIn(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		ana := h.SignedIn(webtest.Ana)
		const page = "/login/?again=1&next=%2Faccount%2F"
		h.Clock.Advance(10 * time.Minute)
		if a := ana.Get(page); a.Location() != "/account/" {
			h.Errorf("after ten minutes: status %d to %q, want /account/", a.Status, a.Location())
		}
		h.Clock.Advance(time.Second)
		ana.Get(page).WantPage(http.StatusOK, "To be sure that it is still you", `value="`+webtest.Ana+`"`, `name="next" value="/account/"`)
		if a := ana.Get("/login/?next=%2Faccount%2F"); a.Location() != "/account/" {
			h.Errorf("a page that wants no fresh sign-in: status %d to %q, want /account/", a.Status, a.Location())
		}
		ana.Post("/login/", webtest.Pairs("email", webtest.Ana, "password", "wrong", "next", "/account/")).
			WantPage(http.StatusUnprocessableEntity, "To be sure that it is still you", `name="next" value="/account/"`)
		ana.SignIn(webtest.Ana, webtest.Pairs("next", "/account/")).Follow().WantPage(http.StatusOK, "Ana Anders")
		if a := ana.Get(page); a.Location() != "/account/" {
			h.Errorf("after signing in again: status %d to %q, want /account/", a.Status, a.Location())
		}
		h.Browser().Get(page).WantPage(http.StatusOK, `name="password"`).WantNothingOf("To be sure")
	})
}
