package account_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

var personalPages = []string{"/account/", "/account/applications/", "/teams/atlas/applications/", "/teams/nowhere/applications/", "/teams/atlas/audit/"}

// TestPersonalPagesAskWhoYouAre, and then are where the person comes to.
func TestPersonalPagesAskWhoYouAre(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, path := range personalPages {
			a := h.Browser().Get(path).WantStatus(http.StatusSeeOther)
			if want := "/login/?next=" + url.QueryEscape(path); a.Location() != want {
				h.Errorf("%s: Location %q, want %q", path, a.Location(), want)
			}
		}
		a := h.Browser().Get("/teams/atlas/audit/?kind=member.added&before=5").WantStatus(http.StatusSeeOther)
		if want := "/login/?next=" + url.QueryEscape("/teams/atlas/audit/?kind=member.added&before=5"); a.Location() != want {
			h.Errorf("Location %q, want %q", a.Location(), want)
		}
		// What a form was sent to is not repeated by coming back.
		a = h.Browser().Post("/account/applications/?done=x", nil).WantStatus(http.StatusSeeOther)
		if want := "/login/?next=" + url.QueryEscape("/account/applications/"); a.Location() != want {
			h.Errorf("Location %q, want %q", a.Location(), want)
		}
		b := h.Browser()
		asked := b.Get("/account/applications/").Follow().WantPage(http.StatusOK, `name="next" value="/account/applications/"`)
		asked.Browser.SignIn(webtest.Ana, webtest.Pairs("next", "/account/applications/")).Follow().WantPage(http.StatusOK, "Your connected applications")

		h.SignedIn(webtest.Ana).Connect(h.Insight, h.Atlas)
		before := h.Grants()
		h.Browser().EndOwn(h.GrantOf(webtest.Ana, h.Insight, h.Atlas)).WantStatus(http.StatusSeeOther)
		h.Browser().Post("/account/password/", webtest.Pairs("current", webtest.Password, "new", "x", "again", "x")).WantStatus(http.StatusSeeOther)
		if !slices.Equal(h.Grants(), before) {
			h.Errorf("grants are %q, want %q", h.Grants(), before)
		}
	})
}

// TestAccountSaysWhoYouAre and what there is.
func TestAccountSaysWhoYouAre(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		b.Get("/account/").WantPage(http.StatusOK, "Ana Anders", webtest.Ana, "You have not connected any application", "Atlas Research", "Borealis", "Latest sign-ins").
			WantNothingOf("/teams/atlas/applications/", "Cobalt", "disconnected")
		h.Browser().SignIn(webtest.Ana, webtest.Pairs("password", "wrong")).WantStatus(http.StatusUnprocessableEntity)
		b.Connect(h.Insight, h.Atlas)
		b.Get("/account/").WantPage(http.StatusOK, "one connection", "127.0.0.1").InOrder("Latest sign-ins", "failed")
		h.SignedIn(webtest.Cleo).Get("/account/").WantPage(http.StatusOK, "do not belong to a team").WantNothingOf("failed")
	})
}

func TestApplicationsAreListedByApplicationAndTeam(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		b.Get("/account/applications/").WantPage(http.StatusOK, "You have not connected any application").WantNothingOf("End access")
		b.Connect(h.Pocket, h.Atlas, "scope", "session:read")
		b.Connect(h.Insight, h.Borealis, "scope", "chatbot:read session:write openid offline_access")
		h.Clock.Advance(49 * time.Hour)
		b = h.SignedIn(webtest.Ana)
		got := b.Connection(h.Insight, h.Atlas, "scope", "chatbot:read")
		b.Get("/account/applications/").WantPage(http.StatusOK).InOrder(
			"Insight", "Insight Labs", "Atlas Research", "Connected just now · last used just now", "Can see", "See the team's chatbots", "End access",
			"Borealis", "Connected 2 days ago · not used yet", "Can see", "Can change", "Start conversations", "About you", "recognise you", "while you are away", "End access",
			"Pocket", "Atlas Research", "Read the team's conversations", "End access").WantNothingOf(webtest.Ben, "Ben Bakker")
		h.Clock.Advance(90 * time.Minute)
		h.Refresh(h.Insight, got.RefreshToken).WantTokens()
		h.Clock.Advance(5 * time.Minute)
		b.Get("/account/applications/").InOrder("Atlas Research", "Connected 1 hour ago · last used 5 minutes ago")
		h.SignedIn(webtest.Ben).Get("/account/applications/").WantPage(http.StatusOK).WantNothingOf("Insight", "End access")
	})
}

// TestApplicationsAreOpenedWhereTheirSignInStarts: the link tells the application which server to use (OpenID Connect Core §4).
func TestApplicationsAreOpenedWhereTheirSignInStarts(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		b.Connect(h.Insight, h.Atlas)
		b.Connect(h.Pocket, h.Atlas)
		b.Get("/account/applications/").WantPage(http.StatusOK).WantNothingOf("Open")
		_, err := h.Registry.UpdateClient(h.Context(), team.CommandLine, h.Insight.ID, client.Change{InitiateLoginURI: new("https://insight.example/start?from=gate")})
		h.OK(err)
		link := "https://insight.example/start?from=gate&iss=" + url.QueryEscape(h.Parts.Issuer)
		b.Get("/account/applications/").WantPage(http.StatusOK, `<a href="`+link+`" rel="noreferrer">Open <bdi>Insight</bdi></a>`).WantNothingOf("Open <bdi>Pocket")
	})
}

// TestOneClickEndsAConnection: at once, there and nowhere else, and the page says what stopped.
func TestOneClickEndsAConnection(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		inAtlas, inBorealis := b.Connection(h.Insight, h.Atlas, "scope", "chatbot:read email"), b.Connection(h.Insight, h.Borealis)
		page := b.EndOwn(h.GrantOf(webtest.Ana, h.Insight, h.Atlas)).Follow()
		page.WantPage(http.StatusOK).InOrder("Insight can no longer work in Atlas Research.", "has stopped working", "See your e-mail address", "See the team's chatbots", "Borealis", "End access")
		if h.Live(h.Insight, inAtlas.AccessToken) {
			h.Error("the access token is alive")
		}
		h.Refresh(h.Insight, inAtlas.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
		if !h.Live(h.Insight, inBorealis.AccessToken) {
			h.Error("the connection to the other team has ended too")
		}
		h.Refresh(h.Insight, inBorealis.RefreshToken).WantTokens()

		// Only this person is told, only on this page, and not for long.
		path := page.Request.URL.RequestURI()
		h.SignedIn(webtest.Ben).Get(path).WantPage(http.StatusOK).WantNothingOf("can no longer")
		sealed := strings.TrimPrefix(path, "/account/applications/")
		b.Get("/account/applications/" + sealed[:len(sealed)-4] + "AAAA").WantPage(http.StatusOK).WantNothingOf("can no longer")
		h.Clock.Advance(6 * time.Minute)
		b.Get(path).WantPage(http.StatusOK).WantNothingOf("can no longer")
	})
}

// TestOnlyOwnConnectionsEnd: another person's is like none.
func TestOnlyOwnConnectionsEnd(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		token := h.SignedIn(webtest.Ana).Connection(h.Insight, h.Atlas)
		id := h.GrantOf(webtest.Ana, h.Insight, h.Atlas)
		b := h.SignedIn(webtest.Ben)
		foreign := b.EndOwn(id).WantPage(http.StatusNotFound, "no such connection")
		unknown := b.EndOwn("nothing").WantPage(http.StatusNotFound)
		if webtest.Neutral(foreign, "") != webtest.Neutral(unknown, "") {
			h.Error("another person's connection does not look like none")
		}
		b.EndOwn("").WantPage(http.StatusNotFound)
		b.EndOwn("\xff").WantPage(http.StatusBadRequest)
		if !h.Live(h.Insight, token.AccessToken) {
			h.Error("somebody else ended it")
		}
		mine := h.SignedIn(webtest.Ana)
		mine.EndOwn(id).WantStatus(http.StatusSeeOther)
		mine.EndOwn(id).WantPage(http.StatusNotFound, "ended already")
	})
}

// TestPersonalFormsAreGuarded against other sites.
func TestPersonalFormsAreGuarded(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		h.SignedIn(webtest.Ana).Connect(h.Insight, h.Atlas)
		dora.Connect(h.Insight, h.Atlas)
		id := string(h.GrantOf(dora.Email, h.Insight, h.Atlas))
		before := h.Grants()
		for path, form := range map[string]url.Values{
			"/account/applications/":     webtest.Pairs("grant", id),
			"/account/password/":         webtest.Pairs("current", webtest.Password, "new", "kettle tower violet rain", "again", "kettle tower violet rain"),
			"/teams/atlas/applications/": webtest.Pairs("decision", "end", "grant", id),
		} {
			for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
				dora.Post(path, form, header...).WantPage(http.StatusForbidden, "so nothing was done")
			}
		}
		dora.Post("/teams/atlas/applications/", webtest.Pairs("decision", "block", "client", string(h.Insight.ID), "reason", "x"), "Sec-Fetch-Site", "cross-site").WantStatus(http.StatusForbidden)
		if !slices.Equal(h.Grants(), before) {
			h.Errorf("grants are %q, want %q", h.Grants(), before)
		}
		h.SignedIn(dora.Email) // the password is the old one
	})
}

// TestReplayIsSeenByThePerson, and by nobody else, for a month.
func TestReplayIsSeenByThePerson(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		b.Get("/").WantPage(http.StatusOK).WantNothingOf("should know")
		got := b.Connection(h.Insight, h.Borealis)
		next := h.Refresh(h.Insight, got.RefreshToken).WantTokens()
		h.Clock.Advance(time.Minute)
		h.Refresh(h.Insight, next.RefreshToken).WantTokens()
		h.Refresh(h.Insight, got.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
		for _, path := range []string{"/account/", "/account/applications/"} {
			b.Get(path).WantPage(http.StatusOK).InOrder("1 March 2026, 12:01 UTC: Insight was disconnected from Borealis, because a key of your connection was used twice", "copied")
		}
		b.Get("/").WantPage(http.StatusOK, "you should know", `href="/account/applications/"`)
		h.SignedIn(webtest.Ben).Get("/account/applications/").WantPage(http.StatusOK).WantNothingOf("was disconnected")

		code := b.Connect(h.Pocket, h.Atlas)
		h.Redeem(h.Pocket, code).WantTokens()
		h.Redeem(h.Pocket, code).WantJSON(http.StatusBadRequest, "invalid_grant")
		b.Get("/account/applications/").InOrder("Pocket was disconnected from Atlas Research, because a code", "Insight was disconnected")

		h.Clock.Advance(13 * 24 * time.Hour)
		b = h.SignedIn(webtest.Ana)
		b.Get("/account/applications/").WantPage(http.StatusOK, "was disconnected")
		h.Clock.Advance(18 * 24 * time.Hour)
		h.SignedIn(webtest.Ana).Get("/account/applications/").WantPage(http.StatusOK).WantNothingOf("was disconnected")
	})
}

// TestLateRetryIsSeenByThePerson among the applications. It is no reason for an alert on every page: a restarted application does it.
func TestLateRetryIsSeenByThePerson(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		got := b.Connection(h.Insight, h.Borealis)
		h.Refresh(h.Insight, got.RefreshToken).WantTokens()
		h.Clock.Advance(time.Hour)
		h.Refresh(h.Insight, got.RefreshToken).WantTokens()
		b.Get("/account/applications/").WantPage(http.StatusOK).InOrder("1 March 2026, 13:00 UTC: Insight went on in Borealis with a key that it had replaced before", "saved its new key")
		b.Get("/").WantPage(http.StatusOK).WantNothingOf("you should know")
		b.Get("/account/").WantPage(http.StatusOK).WantNothingOf("replaced before")
		h.SignedIn(webtest.Ben).Get("/account/applications/").WantPage(http.StatusOK).WantNothingOf("replaced before")
	})
}

// TestPasswordIsChangedByWhoKnowsIt, and signs out every other browser.
func TestPasswordIsChangedByWhoKnowsIt(t *testing.T) {
	const chosen = "kettle tower violet rain"
	webtest.OnBoth(t, func(h *webtest.House) {
		here, there := h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ana)
		change := func(current, next, again string) *webtest.Answer {
			return here.Post("/account/password/", webtest.Pairs("current", current, "new", next, "again", again))
		}
		change("wrong", chosen, chosen).WantPage(http.StatusUnprocessableEntity, "current password is wrong").WantNothingOf(chosen)
		if n := h.Happened(audit.SignInFailed); n != 1 {
			h.Errorf("%d failed sign-ins are recorded after a wrong current password, want 1", n)
		}
		change(webtest.Password, chosen, "kettle").WantPage(http.StatusUnprocessableEntity, "same way twice").WantNothingOf(chosen)
		change(webtest.Password, "short", "short").WantPage(http.StatusUnprocessableEntity, "too short")
		there.Get("/account/").WantPage(http.StatusOK, webtest.Ana)

		before := here.SessionOf()
		change(webtest.Password, chosen, chosen).Follow().WantPage(http.StatusOK, "Your password has been changed", webtest.Ana)
		if here.SessionOf() == before {
			h.Error("the session is the one of the old password")
		}
		there.Get("/account/").WantStatus(http.StatusSeeOther)
		h.Browser().SignIn(webtest.Ana, nil).WantStatus(http.StatusUnprocessableEntity)
		h.Browser().SignIn(webtest.Ana, webtest.Pairs("password", chosen)).WantStatus(http.StatusSeeOther)

		for range 10 {
			change("wrong", chosen, chosen)
		}
		if a := change(chosen, webtest.Password, webtest.Password).WantPage(http.StatusTooManyRequests, "too many attempts").WantNothingOf("aria-invalid", "#current"); a.Header.Get("Retry-After") == "" {
			h.Error("no Retry-After")
		}
	})
}

func TestPersonalPagesHaveSecurityHeaders(t *testing.T) {
	const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		dora.Connect(h.Insight, h.Atlas)
		for _, path := range []string{"/account/", "/account/applications/", "/teams/atlas/applications/", "/teams/atlas/audit/"} {
			for _, a := range []*webtest.Answer{dora.Get(path), dora.Get(strings.TrimSuffix(path, "/"))} {
				a.WantPage(http.StatusOK).WantNothingOf("<script", " style=", " onclick=")
				got := a.Header
				if got.Get("Content-Security-Policy") != policy || got.Get("Cache-Control") != "no-store" || got.Get("Referrer-Policy") != "same-origin" || got.Get("X-Content-Type-Options") != "nosniff" {
					h.Errorf("%s: headers are %v", path, got)
				}
			}
		}
		dora.Do(http.MethodPost, "/teams/atlas/audit/", "").WantPage(http.StatusMethodNotAllowed)
		dora.Do(http.MethodDelete, "/account/applications/", "").WantPage(http.StatusMethodNotAllowed)
		if got := dora.EndOwn(h.GrantOf(dora.Email, h.Insight, h.Atlas)).Header.Get("Cache-Control"); got != "no-store" {
			h.Errorf("Cache-Control %q, want no-store", got)
		}
	})
}
