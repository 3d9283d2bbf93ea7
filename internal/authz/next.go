package authz

import (
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Step is what has to happen next.
type Step int

// The steps. Pages: SignIn, SelectAccount, Consent, NoTeam, NoAccess, NoCookies, NeedFactor, StepUp, NeedProvider, NeedApproval. No page: Answer.
const (
	SignIn        Step = iota + 1 // the person has to sign in, or sign in again
	SelectAccount                 // ask whether to go on as this person
	Consent                       // ask for consent, and for the team if it is open
	NoTeam                        // the person belongs to no team
	NoAccess                      // the team asked for is unknown or not theirs: the same answer for both
	Answer                        // redirect with a code, nothing asked
	NoCookies                     // the person has signed in for this request, and the browser has not kept the cookie
	NeedFactor                    // the team requires a second factor, and the person signed in without one; or acr_values or the operator asks for a factor that they do not have
	StepUp                        // acr_values or the operator asks for one factor more, which the person has
	NeedProvider                  // the team requires the sign-in at a provider, and the person signed in another way
	NeedApproval                  // an admin of the team has to approve the application first
)

// String names the step.
func (s Step) String() string {
	names := []string{"none", "SignIn", "SelectAccount", "Consent", "NoTeam", "NoAccess", "Answer", "NoCookies", "NeedFactor", "StepUp", "NeedProvider", "NeedApproval"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("Step(%d)", int(s))
	}
	return names[s]
}

// Next is the next step with what its page shows.
type Next struct {
	Step        Step
	Sealed      string        // the request, for Continue, Approve and Cancel; "" for Answer
	Client      client.Client // without its secrets; its team is named only to those who belong to it
	Session     authn.Session // zero when nobody is signed in
	RedirectURI string        // where the answer will go; it has been verified

	UILocales string                      // the languages that the application asked for, or ""
	LoginHint string                      // SignIn: the account that the application suggests; it decides nothing
	Needed    bool                        // of SignInPage: the request cannot go on without a sign-in; otherwise somebody is signed in
	Login     bool                        // of SignInPage: the application asked for a fresh sign-in (prompt=login)
	MaxAge    *time.Duration              // of SignInPage: the application asked for a sign-in that is no older
	Again     bool                        // SignIn: this person has to sign in again
	Team      string                      // NoAccess, Consent: the team that the request named, or ""
	Teams     []TeamChoice                // Consent: those to choose from; one when the team is fixed. NeedFactor, NeedProvider: those that can be chosen after another sign-in. NeedApproval: the one
	Others    bool                        // NeedApproval: another team can be taken
	Fixed     bool                        // Consent: the team is stated and cannot be changed
	Asked     []scope.Info                // Consent, NeedApproval: what is asked for
	Changed   Change                      // after Approve: why it does not count
	Lacks     authn.Level                 // NeedFactor: what acr_values or the operator asks for; 0 when only a team requires a second factor
	Required  bool                        // NeedFactor: the operator requires a second factor
	Response  oauth.AuthorizationResponse // Answer
}

// Change is what is no longer as it was when the consent page was shown.
type Change int

// The changes. Anything else that is not so any more has no name of its own.
const (
	AccountChanged Change = iota + 1 // somebody else is signed in now
	TeamChanged                      // the team that the page stated is not theirs any more, or the request means another one now
)

// TeamChoice is one team on the consent page.
type TeamChoice struct {
	Team     team.Team
	Role     team.Role
	Verdict  govern.Verdict // what the team's policy says of it
	Policy   govern.Policy
	Row      govern.Row   // what the team decided about the application
	Without  []scope.Info // what the application would not get, of what it asks for
	Factor   bool         // it cannot be chosen before a sign-in with two factors
	Provider string       // it cannot be chosen before a sign-in at the provider with this id; "" otherwise
	Granted  oauth.Scope  // what was granted there before
	Differs  []Difference // what is new of the client since then
}

// decision is what next decides: the step, and the teams that the request is open to.
type decision struct {
	step  Step
	teams []TeamStatus // Consent, Answer, NeedFactor, StepUp, NeedProvider and NeedApproval
	lacks authn.Level  // NeedFactor and StepUp: what acr_values or the operator asks for, and the session is not

	required bool // NeedFactor and StepUp: the operator requires a second factor
	others   bool // NeedApproval: there are other teams to choose from
}

// next decides what happens next for the person who is at the browser, or for nobody. It is the only place that does, for pages and prompt=none alike; its error is for the redirect URI: prompt=none gets one
// instead of a page, and so does a hint at someone who did not come.
func next(r Request, client client.Client, session *authn.Session, can strength, teams []TeamStatus, now time.Time) (decision, error) {
	d := decideStep(r, client, session, can, teams, now)
	switch {
	case r.Prompt.None && d.step != Answer:
		return decision{}, d.unprompted()
	case d.step == SignIn && session != nil && r.wrong(session) && r.fresh(session):
		// They signed in for this request, as someone else. Asking again could go on for ever (OpenID Connect Core §3.1.2.1, id_token_hint).
		return decision{}, oauth.LoginRequired.Errorf("another person signed in than the one that id_token_hint is about")
	}
	return d, nil
}

// decideStep decides as if a page could always be shown.
func decideStep(r Request, client client.Client, session *authn.Session, can strength, teams []TeamStatus, now time.Time) decision {
	if session == nil || r.wrong(session) || r.stale(session, now) {
		return decision{step: SignIn}
	}
	if r.Prompt.SelectAccount && !r.fresh(session) && r.SelectedUser != session.User.ID {
		return decision{step: SelectAccount}
	}
	open, fixed := openTeams(r, client, teams, now)
	if r.Prompt.None && len(open) > 1 {
		// Nobody can choose. A grant in one team alone says which is meant.
		granted := slices.DeleteFunc(slices.Clone(open), func(s TeamStatus) bool { return s.Grant == nil })
		if len(granted) != 1 && signInFirst(open, session) == 0 {
			return decision{step: Consent, teams: open}
		} else if len(granted) == 1 {
			open = granted
		}
	}
	switch {
	case len(open) == 0 && fixed:
		return decision{step: NoAccess}
	case len(open) == 0:
		return decision{step: NoTeam}
	}
	first := signInFirst(open, session)
	if first == NeedProvider { // before a factor, which would count for this session only
		return decision{step: first, teams: open}
	}
	lacks, required := r.lacks(session, can.reach), can.required && session.Level() < authn.TwoFactors
	if required {
		lacks = max(lacks, authn.TwoFactors)
	}
	if lacks > can.reach {
		return decision{step: NeedFactor, teams: open, lacks: lacks, required: required}
	} else if lacks > 0 {
		return decision{step: StepUp, teams: open, lacks: lacks, required: required}
	}
	switch {
	case first == NeedFactor:
		return decision{step: NeedFactor, teams: open}
	case r.AskedTeam != "" && !r.Prompt.None:
		if i := slices.IndexFunc(open, func(s TeamStatus) bool { return s.Team.ID == r.AskedTeam }); i >= 0 && open[i].mayAsk() {
			return decision{step: NeedApproval, teams: open[i : i+1], others: len(open) > 1}
		}
		return decision{step: Consent, teams: open}
	case len(open) == 1 && open[0].mayAsk():
		return decision{step: NeedApproval, teams: open}
	case len(open) > 1 || r.Prompt.Consent || !open[0].covers(r, client):
		// With several teams the person is always asked: a grant in one of them does not say that it is meant today.
		return decision{step: Consent, teams: open}
	default:
		return decision{step: Answer, teams: open}
	}
}

// fresh reports whether the person signed in on the sign-in page of this request, in this browser. No clock is asked: those of two servers
// differ, and a sign-in for another reason says nothing about who answers this request.
func (r Request) fresh(session *authn.Session) bool {
	return r.FreshSession != "" && r.FreshSession == session.ID
}

// timeToAgree is how old a sign-in for the request itself may become while the person reads the consent page, even if max_age is shorter.
// Without this, a short max_age would ask for ever.
const timeToAgree = 5 * time.Minute

// stale reports whether the person has to sign in again: the application asked for a fresh sign-in, or for one that is not as old as this.
func (r Request) stale(session *authn.Session, now time.Time) bool {
	age, fresh := now.Sub(session.AuthTime), r.fresh(session)
	if r.Prompt.Login && !fresh {
		return true
	}
	switch {
	case r.MaxAge == nil:
		return false
	case age < -token.ClockLeeway: // made by a clock that was wrong, so nobody knows how long ago
		return true
	case fresh:
		return age > max(*r.MaxAge, timeToAgree)
	default:
		return *r.MaxAge == 0 || age > *r.MaxAge
	}
}

// wrong reports whether the request is about someone else than who is signed in.
func (r Request) wrong(session *authn.Session) bool {
	return r.Hinted != "" && r.Hinted != session.User.ID
}

// openTeams is the person's teams that the request may be for, with what their policies say of it, and whether client or request name the team.
func openTeams(r Request, client client.Client, teams []TeamStatus, now time.Time) (open []TeamStatus, fixed bool) {
	for _, status := range teams {
		switch {
		case !client.Global():
			if status.Team.ID != client.Team.ID {
				continue
			}
		case r.Team != "" && status.Team.Slug != r.Team:
			continue
		}
		status.Verdict = govern.Judge(status.Policy, status.Row, client, status.Role, r.Scope, govern.Asked{}, now)
		open = append(open, status)
	}
	return open, !client.Global() || r.Team != ""
}

// needsFactor reports whether the team can be chosen only after a sign-in with two factors, which this one was not. A block says more.
func (s TeamStatus) needsFactor(session *authn.Session) bool {
	return s.NeedsFactor && s.Verdict.Allowed() && session.Level() < authn.TwoFactors
}

// mayAsk reports whether an admin has to approve the client first, so the person can ask, or be told what was decided.
func (s TeamStatus) mayAsk() bool {
	return s.Verdict.Outcome == govern.Ask || s.Verdict.Outcome == govern.Refused
}

// needsProvider is the id of the provider at which the person has to sign in before the team can be chosen; "" when this sign-in is good enough. A block
// says more.
func (s TeamStatus) needsProvider(session *authn.Session) string {
	if !s.Verdict.Allowed() || s.Provider == session.Provider {
		return ""
	}
	return s.Provider
}

// choosable reports whether the team can be chosen in this session.
func (s TeamStatus) choosable(session *authn.Session) bool {
	return s.Verdict.Outcome != govern.NotHere && !s.needsFactor(session) && s.needsProvider(session) == ""
}

// signInFirst is NeedProvider or NeedFactor when no team can be chosen, and one could be after another sign-in; 0 otherwise. The provider comes first,
// because the sign-in there asks for the second factor too.
func signInFirst(open []TeamStatus, session *authn.Session) (first Step) {
	for _, status := range open {
		switch {
		case status.choosable(session):
			return 0
		case status.needsProvider(session) != "":
			first = NeedProvider
		case status.needsFactor(session) && first == 0:
			first = NeedFactor
		}
	}
	return first
}

// covers reports whether the team's remembered consent is enough for a request of the client as it is now.
// A grant that counts is allowed by the team: see govern.Rest.
func (s TeamStatus) covers(r Request, c client.Client) bool {
	if s.Grant == nil || s.Row.State == govern.Blocked || !s.Grant.SuspendedAt.IsZero() || !s.Grant.Seen.has(c, r.RedirectURI) {
		return false
	}
	return s.Grant.Scope.Covers(r.Scope) || s.Verdict.Outcome == govern.Narrow && s.Grant.Scope.Covers(s.Verdict.Scope)
}

// unprompted is the error for prompt=none in place of the step's page (OpenID Connect Core §3.1.2.6).
func (d decision) unprompted() error {
	switch d.step {
	case Consent:
		if len(d.teams) > 1 {
			return oauth.InteractionRequired.Errorf("the person has several teams and has to choose one, which prompt=none rules out; the parameter team names one")
		}
		if d.teams[0].Verdict.Outcome == govern.NotHere {
			return oauth.AccessDenied.Errorf("the team does not allow this application")
		}
	case NeedApproval:
		if d.teams[0].Verdict.Outcome == govern.Refused {
			return oauth.AccessDenied.Errorf("an admin of the team has declined this application")
		}
		return oauth.InteractionRequired.Errorf("an admin of the team has to approve this application first")
	case SignIn:
		return oauth.LoginRequired.Errorf("the person has to sign in, which prompt=none rules out")
	case StepUp:
		if d.required {
			return oauth.LoginRequired.Errorf("the operator requires a second factor, and prompt=none rules out to ask the person for it")
		}
		return oauth.LoginRequired.Errorf("acr_values asks for a stronger sign-in, and prompt=none rules out to ask the person for another factor")
	case NeedFactor:
		if d.required {
			return oauth.InteractionRequired.Errorf("the operator requires a second factor, which the person has not set up yet")
		}
		if d.lacks > 0 {
			return oauth.InteractionRequired.Errorf("acr_values asks for a factor that the person has not set up yet")
		}
		return oauth.InteractionRequired.Errorf("the team requires a second factor, and the person signed in without one")
	case NeedProvider:
		return oauth.InteractionRequired.Errorf("the team requires the sign-in at another provider, and the person signed in without it")
	case NoTeam, NoAccess:
		return oauth.AccessDenied.Errorf("the person has no access to such a team under this account")
	}
	return oauth.ConsentRequired.Errorf("the person has to be asked, which prompt=none rules out")
}
