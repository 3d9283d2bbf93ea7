// Package teams is the pages of a team, for its admins: which applications reach its data, and its history.
package teams

import (
	"embed"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

//go:embed *.html
var files embed.FS

// Room is the pages.
type Room struct {
	*browser.Pages
	Authz    *authz.Server
	Govern   *govern.Service
	Registry *client.Registry
}

// Routes is the table of the room's pages.
func (room *Room) Routes() []route.Route {
	return room.Room("team.label", []browser.Page{
		{
			Path: "/teams/{slug}/applications/", Title: "team_applications.title", Tab: "team_applications.tab",
			Get: room.forAdmins(room.applications), Post: room.forAdmins(room.govern),
		},
		{Path: "/teams/{slug}/audit/", Title: "history.title", Tab: "history.tab", Get: room.forAdmins(room.history)},
	})
}

// request is a request of a team's admin for one of the team's pages.
type request struct {
	*browser.Request
	team  team.Team
	actor team.Actor
}

// frame is the frame of a team's page. The title names the team.
func (r *request) frame() ui.Frame { return r.Frame("team", ui.Name(r.team.Name)) }

// forAdmins is a page for the admins of the team in the address. To a person who does not belong to the team, it looks as if the team did
// not exist.
func (room *Room) forAdmins(h func(w http.ResponseWriter, r *request) error) browser.Handler {
	return func(w http.ResponseWriter, r *browser.Request) error {
		actor, memberships, err := room.Directory.Acting(r.Context(), r.Session.User)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(memberships, func(m team.Membership) bool { return m.Team.Slug == r.PathValue("slug") })
		if i < 0 {
			return route.NotFound(w, r.Request)
		}
		if memberships[i].Role != team.Admin {
			return &route.Problem{
				Status: http.StatusForbidden, Description: "the person is no admin of this team", Words: "problem.admins_only",
				Arguments: []any{"link", ui.Link("/account/applications/")},
			}
		}
		return h(w, &request{r, memberships[i].Team, actor})
	}
}
