package links_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

const fresh = "ana@new.example"

// ask sends the form of the page about the address.
func ask(b *webtest.Browser, decision, address string) *webtest.Answer {
	b.Helper()
	return b.Post("/account/email/", webtest.Pairs("decision", decision, "new", address))
}

// linkTo is the link in the one mail to an address.
func linkTo(h *webtest.House, address string) (page, secret string) {
	h.Helper()
	mails := h.MailsTo(address)
	if len(mails) != 1 {
		h.Fatalf("%d mails to %s", len(mails), address)
	}
	return h.LinkIn(mails[0])
}

func use(b *webtest.Browser, page, secret string) *webtest.Answer {
	b.Helper()
	path, _, _ := cut(page)
	return b.Post(path, webtest.Pairs("link", secret))
}

func cut(page string) (path, query string, ok bool) {
	u, err := url.Parse(page)
	return u.Path, u.RawQuery, err == nil
}

func user(h *webtest.House, email string) team.User {
	h.Helper()
	u, err := h.DB.UserByEmail(h.Context(), email)
	h.OK(err)
	return u
}

// TestAddressIsProvenByItsOwner: opening the link does nothing, and another person's confirmation neither.
func TestAddressIsProvenByItsOwner(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		b.Get("/account/email/").WantPage(http.StatusOK, "not proven")
		ask(b, "prove", "").Follow().WantPage(http.StatusOK, "on its way")
		page, secret := linkTo(h, webtest.Ana)
		a := b.Get(page).WantPage(http.StatusOK, "and this your account?")
		if got := a.Header.Get("Referrer-Policy"); got != "no-referrer" {
			h.Errorf("Referrer-Policy %q", got)
		}
		h.Browser().Get(page).WantStatus(http.StatusSeeOther) // to sign in
		h.SignedIn(webtest.Ben).Get(page).WantPage(http.StatusForbidden, "another account")
		use(h.SignedIn(webtest.Ben), page, secret).WantPage(http.StatusForbidden, "another account")
		use(b, page, h.Keys.Link(token.PurposeLinkChange, "x")).WantStatus(http.StatusNotFound)
		if user(h, webtest.Ana).EmailVerified {
			h.Fatal("proven by a look, or by another person")
		}
		use(b, page, secret).WantPage(http.StatusOK, "is proven")
		use(b, page, secret).WantPage(http.StatusGone, "already used")
		if !user(h, webtest.Ana).EmailVerified || user(h, webtest.Ben).EmailVerified {
			h.Error("not proven, or somebody else's")
		}
	})
}

// TestChangeOfAddressIsProvenFirst, told to the former address, and needs a fresh sign-in.
func TestChangeOfAddressIsProvenFirst(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		ask(b, "change", "nothing").WantPage(http.StatusUnprocessableEntity, "not an e-mail address")
		ask(b, "change", fresh).WantStatus(http.StatusSeeOther)
		page, secret := linkTo(h, fresh)
		if signIn(h, fresh, webtest.Password) == http.StatusSeeOther {
			h.Error("changed before it was proven")
		}
		b.Get(page).WantPage(http.StatusOK, fresh)
		use(b, page, secret).WantPage(http.StatusOK, "has the address")
		if u := user(h, fresh); !u.EmailVerified || signIn(h, webtest.Ana, webtest.Password) == http.StatusSeeOther {
			h.Errorf("the account is %+v", u)
		}
		linkTo(h, webtest.Ana) // the undo link

		// An address of another account: the same answer at first, and refused to the one who has the mailbox.
		c := h.SignedIn(webtest.Ben)
		ask(c, "change", webtest.Cleo).WantStatus(http.StatusSeeOther)
		page, secret = linkTo(h, webtest.Cleo)
		use(c, page, secret).WantPage(http.StatusConflict, "Another account")
		h.Clock.Advance(11 * time.Minute)
		if a := ask(c, "change", "later@example.org"); a.Status != http.StatusSeeOther || len(h.MailsTo("later@example.org")) > 0 {
			h.Errorf("without a fresh sign-in: status %d, and a mail", a.Status)
		}
	})
}

// TestUndoRestoresAnAccountThatWasTakenOver: somebody has changed the address twice, and the password, and asked for links.
func TestUndoRestoresAnAccountThatWasTakenOver(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		thief := h.SignedIn(webtest.Ana)
		ask(thief, "change", fresh).WantStatus(http.StatusSeeOther)
		page, secret := linkTo(h, fresh)
		use(thief, page, secret).WantStatus(http.StatusOK)
		undoPage, undo := linkTo(h, webtest.Ana)
		h.Clock.Advance(time.Minute)
		thief.Post("/account/password/", webtest.Pairs("current", webtest.Password, "new", newPassword, "again", newPassword)).WantStatus(http.StatusSeeOther)
		told := map[string]bool{}
		for _, m := range h.Mails() {
			told[m.To] = true
		}
		if !told[webtest.Ana] || !told[fresh] {
			h.Errorf("the new password was mailed to %v, want both addresses", told)
		}
		ask(thief, "change", "ana@third.example").WantStatus(http.StatusSeeOther)
		page, secret = linkTo(h, "ana@third.example")
		use(thief, page, secret).WantStatus(http.StatusOK)
		thiefUndoPage, thiefUndo := linkTo(h, fresh)
		_, thiefReset := resetLink(h, "ana@third.example")

		// The address cannot be taken by another account meanwhile.
		if _, err := h.Directory.AddUser(h.Context(), team.CommandLine, team.NewUser{Email: webtest.Ana, Name: "Thief"}); err == nil {
			h.Error("another account took the address")
		}
		owner := h.Browser()
		owner.Get(undoPage).WantPage(http.StatusOK, webtest.Ana)
		send := func(secret string) *webtest.Answer {
			return owner.Post("/account/email/undo/", webtest.Pairs("link", secret, "new", "a third quiet gate in winter", "again", "a third quiet gate in winter"))
		}
		a := send(undo).WantPage(http.StatusOK, "is back")
		if cookies := a.Header.Values("Set-Cookie"); len(cookies) > 0 {
			h.Errorf("it signs in: %q", cookies)
		}
		thief.Get("/account/").WantStatus(http.StatusSeeOther)
		send(undo).WantPage(http.StatusGone, "already used")
		send(thiefUndo).WantPage(http.StatusGone)
		h.Browser().Get(thiefUndoPage).WantPage(http.StatusGone)
		reset(h.Browser(), thiefReset, "a fourth quiet gate").WantPage(http.StatusGone)
		if signIn(h, webtest.Ana, "a third quiet gate in winter") != http.StatusSeeOther || signIn(h, "ana@third.example", newPassword) == http.StatusSeeOther {
			h.Error("the account was not restored")
		}
	})
}

// TestUndoRemovesWhatAThiefAdded: somebody at the browser of another has the address changed, and adds ways back in: before the change is proven, and
// after it. What the owner had before stays.
func TestUndoRemovesWhatAThiefAdded(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		own, stolen := h.WithPasskeys().NewSoftKey(), h.NewSoftKey()
		b := h.SignedIn(webtest.Ana)
		_, err := h.Directory.SetRole(h.Context(), team.CommandLine, "borealis", webtest.Ana, team.Admin)
		h.OK(err)
		b.AddPasskey(own).WantPage(http.StatusOK, "Save your recovery codes")
		before := b.Connection(h.Insight, h.Atlas)
		h.Clock.Advance(24 * time.Hour)

		thief := h.Browser()
		thief.SignInWith(own).WantStatus(http.StatusSeeOther) // the owner's laptop was left open
		thief.AddPasskey(stolen).WantStatus(http.StatusSeeOther)
		h.Clock.Advance(5 * time.Minute)
		ask(thief, "change", fresh).WantStatus(http.StatusSeeOther)
		page, secret := linkTo(h, fresh)
		h.Clock.Advance(15 * time.Minute)
		thief = h.Browser()
		thief.SignInWith(own).WantStatus(http.StatusSeeOther)
		use(thief, page, secret).WantStatus(http.StatusOK)
		undoPage, undo := linkTo(h, webtest.Ana)
		app := thief.AddApp()
		codes := thief.Post("/account/security/codes/", nil).WantPage(http.StatusOK, "new recovery codes").RecoveryCodes()
		thief.Post("/account/password/", webtest.Pairs("current", webtest.Password, "new", newPassword, "again", newPassword)).WantStatus(http.StatusSeeOther)
		after := thief.Connection(h.Notes, h.Atlas)
		thief.Post("/teams/borealis/invitations/", webtest.Pairs("decision", "invite", "email", "thief@third.example", "role", "admin")).Follow().WantPage(http.StatusOK, "An invitation was sent")
		invitation, _ := linkTo(h, "thief@third.example")

		const ownAgain = "a third quiet gate in winter"
		owner := h.Browser()
		owner.Get(undoPage).WantPage(http.StatusOK, webtest.Ana, "added since")
		owner.Post("/account/email/undo/", webtest.Pairs("link", undo, "new", ownAgain, "again", ownAgain)).WantPage(http.StatusOK, "is back", "/login/?next=/account/security/")

		if a := h.Browser().SignInWith(stolen); a.Status != http.StatusUnprocessableEntity || a.Browser.SessionOf() != "" {
			h.Errorf("the thief's passkey: status %d, signed in %t", a.Status, a.Browser.SessionOf() != "")
		}
		h.Clock.Advance(time.Minute)
		for name, code := range map[string]string{"app": app.Now(), "recovery code": codes[0]} {
			step := h.Browser().SignIn(webtest.Ana, url.Values{"password": {ownAgain}}).WantStatus(http.StatusSeeOther).Follow().WantPage(http.StatusOK, "One more step")
			if a := step.Prove(code); a.Browser.SessionOf() != "" {
				h.Errorf("the thief's %s signs in", name)
			}
		}
		if h.Live(h.Notes, after.AccessToken) || h.Refresh(h.Notes, after.RefreshToken).Status == http.StatusOK {
			h.Error("the thief's connection lives on")
		}
		h.Refresh(h.Insight, before.RefreshToken).WantTokens()
		h.Browser().Get(invitation).WantPage(http.StatusNotFound)
		if a := h.Browser().SignInWith(own); a.Browser.SessionOf() == "" {
			h.Error("the owner's passkey does not sign in any more")
		}
	})
}

// TestUnprovenAccountIsEmptied before somebody else who proves the address gets it (pre-hijacking). A proven one is left alone.
func TestUnprovenAccountIsEmptied(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		_, err := h.Directory.VerifyEmail(h.Context(), team.CommandLine, webtest.Ben)
		h.OK(err)
		for email, want := range map[string]bool{webtest.Ana: true, webtest.Ben: false, "nobody@example.org": false} {
			emptied, err := h.Parts.Authn.ClaimAddress(h.Context(), email)
			h.OK(err)
			if emptied != want {
				h.Errorf("%s: emptied %t", email, emptied)
			}
		}
		b.Get("/account/").WantStatus(http.StatusSeeOther)
		if signIn(h, webtest.Ana, webtest.Password) == http.StatusSeeOther || signIn(h, webtest.Ben, webtest.Password) != http.StatusSeeOther {
			h.Error("the account was not emptied, or a proven one was")
		}
	})
}
