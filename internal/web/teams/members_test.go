package teams_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// idOf is the id of a person's account.
func idOf(h *webtest.House, email string) string {
	h.Helper()
	u, err := h.Directory.UserByEmail(h.Context(), team.CommandLine, email)
	h.OK(err)
	return string(u.ID)
}

// rolesIn is who belongs to a team: "ana@example.org admin".
func rolesIn(h *webtest.House, slug string) string {
	h.Helper()
	people, err := h.Directory.Members(h.Context(), team.CommandLine, slug)
	h.OK(err)
	var all []string
	for _, p := range people {
		all = append(all, p.User.Email+" "+string(p.Role))
	}
	return strings.Join(all, ", ")
}

// TestEveryPageOfATeamByEverybody walks through all pages and forms as nobody, a stranger, an admin of another team, a member, a developer and an admin.
func TestEveryPageOfATeamByEverybody(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Admin("atlas") // who stays
		ada := h.Admin("borealis")
		_, err := h.Directory.AddMember(h.Context(), team.CommandLine, "atlas", webtest.Cleo, team.Developer)
		h.OK(err)
		_, err = h.Directory.AddUser(h.Context(), team.CommandLine, team.NewUser{Email: "eve@example.org", Name: "Eve"})
		h.OK(err)
		ana := idOf(h, webtest.Ana)
		visitors := map[string]*webtest.Browser{
			"nobody": h.Browser(), "an admin of another team": ada.Browser, "a member": h.SignedIn(webtest.Ben), "a developer": h.SignedIn(webtest.Cleo),
		}
		before := rolesIn(h, "atlas")
		for _, visit := range []struct {
			path   string
			form   url.Values // nil: GET
			inside int        // the answer to members and developers
		}{
			{"members/", nil, 200},
			{"settings/", nil, 200},
			{"settings/leave/", nil, 200},
			{"members/remove/?member=" + ana, nil, 403},
			{"settings/hand-over/", nil, 403},
			{"settings/remove/", nil, 403},
			{"settings/second-factor/", nil, 403},
			{"settings/second-factor/", webtest.Pairs("required", "on"), 403},
			{"invitations/", nil, 403},
			{"applications/", nil, 403},
			{"audit/", nil, 403},
			{"invitations/", webtest.Pairs("email", "eve@example.org", "role", "admin"), 403},
			{"members/", webtest.Pairs("member", ana, "role", "admin"), 403},
			{"members/remove/?member=" + ana, url.Values{}, 403},
			{"settings/", webtest.Pairs("name", "Mine", "slug", "mine"), 403},
			{"settings/hand-over/", webtest.Pairs("member", ana), 403},
			{"settings/remove/", webtest.Pairs("slug", "atlas"), 403},
		} {
			for who, b := range visitors {
				want := map[string]int{"nobody": 303, "an admin of another team": 404}[who]
				if want == 0 {
					want = visit.inside
				}
				for slug, want := range map[string]int{"atlas": want, "nowhere": map[bool]int{true: 303, false: 404}[who == "nobody"]} {
					path := "/teams/" + slug + "/" + visit.path
					a := b.Get(path)
					if visit.form != nil {
						a = b.Post(path, visit.form)
					}
					if a.Status != want || want == 303 && !strings.HasPrefix(a.Location(), "/login/") {
						h.Errorf("%s: %s (form: %v): status %d to %q, want %d", who, path, visit.form != nil, a.Status, a.Location(), want)
					}
					if want != 200 {
						a.WantNothingOf("Ana Anders", webtest.Ana)
					}
				}
			}
		}
		ada.Post("/teams/atlas/settings/leave/", url.Values{}).WantPage(http.StatusNotFound)
		if after := rolesIn(h, "atlas"); after != before {
			h.Errorf("the members were %s, and are %s", before, after)
		}
	})
}

// TestMembersPage: members see each other, admins can change them, and names of strangers stay names.
func TestMembersPage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		dora.Get("/teams/atlas/members/").WantPage(http.StatusOK).InOrder("Members of Atlas Research", "3 members", "Ana Anders", "Member", "Ben Bakker", "Dora of atlas", "you")
		h.SignedIn(webtest.Ben).Get("/teams/atlas/members/").WantPage(http.StatusOK, webtest.Ana, "Dora of atlas").
			WantNothingOf("<select", "/members/remove/", "/teams/atlas/applications/", "/teams/atlas/audit/")
		for n := range 120 {
			email := fmt.Sprintf("p%d@example.org", n)
			_, err := h.Directory.AddUser(h.Context(), team.CommandLine, team.NewUser{Email: email, Name: fmt.Sprintf("Person <b>%d</b>", n)})
			h.OK(err)
			h.OK(h.DB.AddMember(h.Context(), team.Membership{User: team.UserID(idOf(h, email)), Team: h.Atlas, Role: team.Member, CreatedAt: h.Clock.Now()}))
		}
		dora.Get("/teams/atlas/members/").WantPage(http.StatusOK, "100 of 123 members")
		dora.Get("/teams/atlas/members/?q=P117@").WantPage(http.StatusOK, "1 member", "Person <b>117</b>", "p117@example.org").WantNothingOf("Ana Anders")
		if a := dora.Get("/teams/atlas/members/?q=P117@"); strings.Contains(a.Body, "<b>") {
			h.Error("a name became markup")
		}
		dora.Get("/teams/atlas/members/?q=nobody").WantPage(http.StatusOK, "No member has this name")
	})
}

// TestRolesChange on the page, and end nothing.
func TestRolesChange(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		tokens := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		ben := idOf(h, webtest.Ben)
		for _, role := range []string{"developer", "admin"} {
			dora.Post("/teams/atlas/members/", webtest.Pairs("member", ben, "role", role)).Follow().WantPage(http.StatusOK).InOrder("Ben Bakker now has the role")
		}
		h.SignedIn(webtest.Ben).Get("/teams/atlas/applications/").WantPage(http.StatusOK, "Insight")
		dora.Post("/teams/atlas/members/", webtest.Pairs("member", ben, "role", "member")).Follow().WantPage(http.StatusOK)
		dora.Post("/teams/atlas/members/", webtest.Pairs("member", idOf(h, dora.Email), "role", "member")).
			WantPage(http.StatusUnprocessableEntity, "is the last admin of this team")
		dora.Post("/teams/atlas/members/", webtest.Pairs("member", ben, "role", "owner")).WantPage(http.StatusBadRequest)
		dora.Post("/teams/atlas/members/", webtest.Pairs("member", idOf(h, webtest.Cleo), "role", "admin")).WantPage(http.StatusNotFound, "no such member")
		dora.Post("/teams/atlas/members/", webtest.Pairs("member", ben, "role", "admin"), "Origin", "https://evil.example").WantPage(http.StatusForbidden)
		dora.Post("/teams/atlas/members/", webtest.Pairs("member", ben, "role", "admin"), "Sec-Fetch-Site", "cross-site").WantPage(http.StatusForbidden)
		if !h.Live(h.Insight, tokens.AccessToken) {
			h.Error("a change of role ended a connection")
		}
		if got, want := rolesIn(h, "atlas"), dora.Email+" admin, "+webtest.Ana+" member, "+webtest.Ben+" member"; got != want {
			h.Errorf("roles %s, want %s", got, want)
		}
		dora.Get("/teams/atlas/audit/?kind=member.role_changed").InOrder("Dora of atlas changed the role of Ben Bakker", "member, before: admin")
	})
}

// TestRemovedMemberHasNothingLeft: token, refresh token, code and remembered consent die, the page says before what ends, and it wants a fresh sign-in.
func TestRemovedMemberHasNothingLeft(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		ben := h.SignedIn(webtest.Ben)
		tokens, code := ben.Connection(h.Insight, h.Atlas), ben.Connect(h.Pocket, h.Atlas)
		anas := h.SignedIn(webtest.Ana).Connection(h.Insight, h.Atlas)
		page := "/teams/atlas/members/remove/?member=" + idOf(h, webtest.Ben)
		dora.Get(page).WantPage(http.StatusOK).InOrder("Remove Ben Bakker from Atlas Research?", "These 2 connections of Ben Bakker in Atlas Research end now", "Insight", "Pocket", "Remove Ben Bakker", "Back")

		h.Clock.Advance(11 * time.Minute)
		for _, a := range []*webtest.Answer{dora.Get(page), dora.Post(page, url.Values{})} {
			if want := "/login/?" + (url.Values{"again": {"1"}, "next": {page}}).Encode(); a.Location() != want {
				h.Errorf("%s: Location %q, want %q", a.Request.Method, a.Location(), want)
			}
		}
		if !h.Live(h.Insight, tokens.AccessToken) {
			h.Error("a sign-in of eleven minutes ago was fresh enough")
		}
		dora.SignIn(dora.Email, webtest.Pairs("next", page)).Follow().WantPage(http.StatusOK).InOrder("Remove Ben Bakker")
		dora.Post(page, url.Values{}, "Sec-Fetch-Site", "cross-site").WantPage(http.StatusForbidden)
		dora.Post(page, url.Values{}).Follow().WantPage(http.StatusOK).InOrder("Ben Bakker no longer belongs to Atlas Research")

		if h.Live(h.Insight, tokens.AccessToken) || !h.Live(h.Insight, anas.AccessToken) {
			h.Error("the member's token is alive, or somebody else's is dead")
		}
		h.Refresh(h.Insight, tokens.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
		h.Redeem(h.Pocket, code).WantJSON(http.StatusBadRequest, "invalid_grant")
		ben.Authorize(h.Insight, "team", "atlas").WantPage(http.StatusForbidden)
		ben.Get("/teams/atlas/members/").WantPage(http.StatusNotFound)
		dora.Post(page, url.Values{}).WantPage(http.StatusNotFound, "no such member")
		dora.Get("/teams/atlas/audit/?kind=member.removed").InOrder("Dora of atlas removed Ben Bakker from the team")
	})
}

// TestLeavingATeam: anybody can, except its last admin.
func TestLeavingATeam(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora, ben := h.Admin("atlas"), h.SignedIn(webtest.Ben)
		tokens := ben.Connection(h.Insight, h.Atlas)
		ben.Get("/teams/atlas/settings/").WantPage(http.StatusOK, "Leave").WantNothingOf("Hand over", "Remove the team", `name="slug"`)
		ben.Get("/teams/atlas/settings/leave/").WantPage(http.StatusOK).InOrder("Leave Atlas Research?", "This connection of yours", "Insight")
		ben.Post("/teams/atlas/settings/leave/", url.Values{}).Follow().WantPage(http.StatusOK).InOrder("You no longer belong to Atlas Research", "do not belong to a team yet")
		if h.Live(h.Insight, tokens.AccessToken) {
			h.Error("the token of somebody who left is alive")
		}
		dora.Get("/teams/atlas/settings/").WantPage(http.StatusOK, "You are the last admin").WantNothingOf(`href="/teams/atlas/settings/leave/"`)
		dora.Post("/teams/atlas/settings/leave/", url.Values{}).WantPage(http.StatusUnprocessableEntity, "You are the last admin")
		dora.Post("/teams/atlas/members/remove/?member="+idOf(h, dora.Email), url.Values{}).WantPage(http.StatusUnprocessableEntity).InOrder("is the last admin")
		dora.Get("/teams/atlas/audit/?kind=member.removed").InOrder("Ben Bakker left the team")

		dora.Post("/teams/atlas/settings/hand-over/", url.Values{}).WantPage(http.StatusUnprocessableEntity, "Choose the member")
		dora.Post("/teams/atlas/settings/hand-over/", webtest.Pairs("member", idOf(h, webtest.Ben))).WantPage(http.StatusNotFound, "no such member")
		dora.Post("/teams/atlas/settings/hand-over/", webtest.Pairs("member", idOf(h, webtest.Ana))).Follow().WantPage(http.StatusOK).InOrder("Ana Anders is now an admin of Atlas Research")
		if got, want := rolesIn(h, "atlas"), dora.Email+" member, "+webtest.Ana+" admin"; got != want {
			h.Errorf("roles %s, want %s", got, want)
		}
	})
}

// TestWhatEndsSomethingWantsAFreshSignIn, the form as well as the page.
func TestWhatEndsSomethingWantsAFreshSignIn(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		ana := idOf(h, webtest.Ana)
		before := rolesIn(h, "atlas")
		h.Clock.Advance(11 * time.Minute)
		for path, form := range map[string]url.Values{
			"members/remove/?member=" + ana: {},
			"settings/leave/":               {},
			"settings/hand-over/":           webtest.Pairs("member", ana),
			"settings/remove/":              webtest.Pairs("slug", "atlas"),
		} {
			for _, a := range []*webtest.Answer{dora.Get("/teams/atlas/" + path), dora.Post("/teams/atlas/"+path, form)} {
				if !strings.HasPrefix(a.Location(), "/login/?again=1") {
					h.Errorf("%s: status %d to %q, want the sign-in page", path, a.Status, a.Location())
				}
			}
		}
		if after := rolesIn(h, "atlas"); after != before {
			h.Errorf("the members were %s, and are %s", before, after)
		}
	})
}

// TestTeamIsRenamedAndRemoved by its admin.
func TestTeamIsRenamedAndRemoved(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		tokens := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		for _, slug := range []string{"..", "a/b", "../borealis", "Atlas", "%2e", "x\u202e"} {
			dora.Post("/teams/atlas/settings/", webtest.Pairs("name", "Atlas", "slug", slug)).WantPage(http.StatusUnprocessableEntity, "The slug has 1 to 63")
		}
		dora.Post("/teams/atlas/settings/", webtest.Pairs("name", "Atlas", "slug", "borealis")).WantPage(http.StatusUnprocessableEntity, "Another team has this slug")
		dora.Post("/teams/atlas/settings/", webtest.Pairs("name", "a\u202eb", "slug", "atlas")).WantPage(http.StatusUnprocessableEntity, "The name has 1 to 100")
		dora.Post("/teams/atlas/settings/", webtest.Pairs("name", "Atlas Labs", "slug", "atlas-labs")).Follow().WantPage(http.StatusOK).InOrder("The team is now called Atlas Labs")
		dora.Get("/teams/atlas/settings/").WantPage(http.StatusNotFound)
		if !h.Live(h.Insight, tokens.AccessToken) {
			h.Error("a new slug ended a connection")
		}
		const page = "/teams/atlas-labs/settings/remove/"
		dora.Get(page).WantPage(http.StatusOK).InOrder("3 people belong to it", "2 applications belong to it", "This connection in Atlas Labs ends now", "type the slug of the team: atlas-labs")
		for _, typed := range []string{"", "atlas", "Atlas-Labs", "atlas-labs "} {
			dora.Post(page, webtest.Pairs("slug", typed)).WantPage(http.StatusUnprocessableEntity, "exactly as it stands here")
		}
		h.Clock.Advance(11 * time.Minute)
		if a := dora.Post(page, webtest.Pairs("slug", "atlas-labs")); !strings.HasPrefix(a.Location(), "/login/?again=1") {
			h.Errorf("a stale sign-in: status %d to %q, want the sign-in page", a.Status, a.Location())
		}
		dora.SignIn(dora.Email, nil)
		dora.Post(page, webtest.Pairs("slug", "atlas-labs")).Follow().WantPage(http.StatusOK).InOrder("Atlas Labs was removed")
		if h.Live(h.Insight, tokens.AccessToken) {
			h.Error("a token of a team that is gone is alive")
		}
		dora.Get("/teams/atlas-labs/members/").WantPage(http.StatusNotFound)
	})
}

// TestFormerSlugWaits: no other team gets a slug that a team gave up, by a new name or by its end, until nobody can take it for the former team. The
// team itself takes it back at once.
func TestFormerSlugWaits(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Directory.TeamCreation = team.CreationAnyone
		dora, other, ana := h.Admin("atlas"), h.Admin("borealis"), h.SignedIn(webtest.Ana)
		_, err := h.Directory.VerifyEmail(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		held := func(slug, until string) {
			h.Helper()
			ana.Post("/teams/new/", webtest.Pairs("name", "Mine", "slug", slug)).WantPage(http.StatusUnprocessableEntity, "until lately", until, `href="#slug"`)
			other.Post("/teams/borealis/settings/", webtest.Pairs("name", "Borealis", "slug", slug)).WantPage(http.StatusUnprocessableEntity, "until lately", until)
			if _, err := h.Directory.AddTeam(h.Context(), team.CommandLine, slug, "Mine"); err == nil || !strings.Contains(err.Error(), "it is free again at 2026-03-0") {
				h.Errorf("the operator: %v", err)
			}
		}
		rename := func(from, to string) *webtest.Answer {
			return dora.Post("/teams/"+from+"/settings/", webtest.Pairs("name", "Atlas", "slug", to))
		}
		rename("atlas", "atlas-labs").WantStatus(http.StatusSeeOther)
		held("atlas", "2026-03-03")
		rename("atlas-labs", "atlas").WantStatus(http.StatusSeeOther)
		held("atlas-labs", "2026-03-03")
		h.Clock.Advance(24 * time.Hour)
		_, err = h.Directory.RemoveTeam(h.Context(), team.CommandLine, "atlas")
		h.OK(err)
		other.SignIn(other.Email, nil)
		ana.SignIn(webtest.Ana, nil)
		held("atlas", "2026-03-04")
		h.Clock.Advance(48 * time.Hour)
		ana.SignIn(webtest.Ana, nil)
		ana.Post("/teams/new/", webtest.Pairs("name", "Mine", "slug", "atlas")).Follow().WantPage(http.StatusOK).InOrder("Mine was created")
	})
}

// TestTeamThatIsRenamedOften keeps a few slugs from others, and waits then.
func TestTeamThatIsRenamedOften(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora, slug := h.Admin("atlas"), "atlas"
		for n := range team.MaxFormerSlugs {
			next := fmt.Sprint("atlas-", n)
			dora.Post("/teams/"+slug+"/settings/", webtest.Pairs("name", "Atlas", "slug", next)).WantStatus(http.StatusSeeOther)
			slug = next
		}
		dora.Post("/teams/"+slug+"/settings/", webtest.Pairs("name", "Atlas", "slug", "one-more")).WantPage(http.StatusUnprocessableEntity, "given up 5 slugs")
		dora.Post("/teams/"+slug+"/settings/", webtest.Pairs("name", "Atlas", "slug", "atlas")).WantStatus(http.StatusSeeOther)
	})
}

// TestCreatingATeam where the operator lets people.
func TestCreatingATeam(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		ana := h.SignedIn(webtest.Ana)
		form := webtest.Pairs("name", "Ana's team", "slug", "anas-team")
		ana.Get("/teams/").WantPage(http.StatusOK, "Atlas Research", "Borealis").WantNothingOf("Create a team", "Cobalt")
		ana.Get("/teams/new/").WantPage(http.StatusForbidden, "only operators create teams")
		ana.Post("/teams/new/", form).WantPage(http.StatusForbidden)
		h.Directory.TeamCreation = team.CreationAnyone
		ana.Get("/teams/").WantPage(http.StatusOK, "Create a team")
		ana.Post("/teams/new/", form).WantPage(http.StatusUnprocessableEntity, "not proven")
		_, err := h.Directory.VerifyEmail(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		for slug, says := range map[string]string{"../atlas": "The slug has", "a/b": "The slug has", "": "Type a slug", "atlas": "Another team"} {
			ana.Post("/teams/new/", webtest.Pairs("name", "X", "slug", slug)).WantPage(http.StatusUnprocessableEntity, says)
		}
		ana.Post("/teams/new/", webtest.Pairs("name", " ", "slug", "x")).WantPage(http.StatusUnprocessableEntity, "The name has")
		ana.Post("/teams/new/", webtest.Pairs("name", "", "slug", "")).WantPage(http.StatusUnprocessableEntity, `<a href="#name">Type a name.`, `<a href="#slug">Type a slug.`)
		ana.Post("/teams/new/", form, "Sec-Fetch-Site", "cross-site").WantPage(http.StatusForbidden)
		ana.Post("/teams/new/", form).Follow().WantPage(http.StatusOK).InOrder("Ana's team was created. You are its admin.")
		ana.Get("/teams/anas-team/applications/").WantPage(http.StatusOK)
		h.Browser().Post("/teams/new/", form).WantStatus(http.StatusSeeOther)
	})
}
