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
	o, err := s.look(ctx, r, session)
	if err != nil {
		return Next{}, err
	}
	standing, ok := o.approved(chosen)
	if !ok {
		return s.ask(o), nil
	}
	now := s.now()
	grant, err := s.grants.SaveGrant(ctx, Grant{
		ID: GrantID(token.NewID()), User: session.User.ID, Client: o.client.ID, Team: standing.Team.ID,
		Scope: r.Scope, CreatedAt: now, UpdatedAt: now,
	})
	if errors.Is(err, ErrNotLive) {
		if o, err = s.look(ctx, r, session); err != nil {
			return Next{}, err
		}
		return s.ask(o), nil
	}
	if err != nil {
		return Next{}, fmt.Errorf("save the grant of %s to %s in %s: %w", session.User.ID, o.client.ID, standing.Team.ID, err)
	}
	return s.answer(o, grant)
}

// approved is the team that the consent is for; false when this is not what this person was shown.
func (o outlook) approved(chosen team.ID) (Standing, bool) {
	if o.step != Consent && o.step != Answer || o.request.ShownTo != o.session.User.ID {
		return Standing{}, false
	}
	if o.request.ShownTeam != "" {
		// The page left no choice. A slug that has come to mean another team is not what was agreed to, nor is a form that was edited.
		chosen = o.request.ShownTeam
	}
	for _, standing := range o.teams {
		if standing.Team.ID == chosen {
			return standing, standing.Blocked == ""
		}
	}
	return Standing{}, false
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
