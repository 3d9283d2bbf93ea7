package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// The story: Ana adds a passkey, and signs in with it alone, and with it after her password.
func TestSignInWithAPasskey(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b, key := h.WithPasskeys().SignedIn(webtest.Ana), h.NewSoftKey()
		if codes := b.AddPasskey(key).WantPage(http.StatusOK, "Save your recovery codes").RecoveryCodes(); len(codes) != 10 {
			h.Errorf("%d recovery codes, want 10", len(codes))
		}
		b.Get("/account/security/").WantPage(http.StatusOK, "Passkey 1", "On one device")
		b.Get("/account/security/codes/").WantPage(http.StatusOK, "replace") // making the passkey made the session as strong
		alone := h.Browser()
		alone.SignInWith(key).WantStatus(http.StatusSeeOther)
		alone.Get("/account/").WantPage(http.StatusOK, webtest.Ana)
		alone.Get("/account/security/codes/").WantPage(http.StatusOK, "replace") // it is both factors
		after := h.Browser()
		page := after.Begin(webtest.Ana, nil)
		page.SendPasskey(key.Signed(page)).WantStatus(http.StatusSeeOther)
		after.Get("/account/security/").WantPage(http.StatusOK, "last used")
	})
}

// A passkey whose device did not ask who holds it is one factor: the password is asked for too.
func TestAttackTouchWithoutAPerson(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		key := h.WithPasskeys().NewSoftKey()
		h.SignedIn(webtest.Ana).AddPasskey(key).WantStatus(http.StatusOK)
		key.Flags = webtest.FlagPresent
		b := h.Browser()
		page := b.SignInWith(key).WantStatus(http.StatusSeeOther).Follow().WantPage(http.StatusOK, "One more step", "Password")
		if b.SessionOf() != "" {
			h.Error("there is a session before the password")
		}
		b.Post("/login/factor/", webtest.Pairs("attempt", page.Hidden("attempt"), "password", "not the password")).WantStatus(http.StatusUnprocessableEntity)
		b.Post("/login/factor/", webtest.Pairs("attempt", page.Hidden("attempt"), "password", webtest.Password)).WantStatus(http.StatusSeeOther)
		if b.SessionOf() == "" {
			h.Error("there is no session after the password")
		}
	})
}

// refuse fails when an answer signs in.
func refuse(h *webtest.House, what string, a *webtest.Answer) {
	h.Helper()
	if a.Status != http.StatusUnprocessableEntity || a.Browser.SessionOf() != "" {
		h.Errorf("%s: status %d, signed in %t", what, a.Status, a.Browser.SessionOf() != "")
	}
}

// Answers that a website, a program or another device could make up sign nobody in.
func TestAttackPasskeyAnswers(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		key, other := h.WithPasskeys().NewSoftKey(), h.NewSoftKey()
		h.SignedIn(webtest.Ana).AddPasskey(key).WantStatus(http.StatusOK)
		h.SignedIn(webtest.Ben).AddPasskey(other).WantStatus(http.StatusOK)
		for what, change := range map[string]func(*webtest.SoftKey){
			"another origin":           func(k *webtest.SoftKey) { k.Origin = "https://auth.example.evil.example" },
			"a subdomain":              func(k *webtest.SoftKey) { k.Origin = "https://wiki.auth.example" },
			"without TLS":              func(k *webtest.SoftKey) { k.Origin = "http://auth.example" },
			"another port":             func(k *webtest.SoftKey) { k.Origin = "https://auth.example:8443" },
			"another RP ID":            func(k *webtest.SoftKey) { k.Host = "evil.example" },
			"the parent domain":        func(k *webtest.SoftKey) { k.Host = "example" },
			"nobody touched it":        func(k *webtest.SoftKey) { k.Flags = webtest.FlagVerified },
			"no flags":                 func(k *webtest.SoftKey) { k.Flags = 0 },
			"another person's handle":  func(k *webtest.SoftKey) { k.Handle = other.Handle },
			"no handle":                func(k *webtest.SoftKey) { k.Handle = nil },
			"signed by another key":    func(k *webtest.SoftKey) { k.Private = other.Private },
			"another person's id":      func(k *webtest.SoftKey) { k.ID = other.ID },
			"an id that nobody has":    func(k *webtest.SoftKey) { k.ID = []byte("sixteen bytes id") },
			"another's id and handle":  func(k *webtest.SoftKey) { k.ID, k.Handle = other.ID, other.Handle },
			"another's key and handle": func(k *webtest.SoftKey) { k.Private, k.Handle = other.Private, other.Handle },
		} {
			attack := *key
			change(&attack)
			refuse(h, what, h.Browser().SignInWith(&attack))
		}
		for _, nonsense := range []string{"", "null", "{}", "[]", strings.Repeat("[", 10000), `{"id":"x"}`} {
			refuse(h, "nonsense", h.Browser().Get("/login/").SendPasskey(nonsense))
		}
		h.Browser().SignInWith(key).WantStatus(http.StatusSeeOther)
	})
}

// Somebody who knows a person's password cannot go on with a passkey of their own.
func TestAttackPasskeyOfAnotherForAnAttempt(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		key, other := h.WithPasskeys().NewSoftKey(), h.NewSoftKey()
		h.SignedIn(webtest.Ana).AddPasskey(key).WantStatus(http.StatusOK)
		h.SignedIn(webtest.Ben).AddPasskey(other).WantStatus(http.StatusOK)
		page := h.Browser().Begin(webtest.Ana, nil)
		refuse(h, "Ben's passkey after Ana's password", page.SendPasskey(other.Signed(page)))
	})
}

// A challenge works once, at the browser that it was made for, for its purpose, and for five minutes.
func TestAttackPasskeyChallenges(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b, key := h.WithPasskeys().SignedIn(webtest.Ana), h.NewSoftKey()
		page := b.Get("/account/security/passkeys/")
		made := key.Made(page)
		page.SendPasskey(made).WantPage(http.StatusOK, "Save your recovery codes")
		page.SendPasskey(made).WantStatus(http.StatusUnprocessableEntity)

		// An answer works once, also where the browser was seen sending it.
		victim := h.Browser()
		login := victim.Get("/login/")
		answer := key.Signed(login)
		login.SendPasskey(answer).WantStatus(http.StatusSeeOther)
		victim.SetSession("")
		refuse(h, "the same answer again", login.SendPasskey(answer))

		thief, login := h.Browser(), h.Browser().Get("/login/")
		thief.Get("/login/")
		login.Browser = thief
		refuse(h, "the challenge of another browser", login.SendPasskey(key.Signed(login)))
		login.Browser = h.Browser()
		refuse(h, "a browser without the cookie", login.SendPasskey(key.Signed(login)))

		// An answer to one challenge beside another.
		first := h.Browser().Get("/login/")
		second := first.Browser.Get("/login/")
		refuse(h, "the answer to another challenge", second.SendPasskey(key.Signed(first)))

		late := h.Browser().Get("/login/")
		h.Clock.Advance(5*60e9 + 1e9)
		refuse(h, "after five minutes", late.SendPasskey(key.Signed(late)))

		// A challenge for signing in adds no passkey.
		fresh, another := h.Browser(), h.NewSoftKey()
		fresh.SignInWith(key).WantStatus(http.StatusSeeOther)
		add := fresh.Get("/account/security/passkeys/").WantPage(http.StatusOK, "Add a passkey")
		at := fresh.Get("/login/?switch=1")
		fresh.Post("/account/security/passkeys/", webtest.Pairs("challenge", at.Hidden("challenge"), "answer", another.Made(add))).WantStatus(http.StatusUnprocessableEntity)
		// Nor does a challenge that somebody else was given at this browser.
		shared := h.SignedIn(webtest.Ben)
		forBen := shared.Get("/account/security/passkeys/")
		shared.SetSession("")
		shared.SignIn(webtest.Cleo, nil).WantStatus(http.StatusSeeOther)
		shared.Post("/account/security/passkeys/", webtest.Pairs("challenge", forBen.Hidden("challenge"), "answer", another.Made(forBen))).WantStatus(http.StatusUnprocessableEntity)
	})
}

// A passkey ends with its removal, with the person, and cannot be two people's.
func TestAttackPasskeysThatEnded(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b, key := h.WithPasskeys().SignedIn(webtest.Ana), h.NewSoftKey()
		b.AddPasskey(key).WantStatus(http.StatusOK)
		ben := h.SignedIn(webtest.Ben)
		page := ben.Get("/account/security/passkeys/")
		handle := key.Handle
		page.SendPasskey(key.Made(page)).WantPage(http.StatusUnprocessableEntity, "registered already")
		key.Handle = handle
		ben.Get("/account/security/").WantPage(http.StatusOK, "You have none")

		_, err := h.Directory.DisableUser(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		refuse(h, "a disabled person", h.Browser().SignInWith(key))
		_, err = h.Directory.EnableUser(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)

		b = h.Browser()
		b.SignInWith(key).WantStatus(http.StatusSeeOther)
		waiting := h.Browser().Get("/login/")
		ana, err := h.Directory.UserByEmail(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		have, err := h.DB.Factors(h.Context(), ana.ID)
		h.OK(err)
		b.Post("/account/security/passkeys/"+have.Passkeys[0].ID+"/", webtest.Pairs("do", "remove")).Follow().WantPage(http.StatusOK, "has been removed")
		refuse(h, "a removed passkey", waiting.SendPasskey(key.Signed(waiting)))
	})
}

// A counter that goes back means that there may be a copy: nobody is signed in, and it is recorded.
func TestAttackCopiedPasskey(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		key := h.WithPasskeys().NewSoftKey()
		key.Count = 7
		h.SignedIn(webtest.Ana).AddPasskey(key).WantStatus(http.StatusOK)
		key.Count = 9
		h.Browser().SignInWith(key).WantStatus(http.StatusSeeOther)
		for _, count := range []uint32{9, 8, 1, 0} {
			key.Count = count
			refuse(h, "a counter that does not grow", h.Browser().SignInWith(key))
		}
		if n := h.Happened(audit.PasskeyCloned); n != 4 {
			h.Errorf("recorded %d times, want 4", n)
		}
		key.Count = 10
		h.Browser().SignInWith(key).WantStatus(http.StatusSeeOther)
	})
}
