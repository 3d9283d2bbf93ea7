package teams

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var confirmPage = ui.NewPage[confirmView](files, "confirm.html")

// confirmView asks before something ends in a team, and says what.
type confirmView struct {
	ui.Frame
	Heading  ui.Words
	Failures ui.Failures
	Closed   bool       // it cannot be done; the failures say why
	Lead     []ui.Words // what happens
	Ends     ui.Words   // the heading of what ends, or empty
	Names    []string   // of the applications that lose their access
	More     int        // how many more there are
	Members  []ui.Choice
	Fields   []ui.Field
	Action   string
	Button   ui.Words
	Name     string // of the button, with its Value; "" when the form has no need to say what is confirmed
	Value    string
	Back     string
}

// shownNames is how many applications a page names; it counts the others.
const shownNames = 20

// ends fills in which connections end: those of a person in the team, or all of it. words and nothing are the keys of the texts with and without any.
func (room *Room) ends(r *request, view *confirmView, person team.UserID, words, nothing string, arguments ...any) error {
	grants, err := room.Authz.Grants(r.Context(), r.actor, authz.GrantFilter{Team: r.team.ID, User: person})
	if err != nil {
		return err
	}
	arguments = append(arguments, "team", ui.Strong(r.team.Name))
	if len(grants) == 0 {
		view.Lead = append(view.Lead, ui.Text(nothing, arguments...))
		return nil
	}
	for _, g := range grants {
		if !slices.Contains(view.Names, g.Client.Name) {
			view.Names = append(view.Names, g.Client.Name)
		}
	}
	slices.SortFunc(view.Names, access.ByName)
	view.More = max(0, len(view.Names)-shownNames)
	view.Names = view.Names[:min(len(view.Names), shownNames)]
	view.Ends = ui.Text(words, append(arguments, "count", len(grants))...)
	return nil
}

// refused shows a confirmation again, with what is wrong.
func (room *Room) refused(w http.ResponseWriter, r *request, view confirmView, field string, problem ui.Words) error {
	view.Failed, view.Failures = true, ui.Failures{{Field: field, Text: problem}}
	return room.Show(w, r.Request.Request, http.StatusUnprocessableEntity, confirmPage.With(view))
}

// removeMemberView asks before a member is removed.
func (room *Room) removeMemberView(r *request, p team.Person) (confirmView, error) {
	view := confirmView{
		Frame: r.frame(), Heading: ui.Text("member_remove.heading", "person", ui.Name(p.User.Name), "team", ui.Name(r.team.Name)),
		Lead:   []ui.Words{ui.Text("member_remove.means", "person", ui.Person{Name: p.User.Name, Email: p.User.Email}, "team", ui.Strong(r.team.Name))},
		Action: r.Address() + "?member=" + string(p.User.ID), Button: ui.Text("member_remove.button", "person", ui.Name(p.User.Name)), Back: r.path("members/"),
	}
	return view, room.ends(r, &view, p.User.ID, "member_remove.ends", "member_remove.ends_nothing", "person", ui.Strong(p.User.Name))
}

// asked is the member that the address of a confirmation names.
func (room *Room) asked(r *request) (team.Person, error) {
	values, err := route.Query(r.Request.Request)
	if err != nil {
		return team.Person{}, err
	}
	id, err := route.Field(values, "member")
	if err != nil {
		return team.Person{}, err
	}
	return room.person(r, id)
}

func (room *Room) askRemoveMember(w http.ResponseWriter, r *request) error {
	p, err := room.asked(r)
	if err != nil {
		return err
	}
	view, err := room.removeMemberView(r, p)
	if err != nil {
		return err
	}
	return room.Show(w, r.Request.Request, http.StatusOK, confirmPage.With(view))
}

// removeMember ends a person's place in the team.
func (room *Room) removeMember(w http.ResponseWriter, r *request) error {
	p, err := room.asked(r)
	if err != nil {
		return err
	}
	err = room.Directory.RemoveMember(r.Context(), r.actor, r.team.Slug, p.User.Email)
	if errors.Is(err, team.ErrLastAdmin) {
		view, err := room.removeMemberView(r, p)
		if err != nil {
			return err
		}
		return room.refused(w, r, view, "", ui.Text("members.last_admin", "person", ui.Strong(p.User.Name)))
	}
	if err != nil {
		return gone(err)
	}
	if p.User.ID == r.actor.User { // the members' page is no longer theirs
		return r.Notify(w, "/teams/", browser.Notice{What: noticeLeft, Team: r.team.Name})
	}
	return r.Notify(w, r.path("members/"), browser.Notice{What: noticeRemoved, Person: p.User.Name, Team: r.team.Name, TeamID: r.team.ID})
}

func (room *Room) leaveView(r *request) (confirmView, error) {
	view := confirmView{
		Frame: r.frame(), Heading: ui.Text("team_leave.title", "team", ui.Name(r.team.Name)),
		Lead:   []ui.Words{ui.Text("team_leave.means_team", "team", ui.Strong(r.team.Name))},
		Action: r.Address(), Button: ui.Text("team_leave.button", "team", ui.Name(r.team.Name)), Back: r.path("settings/"),
	}
	return view, room.ends(r, &view, r.actor.User, "team_leave.ends", "team_leave.ends_nothing")
}

func (room *Room) askLeave(w http.ResponseWriter, r *request) error {
	view, err := room.leaveView(r)
	if err != nil {
		return err
	}
	return room.Show(w, r.Request.Request, http.StatusOK, confirmPage.With(view))
}

// leave ends the person's own place in the team.
func (room *Room) leave(w http.ResponseWriter, r *request) error {
	if err := route.NoForm(r.Request.Request); err != nil {
		return err
	}
	err := room.Directory.Leave(r.Context(), r.actor, r.team.Slug)
	if errors.Is(err, team.ErrLastAdmin) {
		view, err := room.leaveView(r)
		if err != nil {
			return err
		}
		return room.refused(w, r, view, "", ui.Text("team_leave.last_admin"))
	}
	if err != nil {
		return gone(err)
	}
	return r.Notify(w, "/teams/", browser.Notice{What: noticeLeft, Team: r.team.Name})
}

// handOverView asks to whom the team is handed over.
func (room *Room) handOverView(r *request, chosen string) (confirmView, error) {
	view := confirmView{
		Frame: r.frame(), Heading: ui.Text("team_hand_over.title", "team", ui.Name(r.team.Name)),
		Lead:   []ui.Words{ui.Text("team_hand_over.means")},
		Action: r.Address(), Button: ui.Text("team_hand_over.button", "team", ui.Name(r.team.Name)), Back: r.path("settings/"),
	}
	people, err := room.Directory.Members(r.Context(), r.actor, r.team.Slug)
	slices.SortStableFunc(people, byName)
	for _, p := range people {
		if p.User.ID != r.actor.User && p.User.DisabledAt.IsZero() {
			view.Members = append(view.Members, ui.Choice{
				Value: string(p.User.ID), Chosen: string(p.User.ID) == chosen,
				Label: ui.Text("team_hand_over.choice", "name", ui.Name(p.User.Name), "email", ui.Name(p.User.Email)),
			})
		}
	}
	if len(view.Members) == 0 {
		view.Closed = true
		view.Lead = append(view.Lead, ui.Text("team_hand_over.nobody"))
	}
	return view, err
}

func (room *Room) askHandOver(w http.ResponseWriter, r *request) error {
	view, err := room.handOverView(r, "")
	if err != nil {
		return err
	}
	return room.Show(w, r.Request.Request, http.StatusOK, confirmPage.With(view))
}

// handOver makes another member an admin, and the person a member.
func (room *Room) handOver(w http.ResponseWriter, r *request) error {
	sent, err := route.Fields(r.Request.Request, "member")
	if err != nil {
		return err
	}
	if sent[0] == "" || sent[0] == string(r.actor.User) {
		view, err := room.handOverView(r, "")
		if err != nil {
			return err
		}
		return room.refused(w, r, view, "member", ui.Text("team_hand_over.choose"))
	}
	p, err := room.person(r, sent[0])
	if err == nil {
		_, err = room.Directory.HandOver(r.Context(), r.actor, r.team.Slug, p.User.Email)
	}
	if errors.Is(err, team.ErrLastAdmin) {
		view, err := room.handOverView(r, sent[0])
		if err != nil {
			return err
		}
		return room.refused(w, r, view, "member", ui.Text("team_hand_over.disabled"))
	}
	if err != nil {
		return gone(err)
	}
	return r.Notify(w, r.path("settings/"), browser.Notice{What: noticeHandedOver, Person: p.User.Name, Team: r.team.Name, TeamID: r.team.ID})
}

// removeTeamView asks before a team is removed. Who removes it types its slug.
func (room *Room) removeTeamView(r *request, typed string, wrong bool) (confirmView, error) {
	people, err := room.Directory.Members(r.Context(), r.actor, r.team.Slug)
	if err != nil {
		return confirmView{}, err
	}
	clients, err := room.Registry.TeamClients(r.Context(), r.actor, r.team.ID)
	if err != nil {
		return confirmView{}, err
	}
	own := 0
	for _, c := range clients {
		if c.Team.ID == r.team.ID {
			own++
		}
	}
	view := confirmView{
		Frame: r.frame(), Heading: ui.Text("team_remove.title", "team", ui.Name(r.team.Name)),
		Lead: []ui.Words{
			ui.Text("team_remove.means"), ui.Text("team_remove.members", "count", len(people)), ui.Text("team_remove.clients", "count", own),
		},
		Fields: []ui.Field{{
			ID: "slug", Name: "slug", Kind: ui.Identifier, Label: ui.Text("team_remove.type", "slug", r.team.Slug), Value: typed, Autocomplete: "off", Failed: wrong,
		}},
		Action: r.Address(), Button: ui.Text("team_remove.button", "team", ui.Name(r.team.Name)), Back: r.path("settings/"),
	}
	return view, room.ends(r, &view, "", "team_remove.ends", "team_remove.ends_nothing")
}

func (room *Room) askRemoveTeam(w http.ResponseWriter, r *request) error {
	view, err := room.removeTeamView(r, "", false)
	if err != nil {
		return err
	}
	return room.Show(w, r.Request.Request, http.StatusOK, confirmPage.With(view))
}

// removeTeam removes the team and everything in it.
func (room *Room) removeTeam(w http.ResponseWriter, r *request) error {
	sent, err := route.Fields(r.Request.Request, "slug")
	if err != nil {
		return err
	}
	if sent[0] != r.team.Slug {
		view, err := room.removeTeamView(r, sent[0], true)
		if err != nil {
			return err
		}
		return room.refused(w, r, view, "slug", ui.Text("team_remove.not_typed", "slug", ui.Code(r.team.Slug)))
	}
	if _, err := room.Directory.RemoveTeam(r.Context(), r.actor, r.team.Slug); err != nil {
		return gone(err)
	}
	return r.Notify(w, "/teams/", browser.Notice{What: noticeTeamGone, Team: r.team.Name})
}
