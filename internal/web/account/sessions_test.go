package account_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

const (
	sessions = "/account/sessions/"
	firefox  = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0 <script>raw</script>"
)

var sessionOnPage = regexp.MustCompile(`name="session" value="([^"]*)"`)

// othersOn are the ids of the sessions that the page can end.
func othersOn(b *webtest.Browser) []string {
	b.Helper()
	var ids []string
	for _, m := range sessionOnPage.FindAllStringSubmatch(b.Get(sessions).WantStatus(http.StatusOK).Body, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// hashOf is the hash of a browser's cookie: the session's ID in the database.
func hashOf(b *webtest.Browser) string { return authn.SessionID(b.SessionOf()) }

func TestSessionsSayWhereOneIsSignedIn(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		elsewhere := h.Browser()
		elsewhere.Post("/login/", webtest.Pairs("email", webtest.Ana, "password", webtest.Password), "User-Agent", firefox, "X-Forwarded-For", "203.0.113.77").WantStatus(http.StatusSeeOther)
		h.Clock.Advance(2 * time.Hour)
		here := h.SignedIn(webtest.Ana)
		page := here.Get(sessions).WantPage(http.StatusOK).InOrder(
			"Unknown browser", "This browser", "Signed in just now with a password", "127.0.0.0/24",
			"Firefox on Linux", "Signed in 2 hours ago with a password", "last seen 2 hours ago", "203.0.113.0/24", "Sign out").WantNothingOf("203.0.113.77", "Gecko", "raw")
		if n := strings.Count(page.Body, "This browser"); n != 1 {
			h.Errorf("%d sessions are this browser's", n)
		}
		// Nothing on the page leads to a cookie: the id is not the hash by which the session is found.
		ids := othersOn(here)
		if len(ids) != 1 || slices.Contains(ids, hashOf(elsewhere)) || strings.Contains(page.Body, hashOf(elsewhere)) {
			h.Errorf("the ids are %q, the session's is %q", ids, hashOf(elsewhere))
		}
		elsewhere.Get("/account/", "X-Forwarded-For", "2001:db8:1:2:3::4").WantStatus(http.StatusOK)
		here.Get(sessions).WantPage(http.StatusOK).InOrder("Firefox", "last seen 2 hours ago", "203.0.113.0/24") // not saved yet
		h.OK(h.Parts.Authn.SaveSightings(h.Context()))
		here.Get(sessions).WantPage(http.StatusOK).InOrder("Firefox", "last seen just now", "2001:db8:1::/48")
		h.SignedIn(webtest.Ben).Get(sessions).WantPage(http.StatusOK, "This browser").WantNothingOf("Firefox", "all other browsers")
	}, webtest.TrustLoopback)
}

// TestUseIsNotedWithoutAPage: an application that signs the person in without a page uses the session too, at most once in five minutes.
func TestUseIsNotedWithoutAPage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		here, elsewhere := h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ana)
		elsewhere.Connect(h.Insight, h.Atlas)
		h.OK(h.Parts.Authn.SaveSightings(h.Context()))
		h.Clock.Advance(time.Hour)
		for range 3 {
			elsewhere.Authorize(h.Insight, "team", "atlas").WantCode(h.Insight.RedirectURI)
			elsewhere.Authorize(h.Insight, "team", "atlas").WantCode(h.Insight.RedirectURI)
			h.Clock.Advance(time.Minute)
		}
		h.OK(h.Parts.Authn.SaveSightings(h.Context()))
		here.Get(sessions).WantPage(http.StatusOK).InOrder("This browser", "Signed in 1 hour ago", "last seen 3 minutes ago")
	})
}

// TestEndedSessionIsRefusedAtOnce, also where it was cached, and its applications are told as if the person had signed out there.
func TestEndedSessionIsRefusedAtOnce(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		elsewhere := h.SignedIn(webtest.Ana)
		elsewhere.Connect(h.Insight, h.Atlas)
		elsewhere.Authorize(h.Insight, "team", "atlas").WantCode(h.Insight.RedirectURI) // from the cache
		here := h.SignedIn(webtest.Ana)
		id := othersOn(here)
		if len(id) != 1 {
			h.Fatalf("the page can end %q", id)
		}
		before := h.Happened(audit.SignedOut)
		here.Post(sessions, webtest.Pairs("session", id[0])).Follow().WantPage(http.StatusOK, "That browser has been signed out").WantNothingOf("name=\"session\"")
		elsewhere.Authorize(h.Insight, "team", "atlas").WantSignIn()
		elsewhere.Get("/account/").WantStatus(http.StatusSeeOther)
		here.Get("/account/").WantStatus(http.StatusOK)
		if n := h.Happened(audit.SignedOut) - before; n != 1 {
			h.Errorf("%d sign-outs are recorded, want 1", n)
		}
		here.Post(sessions, webtest.Pairs("session", id[0])).WantPage(http.StatusNotFound, "no such session")
	})
}

func TestAllOtherSessionsEnd(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		others := []*webtest.Browser{h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ana)}
		here, ben := h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ben)
		here.Get(sessions+"others/").WantPage(http.StatusOK, "Sign out all other browsers?")
		others[0].Get("/account/").WantStatus(http.StatusOK) // a question ends nothing
		here.Post(sessions+"others/", nil).Follow().WantPage(http.StatusOK, "All other browsers have been signed out").WantNothingOf("/account/sessions/others/")
		for _, other := range others {
			other.Get("/account/").WantStatus(http.StatusSeeOther)
		}
		here.Get("/account/").WantStatus(http.StatusOK)
		ben.Get("/account/").WantStatus(http.StatusOK)
		here.Post(sessions+"others/", nil).WantStatus(http.StatusSeeOther)
	})
}

// TestOnlyOwnSessionsEnd: another person's is like none, and so is what is no id.
func TestOnlyOwnSessionsEnd(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		here, elsewhere, eve := h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ben)
		id := othersOn(here)[0]
		foreign := eve.Post(sessions, webtest.Pairs("session", id)).WantPage(http.StatusNotFound, "no such session")
		unknown := eve.Post(sessions, webtest.Pairs("session", "nothing")).WantPage(http.StatusNotFound)
		if webtest.Neutral(foreign, "") != webtest.Neutral(unknown, "") {
			h.Error("another person's session does not look like none")
		}
		// The hash of the cookie, which is the session's ID in the database, is no id either.
		for _, forged := range []string{"", elsewhere.SessionOf(), hashOf(elsewhere), hashOf(here), id + "x", id[:len(id)-1], "%", "' OR 1=1 --"} {
			here.Post(sessions, webtest.Pairs("session", forged)).WantStatus(http.StatusNotFound)
		}
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			here.Post(sessions, webtest.Pairs("session", id), header...).WantStatus(http.StatusForbidden)
			here.Post(sessions+"others/", nil, header...).WantStatus(http.StatusForbidden)
		}
		here.Get(sessions + "?session=" + id).WantStatus(http.StatusOK)
		h.Browser().Post(sessions, webtest.Pairs("session", id)).WantStatus(http.StatusSeeOther)
		h.Browser().Post(sessions+"others/", nil).WantStatus(http.StatusSeeOther)
		elsewhere.Get("/account/").WantStatus(http.StatusOK)

		ana, err := h.DB.UserByEmail(h.Context(), webtest.Ana)
		h.OK(err)
		for _, actor := range []team.Actor{{}, team.ActingUser(team.User{ID: "another", Operator: true}, nil)} {
			if err := h.Parts.Authn.EndSession(h.Context(), actor, ana.ID, id); err == nil {
				h.Errorf("%+v may end it", actor)
			}
			if _, err := h.Parts.Authn.Sessions(h.Context(), actor, ana.ID); err == nil {
				h.Errorf("%+v may see them", actor)
			}
		}
	})
}
