package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// teamApplicationsView is every application that reaches a team's data, or is kept from it.
type teamApplicationsView struct {
	teamChrome
	Done         *doneView
	Applications []teamApplication // by name
	Sent         string            // the client id that was typed below the list, when there is a problem with it
	Reason       string            // as typed
	Problem      string            // one sentence about the form of the application Sent, or ""
}

// Tab is which of the team's pages this is.
func (teamApplicationsView) Tab() string { return "applications" }

// Strange reports whether the problem is with an application that is not on the list.
func (v teamApplicationsView) Strange() bool {
	return v.Problem != "" && !slices.ContainsFunc(v.Applications, func(a teamApplication) bool { return a.ID == v.Sent })
}

// teamApplication is an application as a team's admins see it.
type teamApplication struct {
	ID, Name, Owner string
	Own             bool   // registered for this team only
	Machine         bool   // acts for itself
	Disabled        bool   // by the operator
	Blocked         string // the reason; "" when it is not blocked
	BlockedSince    moment
	Used            moment             // Machine: when it last got a token
	People          []memberConnection // by name
	permissions                        // Machine
}

// memberConnection is a member's grant.
type memberConnection struct {
	Grant       string
	Name, Email string
	Since, Used moment
	permissions
}

// teamApplications lists the applications of a team.
func (s *server) teamApplications(w http.ResponseWriter, r *http.Request, session *authn.Session, t team.Team) error {
	view, err := s.teamApplicationsPage(r, session, t)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, view)
}

func (s *server) teamApplicationsPage(r *http.Request, session *authn.Session, t team.Team) (teamApplicationsView, error) {
	applications, err := s.applicationsOf(r.Context(), t)
	return teamApplicationsView{teamChrome: s.teamChrome(r, session, t), Done: s.done(r, session, t.ID), Applications: applications}, err
}

// applicationsOf is what a team's members have connected, what was registered for the team, and what it blocks.
func (s *server) applicationsOf(ctx context.Context, t team.Team) ([]teamApplication, error) {
	grants, err := s.Store.Grants(ctx, authz.GrantFilter{Team: t.ID})
	if err != nil {
		return nil, err
	}
	blocks, err := s.Store.Blocks(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	clients, err := s.Store.Clients(ctx)
	if err != nil {
		return nil, err
	}
	var applications []teamApplication
	for _, c := range clients {
		a := teamApplication{
			ID: string(c.ID), Name: c.Name, Owner: c.Owner, Own: c.Team.ID == t.ID, Machine: c.Machine, Disabled: !c.DisabledAt.IsZero(),
			People: s.people(grants, c.ID),
		}
		if i := slices.IndexFunc(blocks, func(b govern.Block) bool { return b.Client == c.ID }); i >= 0 {
			a.Blocked, a.BlockedSince = cmp.Or(blocks[i].Reason, "no reason was given"), ago(blocks[i].CreatedAt, s.Now())
		}
		if !a.Own && a.Blocked == "" && len(a.People) == 0 {
			continue // it has nothing to do with this team
		}
		if a.Machine {
			if err := s.describeMachine(ctx, &a, c); err != nil {
				return nil, err
			}
		}
		applications = append(applications, a)
	}
	slices.SortStableFunc(applications, func(a, b teamApplication) int { return byName(a.Name, b.Name) })
	return applications, nil
}

// people is who connected a client, by name.
func (s *server) people(grants []authz.GrantDetail, client oauth.ClientID) []memberConnection {
	var people []memberConnection
	for _, g := range grants {
		if g.Client.ID == client {
			people = append(people, memberConnection{
				Grant: string(g.ID), Name: g.User.Name, Email: g.User.Email,
				Since: ago(g.CreatedAt, s.Now()), Used: ago(g.LastUsed, s.Now()), permissions: s.permissions(g.Scope),
			})
		}
	}
	slices.SortFunc(people, func(a, b memberConnection) int { return cmp.Or(byName(a.Name, b.Name), cmp.Compare(a.Email, b.Email)) })
	return people
}

// describeMachine adds what a client that acts for itself may do and when it last did.
func (s *server) describeMachine(ctx context.Context, a *teamApplication, c client.Client) error {
	scope := c.Scope
	if len(scope) == 0 {
		scope = s.Authz.Catalogue().Scope()
	}
	a.permissions = s.permissions(scope)
	events, err := s.events(ctx, audit.Filter{Client: a.ID, Limit: 1}, audit.MachineToken)
	if err != nil {
		return err
	}
	if len(events) > 0 {
		a.Used = ago(events[0].At, s.Now())
	}
	return nil
}

// governApplication is what an admin decided: to end a connection, to block an application or to allow it again.
func (s *server) governApplication(w http.ResponseWriter, r *http.Request, session *authn.Session, t team.Team) error {
	sent, err := fields(r, "decision", "grant", "client", "reason")
	if err != nil {
		return err
	}
	decision, grant, client, reason := sent[0], authz.GrantID(sent[1]), oauth.ClientID(sent[2]), sent[3]
	switch decision {
	case "end":
		ended, err := s.endGrant(r, authz.GrantFilter{Team: t.ID}, grant)
		if err != nil {
			return err
		}
		d := deed{What: doneEnded, Application: ended.Client.Name, Person: ended.User.Name, Scope: ended.Scope}
		return s.seeTeamDone(w, session, t, d)
	case "block":
		return s.block(w, r, session, t, client, reason)
	case "unblock":
		return s.unblock(w, r, session, t, client)
	}
	return oauth.InvalidRequest.Errorf("decision must be end, block or unblock")
}

// block keeps an application out of the team. The page comes back with what is wrong with the reason.
func (s *server) block(w http.ResponseWriter, r *http.Request, session *authn.Session, t team.Team, id oauth.ClientID, reason string) error {
	client, refused, err := s.blockable(r.Context(), t, id)
	if err != nil {
		return err
	}
	if refused == "" {
		if refused, err = s.tryBlock(r.Context(), t, id, reason); err != nil {
			return err
		}
	}
	if refused == "" {
		return s.seeTeamDone(w, session, t, deed{What: doneBlocked, Application: client.Name})
	}
	view, err := s.teamApplicationsPage(r, session, t)
	if err != nil {
		return err
	}
	view.Done, view.Sent, view.Reason, view.Problem = nil, string(id), reason, refused
	return s.show(w, r, http.StatusUnprocessableEntity, view)
}

// blockable is the client of an id, if this team can have to do with it. Another team's client is like none.
func (s *server) blockable(ctx context.Context, t team.Team, id oauth.ClientID) (found client.Client, refused string, err error) {
	const none = "There is no application with this client_id. Its developer can tell you, and it is in the address of its consent page."
	found, err = s.Store.Client(ctx, id)
	switch {
	case gone(err) == errNoConnection:
		return client.Client{}, none, nil
	case err != nil:
		return client.Client{}, "", err
	case !found.Global() && found.Team.ID != t.ID:
		return client.Client{}, none, nil
	}
	return found, "", nil
}

// tryBlock blocks, or says what is wrong with the reason.
func (s *server) tryBlock(ctx context.Context, t team.Team, id oauth.ClientID, reason string) (refused string, err error) {
	governs := govern.Service{Store: s.Store, Clients: s.Store, Now: s.Now}
	if problem := govern.CheckReason(reason); problem != nil {
		return sentence(problem.Error()) + ".", nil
	}
	if err := governs.Block(ctx, team.CommandLine, t.ID, id, reason); err != nil {
		return "", gone(err)
	}
	return "", nil
}

// unblock lets an application be connected again.
func (s *server) unblock(w http.ResponseWriter, r *http.Request, session *authn.Session, t team.Team, id oauth.ClientID) error {
	client, err := s.Store.Client(r.Context(), id)
	if err != nil {
		return gone(err)
	}
	if err := s.Store.Unblock(r.Context(), t.ID, id); err != nil {
		return gone(err)
	}
	return s.seeTeamDone(w, session, t, deed{What: doneUnblocked, Application: client.Name})
}

// seeTeamDone goes back to the team's list, which says what was done.
func (s *server) seeTeamDone(w http.ResponseWriter, session *authn.Session, t team.Team, d deed) error {
	d.User, d.Team, d.TeamID = session.User.ID, t.Name, t.ID
	return s.seeDone(w, "/teams/"+t.Slug+"/applications/", d)
}
