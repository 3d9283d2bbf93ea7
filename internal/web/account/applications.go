package account

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var applicationsPage = ui.NewPage[applicationsView](files, "applications.html")

// applicationsView is what a person has connected, by application and then team.
type applicationsView struct {
	ui.Frame
	Notice       *ui.Notice
	Replays      []ui.Alert
	Applications []connectedApplication
}

// Empty stands where the applications would be.
func (applicationsView) Empty() ui.Empty {
	return ui.Empty{Lead: ui.Text("account_applications.none"), More: ui.Text("account_applications.none_more")}
}

// connectedApplication is an application with the person's connections to it.
type connectedApplication struct {
	ui.Application
	Connections []connection // by the team's name
}

// connection is a grant on its person's page.
type connection struct {
	Grant      string
	Team, Slug string
	ui.Use
	ui.Permissions
}

func (room *Room) applications(w http.ResponseWriter, r *browser.Request) error {
	ctx, user := r.Context(), r.Session.User
	actor, memberships, err := room.Directory.Acting(ctx, user)
	if err != nil {
		return err
	}
	grants, err := room.Authz.Grants(ctx, actor, authz.GrantFilter{User: user.ID})
	if err != nil {
		return err
	}
	view := applicationsView{Frame: r.Frame(), Notice: room.notice(r), Applications: room.connected(r, grants)}
	if view.Replays, err = room.replays(ctx, actor, memberships, r.Clock(), audit.RefreshRetried); err != nil {
		return err
	}
	return room.Show(w, r.Request, http.StatusOK, applicationsPage.With(view))
}

// connected groups a person's grants by application, and orders both by name.
func (room *Room) connected(r *browser.Request, grants []authz.GrantDetail) []connectedApplication {
	slices.SortFunc(grants, func(a, b authz.GrantDetail) int {
		return cmp.Or(access.ByName(a.Client.Name, b.Client.Name), cmp.Compare(a.Client.ID, b.Client.ID),
			access.ByName(a.Team.Name, b.Team.Name), cmp.Compare(a.ID, b.ID))
	})
	var applications []connectedApplication
	for i, g := range grants {
		if i == 0 || g.Client.ID != grants[i-1].Client.ID {
			application := ui.Application{HeadingID: ui.HeadingID(len(applications)), Name: g.Client.Name, Owner: g.Client.Owner}
			if uri := g.Client.InitiateLoginURI; uri != "" {
				application.Open = oauth.InitiateLogin(uri, room.Issuer)
			}
			applications = append(applications, connectedApplication{Application: application})
		}
		last := &applications[len(applications)-1]
		last.Connections = append(last.Connections, connection{
			Grant: string(g.ID), Team: g.Team.Name, Slug: g.Team.Slug,
			Use:         ui.Use{Since: r.Clock().Ago(g.CreatedAt), Used: r.Clock().Ago(g.LastUsed)},
			Permissions: access.Permissions(room.Authz, r.Language(), g.Scope),
		})
	}
	return applications
}

// endGrant ends a connection of the person's own, at once.
func (room *Room) endGrant(w http.ResponseWriter, r *browser.Request) error {
	sent, err := route.Fields(r.Request, "grant")
	if err != nil {
		return err
	}
	user := r.Session.User
	ended, err := room.Authz.EndGrant(r.Context(), team.ActingUser(user, nil), authz.GrantFilter{User: user.ID}, authz.GrantID(sent[0]))
	if err != nil {
		return access.Gone(err)
	}
	return r.Notify(w, r.Address(), browser.Notice{
		What: noticeEnded, Application: ended.Client.Name, Team: ended.Team.Name, Scope: ended.Scope,
	})
}
