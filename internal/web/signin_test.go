package web_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web"
)

// The rows of "Sign-in", in their order. That an unknown e-mail costs the time of a wrong password is shown in authn.

// sessionOf is the session cookie that the browser has, or "".
func (b *browser) sessionOf() string {
	u, err := url.Parse(b.base)
	b.ok(err)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == "gatehouse_session" {
			return c.Value
		}
	}
	return ""
}

func (b *browser) setSession(value string) {
	u, err := url.Parse(b.base)
	b.ok(err)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: "gatehouse_session", Value: value, Path: "/"}})
}

func TestUnknownEMailAndWrongPasswordGetTheSameAnswer(t *testing.T) {
	onBoth(t, func(h *house) {
		_, err := h.directory.DisableUser(h.Context(), team.CommandLine, ben)
		h.ok(err)
		pages := map[string]bool{}
		for _, form := range []url.Values{
			{"email": {ana}, "password": {"wrong"}},
			{"email": {"nobody@example.org"}, "password": {password}},
			{"email": {ben}, "password": {password}},
			{"email": {ana}, "password": {""}},
			{"email": {""}, "password": {""}},
		} {
			a := h.browser().post("/login/", form).wantPage(http.StatusUnprocessableEntity, "e-mail address or the password is wrong")
			if cookies := a.header.Values("Set-Cookie"); len(cookies) > 0 {
				h.Errorf("%q got the cookies %q", form.Get("email"), cookies)
			}
			email := form.Get("email")
			if email == "" {
				email = "\x00"
			}
			page := neutral(a, email)
			pages[strings.ReplaceAll(page, `value=""`, `value="VARIES"`)] = true
		}
		if len(pages) != 1 {
			h.Errorf("there are %d different pages", len(pages))
		}
	})
}

func TestEverySignInHasANewSession(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.browser()
		b.setSession("gh_se_fixed-by-a-stranger-before-the-sign-in-000000")
		b.signIn(ana, nil).wantStatus(http.StatusSeeOther)
		first := b.sessionOf()
		b.get("/").wantPage(http.StatusOK, "Ana Anders", "Atlas Research", "Borealis")
		b.signIn(ana, nil).wantStatus(http.StatusSeeOther)
		second := b.sessionOf()
		if first == second || !strings.HasPrefix(first, "gh_se_") || !strings.HasPrefix(second, "gh_se_") {
			h.Errorf("the sessions are %q and %q", first, second)
		}
		// The session that was replaced has ended on the server.
		b.setSession(first)
		b.get("/").wantPage(http.StatusOK).wantNothingOf(ana)
		b.setSession(second)
		b.get("/").wantPage(http.StatusOK, ana)
	})
}

func TestSignInIsThrottledWithoutLockingThePersonOut(t *testing.T) {
	proxied := func(p *web.Parts) { trustLoopback(p) }
	onBoth(t, func(h *house) {
		known := h.signedIn(ana) // a browser that Ana has used before
		from := func(b *browser, address, email, typed string) *answer {
			return b.post("/login/", url.Values{"email": {email}, "password": {typed}}, "X-Forwarded-For", address)
		}
		// Per account and address: the eleventh wrong password, and then the right one too, in words and with Retry-After.
		for range 10 {
			from(h.browser(), "203.0.113.1", ana, "wrong").wantStatus(http.StatusUnprocessableEntity)
		}
		for _, typed := range []string{"wrong", password} {
			a := from(h.browser(), "203.0.113.1", ana, typed).wantPage(http.StatusTooManyRequests, "too many attempts", "minutes")
			if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 {
				h.Errorf("Retry-After %q", a.header.Get("Retry-After"))
			}
		}
		// Another node and a restart know it; another address does not suffer, nor does her own browser at the same address.
		second := h.serve(proxied)
		from(h.browserAt(second.URL), "203.0.113.1", ana, password).wantStatus(http.StatusTooManyRequests)
		from(h.browser(), "203.0.113.2", ana, password).wantStatus(http.StatusSeeOther)
		from(known, "203.0.113.1", ana, password).wantStatus(http.StatusSeeOther)

		// Per address, whatever the account: fifty in all.
		last := 0
		for i := range 41 {
			last = from(h.browser(), "203.0.113.1", "guess"+strconv.Itoa(i)+"@example.org", "wrong").status
		}
		if last != http.StatusTooManyRequests {
			h.Errorf("the fifty-first failure of an address: status %d, want 429", last)
		}
		h.clock.advance(15 * time.Minute)
		from(h.browser(), "203.0.113.1", ana, password).wantStatus(http.StatusSeeOther)
	}, proxied)
}

// TestSignInLimitsAreSettable.
func TestSignInLimitsAreSettable(t *testing.T) {
	onBoth(t, func(h *house) {
		h.parts.Authn = authn.New(h.db, h.keys, h.clock.now, authn.Options{InsecureFastHashing: true, FailuresPerPair: 1})
		server := h.serve(func(p *web.Parts) { p.Authn = h.parts.Authn })
		wrong := func() int {
			return h.browserAt(server.URL).signIn(ana, url.Values{"password": {"wrong"}}).status
		}
		if first, second := wrong(), wrong(); first != http.StatusUnprocessableEntity || second != http.StatusTooManyRequests {
			h.Errorf("statuses are %d and %d, want 422 and 429", first, second)
		}
	})
}

func TestOnlyRelativeTargetsAfterSignIn(t *testing.T) {
	onBoth(t, func(h *house) {
		for target, want := range map[string]string{
			"/docs/guide/": "/docs/guide/", "/docs/guide/?a=b#c": "/docs/guide/?a=b#c", "/": "/", "": "/",
			"//evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/", "https://evil.example/": "/", "evil.example": "/", "javascript:alert(1)": "/",
			"/\t/evil.example": "/", "/\n/evil.example": "/", " /x": "/", "///evil.example": "/", "/%zz": "/", "/é": "/", `/x\y`: "/", "?x": "/",
		} {
			if got := h.browser().signIn(ana, url.Values{"next": {target}}).wantStatus(http.StatusSeeOther).location(); got != want {
				h.Errorf("next=%q leads to %q, want %q", target, got, want)
			}
		}
		h.browser().get("/login/?next=/docs/guide/").wantPage(http.StatusOK, `name="next" value="/docs/guide/"`)
		h.browser().get("/login/?next=//evil.example").wantPage(http.StatusOK).wantNothingOf("evil.example")
	})
}

func TestSignOutEndsTheSessionOnTheServer(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		session := b.sessionOf()
		b.get("/logout/").wantPage(http.StatusOK, "Sign out", ana, `method="post"`)
		b.get("/").wantPage(http.StatusOK, ana) // a GET only asks
		b.post("/logout/", nil).wantPage(http.StatusOK, "signed out")
		if got := b.sessionOf(); got != "" {
			h.Errorf("the browser still has the session %q", got)
		}
		b.setSession(session)
		b.get("/").wantPage(http.StatusOK).wantNothingOf(ana)
		b.authorize(h.insight).wantSignIn()
		h.browser().post("/logout/", nil).wantPage(http.StatusOK, "signed out") // nobody was
	})
}

// TestSessionEndsWithItsTimeAndItsPerson.
func TestSessionEndsWithItsTimeAndItsPerson(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		h.clock.advance(14*24*time.Hour - time.Second)
		b.authorize(h.insight).wantConsent()
		h.clock.advance(time.Second)
		b.authorize(h.insight).wantSignIn()

		b = h.signedIn(ben)
		_, err := h.directory.DisableUser(h.Context(), team.CommandLine, ben)
		h.ok(err)
		b.authorize(h.insight).wantSignIn()
		_, err = h.directory.EnableUser(h.Context(), team.CommandLine, ben)
		h.ok(err)
		b.authorize(h.insight).wantSignIn()
		for _, forged := range []string{"x", "gh_se_", strings.Repeat("g", 5000), "gh_se_" + strings.Repeat("A", 43)} {
			b.setSession(forged)
			b.authorize(h.insight).wantSignIn()
		}
	})
}

// TestSignInKeepsThePendingRequestThroughAWrongPassword, and says which application waits.
func TestSignInKeepsThePendingRequestThroughAWrongPassword(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.browser()
		login := b.authorize(h.insight).wantSignIn()
		wrong := b.signIn(ana, url.Values{"request": {login.sealed()}, "password": {"wrong"}}).wantPage(http.StatusUnprocessableEntity, "Insight", ana).wantNothingOf(password)
		b.signIn(ana, url.Values{"request": {wrong.sealed()}}).follow().wantConsent()
		h.clock.advance(time.Hour)
		b.signIn(ana, url.Values{"request": {wrong.sealed()}}).wantPage(http.StatusBadRequest, "no longer valid")
	})
}
