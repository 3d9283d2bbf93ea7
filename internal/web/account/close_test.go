package account_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

func closing(b *webtest.Browser, typed string) *webtest.Answer {
	b.Helper()
	return b.Post("/account/close/", url.Values{"email": {typed}})
}

// TestCloseAccount: the page says what ends, wants the address typed, and ends it in one step. The person is told by mail, in their language.
func TestCloseAccount(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b, elsewhere := h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ana)
		got := b.Connection(h.Insight, h.Atlas)
		others := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		solo := h.AddTeam("solo", "Ana Alone")
		_, err := h.Directory.AddMember(h.Context(), team.CommandLine, "solo", webtest.Ana, team.Admin)
		h.OK(err)
		own := h.Register(client.Registration{Name: "Own", Team: solo, RedirectURIs: []string{"https://own.example/cb"}})
		ana, err := h.DB.UserByEmail(h.Context(), webtest.Ana)
		h.OK(err)
		h.OK(h.DB.UpdateProfile(h.Context(), ana.ID, func(name string, _ team.Profile) (string, team.Profile) { return name, team.Profile{Language: "de"} }))
		h.Mails()

		en := func(path string) *webtest.Answer { return b.Get(path) }
		en("/account/").WantPage(http.StatusOK, `href="/account/close/"`)
		en("/account/close/").WantPage(http.StatusOK, "3 Teams", "1 Verbindung", "Insight", "Ana Alone", webtest.Ana).WantNothingOf("Borealis")
		for _, typed := range []string{"", "yes", webtest.Ben} {
			closing(b, typed).WantPage(http.StatusUnprocessableEntity, "Das ist nicht")
		}
		b.Post("/account/close/", url.Values{"email": {webtest.Ana}}, "Sec-Fetch-Site", "cross-site").WantStatus(http.StatusForbidden)
		if !h.Live(h.Insight, got.AccessToken) {
			h.Fatal("the account was closed by a form of another site")
		}
		done := closing(b, " ANA@Example.org ").WantPage(http.StatusOK, "Ihr Konto ist geschlossen").WantNothingOf("Abmelden")
		if !strings.Contains(strings.Join(done.Header.Values("Set-Cookie"), "|"), "Max-Age=0") {
			h.Error("the cookie of the session stays")
		}
		b.Get("/account/").WantStatus(http.StatusSeeOther)
		elsewhere.Get("/account/").WantStatus(http.StatusSeeOther)
		if h.Live(h.Insight, got.AccessToken) || !h.Live(h.Insight, others.AccessToken) {
			h.Error("the connection lives on, or somebody else's has ended")
		}
		if a := h.Browser().SignIn(webtest.Ana, url.Values{"password": {webtest.Password}}); a.Status != http.StatusUnprocessableEntity {
			h.Errorf("sign-in: %d", a.Status)
		}
		if _, err := h.DB.TeamBySlug(h.Context(), "solo"); !errors.Is(err, team.ErrNoTeam) {
			h.Errorf("the team in which she was alone: %v", err)
		}
		if _, err := h.DB.Client(h.Context(), own.ID); !errors.Is(err, client.ErrNoClient) {
			h.Errorf("its application: %v", err)
		}
		h.OK(func() error { _, err := h.DB.TeamBySlug(h.Context(), "atlas"); return err }())
		events, err := h.DB.Events(h.Context(), audit.Filter{Kind: audit.AccountClosed})
		h.OK(err)
		if len(events) != 1 || events[0].User != string(ana.ID) || events[0].Actor != string(ana.ID) || events[0].UserName != "" {
			h.Errorf("the events are %+v, want one with her id", events)
		}
		mails := h.Mails()
		if len(mails) != 1 || mails[0].To != webtest.Ana || !strings.HasPrefix(mails[0].Subject, "Ihr Konto bei Gatehouse ist geschlossen") {
			h.Errorf("the mails are %v", mails)
		}
	})
}

// TestCloseAccountOfALastAdmin: a team with other members keeps an admin. It is named, and decided again under the lock.
func TestCloseAccountOfALastAdmin(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		dora.Get("/account/close/").WantPage(http.StatusOK, "You cannot close your account yet", "Atlas Research", "/teams/atlas/settings/hand-over/").WantNothingOf(`name="email"`)
		closing(dora.Browser, dora.Email).WantPage(http.StatusConflict, "Atlas Research")
		u, err := h.DB.UserByEmail(h.Context(), dora.Email)
		h.OK(err)
		needs := new(team.NeedsAdminError)
		if err := h.Directory.CloseAccount(h.Context(), team.ActingUser(u, nil)); !errors.As(err, &needs) || !errors.Is(err, team.ErrLastAdmin) || len(needs.Teams) != 1 || needs.Teams[0].Slug != "atlas" {
			h.Errorf("CloseAccount: %v", err)
		}
		for _, actor := range []team.Actor{team.CommandLine, {Kind: team.KindClient, Client: "c"}} {
			if err := h.Directory.CloseAccount(h.Context(), actor); !errors.Is(err, team.ErrForbidden) {
				h.Errorf("by %+v: %v", actor, err)
			}
		}
		// An admin who cannot sign in is none.
		_, err = h.Directory.SetRole(h.Context(), team.CommandLine, "atlas", webtest.Ben, team.Admin)
		h.OK(err)
		dora.Get("/account/close/").WantPage(http.StatusOK, `name="email"`)
		_, err = h.Directory.DisableUser(h.Context(), team.CommandLine, webtest.Ben)
		h.OK(err)
		closing(dora.Browser, dora.Email).WantPage(http.StatusConflict, "Atlas Research")
		_, err = h.Directory.EnableUser(h.Context(), team.CommandLine, webtest.Ben)
		h.OK(err)
		closing(dora.Browser, dora.Email).WantPage(http.StatusOK, "Your account is closed")
	})
}

// TestCloseAccountOfTheLastOperator.
func TestCloseAccountOfTheLastOperator(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		add := func(email string) {
			u, err := h.Directory.AddUser(h.Context(), team.CommandLine, team.NewUser{Email: email, Name: "Root", Operator: true})
			h.OK(err)
			h.OK(h.Parts.Authn.SetPassword(h.Context(), u, webtest.Password))
		}
		add("root@example.org")
		root := h.SignedIn("root@example.org")
		root.Get("/account/close/").WantPage(http.StatusOK, "you are the only operator of").WantNothingOf(`name="email"`)
		closing(root, "root@example.org").WantPage(http.StatusConflict, "you are the only operator of")
		u, err := h.DB.UserByEmail(h.Context(), "root@example.org")
		h.OK(err)
		if err := h.Directory.CloseAccount(h.Context(), team.ActingUser(u, nil)); !errors.Is(err, team.ErrLastOperator) {
			h.Errorf("CloseAccount: %v, want ErrLastOperator", err)
		}
		add("other@example.org")
		closing(root, "root@example.org").WantPage(http.StatusOK, "Your account is closed")
	})
}

// TestOwnAccountWantsAFreshSignIn: closing it, and downloading what is kept.
func TestOwnAccountWantsAFreshSignIn(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Cleo)
		h.Clock.Advance(11 * time.Minute)
		for _, page := range []string{"/account/close/", "/account/data/"} {
			for _, a := range []*webtest.Answer{b.Get(page), b.Post(page, url.Values{"email": {webtest.Cleo}})} {
				if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location(), "/login/?again=1") {
					h.Errorf("%s: %d to %q", page, a.Status, a.Location())
				}
			}
			h.Browser().Get(page).WantStatus(http.StatusSeeOther)
		}
		_, err := h.DB.UserByEmail(h.Context(), webtest.Cleo)
		h.OK(err)
	})
}
