package links_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

const newPassword = "another quiet gate in autumn"

// forget asks for a link for an address.
func forget(b *webtest.Browser, email string, headers ...string) *webtest.Answer {
	b.Helper()
	return b.Post("/login/forgot/", url.Values{"email": {email}}, headers...)
}

// resetLink asks for a link, and takes it from the mail.
func resetLink(h *webtest.House, email string) (page, secret string) {
	h.Helper()
	forget(h.Browser(), email).WantStatus(http.StatusSeeOther)
	mails := h.MailsTo(email)
	if len(mails) != 1 {
		h.Fatalf("%d mails", len(mails))
	}
	return h.LinkIn(mails[0])
}

// reset sends the form of a reset link; more are its other fields.
func reset(b *webtest.Browser, secret, password string, more ...string) *webtest.Answer {
	b.Helper()
	return b.Post("/login/reset/", webtest.Pairs(append([]string{"link", secret, "new", password, "again", password}, more...)...))
}

// password is the status of a sign-in with a password.
func signIn(h *webtest.House, email, password string) int {
	h.Helper()
	return h.Browser().SignIn(email, url.Values{"password": {password}}).Status
}

// TestForgottenPassword is the way from the sign-in page to the mail.
func TestForgottenPassword(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Browser()
		b.Get("/login/").WantPage(http.StatusOK, `<a href="/login/forgot/">`)
		b.Get("/login/forgot/").WantPage(http.StatusOK, `name="email"`)
		forget(b, " ANA@example.org").Follow().WantPage(http.StatusOK, "If there is an account").WantNothingOf("ANA")
		forget(b, "no address").WantPage(http.StatusUnprocessableEntity, "not an e-mail address", `value="no address"`)
		mails := h.Mails()
		if len(mails) != 1 || mails[0].To != webtest.Ana { // as the account has it, not as a stranger typed it
			h.Fatalf("the mails are %v", mails)
		}
	})
}

// TestResetSetsThePasswordAndEndsSessions, signs nobody in, and keeps connections.
func TestResetSetsThePasswordAndEndsSessions(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		elsewhere := h.SignedIn(webtest.Ana)
		other := h.SignedIn(webtest.Ben)
		got := elsewhere.Connection(h.Insight, h.Atlas)
		h.Mails()
		page, secret := resetLink(h, webtest.Ana)
		b := h.Browser()
		a := b.Get(page).WantPage(http.StatusOK, "Choose a new password", webtest.Ana, "Insight", "Atlas Research", "keep their access")
		for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
			if got := a.Header.Get(name); got != want {
				h.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		reset(b, secret, "short").WantPage(http.StatusUnprocessableEntity, "too short")
		b.Post("/login/reset/", webtest.Pairs("link", secret, "new", newPassword, "again", "x")).WantPage(http.StatusUnprocessableEntity, "same way twice")
		elsewhere.Get("/account/").WantStatus(http.StatusOK)

		done := reset(b, secret, newPassword).WantPage(http.StatusOK, "Your password was changed", "/login/")
		if cookies := done.Header.Values("Set-Cookie"); len(cookies) > 0 {
			h.Errorf("the reset sets cookies: %q", cookies)
		}
		b.Get("/account/").WantStatus(http.StatusSeeOther)
		elsewhere.Get("/account/").WantStatus(http.StatusSeeOther)
		other.Get("/account/").WantStatus(http.StatusOK)
		if old, fresh := signIn(h, webtest.Ana, webtest.Password), signIn(h, webtest.Ana, newPassword); old != http.StatusUnprocessableEntity || fresh != http.StatusSeeOther {
			h.Errorf("sign-in with the old password: %d, with the new one: %d", old, fresh)
		}
		if !h.Live(h.Insight, got.AccessToken) {
			h.Error("the connection has ended")
		}
		events, err := h.DB.Events(h.Context(), audit.Filter{Kind: audit.PasswordReset})
		h.OK(err)
		if len(events) != 1 || events[0].Address != "127.0.0.1" {
			h.Errorf("the events are %+v", events)
		}
		u, err := h.DB.UserByEmail(h.Context(), webtest.Ana)
		h.OK(err)
		if !u.EmailVerified {
			h.Error("who uses a link has the mailbox, and the address is not proven")
		}
	})
}

// TestAttackForgottenPasswordAroundTheSecondFactor: a link by mail replaces the password and nothing else (NIST SP 800-63B-4 §4.2.2.2): it signs nobody in, ends a
// sign-in that waits for its second factor, and the next sign-in asks for that factor.
func TestAttackForgottenPasswordAroundTheSecondFactor(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		app := h.SignedIn(webtest.Ana).AddApp()
		h.Clock.Advance(time.Minute)
		waiting := h.Browser().Begin(webtest.Ana, nil) // with the old password
		h.Mails()
		_, secret := resetLink(h, webtest.Ana)
		thief := h.Browser()
		reset(thief, secret, newPassword).WantPage(http.StatusOK, "Your password was changed")
		thief.Get("/account/").WantStatus(http.StatusSeeOther)
		waiting.Prove(app.Now()).WantPage(http.StatusUnprocessableEntity, "Please begin again")

		h.Clock.Advance(time.Minute)
		page := thief.SignIn(webtest.Ana, url.Values{"password": {newPassword}}).Follow().WantPage(http.StatusOK, "One more step")
		if thief.SessionOf() != "" {
			h.Error("the new password alone signs in")
		}
		thief.Get("/account/").WantStatus(http.StatusSeeOther)
		thief.Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "login_required")
		page.Prove("000000").WantStatus(http.StatusUnprocessableEntity)
		page.Prove(app.Now()).Follow().WantStatus(http.StatusOK)
		thief.Get("/account/security/").WantPage(http.StatusOK, "10 are left")
	})
}

// TestResetEndsConnectionsWhenChosen.
func TestResetEndsConnectionsWhenChosen(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		got := h.SignedIn(webtest.Ana).Connection(h.Insight, h.Atlas)
		others := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		h.Mails()
		_, secret := resetLink(h, webtest.Ana)
		reset(h.Browser(), secret, "x", "connections", "end").WantPage(http.StatusUnprocessableEntity, `value="end" checked`)
		reset(h.Browser(), secret, newPassword, "connections", "end").WantPage(http.StatusOK)
		if h.Live(h.Insight, got.AccessToken) || !h.Live(h.Insight, others.AccessToken) {
			h.Error("the connection lives on, or somebody else's has ended")
		}
	})
}

// TestMailScannerUsesNoLink: programs open every link of a mail, and ask for its head.
func TestMailScannerUsesNoLink(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		page, secret := resetLink(h, webtest.Ana)
		for range 3 {
			h.Browser().Get(page).WantPage(http.StatusOK)
			h.Browser().Do(http.MethodHead, page, "").WantStatus(http.StatusOK)
			h.Browser().Get(page, "Sec-Purpose", "prefetch").WantStatus(http.StatusServiceUnavailable)
		}
		reset(h.Browser(), secret, newPassword).WantPage(http.StatusOK, "was changed")
	})
}

// TestLinkWorksOnce, also when two use it at the same time.
func TestLinkWorksOnce(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		page, secret := resetLink(h, webtest.Ana)
		var won, lost atomic.Int64
		var all sync.WaitGroup
		for i := range 8 {
			b := h.Browser()
			all.Go(func() {
				switch a := reset(b, secret, newPassword+strings.Repeat("!", i)); a.Status {
				case http.StatusOK:
					won.Add(1)
				case http.StatusGone:
					lost.Add(1)
				default:
					h.Errorf("status %d", a.Status)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 || lost.Load() != 7 {
			h.Errorf("%d won and %d lost", won.Load(), lost.Load())
		}
		h.Browser().Get(page).WantPage(http.StatusGone, "already used", "/login/forgot/")
		reset(h.Browser(), secret, newPassword).WantPage(http.StatusGone, "already used")
	})
}

// TestLinkThatIsNotOursDoesNothing: altered, of another kind, for another row, or made up. All look alike.
func TestLinkThatIsNotOursDoesNothing(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		_, secret := resetLink(h, webtest.Ana)
		id, _, _ := strings.Cut(strings.TrimPrefix(secret, token.PrefixLink), ".")
		_, otherSecret := resetLink(h, webtest.Ben)
		otherID, _, _ := strings.Cut(strings.TrimPrefix(otherSecret, token.PrefixLink), ".")
		pages := map[string]bool{}
		for name, text := range map[string]string{
			"altered": secret[:len(secret)-2] + "AA", "cut": secret[:len(secret)-1], "another row": strings.Replace(secret, id, otherID, 1), "made up": "gh_ln_x.y.z", "none": "",
			"another kind": h.Keys.Link(token.PurposeLinkProve, id), "undo": h.Keys.Link(token.PurposeLinkUndo, id),
		} {
			for _, a := range []*webtest.Answer{h.Browser().Get("/login/reset/?" + url.Values{"link": {text}}.Encode()), reset(h.Browser(), text, newPassword)} {
				if a.Status != http.StatusNotFound {
					h.Errorf("%s: status %d", name, a.Status)
				}
				pages[webtest.Neutral(a, "\x00")] = true
			}
		}
		if len(pages) != 1 {
			h.Errorf("there are %d different pages", len(pages))
		}
		// Ours, for a row that is not there: it was deleted when it expired.
		reset(h.Browser(), h.Keys.Link(token.PurposeLinkReset, "nothing"), newPassword).WantPage(http.StatusGone, "no longer works")
		if signIn(h, webtest.Ana, webtest.Password) != http.StatusSeeOther || signIn(h, webtest.Ben, webtest.Password) != http.StatusSeeOther {
			h.Error("a password was changed")
		}
		reset(h.Browser(), secret, newPassword).WantPage(http.StatusOK)
		if signIn(h, webtest.Ben, newPassword) != http.StatusUnprocessableEntity {
			h.Error("the link of one person changed another's password")
		}
	})
}

// TestLinkDies when its time is over, when the password changes otherwise, when a newer link is sent, and when the person is disabled.
func TestLinkDies(t *testing.T) {
	for name, kill := range map[string]func(h *webtest.House){
		"time": func(h *webtest.House) { h.Clock.Advance(time.Hour) },
		"password changed": func(h *webtest.House) {
			h.SignedIn(webtest.Ana).Post("/account/password/", webtest.Pairs("current", webtest.Password, "new", newPassword, "again", newPassword)).WantStatus(http.StatusSeeOther)
		},
		"a newer link": func(h *webtest.House) { resetLink(h, webtest.Ana) },
		"disabled": func(h *webtest.House) {
			_, err := h.Directory.DisableUser(h.Context(), team.CommandLine, webtest.Ana)
			h.OK(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			webtest.OnBoth(t, func(h *webtest.House) {
				page, secret := resetLink(h, webtest.Ana)
				h.Browser().Get(page).WantPage(http.StatusOK)
				kill(h)
				h.Browser().Get(page).WantPage(http.StatusGone, "no longer works")
				reset(h.Browser(), secret, "a third quiet gate in winter").WantPage(http.StatusGone, "no longer works")
				if signIn(h, webtest.Ana, "a third quiet gate in winter") == http.StatusSeeOther {
					h.Error("the password was changed")
				}
			})
		})
	}
}

// TestForgottenTellsNothingAboutAccounts: answer, headers and work are the same for an address that is known, unknown, or of a disabled person; only
// the first gets a mail.
func TestForgottenTellsNothingAboutAccounts(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		_, err := h.Directory.DisableUser(h.Context(), team.CommandLine, webtest.Ben)
		h.OK(err)
		h.Mails()
		answers, statements, rows := map[string]string{}, map[string]int64{}, map[string]int{}
		for _, email := range []string{webtest.Ana, "nobody@example.org", webtest.Ben} {
			for _, round := range []string{"first", "again"} {
				before := h.Statements()
				a := forget(h.Browser(), email)
				statements[email] = h.Statements() - before
				next := a.Follow()
				header := a.Header.Clone()
				for _, varies := range []string{"X-Request-Id", "Date"} {
					header.Del(varies)
				}
				answers[email+round] = strings.Join([]string{http.StatusText(a.Status), a.Body, webtest.Neutral(next, "\x00")}, "|")
				for name, values := range header {
					answers[email+round] += "|" + name + strings.Join(values, ",")
				}
				answers[email+round] = strings.Join(sorted(strings.Split(answers[email+round], "|")), "|")
			}
			events, err := h.DB.Events(h.Context(), audit.Filter{Kind: audit.PasswordForgotten})
			h.OK(err)
			rows[email] = len(events)
		}
		for key, answer := range answers {
			if answer != answers[webtest.Ana+"first"] {
				h.Errorf("%s: the answer differs:\n%s\n%s", key, answer, answers[webtest.Ana+"first"])
			}
		}
		if statements[webtest.Ana] != statements["nobody@example.org"] || statements[webtest.Ana] != statements[webtest.Ben] {
			h.Errorf("statements: %v", statements)
		}
		if rows[webtest.Ben] != 6 {
			h.Errorf("events: %v", rows)
		}
		var to []string
		for _, m := range h.Mails() {
			to = append(to, m.To)
		}
		if strings.Join(to, " ") != webtest.Ana {
			h.Errorf("mails went to %q", to)
		}
	})
}

// TestFloodedMailboxGetsNoMoreThanItsBound, and the answer does not tell whether there is an account. The last link still works.
func TestFloodedMailboxGetsNoMoreThanItsBound(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		secret, sent := "", 0
		for i := range 12 {
			for _, email := range []string{webtest.Ana, "nobody@example.org"} {
				want := http.StatusSeeOther
				if i >= 5 {
					want = http.StatusTooManyRequests
				}
				forget(h.Browser(), email, "X-Forwarded-For", "203.0.113."+string(rune('0'+i%10))).WantStatus(want)
			}
			for _, m := range h.MailsTo(webtest.Ana) {
				sent++
				_, secret = h.LinkIn(m)
			}
		}
		if sent != 5 {
			h.Errorf("%d mails, want 5", sent)
		}
		reset(h.Browser(), secret, newPassword).WantPage(http.StatusOK)
		h.Clock.Advance(time.Hour)
		forget(h.Browser(), webtest.Ana).WantStatus(http.StatusSeeOther)
	}, webtest.TrustLoopback)
}

// TestOneNetworkAsksForSoManyLinksOnly.
func TestOneNetworkAsksForSoManyLinksOnly(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for i := range 21 {
			a := forget(h.Browser(), strings.Repeat("x", i+1)+"@example.org")
			if want := i < 20; want != (a.Status == http.StatusSeeOther) {
				h.Fatalf("request %d: status %d", i+1, a.Status)
			}
			if i == 20 && a.Header.Get("Retry-After") == "" {
				h.Error("no Retry-After")
			}
		}
	})
}

// TestLinkNamesThePublicURL whatever the Host header says, and neither links nor addresses come into the log.
func TestLinkNamesThePublicURL(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		forget(h.Browser(), webtest.Ana, "Host", "evil.example", "X-Forwarded-Host", "evil.example").WantStatus(http.StatusSeeOther)
		mails := h.MailsTo(webtest.Ana)
		page, secret := h.LinkIn(mails[0])
		if strings.Contains(mails[0].String()+mails[0].HTML, "evil") {
			h.Errorf("the mail names the Host header:\n%s", mails[0])
		}
		h.Browser().Get(page).WantStatus(http.StatusOK)
		h.Browser().Get(page + "x").WantStatus(http.StatusNotFound)
		reset(h.Browser(), secret, "x").WantStatus(http.StatusUnprocessableEntity)
		reset(h.Browser(), secret, newPassword).WantStatus(http.StatusOK)
		reset(h.Browser(), secret, newPassword).WantStatus(http.StatusGone)
		forget(h.Browser(), "nobody@example.org")
		log := h.Logged.String()
		id, _, _ := strings.Cut(strings.TrimPrefix(secret, token.PrefixLink), ".")
		for _, bad := range []string{secret, id, webtest.Ana, "nobody@example.org", newPassword} {
			if strings.Contains(log, bad) {
				h.Errorf("the log has %q:\n%s", bad, log)
			}
		}
	})
}

// TestServerWithoutMailOffersNoLink.
func TestServerWithoutMailOffersNoLink(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Browser().Get("/login/").WantPage(http.StatusOK, "Ask the operator").WantNothingOf("/login/forgot/")
		h.Browser().Get("/login/forgot/").WantPage(http.StatusOK, "sends no mails").WantNothingOf("<form")
		forget(h.Browser(), webtest.Ana).WantPage(http.StatusOK, "sends no mails")
		if mails := h.Mails(); len(mails) > 0 {
			h.Errorf("%d mails", len(mails))
		}
	}, func(p *web.Parts) { p.SendsMail = false })
}

// TestLinkFormsComeFromOurPages: the page is shown under no-referrer, so its form comes with the origin null.
func TestLinkFormsComeFromOurPages(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		_, secret := resetLink(h, webtest.Ana)
		form := webtest.Pairs("link", secret, "new", "x", "again", "x")
		for _, headers := range [][]string{
			{"Origin", "https://evil.example"},
			{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"},
			{"Origin", "null", "Sec-Fetch-Site", "cross-site"},
			{"Origin", "null", "Sec-Fetch-Site", "same-site"},
		} {
			h.Browser().Post("/login/reset/", form, headers...).WantStatus(http.StatusForbidden)
		}
		for _, headers := range [][]string{{"Origin", "null"}, {"Origin", "null", "Sec-Fetch-Site", "same-origin"}, {"Origin", h.Parts.Issuer}, nil} {
			h.Browser().Post("/login/reset/", form, headers...).WantStatus(http.StatusUnprocessableEntity)
		}
	})
}

// TestChangePasswordIsWellKnown: password managers look for it.
func TestChangePasswordIsWellKnown(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		if a := h.Browser().Get("/.well-known/change-password").WantStatus(http.StatusSeeOther); a.Location() != "/account/password/" {
			h.Errorf("Location %q", a.Location())
		}
	})
}

func sorted(list []string) []string { slices.Sort(list); return list }
