package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Continue takes the next step of a sealed request. What prompt=none gets instead of a page is a *RedirectError.
func (s *Server) Continue(ctx context.Context, sealed string, b Browser) (Next, error) {
	r, client, err := s.reopen(ctx, sealed)
	if err != nil {
		return Next{}, err
	}
	return s.proceed(ctx, r, client, b)
}

// Pending reports why a sealed request cannot go on. A request that has expired is a *PageError and token.ErrExpired.
func (s *Server) Pending(ctx context.Context, sealed string) error {
	_, _, err := s.reopen(ctx, sealed)
	return err
}

// SignedIn notes in a sealed request that a session was started on its sign-in page, and in this browser. raised is the session that was made stronger
// with that: it is as fresh as before. "" for a new sign-in.
func (s *Server) SignedIn(ctx context.Context, sealed string, session authn.Session, raised string) (string, error) {
	r, err := s.open(ctx, sealed)
	if err != nil {
		return "", err
	}
	if raised == "" || r.FreshSession == raised {
		r.FreshSession = session.ID
	}
	return s.seal(r)
}

// SignInPage is what the sign-in page shows for a sealed request. The person may have asked to sign in as somebody else, so it is shown
// whatever the next step is. It is also shown for a request that has expired, after a wrong password: the right one signs in.
func (s *Server) SignInPage(ctx context.Context, sealed string, b Browser) (Next, error) {
	r, err := s.open(ctx, sealed)
	if errors.Is(err, token.ErrExpired) {
		page, _ := errors.AsType[*PageError](err)
		return Next{Step: SignIn, Sealed: sealed, Client: client.Client{Name: page.Client}, Needed: true}, nil
	}
	if err != nil {
		return Next{}, err
	}
	client, err := s.recheck(ctx, r)
	if err != nil {
		return Next{}, err
	}
	if r.Prompt.None {
		return Next{}, s.redirect(r.AuthorizationRequest, decision{step: SignIn}.unprompted())
	}
	user, err := s.signedInUser(ctx, b, client.ID)
	if err != nil {
		return Next{}, err
	}
	e := evaluation{request: r, client: client, decision: decision{step: SignIn}}
	needed := true
	if user != nil {
		e.session = &user.Session
		needed = decideStep(r, client, e.session, strength{}, user.Teams, s.now()).step == SignIn // which comes before any level
	}
	n := e.present()
	n.Sealed, n.LoginHint, n.Needed = sealed, r.LoginHint, needed
	n.Again = e.session != nil && !r.wrong(e.session) && r.stale(e.session, s.now())
	return n, nil
}

// SelectAccount notes in a sealed request that it continues as the person who is signed in. When that is nobody, the next step is to sign
// in, which selects the account as well.
func (s *Server) SelectAccount(ctx context.Context, sealed string, b Browser) (string, error) {
	r, client, err := s.reopen(ctx, sealed)
	if err != nil {
		return "", err
	}
	user, err := s.signedInUser(ctx, b, client.ID)
	if err != nil {
		return "", err
	}
	if user != nil {
		r.SelectedUser = user.Session.User.ID
	}
	return s.seal(r)
}

// evaluation is a request with everything that decides about it, as it is now, and the decision.
type evaluation struct {
	request Request
	client  client.Client
	session *authn.Session // nil when nobody is signed in
	decision
}

// proceed takes the next step of a request whose client has just been loaded.
func (s *Server) proceed(ctx context.Context, r Request, client client.Client, b Browser) (Next, error) {
	// A cached user is enough for an answer without a page. A page needs the user as they are now: they may have agreed since.
	if user, known := s.grants.CachedSignedInUser(b.Session, client.ID, s.now()); known && r.preferred(&user.Session) && !s.opts.RequireSecondFactor.Weak(user.Session) {
		if e, err := s.evaluate(r, client, &user, strength{}); err == nil && e.step == Answer {
			return s.answer(ctx, e, *e.teams[0].Grant)
		}
	}
	if r.FreshSession != "" && b.Session == "" {
		// Somebody has signed in for this request, and no cookie came with it.
		return s.ask(evaluation{request: r, client: client, decision: decision{step: NoCookies}})
	}
	e, err := s.look(ctx, r, client, b)
	if err != nil {
		return Next{}, err
	}
	if e.step == Answer {
		return s.answer(ctx, e, *e.teams[0].Grant)
	}
	return s.ask(e)
}

// look evaluates a request for the user of the browser, read fresh.
func (s *Server) look(ctx context.Context, r Request, client client.Client, b Browser) (evaluation, error) {
	user, err := s.signedInUser(ctx, b, client.ID)
	if err != nil {
		return evaluation{}, err
	}
	var can strength
	if user != nil {
		if can, err = s.strength(ctx, r, &user.Session); err != nil {
			return evaluation{}, err
		}
	}
	return s.evaluate(r, client, user, can)
}

// evaluate decides about a request. user is nil when nobody is signed in; can is as in next. The error is for the redirect URI.
func (s *Server) evaluate(r Request, client client.Client, user *SignedInUser, can strength) (evaluation, error) {
	e := evaluation{request: r, client: client}
	var teams []TeamStatus
	if user != nil {
		e.session, teams = &user.Session, user.Teams
	}
	var err error
	if e.decision, err = next(r, client, e.session, can, teams, s.now()); err != nil {
		return e, s.redirect(r.AuthorizationRequest, err)
	}
	return e, nil
}

// signedInUser is the user of a browser with their teams, read fresh; nil when nobody is signed in.
func (s *Server) signedInUser(ctx context.Context, b Browser, client oauth.ClientID) (*SignedInUser, error) {
	if b.Session == "" {
		return nil, nil
	}
	user, err := s.grants.SignedInUser(ctx, b.Session, client, s.now())
	switch {
	case errors.Is(err, authn.ErrNoSession):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("load a session and its user's teams: %w", err)
	}
	return &user, nil
}

// ask is the page of an evaluation. What could be answered without a page is asked for all the same.
func (s *Server) ask(e evaluation) (Next, error) {
	n := e.present()
	switch e.step {
	case NoAccess:
		n.Team = e.request.Team
	case NeedFactor, NeedProvider:
		n.Lacks, n.Required = e.lacks, e.required
		for _, status := range e.teams {
			if choice := status.choice(e.session); choice.Factor || choice.Provider != "" && e.step == NeedProvider {
				n.Teams = append(n.Teams, choice)
			}
		}
	case NeedApproval:
		e.request.ShownTo, e.request.AskedTeam = e.session.User.ID, e.teams[0].Team.ID
		n.Asked, n.Others = s.opts.Catalogue.Describe(e.request.Scope), e.others
		n.Teams = []TeamChoice{e.teams[0].choice(e.session)}
	case Consent, Answer:
		n.Step, n.Team, n.Changed = Consent, e.request.Team, e.changed()
		s.askConsent(&n, &e)
	}
	var err error
	n.Sealed, err = s.seal(e.request)
	return n, err
}

// changed is what is not as the request says that a consent page showed it; 0 when it was not shown to anybody.
func (e evaluation) changed() Change {
	r := e.request
	switch {
	case r.ShownTo == "":
		return 0
	case r.ShownTo != e.session.User.ID:
		return AccountChanged
	case r.ShownTeam != "" && !slices.ContainsFunc(e.teams, func(s TeamStatus) bool { return s.Team.ID == r.ShownTeam }):
		return TeamChanged
	}
	return 0
}

// choice is the team as one to choose.
func (s TeamStatus) choice(session *authn.Session) TeamChoice {
	return TeamChoice{
		Team: s.Team, Role: s.Role, Policy: s.Policy, Row: s.Row, Verdict: s.Verdict, Factor: s.needsFactor(session), Provider: s.needsProvider(session),
	}
}

// askConsent fills in what the consent page shows, and notes in the request what that is.
func (s *Server) askConsent(n *Next, e *evaluation) {
	e.request.ShownTo, e.request.ShownTeam = e.session.User.ID, ""
	e.request.ShownName, e.request.ShownOwner = e.client.Name, e.client.Owner
	n.Fixed = len(e.teams) == 1
	if n.Fixed {
		e.request.ShownTeam = e.teams[0].Team.ID
	}
	n.Asked = s.opts.Catalogue.Describe(e.request.Scope)
	for _, status := range e.teams {
		choice := status.choice(e.session)
		if status.Grant != nil {
			choice.Granted = slices.Clone(status.Grant.Scope)
			choice.Differs = status.Grant.Seen.differences(e.client, e.request.RedirectURI)
		}
		if choice.Verdict.Outcome == govern.Narrow {
			choice.Without = s.opts.Catalogue.Describe(choice.Verdict.Missing)
		}
		n.Teams = append(n.Teams, choice)
	}
	only := n.Teams[0].Verdict
	e.request.ShownBarred = n.Fixed && only.Outcome == govern.NotHere
	if n.Fixed && only.Outcome == govern.Narrow {
		n.Asked = s.opts.Catalogue.Describe(only.Scope)
	}
}

// answer is the response with a code for a grant.
func (s *Server) answer(ctx context.Context, e evaluation, g Grant) (Next, error) {
	if err := s.useUp(ctx, e.request); err != nil {
		return Next{}, err
	}
	if !g.Scope.Covers(e.request.Scope) { // the team allows less, and the application can do without the rest
		e.request.Scope = e.request.Scope.Minus(e.request.Scope.Minus(g.Scope))
	}
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
	n := Next{Step: e.step, Client: e.client, RedirectURI: e.request.RedirectURI, UILocales: e.request.UILocales}
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
