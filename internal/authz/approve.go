package authz

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Approve saves the grant and answers with a code. chosen is the team that the person picked; it is ignored when the request fixes the team.
// When what the person saw is no longer so (another session, a team they left, a block), the answer is what Next says instead, with Step not Answer.
func (s *Server) Approve(ctx context.Context, r Request, session *authn.Session, chosen team.ID) (Next, error) {
	r.client = nil // consent is for the client as it is now
	e, err := s.look(ctx, r, session)
	if err != nil {
		return Next{}, err
	}
	status, ok := e.approved(chosen)
	if !ok {
		return s.ask(e), nil
	}
	now := s.now()
	grant, err := s.grants.SaveGrant(ctx, Grant{
		ID: GrantID(token.NewID()), User: session.User.ID, Client: e.client.ID, Team: status.Team.ID,
		Scope: r.Scope, CreatedAt: now, UpdatedAt: now,
	})
	if errors.Is(err, ErrNotLive) {
		if e, err = s.look(ctx, r, session); err != nil {
			return Next{}, err
		}
		return s.ask(e), nil
	}
	if err != nil {
		return Next{}, fmt.Errorf("save the grant of %s to %s in %s: %w", session.User.ID, e.client.ID, status.Team.ID, err)
	}
	return s.answer(e, grant)
}

// approved is the team that the consent is for; false when this is not what this person was shown.
func (e evaluation) approved(chosen team.ID) (TeamStatus, bool) {
	if e.step != Consent && e.step != Answer || e.request.ShownTo != e.session.User.ID {
		return TeamStatus{}, false
	}
	if e.request.ShownTeam != "" {
		// The page left no choice. A slug that has come to mean another team is not what was agreed to, nor is a form that was edited.
		chosen = e.request.ShownTeam
	}
	for _, status := range e.teams {
		if status.Team.ID == chosen {
			return status, status.Blocked == ""
		}
	}
	return TeamStatus{}, false
}

// Cancel is the answer of a person who does not agree. A client or a redirect URI that is no longer what Begin found is a *PageError:
// nobody is sent there. A refusal of what a consent page showed is recorded; the error is that it could not be.
func (s *Server) Cancel(ctx context.Context, r Request) (oauth.AuthorizationResponse, error) {
	if _, err := s.verified(ctx, r); err != nil {
		return oauth.AuthorizationResponse{}, err
	}
	response := s.response(r.AuthorizationRequest)
	response.Err = oauth.AccessDenied.Errorf("the person did not agree")
	if r.ShownTo == "" {
		return response, nil
	}
	return response, s.refusals.Record(ctx, audit.Event{
		Kind: audit.ConsentDenied, User: string(r.ShownTo), Team: string(r.ShownTeam), Client: r.ClientID, Detail: r.Scope.String(),
	})
}
