package teams_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// governing are the pages on which admins of atlas decide about applications in general.
var governing = []string{policyPath, requestsPath}

// TestTeamPagesAreForItsAdmins: a member is refused, and to everybody else the team is like one that does not exist.
func TestTeamPagesAreForItsAdmins(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		inAtlas, inBorealis := h.Admin("atlas"), h.Admin("borealis")
		token := h.SignedIn(webtest.Ana).Connection(h.Insight, h.Atlas)
		grant := string(h.GrantOf(webtest.Ana, h.Insight, h.Atlas))
		member, stranger := h.SignedIn(webtest.Ben), h.SignedIn(webtest.Cleo)
		_, err := h.Directory.SetRole(h.Context(), team.CommandLine, "atlas", webtest.Ben, team.Developer)
		h.OK(err)
		secrets := []string{"Atlas Research", "Insight", "Ana Anders", webtest.Ana}
		forms := []url.Values{
			webtest.Pairs("decision", "end", "grant", grant),
			webtest.Pairs("decision", "block", "client", string(h.Insight.ID), "reason", "x"),
			webtest.Pairs("decision", "unblock", "client", string(h.Insight.ID)),
			webtest.Pairs("decision", "nonsense"),
		}
		for _, page := range []string{"applications", "audit"} {
			path := "/teams/atlas/" + page + "/"
			inAtlas.Get(path).WantPage(http.StatusOK, "Atlas Research", "Insight", "Ana Anders")
			member.Get(path).WantPage(http.StatusForbidden, "Only the admins").WantNothingOf(secrets...)
			for _, who := range []*webtest.Browser{stranger, inBorealis.Browser} {
				foreign := who.Get(path).WantPage(http.StatusNotFound).WantNothingOf(secrets...)
				unknown := who.Get("/teams/nowher/" + page + "/").WantPage(http.StatusNotFound)
				if webtest.Neutral(foreign, "") != webtest.Neutral(unknown, "") {
					h.Error("another team's page does not look like none")
				}
			}
		}
		for _, form := range forms {
			member.Post("/teams/atlas/applications/", form).WantPage(http.StatusForbidden).WantNothingOf(secrets...)
			for _, who := range []*webtest.Browser{stranger, inBorealis.Browser} {
				who.Post("/teams/atlas/applications/", form).WantPage(http.StatusNotFound).WantNothingOf(secrets...)
			}
		}
		for _, who := range []*webtest.Browser{member, stranger, inBorealis.Browser} {
			path, status := takeBackPath+"?client="+string(h.Insight.ID), http.StatusNotFound
			if who == member {
				status = http.StatusForbidden
			}
			who.Get(path).WantPage(status).WantNothingOf(secrets...)
			who.Post(path, nil).WantPage(status).WantNothingOf(secrets...)
		}
		for _, path := range governing {
			inAtlas.Get(path).WantPage(http.StatusOK, "Atlas Research")
			member.Get(path).WantPage(http.StatusForbidden, "Only the admins").WantNothingOf(secrets...)
			member.Post(path, webtest.Pairs("rule", "nobody")).WantPage(http.StatusForbidden).WantNothingOf(secrets...)
			for _, who := range []*webtest.Browser{stranger, inBorealis.Browser} {
				who.Get(path).WantPage(http.StatusNotFound).WantNothingOf(secrets...)
				who.Post(path, webtest.Pairs("rule", "nobody")).WantPage(http.StatusNotFound).WantNothingOf(secrets...)
			}
		}
		// Nor through the page of a team of their own.
		inBorealis.Govern("borealis", "decision", "end", "grant", grant).WantPage(http.StatusNotFound, "no such connection")
		if !h.Live(h.Insight, token.AccessToken) {
			h.Error("somebody ended it who must not")
		}
		inAtlas.Govern("atlas", "decision", "nonsense").WantPage(http.StatusBadRequest)

		h.OK(h.Directory.RemoveMember(h.Context(), team.CommandLine, "atlas", inAtlas.Email))
		inAtlas.Get("/teams/atlas/audit/").WantPage(http.StatusNotFound).WantNothingOf(secrets...)
	})
}

// TestAdminsSeeEveryConnectionOfTheTeam, machines included, and nothing of other teams.
func TestAdminsSeeEveryConnectionOfTheTeam(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		machine := h.NewMachine("chatbot:read")
		dora.Get("/teams/atlas/applications/").WantPage(http.StatusOK).
			InOrder("Atlas Notes", "Only for this team", "Nobody has connected it", "Nightly", "Acts without a person", "Not used yet", "See the team's chatbots").
			WantNothingOf("Insight", "Pocket")
		h.SignedIn(webtest.Ana).Connection(h.Insight, h.Atlas)
		h.SignedIn(webtest.Ben).Connect(h.Insight, h.Atlas, "scope", "session:write")
		h.SignedIn(webtest.Ana).Connect(h.Pocket, h.Borealis)
		h.MachineToken(machine).WantTokens()
		h.Clock.Advance(3 * time.Hour)
		dora.Get("/teams/atlas/applications/").WantPage(http.StatusOK).
			InOrder("Insight", "Insight Labs", "Ana Anders", webtest.Ana, "3 hours ago", "See the team's chatbots", "End access",
				"Ben Bakker", "not used yet", "Start conversations", "End access", "Block this application", "Nightly", "Last used 3 hours ago").
			WantNothingOf("Pocket", "Borealis")
		h.OK(h.DB.DisableClient(h.Context(), machine.ID, h.Clock.Now()))
		dora.Get("/teams/atlas/applications/").InOrder("Nightly", "Switched off by the operator")
	})
}

// TestAdminEndsAMembersConnection, and no other.
func TestAdminEndsAMembersConnection(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		anas, bens := h.SignedIn(webtest.Ana).Connection(h.Insight, h.Atlas), h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		id := string(h.GrantOf(webtest.Ben, h.Insight, h.Atlas))
		dora.Govern("atlas", "decision", "end", "grant", id).Follow().
			WantPage(http.StatusOK).InOrder("Insight can no longer work in Atlas Research for Ben Bakker.", "Read the team's conversations", "Ana Anders")
		if h.Live(h.Insight, bens.AccessToken) || !h.Live(h.Insight, anas.AccessToken) {
			h.Error("Ben's token is alive, or Ana's is dead")
		}
		h.Refresh(h.Insight, bens.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
		dora.Govern("atlas", "decision", "end", "grant", id).WantPage(http.StatusNotFound, "ended already")
		dora.Get("/teams/atlas/audit/?kind=grant.revoked").InOrder("Dora of atlas ended the access that Ben Bakker had given to Insight")
	})
}

// A team's page ends connections of that team only, whatever else its admin may end.
func TestPageOfATeamEndsNothingInAnother(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		_, err := h.Directory.AddMember(h.Context(), team.CommandLine, "borealis", dora.Email, team.Admin)
		h.OK(err)
		own := dora.Connection(h.Insight, h.Borealis)
		another := h.SignedIn(webtest.Ana).Connection(h.Insight, h.Borealis)
		for _, email := range []string{dora.Email, webtest.Ana} {
			id := string(h.GrantOf(email, h.Insight, h.Borealis))
			dora.Govern("atlas", "decision", "end", "grant", id).WantPage(http.StatusNotFound, "no such connection")
		}
		if !h.Live(h.Insight, own.AccessToken) || !h.Live(h.Insight, another.AccessToken) {
			h.Error("a connection in another team was ended")
		}
	})
}

// TestAdminBlocksAnApplication with a reason that members read, and allows it again.
func TestAdminBlocksAnApplication(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		inAtlas, inBorealis := h.SignedIn(webtest.Ana).Connection(h.Insight, h.Atlas), h.SignedIn(webtest.Ana).Connection(h.Insight, h.Borealis)
		insight := string(h.Insight.ID)
		for _, reason := range []string{"", "  ", strings.Repeat("x", 101), "a\x01b"} {
			dora.Govern("atlas", "decision", "block", "client", insight, "reason", reason).WantPage(http.StatusUnprocessableEntity, `role="alert"`, " open>", "eason")
		}
		if !h.Live(h.Insight, inAtlas.AccessToken) {
			h.Error("a block without a reason ended a connection")
		}
		dora.Govern("atlas", "decision", "block", "client", insight, "reason", "Not reviewed <yet>").Follow().
			WantPage(http.StatusOK).InOrder("Insight is blocked in Atlas Research", "Blocked just now: Not reviewed <yet>", "Allow again")
		if h.Live(h.Insight, inAtlas.AccessToken) || !h.Live(h.Insight, inBorealis.AccessToken) {
			h.Error("the token of the team is alive, or that of the other team is dead")
		}
		h.SignedIn(webtest.Ben).Authorize(h.Insight).WantPage(http.StatusOK, "Not reviewed <yet>").WantNothingOf(`value="authorize"`)

		dora.Govern("atlas", "decision", "unblock", "client", insight).Follow().
			WantPage(http.StatusOK, "may work in").InOrder("Insight may work in Atlas Research again.").WantNothingOf("Allow again", "End access")
		h.Refresh(h.Insight, inAtlas.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
		dora.Govern("atlas", "decision", "unblock", "client", insight).WantPage(http.StatusNotFound)
		dora.Govern("atlas", "decision", "unblock", "client", "nothing").WantPage(http.StatusNotFound)
		h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
	})
}

// TestAdminBlocksWhatNobodyConnected, by its client_id. What belongs to another team is like nothing.
func TestAdminBlocksWhatNobodyConnected(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		foreign := h.Register(client.Registration{Name: "Periodic", Team: h.Cobalt, RedirectURIs: []string{"https://periodic.example/cb"}})
		for _, id := range []string{"nothing", string(foreign.ID), ""} {
			dora.Govern("atlas", "decision", "block", "client", id, "reason", "Never").
				WantPage(http.StatusUnprocessableEntity, "no application with this client_id", `value="Never"`).WantNothingOf("Periodic", "Cobalt")
		}
		dora.Govern("atlas", "decision", "block", "client", string(h.Pocket.ID), "reason", "Never").Follow().
			WantPage(http.StatusOK).InOrder("Pocket is blocked", "Pocket", "Blocked just now: Never")
		h.SignedIn(webtest.Ben).Authorize(h.Pocket).WantPage(http.StatusOK, "Never").WantNothingOf(`value="authorize"`)
	})
}

// TestBlockStopsAMachine: what it has, and what it asks for.
func TestBlockStopsAMachine(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		machine := h.NewMachine()
		got := h.MachineToken(machine).WantTokens()
		dora.Govern("atlas", "decision", "block", "client", string(machine.ID), "reason", "Runs wild").Follow().InOrder("Nightly is blocked in Atlas Research")
		if h.Live(machine, got.AccessToken) {
			h.Error("the token is alive")
		}
		if ended := h.Ended(); !strings.Contains(ended, string(machine.ID)) {
			h.Errorf("the list of what has ended is %s, want the machine there", ended)
		}
		h.MachineToken(machine).WantJSON(http.StatusBadRequest, "unauthorized_client")
		dora.Govern("atlas", "decision", "unblock", "client", string(machine.ID)).WantStatus(http.StatusSeeOther)
		h.Clock.Advance(time.Second)
		if h.Live(machine, got.AccessToken) {
			h.Error("allowing it again revived a token")
		}
		if again := h.MachineToken(machine).WantTokens(); !h.Live(machine, again.AccessToken) {
			h.Error("the new token is dead")
		}
	})
}

// TestHistoryOfATeamIsInWords: who did what, newest first, nothing secret and nothing of other teams.
func TestHistoryOfATeamIsInWords(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		b := h.SignedIn(webtest.Ana)
		code := b.Connect(h.Insight, h.Atlas)
		got := h.Redeem(h.Insight, code).WantTokens()
		next := h.Refresh(h.Insight, got.RefreshToken).WantTokens()
		h.Clock.Advance(time.Minute)
		h.Refresh(h.Insight, next.RefreshToken).WantTokens()
		h.Refresh(h.Insight, got.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
		b.Connect(h.Pocket, h.Borealis)
		b.EndOwn(h.GrantOf(webtest.Ana, h.Insight, h.Atlas)).WantStatus(http.StatusSeeOther)
		machine := h.NewMachine()
		h.MachineToken(machine).WantTokens()
		dora.Govern("atlas", "decision", "block", "client", string(h.Insight.ID), "reason", "Too curious").WantStatus(http.StatusSeeOther)

		guessed := h.Notes
		guessed.Secret = "wrong"
		h.Call("/o/token/", guessed, "grant_type", "refresh_token", "refresh_token", "x").WantJSON(http.StatusUnauthorized, "invalid_client")

		page := dora.Get("/teams/atlas/audit/").WantPage(http.StatusOK).InOrder(
			"Somebody who claimed to be Atlas Notes could not prove it",
			"Dora of atlas blocked Insight", "Too curious", "1 March 2026, 12:01 UTC", "127.0.0.1", "request",
			"Nightly got a token to act for itself", "registered Nightly",
			"Ana Anders ended the access of Insight",
			"A used refresh token of Insight for Ana Anders was presented again, so that connection was ended",
			"Insight renewed its access for Ana Anders",
			"Insight was connected for Ana Anders",
			"Ana Anders authorized Insight", "See the team's chatbots · Read the team's conversations",
			"added Dora of atlas to the team", "registered Atlas Notes", "added Ben Bakker to the team", "created the team")
		page.WantNothingOf(code, got.AccessToken, got.RefreshToken, next.RefreshToken, webtest.Verifier, h.Insight.Secret, machine.Secret, webtest.Password, "Pocket", "Borealis", string(h.Atlas.ID))
		for _, secret := range []string{"gh_rt_", "gh_cs_", "gh_ac_", "gh_se_", "eyJ"} {
			page.WantNothingOf(secret)
		}

		dora.Get("/teams/atlas/audit/?kind=consent.given").WantPage(http.StatusOK, "Ana Anders", ` value="consent.given" selected`).WantNothingOf("Ben Bakker", "Too curious", "created the team")
		dora.Get("/teams/atlas/audit/?kind=team.renamed").WantPage(http.StatusOK, "Nothing of this kind")
		dora.Get("/teams/atlas/audit/?kind=nonsense").WantPage(http.StatusOK, "created the team")
		for _, before := range []string{"x", "-1", "0", "99999999999999999999"} {
			dora.Get("/teams/atlas/audit/?before=" + before).WantPage(http.StatusBadRequest)
		}
	})
}

// TestHistoryHasPages, which together show every event once.
func TestHistoryHasPages(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("cobalt")
		const events = 120
		for i := range events {
			h.Clock.Advance(time.Second)
			_, err := h.Directory.RenameTeam(h.Context(), team.CommandLine, "cobalt", "", fmt.Sprintf("Cobalt %d", i))
			h.OK(err)
		}
		seen, path := 0, "/teams/cobalt/audit/?kind=team.renamed"
		for pages := 1; ; pages++ {
			a := dora.Get(path).WantPage(http.StatusOK)
			seen += strings.Count(a.Body, "renamed the team")
			_, rest, more := strings.Cut(a.Body, `<a class="choice" href="/teams/cobalt/audit/?before=`)
			if newest := strings.Contains(a.Body, ">Newest<"); newest != (pages > 1) {
				h.Errorf("page %d: a link to the newest: %t", pages, newest)
			}
			if !more {
				if pages != 3 {
					h.Errorf("%d pages, want 3", pages)
				}
				break
			}
			before, _, _ := strings.Cut(rest, `"`)
			path = "/teams/cobalt/audit/?before=" + strings.ReplaceAll(before, "&amp;", "&")
		}
		if seen != events {
			h.Errorf("%d events on all pages, want %d", seen, events)
		}
	})
}
