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
	teams []Standing // Consent and Answer
}

// next decides what happens next. It is the only place that does, for pages and prompt=none alike; its error is for the redirect URI: prompt=none gets one
// instead of a page, and so does a hint at someone who did not come.
func next(r Request, client client.Client, session *authn.Session, standings []Standing, now time.Time) (decision, error) {
	d := decide(r, client, session, standings, now)
	switch {
	case r.Prompt.None && d.step != Answer:
		return decision{}, d.step.unprompted()
	case d.step == SignIn && session != nil && r.wrong(session) && r.fresh(session):
		// They signed in for this request, as someone else. Asking again could go on for ever (OpenID Connect Core §3.1.2.1, id_token_hint).
		return decision{}, oauth.LoginRequired.Errorf("another person signed in than the one that id_token_hint is about")
	}
	return d, nil
}

func decide(r Request, client client.Client, session *authn.Session, standings []Standing, now time.Time) decision {
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
	open, fixed := openTeams(r, client, standings)
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
func openTeams(r Request, client client.Client, standings []Standing) (open []Standing, fixed bool) {
	for _, standing := range standings {
		switch {
		case !client.Global():
			if standing.Team.ID != client.Team.ID {
				continue
			}
		case r.Team != "" && standing.Team.Slug != r.Team:
			continue
		}
		open = append(open, standing)
	}
	return open, !client.Global() || r.Team != ""
}

// covers reports whether the team's remembered consent is enough for scope.
func (s Standing) covers(scope oauth.Scope) bool {
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
	o, err := s.look(ctx, r, session)
	if err != nil {
		return Next{}, err
	}
	return s.step(o)
}

// Arrive is Next for a browser of which no more is known than the ID of its session, "" for none: one query finds who that is and where they stand, or none.
func (s *Server) Arrive(ctx context.Context, r Request, session string) (Next, error) {
	client, err := s.client(ctx, r)
	if err != nil {
		return Next{}, err
	}
	// A visitor who is remembered is enough for an answer without a page. All else is decided by what is true now: they may have agreed since.
	if visitor, known := s.grants.RememberedVisitor(session, client.ID, s.now()); known {
		o := outlook{request: r, client: client, session: &visitor.Session}
		if err := s.decide(&o, visitor.Standings); err == nil && o.step == Answer {
			return s.step(o)
		}
	}
	o := outlook{request: r, client: client}
	var standings []Standing
	if session != "" {
		visitor, err := s.grants.Visitor(ctx, session, client.ID, s.now())
		switch {
		case err == nil:
			o.session, standings = &visitor.Session, visitor.Standings
		case !errors.Is(err, authn.ErrNoSession):
			return Next{}, fmt.Errorf("load a session and its person's teams: %w", err)
		}
	}
	if err := s.decide(&o, standings); err != nil {
		return Next{}, err
	}
	return s.step(o)
}

// step is what an outlook leads to.
func (s *Server) step(o outlook) (Next, error) {
	if o.step == Answer {
		return s.answer(o, *o.teams[0].Grant)
	}
	return s.ask(o), nil
}

// outlook is a request with everything that bears on it, as it is now, and the decision.
type outlook struct {
	request Request
	client  client.Client
	session *authn.Session
	decision
}

// look loads what bears on the request and decides.
func (s *Server) look(ctx context.Context, r Request, session *authn.Session) (outlook, error) {
	client, err := s.client(ctx, r)
	if err != nil {
		return outlook{}, err
	}
	o := outlook{request: r, client: client, session: session}
	var standings []Standing
	if session != nil {
		standings, err = s.grants.Standings(ctx, session.User.ID, client.ID)
		if err != nil {
			return outlook{}, fmt.Errorf("load the teams of %s: %w", session.User.ID, err)
		}
	}
	return o, s.decide(&o, standings)
}

// client is the request's: the one that Begin has just loaded, or as it is now.
func (s *Server) client(ctx context.Context, r Request) (client.Client, error) {
	if r.client != nil {
		return *r.client, nil
	}
	return s.recheck(ctx, r)
}

// decide fills in the decision. Its error is for the redirect URI.
func (s *Server) decide(o *outlook, standings []Standing) (err error) {
	o.request.client = nil
	if o.decision, err = next(o.request, o.client, o.session, standings, s.now()); err != nil {
		return s.redirect(o.request.AuthorizationRequest, err)
	}
	return nil
}

// ask is the page of an outlook. What could be answered without one is asked for all the same.
func (s *Server) ask(o outlook) Next {
	n := o.present()
	if n.Step == Answer {
		n.Step = Consent
	}
	if n.Step != Consent {
		return n
	}
	n.Request.ShownTo, n.Request.ShownTeam = o.session.User.ID, ""
	n.Fixed = len(o.teams) == 1
	if n.Fixed {
		n.Request.ShownTeam = o.teams[0].Team.ID
	}
	n.Asked = s.opts.Catalogue.Describe(o.request.Scope)
	for _, standing := range o.teams {
		choice := TeamChoice{Team: standing.Team, Blocked: standing.Blocked}
		if standing.Grant != nil {
			choice.Granted = slices.Clone(standing.Grant.Scope)
		}
		n.Teams = append(n.Teams, choice)
	}
	return n
}

// answer is the response with a code for a grant.
func (s *Server) answer(o outlook, g Grant) (Next, error) {
	code, err := s.issueCode(o.request, *o.session, g)
	if err != nil {
		return Next{}, err
	}
	n := o.present()
	n.Step = Answer
	n.Response = s.response(o.request.AuthorizationRequest)
	n.Response.Code = code
	return n, nil
}

// present is what every step has.
func (o outlook) present() Next {
	n := Next{Step: o.step, Request: o.request, Client: o.client}
	n.Client.Secrets = nil
	if len(o.teams) == 0 {
		// Whose client it is must not be told to those who are not of that team.
		n.Client.Team = team.Team{ID: o.client.Team.ID}
	}
	if o.session != nil {
		n.Session = *o.session
	}
	return n
}
