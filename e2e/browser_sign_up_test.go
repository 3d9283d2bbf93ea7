package e2e_test

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

const (
	eveEmail    = "eve@example.com"
	finnEmail   = "finn@example.com"
	ownPassword = "seven green lamps at noon"
)

// newOpenHouse is an empty house in which everybody can sign up and create a team. Browsers visit it by a name.
func newOpenHouse(t *testing.T) *house {
	t.Helper()
	unused := func(context.Context, mail.Mail) error { return errors.New("the test delivers mails itself") }
	h := newEmptyHouse(t, app.Deps{Mail: unused}, atName, func(cfg *config.Config) {
		cfg.SignUp.Mode, cfg.TeamCreation = team.SignUpOpen, string(team.CreationAnyone)
	})
	h.url = strings.Replace(h.url, "127.0.0.1", "localhost", 1)
	return h
}

var linkInMail = regexp.MustCompile(`\S+\?link=\S+`)

// mailedLink delivers what is due, and returns the link in the one mail to an address.
func (h *house) mailedLink(address string) string {
	h.t.Helper()
	var links []string
	courier := &mail.Courier{
		Grants: h.Store, People: h.Store, Links: h.Store, Invited: h.Store, Newcomers: h.Store, Keys: h.Keys, Now: time.Now, Describe: h.Authz.Describe,
		ServerName: h.Config.ServerName, PublicURL: h.Config.PublicURL,
		Send: func(_ context.Context, m mail.Mail) error {
			if m.To == address {
				links = append(links, linkInMail.FindString(m.Text))
			}
			return nil
		},
	}
	delivery := outbox.Delivery{
		Store: h.Store, Couriers: map[outbox.Kind]outbox.Courier{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Observe: func(outbox.Kind, outbox.Outcome) {},
	}
	for _, kind := range mail.Kinds() {
		delivery.Couriers[kind] = courier.Deliver
	}
	h.ok(delivery.Run(h.t.Context()))
	if len(links) != 1 || !strings.HasPrefix(links[0], h.url+"/") {
		h.t.Fatalf("the links mailed to %s are %q", address, links)
	}
	return links[0]
}

// choosePassword fills in a new password twice, and presses a button.
func (b *browser) choosePassword(button string) {
	b.t.Helper()
	b.fill("#new", ownPassword)
	b.fill("#again", ownPassword)
	b.press(button)
}

// A stranger signs up, proves the address, creates a team and invites a colleague, who accepts in another browser, adds a passkey, signs in with it,
// and connects an application, which uses the token at the API. In the beginning, the database is empty.
func TestBrowserStrangerSignsUp(t *testing.T) {
	t.Parallel()
	h := newOpenHouse(t)
	if users, err := h.Team.Users(t.Context(), team.CommandLine); err != nil || len(users) > 0 {
		t.Fatalf("there are people already: %v, %v", users, err)
	}
	eve := h.open()
	eve.visit(h.url + "/")
	eve.press(`main a[href="/login/"]`)
	eve.picture("login-sign-up")
	eve.press(`a[href^="/signup/"]`)
	eve.sees("h1", "Create an account")
	eve.picture("sign-up")
	eve.fill("#email", eveEmail)
	eve.fill("#name", "Eve Adams")
	eve.press("form button[type=submit]")
	eve.sees("h1", "Look in your mailbox")
	eve.picture("sign-up-asked")
	eve.visit(h.mailedLink(eveEmail))
	eve.sees("h1", "Finish your account")
	eve.picture("sign-up-finish")
	eve.choosePassword("form button[type=submit]")
	eve.sees("h1", "Hello, Eve Adams")
	eve.sees(".sheet", "You do not belong to a team yet")
	eve.picture("home-no-team")

	eve.press(`a[href="/teams/new/"]`)
	eve.fill("#name", "Eden")
	eve.fill("#slug", "eden")
	eve.picture("team-new")
	eve.press("form button[type=submit]")
	eve.sees("h1", "Members of Eden")
	eve.visit(h.url + "/teams/eden/invitations/")
	eve.fill("#email", finnEmail)
	eve.press(`button[value="invite"]`)
	eve.sees("[role=status]", finnEmail)
	eve.picture("team-invitations-sent")

	finn := h.open()
	key := finn.key()
	finn.visit(h.mailedLink(finnEmail))
	finn.sees("h1", "Join Eden?")
	finn.picture("invitation-new")
	finn.fill("#name", "Finn Hale")
	finn.choosePassword(`button[value="join"]`)
	finn.sees("h1", "Members of Eden")
	finn.visit(h.url + "/account/security/passkeys/")
	finn.fill("#name", "Finn’s phone")
	key.touch(chromedp.SendKeys("#name", kb.Enter, chromedp.ByQuery))
	finn.sees("h1", "Save your recovery codes")
	finn.visit(h.url + "/logout/")
	finn.press("main form button")

	address, _ := h.webApp("Conversation Digest", "127.0.0.1", false)
	finn.visit(address)
	finn.press(connectButton)
	finn.sees("h1", "Sign in")
	key.touch(clickPasskey())
	finn.sees("h1", "Authorize Conversation Digest?")
	finn.picture("consent-after-sign-up")
	finn.press(authorizeButton)
	finn.seesOnly("eden")
}

// The same pages in German, for somebody whom an application has sent: the request goes on after the mail and the new team. Then the person looks at their
// data, and closes the account.
func TestBrowserSignsUpForAnApplicationInGerman(t *testing.T) {
	t.Parallel()
	h := newOpenHouse(t)
	address, _ := h.webApp("Conversation Digest", "127.0.0.1", false)
	b := h.open()
	b.do(network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": "de"}))
	b.visit(address)
	b.press(connectButton)
	b.press(`a[href^="/signup/"]`)
	b.sees("h1", "Konto anlegen")
	b.picture("sign-up-de")
	b.fill("#email", eveEmail)
	b.fill("#name", "Eva Adams")
	b.press("form button[type=submit]")
	b.sees("h1", "Sehen Sie in Ihr Postfach")
	b.picture("sign-up-asked-de")
	b.visit(h.mailedLink(eveEmail))
	b.sees("h1", "Konto fertigstellen")
	b.picture("sign-up-finish-de")
	b.choosePassword("form button[type=submit]")
	b.sees("h1", "Sie gehören noch zu keinem Team")
	b.picture("consent-no-team-de")
	b.press(`a[href^="/teams/new/"]`)
	b.fill("#name", "Eden")
	b.fill("#slug", "eden")
	b.press("form button[type=submit]")
	b.sees("h1", "Conversation Digest")
	b.press(authorizeButton)
	b.seesOnly("eden")

	b.visit(h.url + "/account/data/")
	b.sees("h1", "Ihre Daten")
	b.picture("account-data-de")
	b.visit(h.url + "/account/close/")
	b.sees("h1", "Konto schließen")
	b.sees(".bullets", "Eden")
	b.picture("account-close-de")
	b.fill("#email", eveEmail)
	b.press("form .end")
	b.sees("h1", "Ihr Konto ist geschlossen")
	b.picture("account-closed-de")
	if users, err := h.Team.Users(t.Context(), team.CommandLine); err != nil || len(users) > 0 {
		t.Errorf("who is left: %v, %v", users, err)
	}
}
