package teams

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var settingsPage = ui.NewPage[settingsView](files, "settings.html")

// What was done with a team or its members. noticeRole is followed by the role.
const (
	noticeCreated    = "created"
	noticeRole       = "role:"
	noticeRemoved    = "member_removed"
	noticeRenamed    = "renamed"
	noticeHandedOver = "handed_over"
	noticeLeft       = "left"
	noticeTeamGone   = "team_removed"
	noticeInvited    = "invited"
	noticeWithdrawn  = "withdrawn"
	noticeJoined     = "joined"
	noticeProvider   = "provider"
	noticeFactorOn   = "factor_on"
	noticeFactorOff  = "factor_off"
)

// settingsView is what can be done with a team itself.
type settingsView struct {
	ui.Frame
	Team, Slug    string
	Notice        *ui.Notice
	Failures      ui.Failures
	Admin         bool
	NewName, New  string   // as typed
	FactorLink    ui.Words // what can be done about the second factor
	Factor        ui.Words // whether members need one
	Provider      string   // the one that the team requires, or ""
	ProviderGone  bool     // it is not configured any more
	AnySignIn     string   // the page that requires none, or ""
	Providers     []providerChoice
	OnlyAdminHere bool // the person is the only admin who can sign in: they cannot leave
}

// Fields are the fields of the form for name and slug.
func (v settingsView) Fields() []ui.Field {
	fields := teamFields(v.NewName, v.New, v.Failures)
	fields[1].Advice = ui.Text("team_settings.slug_means")
	return fields
}

func (room *Room) settingsView(r *request) (settingsView, error) {
	view := settingsView{Frame: r.frame(), Team: r.team.Name, Slug: r.team.Slug, Admin: r.admin, NewName: r.team.Name, New: r.team.Slug}
	if r.admin {
		now, err := room.Directory.SecondFactor(r.Context(), r.actor, r.team.Slug)
		if err != nil {
			return view, gone(err)
		}
		view.Factor, view.FactorLink = ui.Text("team_factor.off", "count", now.Without, "members", now.Members), ui.Text("team_factor.link_on")
		if now.Required {
			view.Factor, view.FactorLink = ui.Text("team_factor.on", "count", now.Without, "members", now.Members), ui.Text("team_factor.link_off")
		}
	}
	people, err := room.Directory.Members(r.Context(), r.actor, r.team.Slug)
	view.OnlyAdminHere = r.admin && !slices.ContainsFunc(people, func(p team.Person) bool {
		return p.User.ID != r.actor.User && p.Role == team.Admin && p.User.DisabledAt.IsZero()
	})
	if err == nil && r.admin {
		err = room.signInRules(r, &view)
	}
	return view, err
}

// settings is the page of a team's settings. Members who are no admins can only leave there.
func (room *Room) settings(w http.ResponseWriter, r *request) error {
	view, err := room.settingsView(r)
	if err != nil {
		return err
	}
	view.Notice = room.teamNotice(r)
	return room.Show(w, r.Request.Request, http.StatusOK, settingsPage.With(view))
}

// rename gives the team another name, slug, or both.
func (room *Room) rename(w http.ResponseWriter, r *request) error {
	sent, err := route.Fields(r.Request.Request, "name", "slug")
	if err != nil {
		return err
	}
	renamed, err := r.team, errors.Join(team.CheckSlug(sent[1]), team.CheckName(sent[0]))
	if err == nil {
		renamed, err = room.Directory.RenameTeam(r.Context(), r.actor, r.team.Slug, sent[1], sent[0])
	}
	problems := teamProblems(r.Clock(), err, sent[0], sent[1])
	if problems == nil && err != nil {
		return gone(err)
	}
	if problems != nil {
		view, err := room.settingsView(r)
		if err != nil {
			return err
		}
		view.Failed, view.NewName, view.New, view.Failures = true, sent[0], sent[1], problems
		return room.Show(w, r.Request.Request, http.StatusUnprocessableEntity, settingsPage.With(view))
	}
	return r.Notify(w, "/teams/"+renamed.Slug+"/settings/", browser.Notice{What: noticeRenamed, Team: renamed.Name, TeamID: renamed.ID})
}

// teamNotice is what was just done in the team, in words; nil when the page's address does not say.
func (room *Room) teamNotice(r *request) *ui.Notice {
	n := r.Notice(r.team.ID)
	if n == nil {
		return nil
	}
	person, in := ui.Strong(n.Person), ui.Strong(n.Team)
	for _, role := range team.Roles() {
		if n.What == noticeRole+string(role) {
			return &ui.Notice{Text: ui.Text("members.now", "person", person, "role", roleWords(role))}
		}
	}
	switch n.What {
	case noticeCreated:
		return &ui.Notice{Text: ui.Text("team_new.created", "team", in)}
	case noticeRemoved:
		return &ui.Notice{Text: ui.Text("member_remove.done", "person", person, "team", in)}
	case noticeRenamed:
		return &ui.Notice{Text: ui.Text("team_settings.renamed", "team", in)}
	case noticeInvited:
		return &ui.Notice{Text: ui.Text("invitations.now_sent", "email", person)}
	case noticeWithdrawn:
		return &ui.Notice{Text: ui.Text("invitations.now_withdrawn", "email", person)}
	case noticeJoined:
		return &ui.Notice{Text: ui.Text("invitation.accepted", "team", in)}
	case noticeProvider:
		if n.Application == "" {
			return &ui.Notice{Text: ui.Text("team_provider.none_done", "team", in)}
		}
		return &ui.Notice{Text: ui.Text("team_provider.done", "team", in, "provider", ui.Strong(n.Application))}
	case noticeFactorOn:
		return &ui.Notice{Text: ui.Text("team_factor.on_now")}
	case noticeFactorOff:
		return &ui.Notice{Text: ui.Text("team_factor.off_now")}
	case noticeHandedOver:
		return &ui.Notice{Text: ui.Text("team_hand_over.done", "person", person, "team", in)}
	}
	return nil // from a newer server
}

// ownNotice is what was just done with a team that is no longer the person's.
func (room *Room) ownNotice(r *browser.Request) *ui.Notice {
	n := r.Notice("")
	switch {
	case n != nil && n.What == noticeLeft:
		return &ui.Notice{Text: ui.Text("team_leave.done", "team", ui.Strong(n.Team))}
	case n != nil && n.What == noticeTeamGone:
		return &ui.Notice{Text: ui.Text("team_remove.done", "team", ui.Strong(n.Team))}
	}
	return nil
}

// byName orders members as people order them.
func byName(a, b team.Person) int { return access.ByName(a.User.Name, b.User.Name) }
