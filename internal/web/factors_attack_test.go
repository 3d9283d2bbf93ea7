package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// The story: Ana sets up an app, signs in with it, and loses nothing else.
func TestSignInWithAnAuthenticatorApp(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		app := b.AddApp()
		if len(app.Codes) != 10 {
			h.Errorf("%d recovery codes, want 10", len(app.Codes))
		}
		b.Get("/account/security/").WantPage(http.StatusOK, "Authenticator app", "10 are left")
		h.Clock.Advance(time.Minute)
		other := h.Browser()
		page := other.Begin(webtest.Ana, url.Values{"next": {"/account/"}})
		if other.SessionOf() != "" {
			h.Error("there is a session before the code")
		}
		page.Prove("000000").WantPage(http.StatusUnprocessableEntity, "The code is wrong")
		page.Prove(app.Now()).WantStatus(http.StatusSeeOther).Follow().WantPage(http.StatusOK, "Your account")
		h.Browser().Begin(webtest.Ana, nil).Prove(strings.ToLower(strings.ReplaceAll(app.Codes[3], "-", " "))).Follow().WantPage(http.StatusOK, "Ana Anders")
		b.Get("/account/security/").WantPage(http.StatusOK, "9 are left")
	})
}

// Nobody gets a session, a consent page or a code with a missing factor.
func TestAttackSkippingTheSecondFactor(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		app := h.SignedIn(webtest.Ana).AddApp()
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		login := b.Authorize(h.Insight, "prompt", "consent").WantSignIn()
		sealed := login.Sealed()
		page := b.Begin(webtest.Ana, url.Values{"request": {sealed}})
		for _, sealed := range []string{sealed, page.Hidden("request")} {
			b.Get("/o/consent/?request=" + url.QueryEscape(sealed)).WantSignIn()
			b.Post("/o/consent/", url.Values{"request": {sealed}, "team": {string(h.Atlas.ID)}, "decision": {"authorize"}}).WantSignIn()
		}
		b.Authorize(h.Insight).WantSignIn()
		if got := b.Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "login_required"); got == "" {
			h.Error("no description")
		}
		for _, path := range []string{"/account/", "/account/security/", "/teams/atlas/audit/"} {
			if a := b.Get(path); a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location(), "/login/") {
				h.Errorf("%s: status %d to %q", path, a.Status, a.Location())
			}
		}
		page.Prove(app.Now()).Follow().WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
	})
}

// A code of the app counts once: also when it comes several times at once.
func TestAttackReplayOfACode(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		app := h.SignedIn(webtest.Ana).AddApp()
		h.Browser().Begin(webtest.Ana, nil).Prove(app.Now()).WantPage(http.StatusUnprocessableEntity, "used before") // the one that enrolled it
		h.Clock.Advance(time.Minute)
		code := app.Now()
		h.Browser().Begin(webtest.Ana, nil).Prove(code).WantStatus(http.StatusSeeOther)
		h.Browser().Begin(webtest.Ana, nil).Prove(code).WantPage(http.StatusUnprocessableEntity, "used before")
		h.Clock.Advance(time.Minute)
		code = app.Now()
		if won := atOnce(h, 4, func(page *webtest.Answer) *webtest.Answer { return page.Prove(code) }); won != 1 {
			h.Errorf("%d sign-ins with one code at once, want 1", won)
		}
		if won := atOnce(h, 3, func(page *webtest.Answer) *webtest.Answer { return page.Prove(app.Codes[0]) }); won != 1 {
			h.Errorf("%d sign-ins with one recovery code at once, want 1", won)
		}
		h.Browser().Begin(webtest.Ana, nil).Prove(app.Codes[0]).WantPage(http.StatusUnprocessableEntity, "used before")
	})
}

// atOnce is how many of several browsers are signed in that prove something at the same time.
func atOnce(h *webtest.House, n int, prove func(*webtest.Answer) *webtest.Answer) int64 {
	var pages []*webtest.Answer
	for range n {
		pages = append(pages, h.Browser().Begin(webtest.Ana, nil))
	}
	var won atomic.Int64
	var group sync.WaitGroup
	for _, page := range pages {
		group.Go(func() {
			if prove(page).Status == http.StatusSeeOther {
				won.Add(1)
			}
		})
	}
	group.Wait()
	return won.Load()
}

// The clock of a phone may be wrong by one step, and not by two.
func TestCodesOfOtherSteps(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		app := h.SignedIn(webtest.Ana).AddApp()
		for _, tt := range []struct {
			off  time.Duration
			want int
		}{{-time.Minute, http.StatusUnprocessableEntity}, {time.Minute, http.StatusUnprocessableEntity}, {-30 * time.Second, http.StatusSeeOther}, {30 * time.Second, http.StatusSeeOther}} {
			h.Clock.Advance(10 * time.Minute)
			h.Browser().Begin(webtest.Ana, nil).Prove(webtest.Code(app.Secret, h.Clock.Now().Add(tt.off))).WantStatus(tt.want)
		}
	})
}

// Guessing is bounded for each attempt, and for the account whatever attempts there are.
func TestAttackGuessingCodes(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		app := h.SignedIn(webtest.Ana).AddApp()
		h.Clock.Advance(time.Minute)
		page := h.Browser().Begin(webtest.Ana, nil)
		for range 5 {
			page.Prove("000000").WantStatus(http.StatusUnprocessableEntity)
		}
		page.Prove(app.Now()).WantPage(http.StatusUnprocessableEntity, "Please begin again")
		if page.Browser.SessionOf() != "" {
			h.Error("the attempt goes on after five wrong codes")
		}
		page = h.Browser().Begin(webtest.Ana, nil)
		for range 5 {
			page.Prove("ABCD-EFGH-IJKL-MNOP").WantStatus(http.StatusUnprocessableEntity)
		}
		h.Browser().Begin(webtest.Ana, nil).Prove(app.Now()).WantPage(http.StatusTooManyRequests, "too many attempts")
		h.Clock.Advance(16 * time.Minute)
		h.Browser().Begin(webtest.Ana, nil).Prove(app.Now()).WantStatus(http.StatusSeeOther)
		for range 4 {
			page := h.Browser().Begin(webtest.Ana, nil)
			for range 5 {
				page.Prove("000000")
			}
			h.Clock.Advance(16 * time.Minute)
		}
		h.Browser().Begin(webtest.Ana, nil).Prove(app.Now()).WantStatus(http.StatusTooManyRequests) // thirty in a day
	})
}

// Guesses of somebody with the password do not lock out the browser that the person uses.
func TestGuessesElsewhereDoNotLockOut(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		app := b.AddApp()
		for range 2 {
			page := h.Browser().Begin(webtest.Ana, nil)
			for range 5 {
				page.Prove("000000").WantStatus(http.StatusUnprocessableEntity)
			}
		}
		h.Clock.Advance(time.Minute)
		h.Browser().Begin(webtest.Ana, nil).Prove(app.Now()).WantStatus(http.StatusTooManyRequests)
		b.Get("/login/?switch=1")
		b.Begin(webtest.Ana, nil).Prove(app.Now()).WantStatus(http.StatusSeeOther)
	})
}

// A sign-in that has begun belongs to its browser, ends with the password and the person, and lives ten minutes.
func TestAttackPendingSignIn(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		app := h.SignedIn(webtest.Ana).AddApp()
		h.Clock.Advance(time.Minute)
		page := h.Browser().Begin(webtest.Ana, nil)
		stranger := h.Browser()
		stranger.Get("/login/factor/").Follow().WantPage(http.StatusOK, "Sign in")
		stranger.Post("/login/factor/", url.Values{"attempt": {page.Hidden("attempt")}, "code": {app.Now()}}).WantPage(http.StatusUnprocessableEntity, "begin again")
		if stranger.SessionOf() != "" {
			h.Error("the attempt of another browser signs in")
		}
		// Another sign-in has begun at this browser since.
		page.Browser.Begin(webtest.Ana, nil)
		page.Prove(app.Now()).WantPage(http.StatusUnprocessableEntity, "begin again")

		late := h.Browser().Begin(webtest.Ana, nil)
		h.Clock.Advance(10*time.Minute + time.Second)
		late.Prove(app.Now()).WantPage(http.StatusUnprocessableEntity, "begin again")

		changed := h.Browser().Begin(webtest.Ana, nil)
		ana, err := h.Directory.UserByEmail(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		h.OK(h.Parts.Authn.SetPassword(h.Context(), ana, "another quiet gate in autumn"))
		changed.Prove(app.Now()).WantPage(http.StatusUnprocessableEntity, "begin again")
		h.OK(h.Parts.Authn.SetPassword(h.Context(), ana, webtest.Password))

		disabled := h.Browser().Begin(webtest.Ana, nil)
		_, err = h.Directory.DisableUser(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		disabled.Prove(app.Now()).WantPage(http.StatusUnprocessableEntity, "begin again")
	})
}

// Factors are changed by a fresh sign-in with all of them only.
func TestAttackChangingFactors(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		page := b.Get("/account/security/app/").WantPage(http.StatusOK, "Scan this")
		h.Clock.Advance(10*time.Minute + time.Second)
		for _, path := range []string{"/account/security/app/", "/account/security/codes/", "/account/security/passkeys/", "/account/security/passkeys/x/"} {
			a := b.Get(path).WantStatus(http.StatusSeeOther)
			if want := "/login/?again=1&next=" + url.QueryEscape(path); a.Location() != want {
				h.Errorf("%s leads to %q, want %q", path, a.Location(), want)
			}
			b.Post(path, webtest.Pairs("setup", page.Hidden("setup"), "code", "000000", "do", "remove")).WantStatus(http.StatusSeeOther)
		}
		b.Get("/login/?again=1&next=/account/security/app/").WantPage(http.StatusOK, "please sign in again", webtest.Ana)
		b.SignIn(webtest.Ana, url.Values{"next": {"/account/security/app/"}}).Follow().WantPage(http.StatusOK, "Scan this")
		// A setup is the person's own.
		ben := h.SignedIn(webtest.Ben)
		ben.Post("/account/security/app/", webtest.Pairs("setup", page.Hidden("setup"), "code", "000000")).WantPage(http.StatusUnprocessableEntity, "took too long")
		b.AddApp()
		h.Clock.Advance(time.Minute)
		b.Post("/account/security/codes/", nil).WantPage(http.StatusOK, "new recovery codes")
		b.Post("/account/security/app/", webtest.Pairs("do", "remove")).Follow().WantPage(http.StatusOK, "has been removed").WantNothingOf("are left")
		for _, kind := range []audit.Kind{audit.AppAdded, audit.AppRemoved, audit.RecoveryCodesMade} {
			events, err := h.DB.Events(h.Context(), audit.Filter{Kind: kind})
			h.OK(err)
			if len(events) == 0 || events[0].UserEmail != webtest.Ana || events[0].ActorEmail != webtest.Ana {
				h.Errorf("%s is recorded as %+v", kind, events)
			}
		}
	})
}

// A session that has only the password cannot change the factors that were added since in another browser.
func TestAttackWeakSessionChangesFactors(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		weak, b := h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ana)
		app := b.AddApp()
		weak.Post("/account/security/app/", webtest.Pairs("do", "remove")).WantStatus(http.StatusSeeOther)
		weak.Post("/account/security/codes/", nil).WantStatus(http.StatusSeeOther)
		b.Get("/account/security/").WantPage(http.StatusOK, "10 are left")
		h.Clock.Advance(time.Minute)
		// A changed password needs the second factor too.
		change := webtest.Pairs("current", webtest.Password, "new", "another quiet gate in autumn", "again", "another quiet gate in autumn")
		weak.Post("/account/password/", change).Follow().WantPage(http.StatusOK, "One more step")
		weak.Get("/login/factor/").Prove(app.Now()).WantStatus(http.StatusSeeOther)
		weak.Post("/account/password/", change).Follow().WantPage(http.StatusOK, "password has been changed")
		weak.Get("/account/security/codes/").WantPage(http.StatusOK, "replace") // it is as strong as before
	})
}
