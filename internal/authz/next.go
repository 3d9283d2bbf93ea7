package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Step is what has to happen next.
type Step int

// The steps. Pages: SignIn, SelectAccount, Consent, NoTeam, NoAccess. No page: Answer.
const (
	SignIn        Step = iota + 1 // the person has to sign in, or sign in again
	SelectAccount                 // ask whether to go on as this person
	Consent                       // ask for consent, and for the team if it is open
	NoTeam                        // the person belongs to no team
	NoAccess                      // the team asked for is unknown or not theirs: the same answer for both
	Answer                        // redirect with a code, nothing asked
)

// String names the step.
func (s Step) String() string {
	names := []string{"none", "SignIn", "SelectAccount", "Consent", "NoTeam", "NoAccess", "Answer"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("Step(%d)", int(s))
	}
	return names[s]
}

// Next is the next step with what its page shows.
type Next struct {
	Step     Step
	Request  Request                     // to be sealed into the page
	Client   client.Client               // without its secrets; its team is named only to those who belong to it
	Session  authn.Session               // zero for SignIn without a session
	Teams    []TeamChoice                // Consent: those to choose from; one when the team is fixed
	Fixed    bool                        // Consent: the team is stated and cannot be changed
	Asked    []scope.Info                // Consent: what is asked for
	Response oauth.AuthorizationResponse // Answer
}

// TeamChoice is one team on the consent page.
type TeamChoice struct {
	Team    team.Team
	Blocked string      // the admin's reason; it cannot be chosen then
	Granted oauth.Scope // what was granted there before
}

// decision is what next decides: the step, and the teams that the request is open to.
type decision struct {
	step  Step
	teams []TeamStatus // Consent and Answer
}

// next decides what happens next. It is the only place that does, for pages and prompt=none alike; its error is for the redirect URI: prompt=none gets one
// instead of a page, and so does a hint at someone who did not come.
func next(r Request, client client.Client, session *authn.Session, teams []TeamStatus, now time.Time) (decision, error) {
	d := decide(r, client, session, teams, now)
	switch {
	case r.Prompt.None && d.step != Answer:
		return decision{}, d.step.unprompted()
	case d.step == SignIn && session != nil && r.wrong(session) && r.fresh(session):
		// They signed in for this request, as someone else. Asking again could go on for ever (OpenID Connect Core §3.1.2.1, id_token_hint).
		return decision{}, oauth.LoginRequired.Errorf("another person signed in than the one that id_token_hint is about")
	}
	return d, nil
}

func decide(r Request, client client.Client, session *authn.Session, teams []TeamStatus, now time.Time) decision {
	if session == nil {
		return decision{step: SignIn}
	}
	if r.wrong(session) {
		return decision{step: SignIn}
	}
	fresh := r.fresh(session)
	old := r.MaxAge != nil && (*r.MaxAge == 0 || now.Sub(session.AuthTime) > *r.MaxAge)
	if !fresh && (r.Prompt.Login || old) {
		return decision{step: SignIn}
	}
	if r.Prompt.SelectAccount && !fresh && r.SelectedUser != session.User.ID {
		return decision{step: SelectAccount}
	}
	open, fixed := openTeams(r, client, teams)
	switch {
	case len(open) == 0 && fixed:
		return decision{step: NoAccess}
	case len(open) == 0:
		return decision{step: NoTeam}
	case len(open) > 1 || r.Prompt.Consent || !open[0].covers(r.Scope):
		// With several teams the person is always asked: a grant in one of them does not say that it is meant today.
		return decision{step: Consent, teams: open}
	default:
		return decision{step: Answer, teams: open}
	}
}

// fresh reports whether the person signed in since the request began, and so for it. Without this, max_age=0 would ask for ever.
func (r Request) fresh(session *authn.Session) bool { return !session.AuthTime.Before(r.IssuedAt) }

// wrong reports whether the request is about someone else than who is signed in.
func (r Request) wrong(session *authn.Session) bool {
	return r.Hinted != "" && r.Hinted != session.User.ID
}

// openTeams is the person's teams that the request may be for, and whether client or request name the team.
func openTeams(r Request, client client.Client, teams []TeamStatus) (open []TeamStatus, fixed bool) {
	for _, status := range teams {
		switch {
		case !client.Global():
			if status.Team.ID != client.Team.ID {
				continue
			}
		case r.Team != "" && status.Team.Slug != r.Team:
			continue
		}
		open = append(open, status)
	}
	return open, !client.Global() || r.Team != ""
}

// covers reports whether the team's remembered consent is enough for scope.
func (s TeamStatus) covers(scope oauth.Scope) bool {
	return s.Blocked == "" && s.Grant != nil && s.Grant.Scope.Covers(scope)
}

// unprompted is the error for prompt=none in place of the step's page (OpenID Connect Core §3.1.2.6).
func (s Step) unprompted() error {
	switch s {
	case SignIn:
		return oauth.LoginRequired.Errorf("the person has to sign in, which prompt=none rules out")
	case NoTeam, NoAccess:
		return oauth.AccessDenied.Errorf("the person has no access to such a team under this account")
	default:
		return oauth.ConsentRequired.Errorf("the person has to be asked, which prompt=none rules out")
	}
}

// Next decides what happens next for a request and the session of the browser (nil when not signed in), and does nothing else. Errors that prompt=none asks for are *RedirectError.
func (s *Server) Next(ctx context.Context, r Request, session *authn.Session) (Next, error) {
	e, err := s.look(ctx, r, session)
	if err != nil {
		return Next{}, err
	}
	return s.step(e)
}

// Arrive is Next for a browser of which no more is known than the ID of its session, "" for none: one query finds who that is and where they stand, or none.
func (s *Server) Arrive(ctx context.Context, r Request, session string) (Next, error) {
	client, err := s.client(ctx, r)
	if err != nil {
		return Next{}, err
	}
	// A cached user is enough for an answer without a page. A page needs the user as they are now: they may have agreed since.
	if user, known := s.grants.CachedSignedInUser(session, client.ID, s.now()); known {
		e := evaluation{request: r, client: client, session: &user.Session}
		if err := s.decide(&e, user.Teams); err == nil && e.step == Answer {
			return s.step(e)
		}
	}
	e := evaluation{request: r, client: client}
	var teams []TeamStatus
	if session != "" {
		user, err := s.grants.SignedInUser(ctx, session, client.ID, s.now())
		switch {
		case err == nil:
			e.session, teams = &user.Session, user.Teams
		case !errors.Is(err, authn.ErrNoSession):
			return Next{}, fmt.Errorf("load a session and its person's teams: %w", err)
		}
	}
	if err := s.decide(&e, teams); err != nil {
		return Next{}, err
	}
	return s.step(e)
}

// step is what an evaluation leads to.
func (s *Server) step(e evaluation) (Next, error) {
	if e.step == Answer {
		return s.answer(e, *e.teams[0].Grant)
	}
	return s.ask(e), nil
}

// evaluation is a request with everything that bears on it, as it is now, and the decision.
type evaluation struct {
	request Request
	client  client.Client
	session *authn.Session
	decision
}

// look loads what bears on the request and decides.
func (s *Server) look(ctx context.Context, r Request, session *authn.Session) (evaluation, error) {
	client, err := s.client(ctx, r)
	if err != nil {
		return evaluation{}, err
	}
	e := evaluation{request: r, client: client, session: session}
	var teams []TeamStatus
	if session != nil {
		teams, err = s.grants.TeamStatuses(ctx, session.User.ID, client.ID)
		if err != nil {
			return evaluation{}, fmt.Errorf("load the teams of %s: %w", session.User.ID, err)
		}
	}
	return e, s.decide(&e, teams)
}

// client is the request's: the one that Begin has just loaded, or as it is now.
func (s *Server) client(ctx context.Context, r Request) (client.Client, error) {
	if r.client != nil {
		return *r.client, nil
	}
	return s.recheck(ctx, r)
}

// decide fills in the decision. Its error is for the redirect URI.
func (s *Server) decide(e *evaluation, teams []TeamStatus) (err error) {
	e.request.client = nil
	if e.decision, err = next(e.request, e.client, e.session, teams, s.now()); err != nil {
		return s.redirect(e.request.AuthorizationRequest, err)
	}
	return nil
}

// ask is the page of an evaluation. What could be answered without one is asked for all the same.
func (s *Server) ask(e evaluation) Next {
	n := e.present()
	if n.Step == Answer {
		n.Step = Consent
	}
	if n.Step != Consent {
		return n
	}
	n.Request.ShownTo, n.Request.ShownTeam = e.session.User.ID, ""
	n.Fixed = len(e.teams) == 1
	if n.Fixed {
		n.Request.ShownTeam = e.teams[0].Team.ID
	}
	n.Asked = s.opts.Catalogue.Describe(e.request.Scope)
	for _, status := range e.teams {
		choice := TeamChoice{Team: status.Team, Blocked: status.Blocked}
		if status.Grant != nil {
			choice.Granted = slices.Clone(status.Grant.Scope)
		}
		n.Teams = append(n.Teams, choice)
	}
	return n
}

// answer is the response with a code for a grant.
func (s *Server) answer(e evaluation, g Grant) (Next, error) {
	code, err := s.issueCode(e.request, *e.session, g)
	if err != nil {
		return Next{}, err
	}
	n := e.present()
	n.Step = Answer
	n.Response = s.response(e.request.AuthorizationRequest)
	n.Response.Code = code
	return n, nil
}

// present is what every step has.
func (e evaluation) present() Next {
	n := Next{Step: e.step, Request: e.request, Client: e.client}
	n.Client.Secrets = nil
	if len(e.teams) == 0 {
		// Whose client it is must not be told to those who are not of that team.
		n.Client.Team = team.Team{ID: e.client.Team.ID}
	}
	if e.session != nil {
		n.Session = *e.session
	}
	return n
}
