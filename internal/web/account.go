package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// accountView is the page about the person's own account.
type accountView struct {
	Chrome
	Name     string
	Done     *doneView
	Replays  []replay
	Since    moment // when they signed in here
	Grants   int    // how many connections they have
	Teams    []ownTeam
	Attempts []signInAttempt // the newest first
}

// Tab is which of the account's pages this is.
func (accountView) Tab() string { return "account" }

// ownTeam is one of the person's teams.
type ownTeam struct {
	Name, Slug string
	Admin      bool
}

// signInAttempt is a sign-in, or one that failed.
type signInAttempt struct {
	At      moment
	Address string
	Failed  bool
}

// replay is something that the person must see: a code or a refresh token of a connection of theirs was used twice.
type replay struct {
	At                moment
	Application, Team string // "" when they are gone
	Code              bool   // else a refresh token
}

const (
	shownAttempts = 5
	replayWindow  = 30 * 24 * time.Hour
)

// personal is a handler for somebody who is signed in.
type personal func(w http.ResponseWriter, r *http.Request, session *authn.Session) error

// signedIn asks who is not signed in to do so, and then brings them here. What the person does is recorded as theirs.
func (s *server) signedIn(h personal) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		session, err := s.session(r)
		if err != nil {
			return err
		}
		if session == nil {
			target := r.URL.EscapedPath()
			if r.Method != http.MethodPost && r.URL.RawQuery != "" {
				target += "?" + r.URL.RawQuery
			}
			seeOther(w, "/login/?next="+url.QueryEscape(target))
			return nil
		}
		return h(w, r.WithContext(as(r, session)), session)
	}
}

// account is the page about who is signed in.
func (s *server) account(w http.ResponseWriter, r *http.Request, session *authn.Session) error {
	ctx := r.Context()
	view := accountView{
		Chrome: s.chrome(r, "", session), Name: session.User.Name, Done: s.done(r, session, ""), Since: ago(session.AuthTime, s.Now()),
	}
	memberships, err := s.Directory.Teams.Memberships(ctx, session.User.ID)
	if err != nil {
		return err
	}
	view.Teams = ownTeams(memberships)
	grants, err := s.Store.Grants(ctx, authz.GrantFilter{User: session.User.ID})
	if err != nil {
		return err
	}
	view.Grants = len(grants)
	if view.Replays, err = s.replays(ctx, session.User.ID, memberships); err != nil {
		return err
	}
	if view.Attempts, err = s.attempts(ctx, session.User.ID); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, view)
}

func ownTeams(memberships []team.Membership) []ownTeam {
	var teams []ownTeam
	for _, m := range memberships {
		teams = append(teams, ownTeam{Name: m.Team.Name, Slug: m.Team.Slug, Admin: m.Role == team.Admin})
	}
	return teams
}

// attempts is the newest sign-ins to the account, failures included: only the person knows which were theirs.
func (s *server) attempts(ctx context.Context, user team.UserID) ([]signInAttempt, error) {
	events, err := s.events(ctx, audit.Filter{User: string(user), Limit: shownAttempts}, audit.SignedIn, audit.SignInFailed)
	if err != nil {
		return nil, err
	}
	var attempts []signInAttempt
	for _, e := range events[:min(len(events), shownAttempts)] {
		attempts = append(attempts, signInAttempt{At: onDate(e.At), Address: e.Address, Failed: e.Kind == audit.SignInFailed})
	}
	return attempts, nil
}

// replays is what happened to the person's connections lately that they must see.
func (s *server) replays(ctx context.Context, user team.UserID, memberships []team.Membership) ([]replay, error) {
	events, err := s.events(ctx, audit.Filter{User: string(user), Since: s.Now().Add(-replayWindow)}, audit.RefreshReplayed, audit.CodeReplayed)
	if err != nil {
		return nil, err
	}
	var replays []replay
	names := s.names()
	for _, e := range events {
		application, err := names.client(ctx, e.Client)
		if err != nil {
			return nil, err
		}
		replays = append(replays, replay{
			At: onDate(e.At), Application: application, Team: teamOf(memberships, team.ID(e.Team)).Name, Code: e.Kind == audit.CodeReplayed,
		})
	}
	return replays, nil
}

// teamOf is the person's team of an id; the zero Team when they are no member any more.
func teamOf(memberships []team.Membership, id team.ID) team.Team {
	i := slices.IndexFunc(memberships, func(m team.Membership) bool { return m.Team.ID == id })
	if i < 0 {
		return team.Team{}
	}
	return memberships[i].Team
}

// events is the events of several kinds that a filter lets through, the newest first.
func (s *server) events(ctx context.Context, f audit.Filter, kinds ...audit.Kind) ([]audit.Event, error) {
	if s.Audit == nil {
		return nil, nil
	}
	var all []audit.Event
	for _, f.Kind = range kinds {
		events, err := s.Audit.Events(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
	}
	slices.SortFunc(all, func(a, b audit.Event) int { return cmp.Compare(b.ID, a.ID) })
	return all, nil
}

// purposeDone seals what the page after a form says was done, so that nobody else can make it say so.
const purposeDone = token.PurposeDone

const doneLifetime = 5 * time.Minute

// What was done.
const (
	doneEnded     = "ended"
	doneBlocked   = "blocked"
	doneUnblocked = "unblocked"
	donePassword  = "password"
)

// deed is what a person did with a form. The page that they come to afterwards says it.
type deed struct {
	User        team.UserID `json:"user"`
	What        string      `json:"what"`
	Application string      `json:"application,omitempty"`
	Team        string      `json:"team,omitempty"`
	TeamID      team.ID     `json:"team_id,omitempty"` // of whose page says it; "" for the account's
	Person      string      `json:"person,omitempty"`  // whose connection it was, when it was not their own
	Scope       oauth.Scope `json:"scope,omitempty"`
}

// doneView is a deed in words.
type doneView struct {
	What, Application, Team, Person string
	Stopped                         []string // what the application could do until now
}

// seeDone sends the person to a page that says what they did.
func (s *server) seeDone(w http.ResponseWriter, path string, d deed) error {
	sealed, err := s.Keys.Seal(purposeDone, d, s.Now().Add(doneLifetime))
	if err != nil {
		return err
	}
	seeOther(w, path+"?done="+url.QueryEscape(sealed))
	return nil
}

// done is what this person has just done; nil when the address does not say, or says it of another person or another team's page.
func (s *server) done(r *http.Request, session *authn.Session, page team.ID) *doneView {
	var d deed
	sealed := r.URL.Query().Get("done")
	if sealed == "" || s.Keys.Open(purposeDone, sealed, &d) != nil || d.User != session.User.ID || d.TeamID != page {
		return nil
	}
	view := &doneView{What: d.What, Application: d.Application, Team: d.Team, Person: d.Person}
	may := s.permissions(d.Scope)
	for _, scope := range slices.Concat(may.You, may.Read, may.Write) {
		view.Stopped = append(view.Stopped, cmp.Or(scope.Description, scope.Name))
	}
	return view
}
