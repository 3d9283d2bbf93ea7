package teams_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// mailed is the secret of the link in the latest mail that is due.
func mailed(h *webtest.House) string {
	h.Helper()
	due, err := h.DB.DueMessages(h.Context(), h.Clock.Now(), h.Clock.Now().Add(time.Hour*24*365), 60)
	h.OK(err)
	for _, m := range due {
		if m.Kind == "mail.invitation" {
			return h.Keys.Link(token.PurposeLinkInvite, m.Link)
		}
	}
	h.Fatal("no invitation is to be mailed")
	return ""
}

// inviting invites an address on the page, and returns the secret of its link.
func inviting(h *webtest.House, by webtest.Person, slug, email, role string) string {
	h.Helper()
	by.Post("/teams/"+slug+"/invitations/", webtest.Pairs("decision", "invite", "email", email, "role", role)).Follow().
		WantPage(http.StatusOK).InOrder("An invitation was sent to", email, "Sent, works until", "Withdraw")
	return mailed(h)
}

func page(link string) string { return "/invitation/?" + (url.Values{"link": {link}}).Encode() }

func answering(link, decision string, more ...string) url.Values {
	return webtest.Pairs(append([]string{"link", link, "decision", decision}, more...)...)
}

const chosen = "seven green lamps at noon"

func proven(h *webtest.House, email string) {
	h.Helper()
	_, err := h.Directory.VerifyEmail(h.Context(), team.CommandLine, email)
	h.OK(err)
}

// TestInvitedStrangerJoins: looking at the link uses nothing, the account is proven, and the link works once.
func TestInvitedStrangerJoins(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		link := inviting(h, dora, "atlas", "Eve@Example.org", "developer")
		eve := h.Browser()
		for range 3 {
			eve.Get(page(link)).WantPage(http.StatusOK).InOrder("Join Atlas Research?", "Dora of atlas", "invites you to the team", "Developer", "Eve@Example.org", "You get an account")
		}
		join := func(name, first, second string) *webtest.Answer {
			return eve.Post("/invitation/", answering(link, "join", "name", name, "new", first, "again", second))
		}
		join("Eve", chosen, "another").WantPage(http.StatusUnprocessableEntity)
		join("Eve", "password", "password").WantPage(http.StatusUnprocessableEntity)
		join("E\u202eve", chosen, chosen).WantPage(http.StatusUnprocessableEntity, "The name has")
		eve.Post("/invitation/", answering(link, "join", "name", "Eve", "new", chosen, "again", chosen), "Sec-Fetch-Site", "cross-site").WantPage(http.StatusForbidden)
		join("Eve", chosen, chosen).Follow().WantPage(http.StatusOK).InOrder("Members of Atlas Research", "Eve", "you")
		u, err := h.Directory.UserByEmail(h.Context(), team.CommandLine, "eve@example.org")
		h.OK(err)
		if !u.EmailVerified || u.Name != "Eve" {
			h.Errorf("got %+v, want a proven address", u)
		}
		for _, decision := range []string{"join", "accept", "decline"} {
			eve.Post("/invitation/", answering(link, decision)).WantPage(http.StatusNotFound, "The invitation does not work")
		}
		dora.Get("/teams/atlas/invitations/").WantPage(http.StatusOK).InOrder("Eve@Example.org", "Accepted")
		dora.Get("/teams/atlas/audit/?kind=invitation.accepted").InOrder("Eve accepted an invitation")
	})
}

// TestInvitedPersonAccepts with the account of the address, however that is written, and with no other account.
func TestInvitedPersonAccepts(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("borealis")
		proven(h, webtest.Ben)
		proven(h, webtest.Cleo)
		link := inviting(h, dora, "borealis", "BEN@Example.org", "member")
		cleo := h.SignedIn(webtest.Cleo)
		cleo.Get(page(link)).WantPage(http.StatusOK).InOrder("You are signed in as", webtest.Cleo, "Continue as")
		cleo.Post("/invitation/", answering(link, "accept")).WantPage(http.StatusNotFound, "does not work")
		if a := h.Browser().Get(page(link)).WantPage(http.StatusOK, "There is an account with this address"); a.Status != 200 {
			h.Error("no page")
		}
		h.Browser().Post("/invitation/", answering(link, "accept")).WantPage(http.StatusForbidden)
		h.Browser().Post("/invitation/", answering(link, "join", "name", "Eve", "new", chosen, "again", chosen)).WantPage(http.StatusUnprocessableEntity)
		ben := h.SignedIn(webtest.Ben)
		ben.Get(page(link)).WantPage(http.StatusOK, `value="accept"`)
		ben.Post("/invitation/", answering(link, "accept")).Follow().WantPage(http.StatusOK).InOrder("Members of Borealis", "Ben Bakker", "you")
		if got, want := rolesIn(h, "borealis"), dora.Email+" admin, "+webtest.Ana+" member, "+webtest.Ben+" member"; got != want {
			h.Errorf("roles %s, want %s", got, want)
		}
		dora.Post("/teams/borealis/invitations/", webtest.Pairs("decision", "invite", "email", webtest.Ben, "role", "member")).
			WantPage(http.StatusUnprocessableEntity, "is a member already")
	})
}

// TestInvitationThatNoLongerWorks: withdrawn, sent again, expired, its inviter lost the role, the team is gone.
func TestInvitationThatNoLongerWorks(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		dead := func(what, link string) {
			h.Helper()
			join := answering(link, "join", "name", "Eve", "new", chosen, "again", chosen)
			if a := h.Browser().Post("/invitation/", join); a.Status != http.StatusNotFound {
				h.Errorf("%s: status %d, want 404", what, a.Status)
			}
		}
		withID := func(decision string) url.Values {
			all, err := h.Directory.Invitations(h.Context(), team.CommandLine, "atlas")
			h.OK(err)
			return webtest.Pairs("decision", decision, "invitation", string(all[0].ID))
		}
		dead("no link", "")
		dead("another purpose", h.Keys.Link(token.PurposeLinkReset, "x"))

		first := inviting(h, dora, "atlas", "eve@example.org", "admin")
		dora.Post("/teams/atlas/invitations/", webtest.Pairs("decision", "invite", "email", "EVE@example.org", "role", "member")).
			WantPage(http.StatusUnprocessableEntity, "has an open invitation")
		dora.Post("/teams/atlas/invitations/", withID("again")).Follow().WantPage(http.StatusOK)
		second := mailed(h)
		h.Browser().Get(page(first)).WantPage(http.StatusNotFound, "does not work")
		dead("sent again", first)
		h.Browser().Get(page(second)).WantPage(http.StatusOK)
		dora.Post("/teams/atlas/invitations/", withID("withdraw")).Follow().WantPage(http.StatusOK, "was withdrawn")
		dead("withdrawn", second)

		expired := inviting(h, dora, "atlas", "eve@example.org", "admin")
		h.Clock.Advance(7 * 24 * time.Hour)
		dead("expired", expired)
		dora.SignIn(dora.Email, nil)
		dora.Get("/teams/atlas/invitations/").WantPage(http.StatusOK, "Expired")

		demoted := inviting(h, dora, "atlas", "eve@example.org", "admin")
		_, err := h.Directory.SetRole(h.Context(), team.CommandLine, "atlas", dora.Email, team.Member)
		h.OK(err)
		dead("its inviter is no admin any more", demoted)
		_, err = h.Directory.SetRole(h.Context(), team.CommandLine, "atlas", dora.Email, team.Admin)
		h.OK(err)
		_, err = h.Directory.RenameTeam(h.Context(), team.CommandLine, "atlas", "atlas-labs", "Atlas Labs")
		h.OK(err)
		h.Browser().Get(page(demoted)).WantPage(http.StatusOK, "Atlas Labs") // a refusal uses nothing, and a new name changes nothing
		h.Browser().Post("/invitation/", answering(demoted, "decline")).WantPage(http.StatusOK, "You declined")
		dead("declined", demoted)
		gone := inviting(h, dora, "atlas-labs", "mia@example.org", "admin")
		_, err = h.Directory.RemoveTeam(h.Context(), team.CommandLine, "atlas-labs")
		h.OK(err)
		dead("the team is gone", gone)
	})
}

// TestOnlyAdminsInvite: nobody gives a role in a team by an invitation who could not give it on the page of its members.
func TestOnlyAdminsInvite(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora, other := h.Admin("atlas"), h.Admin("borealis")
		inviting(h, dora, "atlas", "eve@example.org", "admin")
		all, err := h.Directory.Invitations(h.Context(), team.CommandLine, "atlas")
		h.OK(err)
		id := string(all[0].ID)
		_, err = h.Directory.SetRole(h.Context(), team.CommandLine, "atlas", webtest.Ben, team.Developer)
		h.OK(err)
		for who, b := range map[string]*webtest.Browser{
			"a member": h.SignedIn(webtest.Ana), "a developer": h.SignedIn(webtest.Ben), "a stranger": h.SignedIn(webtest.Cleo), "an admin of another team": other.Browser, "nobody": h.Browser(),
		} {
			for _, form := range []url.Values{
				webtest.Pairs("decision", "invite", "email", "mia@example.org", "role", "admin"), webtest.Pairs("decision", "invite", "email", "mia@example.org", "role", "member"),
				webtest.Pairs("decision", "again", "invitation", id), webtest.Pairs("decision", "withdraw", "invitation", id),
			} {
				a := b.Post("/teams/atlas/invitations/", form)
				if a.Status != http.StatusForbidden && a.Status != http.StatusNotFound && (b.SessionOf() != "" || !strings.HasPrefix(a.Location(), "/login/")) {
					h.Errorf("%s, %s: status %d", who, form, a.Status)
				}
			}
			if a := b.Get("/teams/atlas/invitations/"); strings.Contains(a.Body, "eve@example.org") {
				h.Errorf("%s sees who is invited", who)
			}
		}
		// The form of one's own team, with an invitation of another one.
		for _, decision := range []string{"again", "withdraw"} {
			other.Post("/teams/borealis/invitations/", webtest.Pairs("decision", decision, "invitation", id)).WantStatus(http.StatusNotFound)
		}
		for _, role := range []string{"owner", "operator", "ADMIN"} {
			dora.Post("/teams/atlas/invitations/", webtest.Pairs("decision", "invite", "email", "mia@example.org", "role", role)).WantStatus(http.StatusBadRequest)
		}
		after, err := h.Directory.Invitations(h.Context(), team.CommandLine, "atlas")
		h.OK(err)
		if len(after) != 1 || after[0] != all[0] {
			h.Errorf("the invitations are %+v, want %+v", after, all)
		}
		if mails := h.MailsTo("mia@example.org"); len(mails) > 0 {
			h.Error("an invitation was mailed")
		}
	})
}

// TestFiftyInvitationsAreOpen at most: the next one waits until one was answered, withdrawn, or has expired.
func TestFiftyInvitationsAreOpen(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		for n := range 50 {
			_, err := h.Directory.Invite(h.Context(), team.CommandLine, "atlas", fmt.Sprintf("n%d@example.org", n), team.Member)
			h.OK(err)
		}
		invite := func() *webtest.Answer {
			return dora.Post("/teams/atlas/invitations/", webtest.Pairs("decision", "invite", "email", "eve@example.org", "role", "member"))
		}
		invite().WantPage(http.StatusUnprocessableEntity, "50 invitations of this team are open", `value="eve@example.org"`)
		if _, err := h.Directory.Invite(h.Context(), team.CommandLine, "atlas", "eve@example.org", team.Member); !errors.Is(err, team.ErrTooManyInvitations) {
			h.Errorf("the operator's 51st: %v", err)
		}
		all, err := h.Directory.Invitations(h.Context(), team.CommandLine, "atlas")
		h.OK(err)
		dora.Post("/teams/atlas/invitations/", webtest.Pairs("decision", "again", "invitation", string(all[0].ID))).Follow().WantPage(http.StatusOK) // no further one
		dora.Post("/teams/atlas/invitations/", webtest.Pairs("decision", "withdraw", "invitation", string(all[0].ID))).WantStatus(http.StatusSeeOther)
		invite().Follow().WantPage(http.StatusOK, "An invitation was sent to")
		dora.Post("/teams/atlas/invitations/", webtest.Pairs("decision", "invite", "email", "mia@example.org", "role", "member")).WantStatus(http.StatusUnprocessableEntity)
		h.Clock.Advance(7 * 24 * time.Hour)
		dora.SignIn(dora.Email, nil)
		dora.Post("/teams/atlas/invitations/", webtest.Pairs("decision", "invite", "email", "mia@example.org", "role", "member")).WantStatus(http.StatusSeeOther)
	})
}

// TestDisabledPersonCannotJoin, neither with their account nor with a new one for the address.
func TestDisabledPersonCannotJoin(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("borealis")
		proven(h, webtest.Ben)
		for _, email := range []string{webtest.Ben, webtest.Cleo} { // whose address nobody has proven
			link := inviting(h, dora, "borealis", email, "member")
			signedIn := h.SignedIn(email)
			_, err := h.Directory.DisableUser(h.Context(), team.CommandLine, email)
			h.OK(err)
			for _, b := range []*webtest.Browser{signedIn, h.Browser()} {
				for _, form := range []url.Values{answering(link, "accept"), answering(link, "join", "name", "Ben", "new", chosen, "again", chosen)} {
					if a := b.Post("/invitation/", form); a.Status < 400 {
						h.Errorf("%s, %s: status %d", email, form.Get("decision"), a.Status)
					}
				}
			}
			if roles := rolesIn(h, "borealis"); strings.Contains(roles, email) {
				h.Errorf("roles %s", roles)
			}
			h.Browser().SignIn(email, url.Values{"password": {chosen}}).WantStatus(http.StatusUnprocessableEntity)
		}
	})
}

// TestInvitationEndsWithItsInviter: it says so before somebody chooses a password, and no mail is sent any more. Another admin who sends it again
// vouches for it.
func TestInvitationEndsWithItsInviter(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora, other := h.Admin("atlas"), h.SignedIn(webtest.Ana)
		_, err := h.Directory.SetRole(h.Context(), team.CommandLine, "atlas", webtest.Ana, team.Admin)
		h.OK(err)
		link := inviting(h, dora, "atlas", "eve@example.org", "member")
		h.OK(h.Directory.RemoveMember(h.Context(), team.CommandLine, "atlas", dora.Email))
		h.Browser().Get(page(link)).WantPage(http.StatusNotFound, "does not work")
		h.Browser().Post("/invitation/", answering(link, "decline")).WantStatus(http.StatusNotFound)
		h.Clock.Advance(time.Hour) // the mail is due again
		if mails := h.MailsTo("eve@example.org"); len(mails) > 0 {
			h.Error("an invitation was mailed of somebody who may not invite any more")
		}
		all, err := h.Directory.Invitations(h.Context(), team.CommandLine, "atlas")
		h.OK(err)
		other.Post("/teams/atlas/invitations/", webtest.Pairs("decision", "again", "invitation", string(all[0].ID))).WantStatus(http.StatusSeeOther)
		link = mailed(h)
		h.Browser().Get(page(link)).WantPage(http.StatusOK).InOrder("Ana Anders", "invites you")
		h.Browser().Post("/invitation/", answering(link, "join", "name", "Eve", "new", chosen, "again", chosen)).WantStatus(http.StatusSeeOther)
	})
}

// TestInvitationIsASecret: the browser tells its address to nobody, so its form comes with the origin null.
func TestInvitationIsASecret(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		link := inviting(h, h.Admin("atlas"), "atlas", "eve@example.org", "member")
		if got := h.Browser().Get(page(link)).WantPage(http.StatusOK).Header.Get("Referrer-Policy"); got != "no-referrer" {
			h.Errorf("Referrer-Policy %q, want no-referrer", got)
		}
		h.Browser().Post("/invitation/", answering(link, "decline"), "Origin", "https://evil.example").WantStatus(http.StatusForbidden)
		h.Browser().Post("/invitation/", answering(link, "decline"), "Origin", "null", "Sec-Fetch-Site", "cross-site").WantStatus(http.StatusForbidden)
		h.Browser().Post("/invitation/", answering(link, "decline"), "Origin", "null").WantPage(http.StatusOK, "You declined")
	})
}

// TestUnprovenAccountIsEmptied: somebody registered the address before its owner came (pre-hijacking).
func TestUnprovenAccountIsEmptied(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("borealis")
		attacker := h.SignedIn(webtest.Cleo) // whose address nobody has proven
		link := inviting(h, dora, "borealis", webtest.Cleo, "member")
		attacker.Post("/invitation/", answering(link, "accept")).WantPage(http.StatusNotFound)
		owner := h.Browser()
		owner.Post("/invitation/", answering(link, "join", "name", "Cleo", "new", chosen, "again", chosen)).Follow().WantPage(http.StatusOK)
		attacker.Get("/teams/").WantStatus(http.StatusSeeOther)
		h.Browser().SignIn(webtest.Cleo, nil).WantPage(http.StatusUnprocessableEntity)
	})
}

// TestInvitationIsUsedOnceByMany, and an admin who is invited as a member stays an admin.
func TestInvitationIsUsedOnceByMany(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		link := inviting(h, dora, "atlas", "eve@example.org", "member")
		var wg sync.WaitGroup
		statuses := make([]int, 5)
		for n := range statuses {
			b := h.Browser()
			wg.Go(func() {
				statuses[n] = b.Post("/invitation/", answering(link, "join", "name", "Eve", "new", chosen, "again", chosen)).Status
			})
		}
		wg.Wait()
		won := 0
		for _, s := range statuses {
			if s == http.StatusSeeOther {
				won++
			}
		}
		if won != 1 {
			h.Errorf("the answers are %v, want one that succeeds", statuses)
		}
		proven(h, webtest.Cleo)
		again := inviting(h, dora, "atlas", webtest.Cleo, "member")
		_, err := h.Directory.AddMember(h.Context(), team.CommandLine, "atlas", webtest.Cleo, team.Admin)
		h.OK(err)
		h.SignedIn(webtest.Cleo).Post("/invitation/", answering(again, "accept")).WantStatus(http.StatusSeeOther)
		people, err := h.Directory.Members(h.Context(), team.CommandLine, "atlas")
		h.OK(err)
		for _, p := range people {
			if p.User.Email == webtest.Cleo && p.Role != team.Admin {
				h.Errorf("an invitation made an admin %s", p.Role)
			}
		}
	})
}

// TestInvitationMakesNoAccountWithSignUpOff: somebody who has no account gets none by an admin's invitation. The operator's makes one, and so does one to
// an account that the operator has made and nobody has proven.
func TestInvitationMakesNoAccountWithSignUpOff(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		dora.Get("/teams/atlas/invitations/").WantPage(http.StatusOK).WantNothingOf("Only people who have an account can accept")
		h.Directory.SignUp = team.SignUp{Mode: team.SignUpOff}
		dora.Get("/teams/atlas/invitations/").WantPage(http.StatusOK, "Only people who have an account can accept")
		link := inviting(h, dora, "atlas", "eve@example.org", "member")
		join := func(link string) *webtest.Answer {
			return h.Browser().Post("/invitation/", answering(link, "join", "name", "Eve", "new", chosen, "again", chosen))
		}
		h.Browser().Get(page(link)).WantPage(http.StatusOK, "There is no account with this address", `value="decline"`).WantNothingOf(`name="new"`, `value="join"`)
		join(link).WantPage(http.StatusUnprocessableEntity, "There is no account with this address")
		if err := h.Directory.AcceptNew(h.Context(), team.Actor{}, link, "Eve", "x"); !errors.Is(err, team.ErrNoSignUp) {
			h.Errorf("AcceptNew: %v, want ErrNoSignUp", err)
		}
		if _, err := h.DB.UserByEmail(h.Context(), "eve@example.org"); !errors.Is(err, team.ErrNoUser) {
			h.Errorf("the account: %v", err)
		}
		_, err := h.Directory.AddUser(h.Context(), team.CommandLine, team.NewUser{Email: "eve@example.org", Name: "Eve"})
		h.OK(err)
		join(link).Follow().WantPage(http.StatusOK).InOrder("Members of Atlas Research", "Eve", "you")

		_, err = h.Directory.Invite(h.Context(), team.CommandLine, "atlas", "finn@example.org", team.Member)
		h.OK(err)
		join(mailed(h)).Follow().WantPage(http.StatusOK).InOrder("Members of Atlas Research", "Eve", "you")
	})
}
