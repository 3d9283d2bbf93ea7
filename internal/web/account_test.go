package web_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// grantOf is the grant of a person for a client in a team.
func (h *house) grantOf(email string, client app, in team.Team) authz.GrantID {
	h.Helper()
	details, err := h.db.Grants(h.Context(), authz.GrantFilter{Client: client.ID, Team: in.ID})
	h.ok(err)
	for _, g := range details {
		if g.User.Email == email {
			return g.ID
		}
	}
	h.Fatalf("%s has no grant for %s in %s", email, client.Name, in.Slug)
	return ""
}

// endOwn presses "End access" for a grant on the person's own page.
func (b *browser) endOwn(id authz.GrantID) *answer {
	b.Helper()
	return b.post("/account/applications/", pairs("grant", string(id)))
}

// inOrder checks that a page says things one after the other.
func (a *answer) inOrder(says ...string) *answer {
	a.Helper()
	text := shownTo(a.body)
	rest := text
	for _, want := range says {
		_, after, found := strings.Cut(rest, want)
		if !found {
			a.Fatalf("the page does not say %q after what comes before it:\n%s", want, text)
		}
		rest = after
	}
	return a
}

var personalPages = []string{"/account/", "/account/applications/", "/account/password/", "/teams/atlas/applications/", "/teams/nowhere/applications/", "/teams/atlas/audit/"}

// TestPersonalPagesAskWhoYouAre, and then are where the person comes to.
func TestPersonalPagesAskWhoYouAre(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, path := range personalPages {
			a := h.browser().get(path).wantStatus(http.StatusSeeOther)
			if want := "/login/?next=" + url.QueryEscape(path); a.location() != want {
				h.Errorf("%s: Location %q, want %q", path, a.location(), want)
			}
		}
		a := h.browser().get("/teams/atlas/audit/?kind=member.added&before=5").wantStatus(http.StatusSeeOther)
		if want := "/login/?next=" + url.QueryEscape("/teams/atlas/audit/?kind=member.added&before=5"); a.location() != want {
			h.Errorf("Location %q, want %q", a.location(), want)
		}
		b := h.browser()
		asked := b.get("/account/applications/").follow().wantPage(http.StatusOK, `name="next" value="/account/applications/"`)
		asked.browser.signIn(ana, pairs("next", "/account/applications/")).follow().wantPage(http.StatusOK, "Your connected applications")

		h.signedIn(ana).connect(h.insight, h.atlas)
		before := h.grants()
		h.browser().endOwn(h.grantOf(ana, h.insight, h.atlas)).wantStatus(http.StatusSeeOther)
		h.browser().post("/account/password/", pairs("current", password, "new", "x", "again", "x")).wantStatus(http.StatusSeeOther)
		if !slices.Equal(h.grants(), before) {
			h.Errorf("grants are %q, want %q", h.grants(), before)
		}
	})
}

// TestAccountSaysWhoYouAre and what there is.
func TestAccountSaysWhoYouAre(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		b.get("/account/").wantPage(http.StatusOK, "Ana Anders", ana, "You have not connected any application", "Atlas Research", "Borealis", "Latest sign-ins").
			wantNothingOf("/teams/atlas/", "Cobalt", "disconnected")
		h.browser().signIn(ana, pairs("password", "wrong")).wantStatus(http.StatusUnprocessableEntity)
		b.connect(h.insight, h.atlas)
		b.get("/account/").wantPage(http.StatusOK, "one connection", "127.0.0.1").inOrder("Latest sign-ins", "failed")
		h.signedIn(cleo).get("/account/").wantPage(http.StatusOK, "do not belong to a team").wantNothingOf("failed")
	})
}

func TestApplicationsAreListedByApplicationAndTeam(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		b.get("/account/applications/").wantPage(http.StatusOK, "You have not connected any application").wantNothingOf("End access")
		b.connect(h.pocket, h.atlas, "scope", "session:read")
		b.connect(h.insight, h.borealis, "scope", "chatbot:read session:write openid offline_access")
		h.clock.advance(49 * time.Hour)
		b = h.signedIn(ana)
		got := b.connection(h.insight, h.atlas, "scope", "chatbot:read")
		b.get("/account/applications/").wantPage(http.StatusOK).inOrder(
			"Insight", "Insight Labs", "Atlas Research", "Connected just now · last used just now", "Can see", "See the team's chatbots", "End access",
			"Borealis", "Connected 2 days ago · not used yet", "Can see", "Can change", "Start conversations", "About you", "recognise you", "while you are away", "End access",
			"Pocket", "Atlas Research", "Read the team's conversations", "End access").wantNothingOf(ben, "Ben Bakker")
		h.clock.advance(90 * time.Minute)
		h.refresh(h.insight, got.RefreshToken).wantTokens()
		h.clock.advance(5 * time.Minute)
		b.get("/account/applications/").inOrder("Atlas Research", "Connected 1 hour ago · last used 5 minutes ago")
		h.signedIn(ben).get("/account/applications/").wantPage(http.StatusOK).wantNothingOf("Insight", "End access")
	})
}

// TestOneClickEndsAConnection: at once, there and nowhere else, and the page says what stopped.
func TestOneClickEndsAConnection(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		inAtlas, inBorealis := b.connection(h.insight, h.atlas, "scope", "chatbot:read email"), b.connection(h.insight, h.borealis)
		page := b.endOwn(h.grantOf(ana, h.insight, h.atlas)).follow()
		page.wantPage(http.StatusOK).inOrder("Insight can no longer work in Atlas Research.", "has stopped working", "See your e-mail address", "See the team's chatbots", "Borealis", "End access")
		if h.live(h.insight, inAtlas.AccessToken) {
			h.Error("the access token is alive")
		}
		h.refresh(h.insight, inAtlas.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
		if !h.live(h.insight, inBorealis.AccessToken) {
			h.Error("the connection to the other team has ended too")
		}
		h.refresh(h.insight, inBorealis.RefreshToken).wantTokens()

		// Only this person is told, only on this page, and not for long.
		path := page.request.URL.RequestURI()
		h.signedIn(ben).get(path).wantPage(http.StatusOK).wantNothingOf("can no longer")
		sealed := strings.TrimPrefix(path, "/account/applications/")
		b.get("/account/applications/" + sealed[:len(sealed)-4] + "AAAA").wantPage(http.StatusOK).wantNothingOf("can no longer")
		h.clock.advance(6 * time.Minute)
		b.get(path).wantPage(http.StatusOK).wantNothingOf("can no longer")
	})
}

// TestOnlyOwnConnectionsEnd: another person's is like none.
func TestOnlyOwnConnectionsEnd(t *testing.T) {
	onBoth(t, func(h *house) {
		token := h.signedIn(ana).connection(h.insight, h.atlas)
		id := h.grantOf(ana, h.insight, h.atlas)
		b := h.signedIn(ben)
		foreign := b.endOwn(id).wantPage(http.StatusNotFound, "no such connection")
		unknown := b.endOwn("nothing").wantPage(http.StatusNotFound)
		if neutral(foreign, "") != neutral(unknown, "") {
			h.Error("another person's connection does not look like none")
		}
		b.endOwn("").wantPage(http.StatusNotFound)
		b.endOwn("\xff").wantPage(http.StatusBadRequest)
		if !h.live(h.insight, token.AccessToken) {
			h.Error("somebody else ended it")
		}
		mine := h.signedIn(ana)
		mine.endOwn(id).wantStatus(http.StatusSeeOther)
		mine.endOwn(id).wantPage(http.StatusNotFound, "ended already")
	})
}

// TestPersonalFormsAreGuarded against other sites.
func TestPersonalFormsAreGuarded(t *testing.T) {
	onBoth(t, func(h *house) {
		dora := h.admin("atlas")
		h.signedIn(ana).connect(h.insight, h.atlas)
		dora.connect(h.insight, h.atlas)
		id := string(h.grantOf(dora.email, h.insight, h.atlas))
		before := h.grants()
		for path, form := range map[string]url.Values{
			"/account/applications/":     pairs("grant", id),
			"/account/password/":         pairs("current", password, "new", "kettle tower violet rain", "again", "kettle tower violet rain"),
			"/teams/atlas/applications/": pairs("decision", "end", "grant", id),
		} {
			for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
				dora.post(path, form, header...).wantPage(http.StatusForbidden, "another site")
			}
		}
		dora.post("/teams/atlas/applications/", pairs("decision", "block", "client", string(h.insight.ID), "reason", "x"), "Sec-Fetch-Site", "cross-site").wantStatus(http.StatusForbidden)
		if !slices.Equal(h.grants(), before) {
			h.Errorf("grants are %q, want %q", h.grants(), before)
		}
		h.signedIn(dora.email) // the password is the old one
	})
}

// TestReplayIsSeenByThePerson, and by nobody else, for a month.
func TestReplayIsSeenByThePerson(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		b.get("/").wantPage(http.StatusOK).wantNothingOf("should know")
		got := b.connection(h.insight, h.borealis)
		h.refresh(h.insight, got.RefreshToken).wantTokens()
		h.clock.advance(time.Minute)
		h.refresh(h.insight, got.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
		for _, path := range []string{"/account/", "/account/applications/"} {
			b.get(path).wantPage(http.StatusOK).inOrder("1 March 2026, 12:01 UTC: Insight was disconnected from Borealis, because a key of your connection was used twice", "copied")
		}
		b.get("/").wantPage(http.StatusOK, "you should know", `href="/account/applications/"`)
		h.signedIn(ben).get("/account/applications/").wantPage(http.StatusOK).wantNothingOf("was disconnected")

		code := b.connect(h.pocket, h.atlas)
		h.redeem(h.pocket, code).wantTokens()
		h.redeem(h.pocket, code).wantJSON(http.StatusBadRequest, "invalid_grant")
		b.get("/account/applications/").inOrder("Pocket was disconnected from Atlas Research, because a code", "Insight was disconnected")

		h.clock.advance(13 * 24 * time.Hour)
		b = h.signedIn(ana)
		b.get("/account/applications/").wantPage(http.StatusOK, "was disconnected")
		h.clock.advance(18 * 24 * time.Hour)
		h.signedIn(ana).get("/account/applications/").wantPage(http.StatusOK).wantNothingOf("was disconnected")
	})
}

// TestPasswordIsChangedByWhoKnowsIt, and signs out every other browser.
func TestPasswordIsChangedByWhoKnowsIt(t *testing.T) {
	const chosen = "kettle tower violet rain"
	onBoth(t, func(h *house) {
		here, there := h.signedIn(ana), h.signedIn(ana)
		change := func(current, next, again string) *answer {
			return here.post("/account/password/", pairs("current", current, "new", next, "again", again))
		}
		change("wrong", chosen, chosen).wantPage(http.StatusUnprocessableEntity, "current password is wrong").wantNothingOf(chosen)
		change(password, chosen, "kettle").wantPage(http.StatusUnprocessableEntity, "same way twice").wantNothingOf(chosen)
		change(password, "short", "short").wantPage(http.StatusUnprocessableEntity, "too short")
		there.get("/account/").wantPage(http.StatusOK, ana)

		before := here.sessionOf()
		change(password, chosen, chosen).follow().wantPage(http.StatusOK, "Your password has been changed", ana)
		if here.sessionOf() == before {
			h.Error("the session is the one of the old password")
		}
		there.get("/account/").wantStatus(http.StatusSeeOther)
		h.browser().signIn(ana, nil).wantStatus(http.StatusUnprocessableEntity)
		h.browser().signIn(ana, pairs("password", chosen)).wantStatus(http.StatusSeeOther)

		for range 10 {
			change("wrong", chosen, chosen)
		}
		if a := change(chosen, password, password).wantPage(http.StatusTooManyRequests, "too many attempts"); a.header.Get("Retry-After") == "" {
			h.Error("no Retry-After")
		}
	})
}

var pageLinks = regexp.MustCompile(`<a [^>]*href="(/[^"?#]*)`)

// TestPagesLinkToWhatThereIs: every link of every personal page leads somewhere.
func TestPagesLinkToWhatThereIs(t *testing.T) {
	onBoth(t, func(h *house) {
		dora := h.admin("atlas")
		seen := map[string]bool{}
		for _, path := range []string{"/", "/account/", "/account/applications/", "/account/password/", "/teams/atlas/applications/", "/teams/atlas/audit/"} {
			for _, match := range pageLinks.FindAllStringSubmatch(dora.get(path).wantPage(http.StatusOK).body, -1) {
				seen[html.UnescapeString(match[1])] = true
			}
		}
		for _, want := range []string{"/account/", "/account/applications/", "/account/password/", "/teams/atlas/applications/", "/teams/atlas/audit/"} {
			if !seen[want] {
				h.Errorf("no link leads to %s", want)
			}
		}
		for path := range seen {
			dora.get(path).wantStatus(http.StatusOK)
		}
	})
}

// TestDocumentsLinkToWhatThereIs: what has no page here is in the repository.
func TestDocumentsLinkToWhatThereIs(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.browser()
		links := regexp.MustCompile(`href="([^"]*)"`)
		for _, document := range links.FindAllStringSubmatch(b.get("/docs/").wantPage(http.StatusOK).body, -1) {
			if !strings.HasPrefix(document[1], "/docs/") {
				continue
			}
			for _, match := range links.FindAllStringSubmatch(b.get(document[1]).wantPage(http.StatusOK).body, -1) {
				switch link, _, _ := strings.Cut(html.UnescapeString(match[1]), "#"); {
				case link == "", strings.Contains(link, "://"), strings.HasPrefix(link, "mailto:"):
				case strings.HasPrefix(link, "/docs/"):
					b.get(link).wantStatus(http.StatusOK)
				case !strings.HasPrefix(link, "/"):
					h.Errorf("%s links to %q, which is not there", document[1], link)
				}
			}
		}
		b.get("/docs/security/").wantPage(http.StatusOK, `href="https://github.com/gatehouse-auth/gatehouse/blob/main/SECURITY.md"`)
		b.get("/docs/architecture/").wantPage(http.StatusOK, `href="https://github.com/gatehouse-auth/gatehouse/blob/main/docs/adr"`)
	})
}

// TestErrorPagesSayWhoIsSignedIn, as every page does: a person who is refused may want to be somebody else.
func TestErrorPagesSayWhoIsSignedIn(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		for path, status := range map[string]int{"/nowhere/": http.StatusNotFound, "/teams/atlas/audit/": http.StatusForbidden, "/o/authorize/": http.StatusBadRequest} {
			b.get(path).wantPage(status, ben, "Sign out")
			h.browser().get("/nowhere/").wantPage(http.StatusNotFound, "Sign in").wantNothingOf(ben)
		}
	})
}

// TestConsentSaysWhatIsLearntAboutThePerson apart from the team's data, and how to take it back.
func TestConsentSaysWhatIsLearntAboutThePerson(t *testing.T) {
	onBoth(t, func(h *house) {
		h.signedIn(ana).authorize(h.insight, "scope", "openid profile email offline_access chatbot:read").wantConsent().
			wantPage(http.StatusOK, `href="/account/applications/"`).
			inOrder("Can see", "See the team's chatbots", "About you", "Sign you in", "See your name", "See your e-mail address", "while you are away")
	})
}

func TestPersonalPagesHaveSecurityHeaders(t *testing.T) {
	const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	onBoth(t, func(h *house) {
		dora := h.admin("atlas")
		dora.connect(h.insight, h.atlas)
		for _, path := range []string{"/account/", "/account/applications/", "/account/password/", "/teams/atlas/applications/", "/teams/atlas/audit/"} {
			for _, a := range []*answer{dora.get(path), dora.get(strings.TrimSuffix(path, "/"))} {
				a.wantPage(http.StatusOK).wantNothingOf("<script", " style=", " onclick=")
				got := a.header
				if got.Get("Content-Security-Policy") != policy || got.Get("Cache-Control") != "no-store" || got.Get("Referrer-Policy") != "same-origin" || got.Get("X-Content-Type-Options") != "nosniff" {
					h.Errorf("%s: headers are %v", path, got)
				}
			}
		}
		dora.do(http.MethodPost, "/teams/atlas/audit/", "").wantPage(http.StatusMethodNotAllowed)
		dora.do(http.MethodDelete, "/account/applications/", "").wantPage(http.StatusMethodNotAllowed)
		if got := dora.endOwn(h.grantOf(dora.email, h.insight, h.atlas)).header.Get("Cache-Control"); got != "no-store" {
			h.Errorf("Cache-Control %q, want no-store", got)
		}
	})
}
