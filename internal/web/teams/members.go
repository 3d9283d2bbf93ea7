package teams

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var membersPage = ui.NewPage[membersView](files, "members.html")

// shownMembers is how many members the page shows at most; the search finds the others.
const shownMembers = 100

// membersView is who belongs to a team.
type membersView struct {
	ui.Frame
	Team, Slug string
	Notice     *ui.Notice
	Failures   ui.Failures
	Admin      bool // the person may change them
	Search     string
	Found      int        // how many the search finds
	Total      int        // how many there are
	Members    []teamMate // by name
}

// Searchable reports whether there are so many that one wants to search.
func (v membersView) Searchable() bool { return v.Total > 10 || v.Search != "" }

// teamMate is a member.
type teamMate struct {
	ID string
	ui.Person
	Role     ui.Words
	Roles    []ui.Choice // for admins
	Since    ui.Moment
	You      bool
	Disabled bool
}

// members lists the members of a team, for all of them.
func (room *Room) members(w http.ResponseWriter, r *request) error {
	values, err := route.Query(r.Request.Request)
	if err != nil {
		return err
	}
	search, err := route.Field(values, "q")
	if err != nil {
		return err
	}
	view, err := room.membersView(r, search)
	if err != nil {
		return err
	}
	view.Notice = room.teamNotice(r)
	return room.Show(w, r.Request.Request, http.StatusOK, membersPage.With(view))
}

func (room *Room) membersView(r *request, search string) (membersView, error) {
	people, err := room.Directory.Members(r.Context(), r.actor, r.team.Slug)
	if err != nil {
		return membersView{}, err
	}
	search = strings.TrimSpace(search)
	view := membersView{Frame: r.frame(), Team: r.team.Name, Slug: r.team.Slug, Admin: r.admin, Search: search, Total: len(people)}
	people = slices.DeleteFunc(people, func(p team.Person) bool { return !matches(p, search) })
	slices.SortStableFunc(people, byName)
	view.Found = len(people)
	for _, p := range people[:min(len(people), shownMembers)] {
		mate := teamMate{
			ID: string(p.User.ID), Person: ui.Person{Name: p.User.Name, Email: p.User.Email}, Role: roleWords(p.Role), Since: r.Clock().Ago(p.CreatedAt),
			You: p.User.ID == r.actor.User, Disabled: !p.User.DisabledAt.IsZero(),
		}
		if r.admin {
			mate.Roles = roleChoices(p.Role.OrMember())
		}
		view.Members = append(view.Members, mate)
	}
	return view, nil
}

// matches reports whether a member's name or address has the text.
func matches(p team.Person, search string) bool {
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(search)) }
	return has(p.User.Name) || has(p.User.Email)
}

func roleChoices(chosen team.Role) []ui.Choice {
	var choices []ui.Choice
	for _, role := range team.Roles() {
		choices = append(choices, ui.Choice{Value: string(role), Label: roleWords(role), Chosen: role == chosen})
	}
	return choices
}

// setRole gives a member another role.
func (room *Room) setRole(w http.ResponseWriter, r *request) error {
	sent, err := route.Fields(r.Request.Request, "member", "role")
	if err != nil {
		return err
	}
	role, err := team.ParseRole(sent[1])
	if err != nil {
		return oauth.InvalidRequest.Errorf("role must be admin, developer or member")
	}
	person, err := room.person(r, sent[0])
	if err != nil {
		return err
	}
	_, err = room.Directory.SetRole(r.Context(), r.actor, r.team.Slug, person.User.Email, role)
	if errors.Is(err, team.ErrLastAdmin) {
		view, err := room.membersView(r, "")
		if err != nil {
			return err
		}
		view.Failed = true
		view.Failures = ui.Failures{{Field: "role-" + sent[0], Text: ui.Text("members.last_admin", "person", ui.Strong(person.User.Name))}}
		return room.Show(w, r.Request.Request, http.StatusUnprocessableEntity, membersPage.With(view))
	}
	if err != nil {
		return gone(err)
	}
	return r.notify(w, browser.Notice{What: noticeRole + string(role), Person: person.User.Name})
}

// person is a member of the team by the id of their account.
func (room *Room) person(r *request, id string) (team.Person, error) {
	people, err := room.Directory.Members(r.Context(), r.actor, r.team.Slug)
	if err != nil {
		return team.Person{}, err
	}
	i := slices.IndexFunc(people, func(p team.Person) bool { return string(p.User.ID) == id })
	if i < 0 {
		return team.Person{}, noMember
	}
	return people[i], nil
}

var noMember = &route.Problem{Status: http.StatusNotFound, Description: "there is no such member", Words: "problem.no_member"}

// gone is the answer when the member or the right to change them has gone since the page was shown.
func gone(err error) error {
	switch {
	case errors.Is(err, team.ErrNoMember):
		return noMember
	case errors.Is(err, team.ErrForbidden):
		return &route.Problem{
			Status: http.StatusForbidden, Description: "the person is no admin of this team any more", Words: "problem.admins_only",
			Arguments: []any{"link", ui.Link("/account/applications/")},
		}
	}
	return err
}
