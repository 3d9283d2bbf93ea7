// Package teams is the pages of teams: the list of one's own, and of each team its members and settings and, for its admins, which applications
// reach its data, and its history.
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
	own := room.Room("team.label", []browser.Page{
		{Path: "/teams/", Title: "teams.title", Get: room.own},
		{Path: "/teams/new/", Title: "team_new.title", Get: room.askNew, Post: room.create},
	})
	own = append(own, route.Route{Path: team.LinkInvite.Path(), Get: room.invitation, Post: room.FromLink(room.answer)})
	return append(own, room.Room("team.label", []browser.Page{
		{
			Path: "/teams/{slug}/members/", Title: "members.title", Tab: "members.tab",
			Get: room.forMembers(room.members), Post: room.forAdmins(room.setRole),
		},
		{
			Path: "/teams/{slug}/members/remove/", Title: "member_remove.title", Fresh: true,
			Get: room.forAdmins(room.askRemoveMember), Post: room.forAdmins(room.removeMember),
		},
		{
			Path: "/teams/{slug}/invitations/", Title: "invitations.title", Tab: "invitations.tab",
			Get: room.forAdmins(room.invitations), Post: room.forAdmins(room.invite),
		},
		{
			Path: "/teams/{slug}/applications/", Title: "team_applications.title", Tab: "team_applications.tab",
			Get: room.forAdmins(room.applications), Post: room.forAdmins(room.govern),
		},
		{
			Path: "/teams/{slug}/applications/policy/", Title: "team_policy.title", Fresh: true,
			Get: room.forAdmins(room.policy), Post: room.forAdmins(room.setPolicy),
		},
		{
			Path: "/teams/{slug}/applications/take-back/", Title: "approval.title", Fresh: true,
			Get: room.forAdmins(room.askTakeBack), Post: room.forAdmins(room.takeBack),
		},
		{
			Path: "/teams/{slug}/applications/requests/", Title: "requests.title",
			Get: room.forAdmins(room.requests), Post: room.forAdmins(room.decideRequests),
		},
		{Path: "/teams/{slug}/audit/", Title: "history.title", Tab: "history.tab", Get: room.forAdmins(room.history)},
		{
			Path: "/teams/{slug}/settings/", Title: "team_settings.title", Tab: "team_settings.tab",
			Get: room.forMembers(room.settings), Post: room.forAdmins(room.rename),
		},
		{
			Path: "/teams/{slug}/settings/provider/", Title: "team_provider.heading", Fresh: true,
			Get: room.forAdmins(room.askProvider), Post: room.forAdmins(room.requireProvider),
		},
		{
			Path: "/teams/{slug}/settings/leave/", Title: "team_leave.title", Fresh: true,
			Get: room.forMembers(room.askLeave), Post: room.forMembers(room.leave),
		},
		{
			Path: "/teams/{slug}/settings/hand-over/", Title: "team_hand_over.title", Fresh: true,
			Get: room.forAdmins(room.askHandOver), Post: room.forAdmins(room.handOver),
		},
		{
			Path: "/teams/{slug}/settings/second-factor/", Title: "team_factor.title", Fresh: true,
			Get: room.forAdmins(room.askRequireFactor), Post: room.forAdmins(room.requireFactor),
		},
		{
			Path: "/teams/{slug}/settings/remove/", Title: "team_remove.title", Fresh: true,
			Get: room.forAdmins(room.askRemoveTeam), Post: room.forAdmins(room.removeTeam),
		},
	})...)
}

// request is a request of a member for one of the team's pages.
type request struct {
	*browser.Request
	team  team.Team
	actor team.Actor
	admin bool // of the team
}

// frame is the frame of a team's page. The title names the team. Those who are no admins see no way to the pages that are not for them.
func (r *request) frame() ui.Frame {
	f := r.Frame("team", ui.Name(r.team.Name))
	if !r.admin {
		f.Tabs.Items = slices.DeleteFunc(slices.Clone(f.Tabs.Items), func(t ui.Tab) bool {
			return t.Href != r.path("members/") && t.Href != r.path("settings/")
		})
	}
	return f
}

// path is the address of a page of the team.
func (r *request) path(page string) string { return "/teams/" + r.team.Slug + "/" + page }

// forAdmins is a page for the admins of the team in the address. To a person who does not belong to the team, it looks as if the team did
// not exist.
func (room *Room) forAdmins(h func(w http.ResponseWriter, r *request) error) browser.Handler {
	return room.forMembers(func(w http.ResponseWriter, r *request) error {
		if !r.admin {
			return &route.Problem{
				Status: http.StatusForbidden, Description: "the person is no admin of this team", Words: "problem.admins_only",
				Arguments: []any{"link", ui.Link("/account/applications/")},
			}
		}
		return h(w, r)
	})
}

// forMembers is a page for everybody who belongs to the team in the address. To others it looks as if the team did not exist.
func (room *Room) forMembers(h func(w http.ResponseWriter, r *request) error) browser.Handler {
	return func(w http.ResponseWriter, r *browser.Request) error {
		actor, memberships, err := room.Directory.Acting(r.Context(), r.Session.User)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(memberships, func(m team.Membership) bool { return m.Team.Slug == r.PathValue("slug") })
		if i < 0 {
			return route.NotFound(w, r.Request)
		}
		return h(w, &request{r, memberships[i].Team, actor, memberships[i].Role == team.Admin})
	}
}
