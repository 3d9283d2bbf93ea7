package authz

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Choice is what a person chose on a consent page.
type Choice struct {
	Team    team.ID // ignored when the request fixes the team
	ForTeam bool    // an admin approves the client for the whole team
}

// Approve saves the grant and answers with a code. When what the person saw is no longer so (another session, a team they left, a block), or the team's admins
// have to approve the client first, the answer is the page that comes next.
func (s *Server) Approve(ctx context.Context, sealed string, b Browser, choice Choice) (Next, error) {
	r, client, err := s.reopen(ctx, sealed)
	if err != nil {
		return Next{}, err
	}
	e, err := s.look(ctx, r, client, b)
	if err != nil {
		return Next{}, err
	}
	status, ok := e.approved(choice.Team)
	if !ok {
		return s.ask(e)
	}
	verdict := status.Verdict
	if !verdict.Allowed() { // they chose a team that has to approve it first
		r.AskedTeam = status.Team.ID
		if e, err = s.look(ctx, r, client, b); err != nil {
			return Next{}, err
		}
		return s.ask(e)
	}
	user, now := e.session.User.ID, s.rightTime()
	grant, err := s.grants.SaveGrant(audit.By(ctx, string(user)), Grant{
		ID: GrantID(token.NewID()), User: user, Client: client.ID, Team: status.Team.ID, Scope: verdict.Scope, CreatedAt: now, UpdatedAt: now,
		Seen: r.seen(client),
	}, choice.ForTeam && verdict.Outcome == govern.Decide)
	if errors.Is(err, ErrNotLive) {
		if e, err = s.look(ctx, r, client, b); err != nil {
			return Next{}, err
		}
		return s.ask(e)
	}
	if err != nil {
		return Next{}, fmt.Errorf("save the grant of %s to %s in %s: %w", user, client.ID, status.Team.ID, err)
	}
	return s.answer(ctx, e, grant)
}

// approved is the team that the consent is for; false when this is not what this person was shown, or the team cannot be chosen.
func (e evaluation) approved(chosen team.ID) (TeamStatus, bool) {
	if e.step != Consent && e.step != Answer || e.request.ShownTo != e.session.User.ID {
		return TeamStatus{}, false
	}
	if e.request.ShownName != e.client.Name || e.request.ShownOwner != e.client.Owner {
		return TeamStatus{}, false
	}
	if e.request.ShownTeam != "" {
		// The page left no choice. A slug that has come to mean another team is not what was agreed to, nor is a form that was edited.
		chosen = e.request.ShownTeam
	}
	for _, status := range e.teams {
		if status.Team.ID == chosen {
			return status, status.choosable(e.session)
		}
	}
	return TeamStatus{}, false
}

// Cancel is the answer of a person who does not agree. A client or a redirect URI that is no longer what Begin found is a *PageError:
// nobody is sent there. A refusal of what a consent page showed is recorded.
func (s *Server) Cancel(ctx context.Context, sealed string, b Browser) (Next, error) {
	r, err := s.open(ctx, sealed)
	if err != nil {
		return Next{}, err
	}
	client, err := s.verify(ctx, r)
	if err != nil {
		return Next{}, err
	}
	if err := s.recordDenial(ctx, r, b); err != nil {
		return Next{}, err
	}
	n := evaluation{request: r, client: client, decision: decision{step: Answer}}.present()
	n.Response = s.response(r.AuthorizationRequest)
	lacks, err := s.lacks(ctx, r, b, client.ID)
	n.Response.Err = declined(lacks)
	switch {
	case r.AskedTeam != "":
		n.Response.Err = oauth.AccessDenied.At(s.opts.Issuer+"/docs/errors/approval_pending", "an admin of the team has to approve this application first")
	case r.ShownBarred:
		n.Response.Err = oauth.AccessDenied.At(s.opts.Issuer+"/docs/errors/team_blocked", "the team does not allow this application")
	}
	return n, err
}

// Waits reports whether a person still waits for the admins of a team: nobody has decided, and they are who asked.
func (s *Server) Waits(ctx context.Context, sealed string, b Browser) (bool, error) {
	r, client, err := s.reopen(ctx, sealed)
	if err != nil {
		return false, err
	}
	e, err := s.look(ctx, r, client, b)
	if err != nil {
		return false, err
	}
	return e.step == NeedApproval && e.teams[0].Verdict.Outcome == govern.Ask, nil
}

// OtherTeam notes in a sealed request that the person does not wait for the admins of a team any more.
func (s *Server) OtherTeam(ctx context.Context, sealed string) (string, error) {
	r, err := s.open(ctx, sealed)
	if err != nil {
		return "", err
	}
	r.AskedTeam = ""
	return s.seal(r)
}

// recordDenial records that a person refused what a consent page showed.
func (s *Server) recordDenial(ctx context.Context, r Request, b Browser) error {
	if r.ShownTo == "" {
		return nil
	}
	user, err := s.signedInUser(ctx, b, oauth.ClientID(r.ClientID))
	if err != nil {
		return err
	}
	if user != nil {
		ctx = audit.By(ctx, string(user.Session.User.ID))
	}
	return s.refusals.Record(ctx, audit.Event{
		Kind: audit.ConsentDenied, User: string(r.ShownTo), Team: string(r.ShownTeam), Client: r.ClientID, Detail: r.Scope.String(),
	})
}
