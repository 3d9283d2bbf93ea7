package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// person is a browser and who is signed in at it.
type person struct {
	*browser
	email string
}

// admin is somebody new, who is an admin of one team and belongs to no other.
func (h *house) admin(slug string) person {
	h.Helper()
	email := "admin-of-" + slug + "@example.org"
	h.addPerson(email, "Dora of "+slug)
	_, err := h.directory.AddMember(h.Context(), team.CommandLine, slug, email, team.Admin)
	h.ok(err)
	return person{h.signedIn(email), email}
}

// govern posts a decision of the team's page.
func (b *browser) govern(slug string, namesAndValues ...string) *answer {
	b.Helper()
	return b.post("/teams/"+slug+"/applications/", pairs(namesAndValues...))
}

// TestTeamPagesAreForItsAdmins: a member is refused, and to everybody else the team is like one that does not exist.
func TestTeamPagesAreForItsAdmins(t *testing.T) {
	onBoth(t, func(h *house) {
		inAtlas, inBorealis := h.admin("atlas"), h.admin("borealis")
		token := h.signedIn(ana).connection(h.insight, h.atlas)
		grant := string(h.grantOf(ana, h.insight, h.atlas))
		member, stranger := h.signedIn(ben), h.signedIn(cleo)
		secrets := []string{"Atlas Research", "Insight", "Ana Anders", ana}
		forms := []url.Values{
			pairs("decision", "end", "grant", grant),
			pairs("decision", "block", "client", string(h.insight.ID), "reason", "x"),
			pairs("decision", "unblock", "client", string(h.insight.ID)),
			pairs("decision", "nonsense"),
		}
		for _, page := range []string{"applications", "audit"} {
			path := "/teams/atlas/" + page + "/"
			inAtlas.get(path).wantPage(http.StatusOK, "Atlas Research", "Insight", "Ana Anders")
			member.get(path).wantPage(http.StatusForbidden, "Only the admins").wantNothingOf(secrets...)
			for _, who := range []*browser{stranger, inBorealis.browser} {
				foreign := who.get(path).wantPage(http.StatusNotFound).wantNothingOf(secrets...)
				unknown := who.get("/teams/nowher/" + page + "/").wantPage(http.StatusNotFound)
				if neutral(foreign, "") != neutral(unknown, "") {
					h.Error("another team's page does not look like none")
				}
			}
		}
		for _, form := range forms {
			member.post("/teams/atlas/applications/", form).wantPage(http.StatusForbidden).wantNothingOf(secrets...)
			for _, who := range []*browser{stranger, inBorealis.browser} {
				who.post("/teams/atlas/applications/", form).wantPage(http.StatusNotFound).wantNothingOf(secrets...)
			}
		}
		// Nor through the page of a team of their own.
		inBorealis.govern("borealis", "decision", "end", "grant", grant).wantPage(http.StatusNotFound, "no such connection")
		if !h.live(h.insight, token.AccessToken) {
			h.Error("somebody ended it who must not")
		}
		inAtlas.govern("atlas", "decision", "nonsense").wantPage(http.StatusBadRequest)

		h.ok(h.directory.RemoveMember(h.Context(), team.CommandLine, "atlas", inAtlas.email))
		inAtlas.get("/teams/atlas/audit/").wantPage(http.StatusNotFound).wantNothingOf(secrets...)
	})
}

// TestAdminsSeeEveryConnectionOfTheTeam, machines included, and nothing of other teams.
func TestAdminsSeeEveryConnectionOfTheTeam(t *testing.T) {
	onBoth(t, func(h *house) {
		dora := h.admin("atlas")
		machine := h.newMachine("chatbot:read")
		dora.get("/teams/atlas/applications/").wantPage(http.StatusOK).
			inOrder("Atlas Notes", "Only for this team", "Nobody has connected it", "Nightly", "Acts without a person", "Not used yet", "See the team's chatbots").
			wantNothingOf("Insight", "Pocket")
		h.signedIn(ana).connection(h.insight, h.atlas)
		h.signedIn(ben).connect(h.insight, h.atlas, "scope", "session:write")
		h.signedIn(ana).connect(h.pocket, h.borealis)
		h.machineToken(machine).wantTokens()
		h.clock.advance(3 * time.Hour)
		dora.get("/teams/atlas/applications/").wantPage(http.StatusOK).
			inOrder("Insight", "Insight Labs", "Ana Anders", ana, "3 hours ago", "See the team's chatbots", "End access",
				"Ben Bakker", "not used yet", "Start conversations", "End access", "Block this application", "Nightly", "Last used 3 hours ago").
			wantNothingOf("Pocket", "Borealis")
		h.ok(h.db.DisableClient(h.Context(), machine.ID, h.clock.now()))
		dora.get("/teams/atlas/applications/").inOrder("Nightly", "Switched off by the operator")
	})
}

// TestAdminEndsAMembersConnection, and no other.
func TestAdminEndsAMembersConnection(t *testing.T) {
	onBoth(t, func(h *house) {
		dora := h.admin("atlas")
		anas, bens := h.signedIn(ana).connection(h.insight, h.atlas), h.signedIn(ben).connection(h.insight, h.atlas)
		id := string(h.grantOf(ben, h.insight, h.atlas))
		dora.govern("atlas", "decision", "end", "grant", id).follow().
			wantPage(http.StatusOK).inOrder("Insight can no longer work in Atlas Research for Ben Bakker.", "Read the team's conversations", "Ana Anders")
		if h.live(h.insight, bens.AccessToken) || !h.live(h.insight, anas.AccessToken) {
			h.Error("Ben's token is alive, or Ana's is dead")
		}
		h.refresh(h.insight, bens.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
		dora.govern("atlas", "decision", "end", "grant", id).wantPage(http.StatusNotFound, "ended already")
		dora.get("/teams/atlas/audit/?kind=grant.revoked").inOrder("Dora of atlas ended the access that Ben Bakker had given to Insight")
	})
}

// TestAdminBlocksAnApplication with a reason that members read, and allows it again.
func TestAdminBlocksAnApplication(t *testing.T) {
	onBoth(t, func(h *house) {
		dora := h.admin("atlas")
		inAtlas, inBorealis := h.signedIn(ana).connection(h.insight, h.atlas), h.signedIn(ana).connection(h.insight, h.borealis)
		insight := string(h.insight.ID)
		for _, reason := range []string{"", "  ", strings.Repeat("x", 101), "a\x01b"} {
			dora.govern("atlas", "decision", "block", "client", insight, "reason", reason).wantPage(http.StatusUnprocessableEntity, `role="alert"`, " open>", "eason")
		}
		if !h.live(h.insight, inAtlas.AccessToken) {
			h.Error("a block without a reason ended a connection")
		}
		dora.govern("atlas", "decision", "block", "client", insight, "reason", "Not reviewed <yet>").follow().
			wantPage(http.StatusOK).inOrder("Insight is blocked in Atlas Research", "Blocked just now: Not reviewed <yet>", "Allow again")
		if h.live(h.insight, inAtlas.AccessToken) || !h.live(h.insight, inBorealis.AccessToken) {
			h.Error("the token of the team is alive, or that of the other team is dead")
		}
		h.signedIn(ben).authorize(h.insight).wantPage(http.StatusOK, "Not reviewed <yet>").wantNothingOf(`value="authorize"`)

		dora.govern("atlas", "decision", "unblock", "client", insight).follow().
			wantPage(http.StatusOK, "may work in").inOrder("Insight may work in Atlas Research again.").wantNothingOf("Allow again", "End access")
		h.refresh(h.insight, inAtlas.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
		dora.govern("atlas", "decision", "unblock", "client", insight).wantPage(http.StatusNotFound)
		dora.govern("atlas", "decision", "unblock", "client", "nothing").wantPage(http.StatusNotFound)
		h.signedIn(ben).connection(h.insight, h.atlas)
	})
}

// TestAdminBlocksWhatNobodyConnected, by its client_id. What belongs to another team is like nothing.
func TestAdminBlocksWhatNobodyConnected(t *testing.T) {
	onBoth(t, func(h *house) {
		dora := h.admin("atlas")
		foreign := h.register(client.Registration{Name: "Periodic", Team: h.cobalt, RedirectURIs: []string{"https://periodic.example/cb"}})
		for _, id := range []string{"nothing", string(foreign.ID), ""} {
			dora.govern("atlas", "decision", "block", "client", id, "reason", "Never").
				wantPage(http.StatusUnprocessableEntity, "no application with this client_id", `value="Never"`).wantNothingOf("Periodic", "Cobalt")
		}
		dora.govern("atlas", "decision", "block", "client", string(h.pocket.ID), "reason", "Never").follow().
			wantPage(http.StatusOK).inOrder("Pocket is blocked", "Pocket", "Blocked just now: Never")
		h.signedIn(ben).authorize(h.pocket).wantPage(http.StatusOK, "Never").wantNothingOf(`value="authorize"`)
	})
}

// TestBlockStopsAMachine: what it has, and what it asks for.
func TestBlockStopsAMachine(t *testing.T) {
	onBoth(t, func(h *house) {
		dora := h.admin("atlas")
		machine := h.newMachine()
		got := h.machineToken(machine).wantTokens()
		dora.govern("atlas", "decision", "block", "client", string(machine.ID), "reason", "Runs wild").follow().inOrder("Nightly is blocked in Atlas Research")
		if h.live(machine, got.AccessToken) {
			h.Error("the token is alive")
		}
		if ended := h.ended(); !strings.Contains(ended, string(machine.ID)) {
			h.Errorf("the list of what has ended is %s, want the machine there", ended)
		}
		h.machineToken(machine).wantJSON(http.StatusBadRequest, "unauthorized_client")
		dora.govern("atlas", "decision", "unblock", "client", string(machine.ID)).wantStatus(http.StatusSeeOther)
		h.clock.advance(time.Second)
		if h.live(machine, got.AccessToken) {
			h.Error("allowing it again revived a token")
		}
		if again := h.machineToken(machine).wantTokens(); !h.live(machine, again.AccessToken) {
			h.Error("the new token is dead")
		}
	})
}

// TestHistoryOfATeamIsInWords: who did what, newest first, nothing secret and nothing of other teams.
func TestHistoryOfATeamIsInWords(t *testing.T) {
	onBoth(t, func(h *house) {
		dora := h.admin("atlas")
		b := h.signedIn(ana)
		code := b.connect(h.insight, h.atlas)
		got := h.redeem(h.insight, code).wantTokens()
		next := h.refresh(h.insight, got.RefreshToken).wantTokens()
		h.clock.advance(time.Minute)
		h.refresh(h.insight, got.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
		b.connect(h.pocket, h.borealis)
		b.endOwn(h.grantOf(ana, h.insight, h.atlas)).wantStatus(http.StatusSeeOther)
		machine := h.newMachine()
		h.machineToken(machine).wantTokens()
		dora.govern("atlas", "decision", "block", "client", string(h.insight.ID), "reason", "Too curious").wantStatus(http.StatusSeeOther)

		page := dora.get("/teams/atlas/audit/").wantPage(http.StatusOK).inOrder(
			"Dora of atlas blocked Insight", "Too curious", "1 March 2026, 12:01 UTC", "127.0.0.1", "request",
			"Nightly got a token to act for itself", "registered Nightly",
			"Ana Anders ended the access of Insight",
			"A used refresh token of Insight for Ana Anders was presented again, so that connection was ended",
			"Insight renewed its access for Ana Anders",
			"Insight was connected for Ana Anders",
			"Ana Anders authorized Insight", "chatbot:read session:read",
			"added Dora of atlas to the team", "registered Atlas Notes", "added Ben Bakker to the team", "created the team")
		page.wantNothingOf(code, got.AccessToken, got.RefreshToken, next.RefreshToken, verifier, h.insight.secret, machine.secret, password, "Pocket", "Borealis", string(h.atlas.ID))
		for _, secret := range []string{"gh_rt_", "gh_cs_", "gh_ac_", "gh_se_", "eyJ"} {
			page.wantNothingOf(secret)
		}

		dora.get("/teams/atlas/audit/?kind=consent.given").wantPage(http.StatusOK, "Ana Anders", ` value="consent.given" selected`).wantNothingOf("Ben Bakker", "Too curious", "created the team")
		dora.get("/teams/atlas/audit/?kind=team.renamed").wantPage(http.StatusOK, "Nothing of this kind")
		dora.get("/teams/atlas/audit/?kind=nonsense").wantPage(http.StatusOK, "created the team")
		for _, before := range []string{"x", "-1", "0", "99999999999999999999"} {
			dora.get("/teams/atlas/audit/?before=" + before).wantPage(http.StatusBadRequest)
		}
	})
}

// TestHistoryHasPages, which together show every event once.
func TestHistoryHasPages(t *testing.T) {
	onBoth(t, func(h *house) {
		dora := h.admin("cobalt")
		const events = 120
		for i := range events {
			h.clock.advance(time.Second)
			_, err := h.directory.RenameTeam(h.Context(), team.CommandLine, "cobalt", "", fmt.Sprintf("Cobalt %d", i))
			h.ok(err)
		}
		seen, path := 0, "/teams/cobalt/audit/?kind=team.renamed"
		for pages := 1; ; pages++ {
			a := dora.get(path).wantPage(http.StatusOK)
			seen += strings.Count(a.body, "renamed the team")
			_, rest, more := strings.Cut(a.body, `<a class="choice" href="/teams/cobalt/audit/?before=`)
			if newest := strings.Contains(a.body, ">Newest<"); newest != (pages > 1) {
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
