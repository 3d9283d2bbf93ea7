package flow_test

import (
	"errors"
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
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

const (
	eve       = "Eve@Example.org"
	evePlain  = "eve@example.org"
	itsSecret = "seven green lamps at noon"
)

// openToAll lets everybody sign up.
func openToAll(p *webtest.WebParts) { p.Directory.SignUp = team.SignUp{Mode: team.SignUpOpen} }

// ask asks for a link to sign up; more are other fields of the form.
func ask(b *webtest.Browser, email, name string, more ...string) *webtest.Answer {
	b.Helper()
	return b.Post("/signup/", webtest.Pairs(append([]string{"email", email, "name", name}, more...)...))
}

// signUpLink asks in a browser, and takes the link from the mail.
func signUpLink(h *webtest.House, b *webtest.Browser, email string, more ...string) (page, secret string) {
	h.Helper()
	ask(b, email, "Eve Adams", more...).WantStatus(http.StatusSeeOther)
	mails := h.MailsTo(email)
	if len(mails) != 1 {
		h.Fatalf("%d mails", len(mails))
	}
	return h.LinkIn(mails[0])
}

// finish sends the form of a link.
func finish(b *webtest.Browser, secret, name, password string) *webtest.Answer {
	b.Helper()
	return b.Post("/signup/finish/", webtest.Pairs("link", secret, "name", name, "new", password, "again", password))
}

// noAccount fails if an address has an account.
func noAccount(h *webtest.House, email string) {
	h.Helper()
	if u, err := h.DB.UserByEmail(h.Context(), email); !errors.Is(err, team.ErrNoUser) {
		h.Errorf("%s has an account: %+v, %v", email, u, err)
	}
}

// TestSignUp: from the sign-in page to a page that says how to get a team. Nothing is an account before the link is used.
func TestSignUp(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Browser()
		b.Get("/login/?next=/account/").WantPage(http.StatusOK, `href="/signup/?next=%2Faccount%2F"`)
		b.Get("/signup/").WantPage(http.StatusOK, "Create an account", `name="email"`, `name="name"`)
		ask(b, "no address", "Eve").WantPage(http.StatusUnprocessableEntity, "not an e-mail address", `value="no address"`)
		ask(b, eve, " ").WantPage(http.StatusUnprocessableEntity, "The name has", eve)
		ask(b, eve, "E\u202eve").WantPage(http.StatusUnprocessableEntity, "The name has")
		ask(b, eve, "Eve Adams").Follow().WantPage(http.StatusOK, "Look in your mailbox").WantNothingOf("Eve", "Adams")
		noAccount(h, eve)
		mails := h.MailsTo(eve)
		if len(mails) != 1 || strings.Contains(mails[0].String()+mails[0].HTML, "Adams") {
			h.Fatalf("want one mail to the address as typed, without what a stranger typed as a name: %v", mails)
		}
		page, secret := h.LinkIn(mails[0])
		a := b.Get(page).WantPage(http.StatusOK, "Finish your account", eve, `value="Eve Adams"`)
		for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
			if got := a.Header.Get(name); got != want {
				h.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		finish(b, secret, "Eve", "short").WantPage(http.StatusUnprocessableEntity, "too short")
		finish(b, secret, "Eve", "password").WantPage(http.StatusUnprocessableEntity)
		finish(b, secret, " ", itsSecret).WantPage(http.StatusUnprocessableEntity, "The name has")
		b.Post("/signup/finish/", webtest.Pairs("link", secret, "name", "Eve", "new", itsSecret, "again", "x")).WantPage(http.StatusUnprocessableEntity, "same way twice")
		noAccount(h, eve)

		finish(b, secret, "Eve", itsSecret).Follow().WantPage(http.StatusOK, "Eve", "You do not belong to a team yet", eve)
		u, err := h.DB.UserByEmail(h.Context(), evePlain)
		h.OK(err)
		if !u.EmailVerified || u.Name != "Eve" || u.Email != eve || u.Operator {
			h.Errorf("got %+v", u)
		}
		_, memberships, err := h.Directory.Acting(h.Context(), u)
		h.OK(err)
		if len(memberships) > 0 {
			h.Errorf("signing up gave %+v", memberships)
		}
		if n := h.Happened(audit.SignedUp); n != 1 {
			h.Errorf("%d events", n)
		}
		if a := h.Browser().SignIn(evePlain, url.Values{"password": {itsSecret}}); a.Status != http.StatusSeeOther {
			h.Errorf("sign-in: %d", a.Status)
		}
	}, openToAll)
}

// TestSignUpIsNotOfferedUnlessOpen: off, or by invitation only.
func TestSignUpIsNotOfferedUnlessOpen(t *testing.T) {
	for _, mode := range []team.SignUpMode{"", team.SignUpOff, team.SignUpInvited} {
		t.Run("mode "+string(mode), func(t *testing.T) {
			webtest.OnBoth(t, func(h *webtest.House) {
				_, secret := signUpLink(h, h.Browser(), eve)
				h.Directory.SignUp = team.SignUp{Mode: mode}
				h.Browser().Get("/login/").WantPage(http.StatusOK).WantNothingOf("/signup/")
				h.Browser().Get("/signup/").WantPage(http.StatusNotFound, "Nobody can create an account here")
				ask(h.Browser(), "finn@example.org", "Finn").WantPage(http.StatusNotFound, "Nobody can create an account here")
				if err := h.Directory.AskSignUp(h.Context(), team.Actor{}, team.Newcomer{Email: "finn@example.org", Name: "Finn"}); !errors.Is(err, team.ErrNoSignUp) {
					h.Errorf("AskSignUp: %v", err)
				}
				finish(h.Browser(), secret, "Eve", itsSecret).WantPage(http.StatusNotFound, "Nobody can create an account here")
				noAccount(h, eve)
				if mails := h.Mails(); len(mails) > 0 {
					h.Errorf("%d mails", len(mails))
				}
			}, openToAll)
		})
	}
}

// TestSignUpByDomain: people of other domains are told so. An account is all that people of these get.
func TestSignUpByDomain(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		ask(h.Browser(), "eve@evil-example.org", "Eve").WantPage(http.StatusUnprocessableEntity, "only people with an address of these domains", "example.org, xn--mnchen-3ya.example")
		ask(h.Browser(), "eve@sub.example.org", "Eve").WantPage(http.StatusUnprocessableEntity, "only people with an address of these domains")
		for _, email := range []string{"eve@münchen.example", "Eve@EXAMPLE.org"} {
			_, secret := signUpLink(h, h.Browser(), email)
			b := h.Browser()
			finish(b, secret, "Eve", itsSecret).Follow().WantPage(http.StatusOK, "You do not belong to a team yet")
		}
		// The rule of the moment counts, not that of the mail.
		_, secret := signUpLink(h, h.Browser(), "finn@example.org")
		h.Directory.SignUp.Domains = []string{"elsewhere.example"}
		finish(h.Browser(), secret, "Finn", itsSecret).WantPage(http.StatusNotFound)
		noAccount(h, "finn@example.org")
	}, func(p *webtest.WebParts) {
		p.Directory.SignUp = team.SignUp{Mode: team.SignUpDomain, Domains: []string{"example.org", "xn--mnchen-3ya.example"}}
	})
}

// TestSignUpTellsNothingAboutAccounts: answer, headers and work are the same for an address that is unknown, known, unproven, or of a disabled person.
// Somebody who has an account is told by mail, without a link that makes one.
func TestSignUpTellsNothingAboutAccounts(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, email := range []string{webtest.Ana, webtest.Ben} {
			_, err := h.Directory.VerifyEmail(h.Context(), team.CommandLine, email)
			h.OK(err)
		}
		_, err := h.Directory.DisableUser(h.Context(), team.CommandLine, webtest.Ben)
		h.OK(err)
		h.Mails()
		answers, statements := map[string]string{}, map[string]int64{}
		for _, email := range []string{webtest.Ana, evePlain, webtest.Ben, webtest.Cleo} {
			for _, round := range []string{"first", "again"} {
				before := h.Statements()
				a := ask(h.Browser(), email, "Eve")
				statements[email] = h.Statements() - before
				next := a.Follow()
				var lines []string
				for name, values := range a.Header {
					if name != "X-Request-Id" && name != "Date" {
						lines = append(lines, name+strings.Join(values, ","))
					}
				}
				slices.Sort(lines)
				answers[email+round] = strings.Join(append(lines, http.StatusText(a.Status), a.Body, webtest.Neutral(next, "\x00")), "|")
			}
		}
		for key, answer := range answers {
			if answer != answers[evePlain+"first"] {
				h.Errorf("%s: the answer differs:\n%s\n%s", key, answer, answers[evePlain+"first"])
			}
		}
		for email, n := range statements {
			if n != statements[evePlain] {
				h.Errorf("%s: %d statements, want %d", email, n, statements[evePlain])
			}
		}
		to := map[string]string{}
		for _, m := range h.Mails() {
			to[m.To] += m.Subject + "|" + m.Text
		}
		if len(to) != 3 || to[webtest.Ben] != "" {
			h.Errorf("mails went to %v", to)
		}
		if got := to[webtest.Ana]; !strings.HasPrefix(got, "You have an account at") || strings.Contains(got, "?link=") || !strings.Contains(got, "/login/forgot/") || strings.Contains(got, "Eve") {
			h.Errorf("somebody who has an account was told:\n%s", got)
		}
		for _, email := range []string{evePlain, webtest.Cleo} {
			if got := to[email]; !strings.HasPrefix(got, "Finish your account at") || strings.Count(got, "?link=") != 1 { // the second replaced the first
				h.Errorf("%s was told:\n%s", email, got)
			}
		}
	}, openToAll)
}

// TestMailScannerSignsNobodyUp: programs open every link of a mail, and ask for its head.
func TestMailScannerSignsNobodyUp(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		page, secret := signUpLink(h, h.Browser(), eve)
		for range 3 {
			h.Browser().Get(page).WantPage(http.StatusOK)
			h.Browser().Do(http.MethodHead, page, "").WantStatus(http.StatusOK)
			h.Browser().Get(page, "Sec-Purpose", "prefetch").WantStatus(http.StatusServiceUnavailable)
		}
		noAccount(h, eve)
		finish(h.Browser(), secret, "Eve", itsSecret).WantStatus(http.StatusSeeOther)
	}, openToAll)
}

// TestSignUpLinkWorksOnce, also when several use it at the same time: the password is that of the one who succeeded.
func TestSignUpLinkWorksOnce(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		page, secret := signUpLink(h, h.Browser(), eve)
		var won, lost atomic.Int64
		var password atomic.Value
		var all sync.WaitGroup
		for i := range 6 {
			b, chosen := h.Browser(), itsSecret+strings.Repeat("!", i)
			all.Go(func() {
				switch a := finish(b, secret, "Eve", chosen); a.Status {
				case http.StatusSeeOther:
					won.Add(1)
					password.Store(chosen)
				case http.StatusGone, http.StatusUnprocessableEntity: // the second: the account is there, and the link was not used yet when it was read
					lost.Add(1)
				default:
					h.Errorf("status %d", a.Status)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 || lost.Load() != 5 {
			h.Fatalf("%d won and %d lost", won.Load(), lost.Load())
		}
		h.Browser().Get(page).WantPage(http.StatusGone, "already used", `href="/signup/"`)
		finish(h.Browser(), secret, "Eve", "another quiet gate in autumn").WantPage(http.StatusGone, "already used")
		if a := h.Browser().SignIn(evePlain, url.Values{"password": {password.Load().(string)}}); a.Status != http.StatusSeeOther {
			h.Errorf("sign-in: %d", a.Status)
		}
	}, openToAll)
}

// TestSignUpLinkThatIsNotOursDoesNothing: altered, of another purpose, for another row, or made up. A link of sign-up does nothing else.
func TestSignUpLinkThatIsNotOursDoesNothing(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		_, secret := signUpLink(h, h.Browser(), eve)
		id, _, _ := strings.Cut(strings.TrimPrefix(secret, token.PrefixLink), ".")
		pages := map[string]bool{}
		for name, text := range map[string]string{
			"altered": secret[:len(secret)-2] + "AA", "cut": secret[:len(secret)-1], "made up": "gh_ln_x.y.z", "none": "",
			"reset": h.Keys.Link(token.PurposeLinkReset, id), "invite": h.Keys.Link(token.PurposeLinkInvite, id), "prove": h.Keys.Link(token.PurposeLinkProve, id),
		} {
			for _, a := range []*webtest.Answer{h.Browser().Get("/signup/finish/?" + url.Values{"link": {text}}.Encode()), finish(h.Browser(), text, "Eve", itsSecret)} {
				if a.Status != http.StatusNotFound {
					h.Errorf("%s: status %d", name, a.Status)
				}
				pages[webtest.Neutral(a, "\x00")] = true
			}
		}
		if len(pages) != 1 {
			h.Errorf("there are %d different pages", len(pages))
		}
		finish(h.Browser(), h.Keys.Link(token.PurposeLinkSignUp, "nothing"), "Eve", itsSecret).WantPage(http.StatusGone, "no longer works")
		h.Browser().Post("/login/reset/", webtest.Pairs("link", secret, "new", itsSecret, "again", itsSecret)).WantStatus(http.StatusNotFound)
		h.Browser().Post("/invitation/", webtest.Pairs("link", secret, "decision", "join", "name", "Eve", "new", itsSecret, "again", itsSecret)).WantStatus(http.StatusNotFound)
		// The row of another kind of link, under the right purpose: no key says which kind a row is, so the store does.
		h.Browser().Post("/login/forgot/", url.Values{"email": {webtest.Ana}}).WantStatus(http.StatusSeeOther)
		_, reset := h.LinkIn(h.MailsTo(webtest.Ana)[0])
		row, _, _ := strings.Cut(strings.TrimPrefix(reset, token.PrefixLink), ".")
		if a := finish(h.Browser(), h.Keys.Link(token.PurposeLinkSignUp, row), "Eve", itsSecret); a.Status == http.StatusSeeOther {
			h.Error("the row of a reset link made an account")
		}
		noAccount(h, eve)
	}, openToAll)
}

// TestSignUpLinkDies when its day is over, when a newer one is sent, and when somebody has got the account otherwise.
func TestSignUpLinkDies(t *testing.T) {
	for name, kill := range map[string]func(h *webtest.House){
		"time":         func(h *webtest.House) { h.Clock.Advance(24 * time.Hour) },
		"a newer link": func(h *webtest.House) { signUpLink(h, h.Browser(), eve) },
	} {
		t.Run(name, func(t *testing.T) {
			webtest.OnBoth(t, func(h *webtest.House) {
				page, secret := signUpLink(h, h.Browser(), eve)
				kill(h)
				h.Browser().Get(page).WantPage(http.StatusGone, "no longer works")
				finish(h.Browser(), secret, "Eve", itsSecret).WantPage(http.StatusGone, "no longer works")
				noAccount(h, eve)
			}, openToAll)
		})
	}
	t.Run("an account", func(t *testing.T) {
		webtest.OnBoth(t, func(h *webtest.House) {
			page, secret := signUpLink(h, h.Browser(), eve)
			u, err := h.Directory.AddUser(h.Context(), team.CommandLine, team.NewUser{Email: evePlain, Name: "Eve", EmailVerified: true})
			h.OK(err)
			h.OK(h.Parts.Authn.SetPassword(h.Context(), u, webtest.Password))
			h.Browser().Get(page).WantPage(http.StatusOK, "There is an account with the address", `href="/login/"`).WantNothingOf(`name="new"`)
			finish(h.Browser(), secret, "Eve", itsSecret).WantPage(http.StatusUnprocessableEntity, "There is an account with the address")
			// The same, when it comes to be between the page and the database.
			row, _, _ := strings.Cut(strings.TrimPrefix(secret, token.PrefixLink), ".")
			j := team.Joined{ID: "u-eve", Name: "Eve", Hash: "x"}
			if err := h.DB.FinishSignUp(h.Context(), team.LinkID(row), j, h.Clock.Now()); !errors.Is(err, team.ErrHasAccount) {
				h.Errorf("FinishSignUp: %v, want ErrHasAccount", err)
			}
			if a := h.Browser().SignIn(evePlain, url.Values{"password": {webtest.Password}}); a.Status != http.StatusSeeOther {
				h.Errorf("the owner's password: %d", a.Status)
			}
		}, openToAll)
	})
}

// TestPreHijackedAccountIsEmptied: somebody made an account with the address of another person, whose address was never proven. When that person signs
// up, password, sessions, links and factors of the first one are gone.
func TestPreHijackedAccountIsEmptied(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		thief := h.SignedIn(webtest.Cleo) // nobody has proven Cleo's address
		thief.AddApp()
		thief.Post("/account/email/", webtest.Pairs("decision", "change", "new", "thief@evil.example"))
		var stolen string
		for _, m := range h.Mails() {
			if m.To == "thief@evil.example" {
				_, stolen = h.LinkIn(m)
			}
		}
		_, secret := signUpLink(h, h.Browser(), webtest.Cleo)
		cleo := h.Browser()
		finish(cleo, secret, "Cleo", itsSecret).Follow().WantPage(http.StatusOK, "Cleo")
		cleo.Get("/account/").WantPage(http.StatusOK, webtest.Cleo)
		thief.Get("/account/").WantStatus(http.StatusSeeOther)
		if a := h.Browser().SignIn(webtest.Cleo, url.Values{"password": {webtest.Password}}); a.Status != http.StatusUnprocessableEntity {
			h.Errorf("the thief's password: %d", a.Status)
		}
		if a := h.Browser().SignIn(webtest.Cleo, url.Values{"password": {itsSecret}}); a.Status != http.StatusSeeOther || a.Location() != "/login/?next=%2F&signed_in=1" {
			h.Errorf("sign-in: %d to %s, want no second factor of the thief", a.Status, a.Location())
		}
		cleo.Post("/account/email/change/", webtest.Pairs("link", stolen)).WantPage(http.StatusGone)
	}, openToAll)
}

// TestSignUpFloodIsBounded per mailbox, whether it has an account or not, and per network.
func TestSignUpFloodIsBounded(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		_, err := h.Directory.VerifyEmail(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		sent := map[string]int{}
		for i := range 8 {
			for _, email := range []string{webtest.Ana, eve} {
				want := http.StatusSeeOther
				if i >= 5 {
					want = http.StatusTooManyRequests
				}
				b := h.Browser()
				a := b.Post("/signup/", webtest.Pairs("email", email, "name", "Eve"), "X-Forwarded-For", "203.0.113."+string(rune('0'+i))).WantStatus(want)
				if want == http.StatusTooManyRequests && a.Header.Get("Retry-After") == "" {
					h.Error("no Retry-After")
				}
			}
			for _, m := range h.Mails() {
				sent[m.To]++
			}
		}
		if sent[webtest.Ana] != 5 || sent[eve] != 5 {
			h.Errorf("mails: %v, want 5 each", sent)
		}
		for i := range 21 {
			a := h.Browser().Post("/signup/", webtest.Pairs("email", strings.Repeat("x", i+1)+"@example.org", "name", "Eve"), "X-Forwarded-For", "198.51.100.7")
			if want := i < 20; want != (a.Status == http.StatusSeeOther) {
				h.Fatalf("request %d of one network: status %d", i+1, a.Status)
			}
		}
		h.Clock.Advance(time.Hour)
		ask(h.Browser(), eve, "Eve").WantStatus(http.StatusSeeOther)
	}, openToAll, webtest.TrustLoopback)
}

// TestSignUpMailNamesThePublicURL whatever the Host header says. Neither the link nor the address comes into the log.
func TestSignUpMailNamesThePublicURL(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Browser().Post("/signup/", webtest.Pairs("email", eve, "name", "Eve Adams"), "Host", "evil.example", "X-Forwarded-Host", "evil.example").WantStatus(http.StatusSeeOther)
		mails := h.MailsTo(eve)
		page, secret := h.LinkIn(mails[0])
		if strings.Contains(mails[0].String()+mails[0].HTML, "evil") {
			h.Errorf("the mail names the Host header:\n%s", mails[0])
		}
		h.Browser().Get(page).WantStatus(http.StatusOK)
		finish(h.Browser(), secret, "Eve Adams", itsSecret).WantStatus(http.StatusSeeOther)
		finish(h.Browser(), secret, "Eve Adams", itsSecret).WantStatus(http.StatusGone)
		id, _, _ := strings.Cut(strings.TrimPrefix(secret, token.PrefixLink), ".")
		for _, bad := range []string{secret, id, eve, "Eve Adams", itsSecret} {
			if strings.Contains(h.Logged.String(), bad) {
				h.Errorf("the log has %q", bad)
			}
		}
	}, openToAll)
}

// TestSignUpGoesBackToARelativeTargetOnly, in the browser in which the person asked; elsewhere to the start page.
func TestSignUpGoesBackToARelativeTargetOnly(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for i, c := range []struct{ next, want string }{
			{"/account/profile/", "/account/profile/"},
			{"https://evil.example/", "/"},
			{"//evil.example/", "/"},
			{`/\evil.example`, "/"},
			{"javascript:alert(1)", "/"},
			{"", "/"},
		} {
			b := h.SignedIn(webtest.Ana) // a browser that is known to keep cookies
			email := strings.Repeat("e", i+1) + "ve@example.org"
			_, secret := signUpLink(h, b, email, "next", c.next)
			if a := finish(b, secret, "Eve", itsSecret).WantStatus(http.StatusSeeOther); a.Location() != c.want {
				h.Errorf("next=%q leads to %q, want %q", c.next, a.Location(), c.want)
			}
		}
		b := h.Browser()
		_, secret := signUpLink(h, b, "finn@example.org", "next", "/account/profile/")
		elsewhere := h.Browser()
		finish(elsewhere, secret, "Finn", itsSecret).Follow().WantPage(http.StatusOK, "Finn", "You do not belong to a team yet")
	}, openToAll)
}

// TestSignUpForAnApplication: the request survives the way by mail in the same browser, and goes on after the person has created a team.
func TestSignUpForAnApplication(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Directory.TeamCreation = team.CreationAnyone
		b := h.Browser()
		sealed := b.Authorize(h.Insight, "prompt", "login").Follow().Sealed()
		b.Get("/login/?"+url.Values{"request": {sealed}}.Encode()).WantPage(http.StatusOK, `href="/signup/?request=`)
		_, secret := signUpLink(h, b, eve, "request", sealed)
		noTeam := finish(b, secret, "Eve", itsSecret).Follow().WantPage(http.StatusForbidden, "You do not belong to a team yet", "Insight", "/teams/new/?request=")
		request := noTeam.Sealed()
		b.Get("/teams/new/?"+url.Values{"request": {request}}.Encode()).WantPage(http.StatusOK, `name="request"`)
		b.Post("/teams/new/", webtest.Pairs("name", "", "slug", "eden", "request", request)).WantPage(http.StatusUnprocessableEntity, `name="request"`)
		consent := b.Post("/teams/new/", webtest.Pairs("name", "Eden", "slug", "eden", "request", request)).Follow().WantConsent()
		eden, err := h.Directory.TeamBySlug(h.Context(), team.CommandLine, "eden")
		h.OK(err)
		consent.Decide("authorize", eden.ID).WantCode(webtest.Callback)
	}, openToAll)
}

// TestNoTeamIsOfferedToCreateWhereOnlyOperatorsDo.
func TestNoTeamIsOfferedToCreateWhereOnlyOperatorsDo(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Cleo)
		b.Get("/").WantPage(http.StatusOK, "You do not belong to a team yet").WantNothingOf("/teams/new/")
		b.Authorize(h.Insight).Follow().WantPage(http.StatusForbidden, "You do not belong to a team yet").WantNothingOf("/teams/new/")
		h.Directory.TeamCreation = team.CreationAnyone
		b.Get("/").WantPage(http.StatusOK, `href="/teams/new/"`)
	})
}

// TestServerWithoutMailSignsNobodyUp.
func TestServerWithoutMailSignsNobodyUp(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Browser().Get("/login/").WantPage(http.StatusOK).WantNothingOf("/signup/")
		h.Browser().Get("/signup/").WantPage(http.StatusOK, "sends no mails").WantNothingOf("<form")
		ask(h.Browser(), eve, "Eve").WantPage(http.StatusOK, "sends no mails")
		if mails := h.Mails(); len(mails) > 0 {
			h.Errorf("%d mails", len(mails))
		}
	}, openToAll, func(p *webtest.WebParts) { p.SendsMail = false })
}

// TestSignUpFormsComeFromOurPages.
func TestSignUpFormsComeFromOurPages(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		_, secret := signUpLink(h, h.Browser(), eve)
		form := webtest.Pairs("link", secret, "name", "Eve", "new", itsSecret, "again", itsSecret)
		for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Origin", "null", "Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "cross-site"}} {
			h.Browser().Post("/signup/finish/", form, headers...).WantStatus(http.StatusForbidden)
			h.Browser().Post("/signup/", webtest.Pairs("email", "finn@example.org", "name", "Finn"), headers...).WantStatus(http.StatusForbidden)
		}
		h.Browser().Post("/signup/finish/", form, "Origin", "null").WantStatus(http.StatusSeeOther)
	}, openToAll)
}

// TestSignUpInTheLanguageOfThePage: the mail, and later ones.
func TestSignUpInTheLanguageOfThePage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Browser()
		b.Post("/signup/", webtest.Pairs("email", eve, "name", "Eve"), "Accept-Language", "de").WantStatus(http.StatusSeeOther)
		mails := h.MailsTo(eve)
		if len(mails) != 1 || !strings.HasPrefix(mails[0].Subject, "Stellen Sie") {
			h.Fatalf("the mails are %v", mails)
		}
		_, secret := h.LinkIn(mails[0])
		finish(b, secret, "Eve", itsSecret).WantStatus(http.StatusSeeOther)
		h.Browser().Post("/signup/", webtest.Pairs("email", eve, "name", "Eve")).WantStatus(http.StatusSeeOther)
		if mails := h.MailsTo(eve); len(mails) != 1 || !strings.HasPrefix(mails[0].Subject, "Sie haben ein Konto") {
			h.Errorf("the mails are %v", mails)
		}
	}, openToAll)
}
