package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
)

// accountApplicationsView is what a person has connected, by application and then team.
type accountApplicationsView struct {
	Chrome
	Done         *doneView
	Replays      []replay
	Applications []connectedApplication
}

// Tab is which of the account's pages this is.
func (accountApplicationsView) Tab() string { return "applications" }

// connectedApplication is an application with the person's connections to it.
type connectedApplication struct {
	Name, Owner string
	Connections []connection // by the team's name
}

// connection is a grant on its person's page.
type connection struct {
	Grant       string
	Team, Slug  string
	Since, Used moment // Used is zero when it was never used
	permissions
}

// permissions is what a scope allows, in words.
type permissions struct {
	You, Read, Write []consentScope
}

// None reports whether nothing is allowed but to know that the connection exists.
func (p permissions) None() bool { return len(p.You)+len(p.Read)+len(p.Write) == 0 }

// permissions sorts what a scope allows. A permission that the catalogue no longer has is shown by its name: it is granted all the same.
func (s *server) permissions(granted oauth.Scope) permissions {
	var p permissions
	known := s.Authz.Describe(granted)
	for _, info := range known {
		p.add(info)
	}
	for _, name := range granted {
		if !slices.ContainsFunc(known, func(info scope.Info) bool { return info.Name == name }) {
			p.add(scope.Info{Name: name, Access: scope.Write})
		}
	}
	return p
}

func (p *permissions) add(info scope.Info) {
	line := consentScope{Name: info.Name, Description: info.Description}
	switch {
	case identityScopes.Contains(info.Name):
		p.You = append(p.You, line)
	case info.Access == scope.Write:
		p.Write = append(p.Write, line)
	default:
		p.Read = append(p.Read, line)
	}
}

// identityScopes are about the person, not about the team's data.
var identityScopes = oauth.Scope{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail, oauth.ScopeOfflineAccess}

// accountApplications lists what the person has connected.
func (s *server) accountApplications(w http.ResponseWriter, r *http.Request, session *authn.Session) error {
	ctx := r.Context()
	grants, err := s.Store.Grants(ctx, authz.GrantFilter{User: session.User.ID})
	if err != nil {
		return err
	}
	memberships, err := s.Directory.Teams.Memberships(ctx, session.User.ID)
	if err != nil {
		return err
	}
	view := accountApplicationsView{Chrome: s.chrome(r, "", session), Done: s.done(r, session, ""), Applications: s.connected(grants)}
	if view.Replays, err = s.replays(ctx, session.User.ID, memberships); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, view)
}

// connected groups a person's grants by application, and orders both by name.
func (s *server) connected(grants []authz.GrantDetail) []connectedApplication {
	slices.SortFunc(grants, func(a, b authz.GrantDetail) int {
		return cmp.Or(byName(a.Client.Name, b.Client.Name), cmp.Compare(a.Client.ID, b.Client.ID), byName(a.Team.Name, b.Team.Name), cmp.Compare(a.ID, b.ID))
	})
	var applications []connectedApplication
	for i, g := range grants {
		if i == 0 || g.Client.ID != grants[i-1].Client.ID {
			applications = append(applications, connectedApplication{Name: g.Client.Name, Owner: g.Client.Owner})
		}
		last := &applications[len(applications)-1]
		last.Connections = append(last.Connections, connection{
			Grant: string(g.ID), Team: g.Team.Name, Slug: g.Team.Slug,
			Since: ago(g.CreatedAt, s.Now()), Used: ago(g.LastUsed, s.Now()), permissions: s.permissions(g.Scope),
		})
	}
	return applications
}

// byName compares names as people order them.
func byName(a, b string) int {
	return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
}

// endOwnGrant ends a connection of the person's own, at once.
func (s *server) endOwnGrant(w http.ResponseWriter, r *http.Request, session *authn.Session) error {
	sent, err := fields(r, "grant")
	if err != nil {
		return err
	}
	ended, err := s.endGrant(r, authz.GrantFilter{User: session.User.ID}, authz.GrantID(sent[0]))
	if err != nil {
		return err
	}
	return s.seeDone(w, "/account/applications/", deed{
		User: session.User.ID, What: doneEnded, Application: ended.Client.Name, Team: ended.Team.Name, Scope: ended.Scope,
	})
}

// endGrant ends the grant of an id if it is among those of a filter: whoever asks may end these and no others. Any other is not found.
func (s *server) endGrant(r *http.Request, among authz.GrantFilter, id authz.GrantID) (authz.GrantDetail, error) {
	grants, err := s.Store.Grants(r.Context(), among)
	if err != nil {
		return authz.GrantDetail{}, err
	}
	i := slices.IndexFunc(grants, func(g authz.GrantDetail) bool { return g.ID == id })
	if i < 0 {
		return authz.GrantDetail{}, errNoConnection
	}
	if err := s.Store.RevokeGrant(r.Context(), id); err != nil {
		return authz.GrantDetail{}, gone(err)
	}
	return grants[i], nil
}
