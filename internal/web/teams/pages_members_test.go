package teams

import (
	"fmt"
	"maps"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui/uitest"
)

func init() { maps.Copy(samples, memberSamples) }

func mate(id, name string, role team.Role, admin bool) teamMate {
	m := teamMate{ID: id, Person: ui.Person{Name: name, Email: id + "@example.com"}, Role: roleWords(role), Since: before(40 * day)}
	if admin {
		m.Roles = roleChoices(role)
	}
	return m
}

func members(admin bool, v membersView) ui.Content {
	if v.Team == "" {
		v.Team = "Clinic North"
	}
	v.Slug, v.Admin = "clinic-north", admin
	if v.Total == 0 {
		v.Total = len(v.Members)
	}
	v.Found = max(v.Found, len(v.Members))
	v.Frame = frame(v.Team, "members.title", "members")
	v.Failed = len(v.Failures) > 0
	return membersPage.With(v)
}

func settings(v settingsView) ui.Content {
	if v.Team == "" {
		v.Team = "Clinic North"
	}
	v.Slug = "clinic-north"
	v.Frame = frame(v.Team, "team_settings.title", "settings")
	v.Failed = len(v.Failures) > 0
	return settingsPage.With(v)
}

func confirm(title string, v confirmView) ui.Content {
	v.Frame = frame("Clinic North", title, "")
	v.Back = "/teams/clinic-north/settings/"
	v.Failed = len(v.Failures) > 0
	return confirmPage.With(v)
}

func invitations(in string, v invitationsView) ui.Content {
	v.Frame, v.Team, v.Slug, v.Roles = frame(in, "invitations.title", "invitations"), in, "clinic-north", roleChoices(team.Member)
	v.Failed = len(v.Failures) > 0
	return invitationsPage.With(v)
}

func invitation(v invitationView) ui.Content {
	v.Frame = frame("Clinic North", "invitation.title", "")
	v.Least = 15
	v.Email, v.Link = "eve@example.com", "gh_ln_SAMPLE.SAMPLE.0123456789"
	if v.Heading == nil {
		v.Heading = v.Title
		v.Lead = ui.Text("invitation.by", "person", ui.Strong(uitest.Markup), "team", ui.Strong(uitest.Backwards), "role", roleWords(team.Developer))
	}
	v.Failed = len(v.Failures) > 0
	return invitationPage.With(v)
}

func hundred(admin bool) []teamMate {
	var all []teamMate
	for n := range shownMembers {
		m := mate(fmt.Sprint("p", n), fmt.Sprint("Person ", n), team.Roles()[n%3], admin)
		m.Since = before(time.Duration(n) * day)
		all = append(all, m)
	}
	return all
}

var (
	factorOff = ui.Text("team_factor.off", "count", 3, "members", 12)
	factorOn  = ui.Text("team_factor.on", "count", 0, "members", 12)

	you   = teamMate{ID: "ada", Person: ui.Person{Name: "Ada Obi", Email: "ada@example.com"}, Role: roleWords(team.Admin), Roles: roleChoices(team.Admin), Since: before(90 * day), You: true}
	gone1 = teamMate{ID: "cy", Person: ui.Person{Name: "Cy Gone", Email: "cy@example.com"}, Role: roleWords(team.Member), Roles: roleChoices(team.Member), Since: before(day), Disabled: true}

	memberSamples = uitest.Samples{
		"own": ownPage.With(ownView{Frame: frame("", "teams.title", ""), MayCreate: true, Teams: []ownTeam{
			{Name: "Clinic North", Slug: "clinic-north", Role: roleWords(team.Admin), Since: before(day), Admin: true},
			{Name: uitest.Markup, Slug: "markup", Role: roleWords(team.Developer), Since: before(day)},
			{Name: uitest.Backwards + uitest.Endless, Slug: "backwards", Role: roleWords("owner"), Since: before(day)},
		}}),
		"own_none": ownPage.With(ownView{Frame: frame("", "teams.title", ""), Notice: &ui.Notice{Text: ui.Text("team_leave.done", "team", ui.Strong(uitest.Markup))}}),
		"new":      newPage.With(newView{Frame: frame("", "team_new.title", "")}),
		"new_failed": newPage.With(newView{
			Frame: failed(frame("", "team_new.title", "")), NewName: uitest.Markup, New: "../" + uitest.Markup,
			Failures: ui.Failures{{Field: "slug", Text: ui.Text("team_new.slug_wrong")}},
		}),
		"members":          members(true, membersView{Members: []teamMate{you, mate("ben", "Ben Sand", team.Developer, true), gone1}}),
		"members_one":      members(true, membersView{Members: []teamMate{you}, Notice: &ui.Notice{Text: ui.Text("team_new.created", "team", ui.Strong("Clinic North"))}}),
		"members_readonly": members(false, membersView{Members: []teamMate{mate("ben", "Ben Sand", team.Developer, false), mate("lia", uitest.Persian, "owner", false)}}),
		"members_hundred":  members(true, membersView{Members: hundred(true), Found: 250, Total: 250}),
		"members_nobody":   members(false, membersView{Search: uitest.Markup, Total: 250}),
		"members_hostile": members(true, membersView{Team: uitest.Markup, Members: []teamMate{
			{ID: "x", Person: ui.Person{Name: uitest.Markup, Email: uitest.Endless + "@example.com"}, Role: roleWords(team.Admin), Roles: roleChoices(team.Admin), Since: before(0)},
			{ID: "y", Person: ui.Person{Name: uitest.Backwards, Email: "b@example.com"}, Role: roleWords(team.Admin), Roles: roleChoices(team.Admin), Since: before(0)},
			{ID: "z", Person: ui.Person{Name: uitest.Covering, Email: "z@example.com"}, Role: roleWords(team.Member), Roles: roleChoices(team.Member), Since: before(0)},
		}}),
		"members_last_admin": members(true, membersView{Members: []teamMate{you}, Failures: ui.Failures{{
			Field: "role-ada", Text: ui.Text("members.last_admin", "person", ui.Strong("Ada Obi")),
		}}}),
		"invitations": invitations("Clinic North", invitationsView{Invited: []invited{
			{ID: "i1", Email: "eve@example.com", Role: roleWords(team.Member), By: "Ada Obi", State: ui.Text("invitations.sent", "time", clock.OnDate(noon.Add(7*day))), Open: true},
			{ID: "i2", Email: uitest.Endless + "@example.com", Role: roleWords(team.Admin), By: uitest.Markup, State: ui.Text("invitations.expired"), Open: true},
			{ID: "i3", Email: "old@example.com", Role: roleWords(team.Developer), State: ui.Text("invitations.accepted")},
		}}),
		"invitations_failed": invitations(uitest.Backwards, invitationsView{Email: uitest.Markup, Failures: ui.Failures{{Field: "email", Text: ui.Text("invitations.no_address")}}}),
		"invitation_mine":    invitation(invitationView{Mine: true}),
		"invitation_other":   invitation(invitationView{Other: uitest.Endless + "@example.com", SignIn: "/login/?switch=1"}),
		"invitation_sign_in": invitation(invitationView{SignIn: "/login/?next=x"}),
		"invitation_new":     invitation(invitationView{New: true}),
		"invitation_closed":  invitation(invitationView{Closed: true}),
		"invitation_failed":  invitation(invitationView{New: true, Name: uitest.Markup, wrong: "name", Failures: ui.Failures{{Field: "name", Text: ui.Text("team_new.name_wrong")}}}),
		"invitation_done":    invitation(invitationView{Done: true, Heading: ui.Text("invitation.declined_title"), Lead: ui.Text("invitation.declined", "team", ui.Strong(uitest.Markup))}),
		"settings":           settings(settingsView{Admin: true, NewName: "Clinic North", New: "clinic-north", Factor: factorOff, FactorLink: ui.Text("team_factor.link_on")}),
		"settings_member":    settings(settingsView{}),
		"settings_alone":     settings(settingsView{Admin: true, NewName: "Clinic North", New: "clinic-north", Factor: factorOn, FactorLink: ui.Text("team_factor.link_off"), OnlyAdminHere: true}),
		"settings_provider": settings(settingsView{
			Admin: true, NewName: "Clinic North", New: "clinic-north", Factor: factorOff, FactorLink: ui.Text("team_factor.link_on"), Provider: uitest.Markup, ProviderGone: true, AnySignIn: "/x/", Providers: []providerChoice{{"Acme SSO", "/y/"}},
		}),
		"settings_failed": settings(settingsView{
			Team: uitest.Backwards, Admin: true, NewName: uitest.Markup, New: "Clinic North", Factor: factorOff, FactorLink: ui.Text("team_factor.link_on"),
			Failures: ui.Failures{{Field: "slug", Text: ui.Text("team_new.slug_taken")}},
		}),
		"confirm_member": confirm("member_remove.title", confirmView{
			Heading: ui.Text("member_remove.heading", "person", ui.Name("Ann Lee"), "team", ui.Name("Clinic North")),
			Lead:    []ui.Words{ui.Text("member_remove.means", "person", ui.Person{Name: "Ann Lee", Email: "ann@example.com"}, "team", ui.Strong("Clinic North"))},
			Ends:    ui.Text("member_remove.ends", "count", 3, "person", ui.Strong("Ann Lee"), "team", ui.Strong("Clinic North")),
			Names:   []string{"Night Export", "Quiz Maker", uitest.Markup}, Action: "/teams/clinic-north/members/remove/?member=ann",
			Button: ui.Text("member_remove.button", "person", ui.Name("Ann Lee")),
		}),
		"confirm_factor": confirm("team_factor.title", confirmView{
			Heading: ui.Text("team_factor.ask_on", "team", ui.Name(uitest.Markup)), Lead: []ui.Words{ui.Text("team_factor.means"), ui.Text("team_factor.without", "count", 3, "members", 12)},
			Action: "/teams/clinic-north/settings/second-factor/", Name: "required", Value: "on", Button: ui.Text("team_factor.button_on"),
		}),
		"confirm_leave_refused": confirm("team_leave.title", confirmView{
			Heading: ui.Text("team_leave.title", "team", ui.Name(uitest.Backwards)), Lead: []ui.Words{ui.Text("team_leave.ends_nothing", "team", ui.Strong(uitest.Markup))},
			Failures: ui.Failures{{Text: ui.Text("team_leave.last_admin")}}, Action: "/teams/clinic-north/settings/leave/", Button: ui.Text("team_leave.button", "team", ui.Name(uitest.Backwards)),
		}),
		"confirm_hand_over": confirm("team_hand_over.title", confirmView{
			Heading: ui.Text("team_hand_over.title", "team", ui.Name("Clinic North")), Lead: []ui.Words{ui.Text("team_hand_over.means")},
			Members: []ui.Choice{
				{Value: "ben", Label: ui.Text("team_hand_over.choice", "name", ui.Name("Ben Sand"), "email", ui.Name("ben@example.com"))},
				{Value: "x", Label: ui.Text("team_hand_over.choice", "name", ui.Name(uitest.Markup), "email", ui.Name("x@example.com"))},
			},
			Failures: ui.Failures{{Field: "member", Text: ui.Text("team_hand_over.choose")}},
			Action:   "/teams/clinic-north/settings/hand-over/", Button: ui.Text("team_hand_over.button", "team", ui.Name("Clinic North")),
		}),
		"confirm_team": confirm("team_remove.title", confirmView{
			Heading: ui.Text("team_remove.title", "team", ui.Name("Clinic North")),
			Lead:    []ui.Words{ui.Text("team_remove.means"), ui.Text("team_remove.members", "count", 12), ui.Text("team_remove.clients", "count", 1)},
			Ends:    ui.Text("team_remove.ends", "count", 31, "team", ui.Strong("Clinic North")), Names: []string{"Night Export", "Quiz Maker"}, More: 11,
			Fields: []ui.Field{{
				ID: "slug", Name: "slug", Kind: ui.Identifier, Label: ui.Text("team_remove.type", "slug", "clinic-north"), Value: uitest.Markup, Autocomplete: "off", Failed: true,
			}},
			Failures: ui.Failures{{Field: "slug", Text: ui.Text("team_remove.not_typed", "slug", ui.Code("clinic-north"))}},
			Action:   "/teams/clinic-north/settings/remove/", Button: ui.Text("team_remove.button", "team", ui.Name("Clinic North")),
		}),
	}
)

func failed(f ui.Frame) ui.Frame {
	f.Failed = true
	return f
}
