package teams

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var applicationsPage = ui.NewPage[applicationsView](files, "applications.html")

// applicationsView is every application that reaches a team's data, or is kept from it.
type applicationsView struct {
	ui.Frame
	Team, Slug   string
	Notice       *ui.Notice
	Policy       ui.Words      // the name of the rule
	Requests     int           // that wait for an answer
	Applications []application // by name
	Stranger     blockForm     // blocks an application that is not on the list
}

// Empty stands where the applications would be.
func (applicationsView) Empty() ui.Empty {
	return ui.Empty{Lead: ui.Text("team_applications.none"), More: ui.Text("team_applications.none_more")}
}

// application is an application as a team's admins see it.
type application struct {
	ui.Application
	ID           string
	Machine      bool   // acts for itself
	Blocked      bool   // by an admin
	Reason       string // why; may be ""
	BlockedSince ui.Moment
	Used         ui.Moment // Machine: when it last got a token
	Approved     *approval // nil when it is not
	People       []member  // by name
	ui.Permissions
	Block blockForm
}

// member is a member's grant.
type member struct {
	Grant string
	ui.Person
	ui.Use
	ui.Permissions
}

func (room *Room) applications(w http.ResponseWriter, r *request) error {
	view, err := room.applicationsView(r)
	if err != nil {
		return err
	}
	return room.Show(w, r.Request.Request, http.StatusOK, applicationsPage.With(view))
}

func (room *Room) applicationsView(r *request) (applicationsView, error) {
	policy, err := room.Govern.Policy(r.Context(), r.actor, r.team.ID)
	if err != nil {
		return applicationsView{}, gone(err)
	}
	requests, err := room.Govern.Requests(r.Context(), r.actor, r.team.ID)
	if err != nil {
		return applicationsView{}, err
	}
	applications, err := room.applicationsOf(r)
	return applicationsView{
		Frame: r.frame(), Team: r.team.Name, Slug: r.team.Slug, Notice: room.notice(r), Policy: ruleName(policy.Rule), Requests: len(requests), Applications: applications,
	}, err
}

// applicationsOf is what a team's members have connected, what was registered for the team, and what it blocks.
func (room *Room) applicationsOf(r *request) ([]application, error) {
	ctx, t := r.Context(), r.team
	grants, err := room.Authz.Grants(ctx, r.actor, authz.GrantFilter{Team: t.ID})
	if err != nil {
		return nil, err
	}
	rows, err := room.Govern.Rows(ctx, r.actor, t.ID)
	if err != nil {
		return nil, err
	}
	clients, err := room.Registry.TeamClients(ctx, r.actor, t.ID)
	if err != nil {
		return nil, err
	}
	var applications []application
	for _, c := range clients {
		a := application{ID: string(c.ID), Machine: c.Machine, People: room.people(r, grants, c.ID)}
		a.Name, a.Owner = c.Name, c.Owner
		if i := slices.IndexFunc(rows, func(row govern.Row) bool { return row.Client == c.ID && row.State == govern.Blocked }); i >= 0 {
			a.Blocked, a.Reason, a.BlockedSince = true, rows[i].Reason, r.Clock().Ago(rows[i].At)
		}
		if i := slices.IndexFunc(rows, func(row govern.Row) bool { return row.Client == c.ID && row.State == govern.Approved }); i >= 0 {
			a.Approved = room.approvalOf(r, rows[i])
		}
		a.Marks = marks(c.Team.ID == t.ID, c.Machine, !c.DisabledAt.IsZero(), a.Blocked)
		if a.Machine {
			room.describeMachine(r, &a, c)
		}
		applications = append(applications, a)
	}
	slices.SortStableFunc(applications, func(a, b application) int { return access.ByName(a.Name, b.Name) })
	for i := range applications {
		applications[i].HeadingID = ui.HeadingID(i)
		applications[i].Block.Index = i
	}
	return applications, nil
}

func marks(own, machine, disabled, blocked bool) []ui.Mark {
	var marks []ui.Mark
	if own {
		marks = append(marks, ui.Mark{Text: ui.Text("team_applications.own")})
	}
	if machine {
		marks = append(marks, ui.Mark{Text: ui.Text("team_applications.machine")})
	}
	if disabled {
		marks = append(marks, ui.Mark{Text: ui.Text("team_applications.disabled"), Barred: true})
	}
	if blocked {
		marks = append(marks, ui.Mark{Text: ui.Text("team_applications.blocked"), Barred: true})
	}
	return marks
}

// people are the members who connected a client, by name.
func (room *Room) people(r *request, grants []authz.GrantDetail, id oauth.ClientID) []member {
	var people []member
	for _, g := range grants {
		if g.Client.ID == id {
			people = append(people, member{
				Grant: string(g.ID), Person: ui.Person{Name: g.User.Name, Email: g.User.Email},
				Use:         ui.Use{Since: r.Clock().Ago(g.CreatedAt), Used: r.Clock().Ago(g.LastUsed)},
				Permissions: access.Permissions(room.Authz, r.Language(), g.Scope),
			})
		}
	}
	slices.SortFunc(people, func(a, b member) int { return cmp.Or(access.ByName(a.Name, b.Name), cmp.Compare(a.Email, b.Email)) })
	return people
}

// describeMachine adds what a client that acts for itself may do, and when it last got a token.
func (room *Room) describeMachine(r *request, a *application, c client.Used) {
	allowed := c.Scope
	if len(allowed) == 0 {
		allowed = room.Authz.Catalogue().Scope()
	}
	a.Permissions = access.Permissions(room.Authz, r.Language(), allowed)
	if !c.LastToken.IsZero() {
		a.Used = r.Clock().Ago(c.LastToken)
	}
}
