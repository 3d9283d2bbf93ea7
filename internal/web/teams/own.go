package teams

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var (
	ownPage = ui.NewPage[ownView](files, "own.html")
	newPage = ui.NewPage[newView](files, "new.html")
)

// ownView is the teams of the person who is signed in.
type ownView struct {
	ui.Frame
	Notice    *ui.Notice
	MayCreate bool
	Teams     []ownTeam // by name
}

// ownTeam is one of them.
type ownTeam struct {
	Name, Slug string
	Role       ui.Words
	Since      ui.Moment
	Admin      bool
}

// Empty stands where the teams would be.
func (ownView) Empty() ui.Empty {
	return ui.Empty{Lead: ui.Text("teams.none"), More: ui.Text("teams.none_more")}
}

// own lists the person's teams.
func (room *Room) own(w http.ResponseWriter, r *browser.Request) error {
	actor, memberships, err := room.Directory.Acting(r.Context(), r.Session.User)
	if err != nil {
		return err
	}
	view := ownView{Frame: r.Frame(), Notice: room.ownNotice(r), MayCreate: room.Directory.MayCreateTeam(r.Context(), actor) == nil}
	for _, m := range memberships {
		view.Teams = append(view.Teams, ownTeam{
			Name: m.Team.Name, Slug: m.Team.Slug, Role: roleWords(m.Role), Since: r.Clock().Ago(m.CreatedAt), Admin: m.Role == team.Admin,
		})
	}
	return room.Show(w, r.Request, http.StatusOK, ownPage.With(view))
}

// roleWords is a role in words.
func roleWords(r team.Role) ui.Words { return ui.Text("role." + string(r.OrMember())) }

// newView asks for the name and the slug of a new team.
type newView struct {
	ui.Frame
	Failures     ui.Failures
	NewName, New string // as typed
	Request      string // of an application, which goes on in the new team; or ""
}

// Fields are the fields of the form.
func (v newView) Fields() []ui.Field { return teamFields(v.NewName, v.New, v.Failures) }

// teamFields are the fields for the name and the slug of a team.
func teamFields(name, slug string, wrong ui.Failures) []ui.Field {
	failed := func(field string) bool {
		return slices.ContainsFunc(wrong, func(f ui.Failure) bool { return f.Field == field })
	}
	return []ui.Field{
		{ID: "name", Name: "name", Kind: ui.Line, Label: ui.Text("team_new.name"), Value: name, MaxLength: 100, Autocomplete: "off", Failed: failed("name")},
		{
			ID: "slug", Name: "slug", Kind: ui.Identifier, Label: ui.Text("team_new.slug"), Advice: ui.Text("team_new.slug_advice"), Value: slug,
			MaxLength: 63, Autocomplete: "off", Failed: failed("slug"),
		},
	}
}

// askNew is the page on which somebody who may creates a team.
func (room *Room) askNew(w http.ResponseWriter, r *browser.Request) error {
	actor, _, err := room.Directory.Acting(r.Context(), r.Session.User)
	if err != nil {
		return err
	}
	if room.Directory.MayCreateTeam(r.Context(), actor) != nil {
		return mayNotCreate
	}
	values, err := route.Query(r.Request)
	if err != nil {
		return err
	}
	request, err := route.Field(values, "request")
	if err != nil {
		return err
	}
	return room.Show(w, r.Request, http.StatusOK, newPage.With(newView{Frame: r.Frame(), Request: request}))
}

var mayNotCreate = &route.Problem{Status: http.StatusForbidden, Description: "only operators create teams", Words: "problem.no_new_team"}

// create creates a team, whose admin the person becomes.
func (room *Room) create(w http.ResponseWriter, r *browser.Request) error {
	sent, err := route.Fields(r.Request, "name", "slug", "request")
	if err != nil {
		return err
	}
	actor, _, err := room.Directory.Acting(r.Context(), r.Session.User)
	if err != nil {
		return err
	}
	made, err := room.Directory.CreateTeam(r.Context(), actor, sent[1], sent[0])
	if errors.Is(err, team.ErrForbidden) {
		return mayNotCreate
	}
	if problems := teamProblems(r.Clock(), err, sent[0], sent[1]); problems != nil {
		view := newView{Frame: r.Frame(), NewName: sent[0], New: sent[1], Request: sent[2], Failures: problems}
		view.Failed = true
		return room.Show(w, r.Request, http.StatusUnprocessableEntity, newPage.With(view))
	}
	if err != nil {
		return err
	}
	if sent[2] != "" {
		route.SeeOther(w, "/o/consent/?"+url.Values{"request": {sent[2]}}.Encode())
		return nil
	}
	return r.Notify(w, "/teams/"+made.Slug+"/members/", browser.Notice{What: noticeCreated, Team: made.Name, TeamID: made.ID})
}

// teamProblems is what is wrong with the name and the slug of a team; nil when it is neither.
func teamProblems(clock ui.Clock, err error, name, slug string) (problems ui.Failures) {
	held, isHeld := errors.AsType[*team.SlugHeldError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, team.ErrUnproven):
		return ui.Failures{{Text: ui.Text("team_new.unproven")}}
	case errors.Is(err, team.ErrTooManyTeams):
		return ui.Failures{{Text: ui.Text("team_new.too_many")}}
	case errors.Is(err, team.ErrRenamedTooOften):
		return ui.Failures{{Field: "slug", Text: ui.Text("team_new.renamed_often", "count", team.MaxFormerSlugs)}}
	case isHeld:
		return ui.Failures{{Field: "slug", Text: ui.Text("team_new.slug_held", "time", clock.OnDate(held.Until))}}
	case errors.Is(err, team.ErrSlugTaken):
		return ui.Failures{{Field: "slug", Text: ui.Text("team_new.slug_taken")}}
	}
	if name == "" {
		problems = append(problems, ui.Failure{Field: "name", Text: ui.Text("team_new.name_missing")})
	} else if team.CheckName(name) != nil {
		problems = append(problems, ui.Failure{Field: "name", Text: ui.Text("team_new.name_wrong")})
	}
	if slug == "" {
		problems = append(problems, ui.Failure{Field: "slug", Text: ui.Text("team_new.slug_missing")})
	} else if team.CheckSlug(slug) != nil {
		problems = append(problems, ui.Failure{Field: "slug", Text: ui.Text("team_new.slug_wrong")})
	}
	return problems
}
