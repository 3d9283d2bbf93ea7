package authz_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/google/go-cmp/cmp"
)

func teamIDs(choices []authz.TeamChoice) (ids []team.ID) {
	for _, choice := range choices {
		ids = append(ids, choice.Team.ID)
	}
	return ids
}

func TestConsentPageShowsWhatIsAsked(t *testing.T) {
	w := onSQLite(t)
	w.connect(w.app, w.blue, "scope", "chatbot:read")
	w.ok(w.blockIn(w.red, w.app.ID, "not reviewed yet"))
	n := w.page(params(w.app, "scope", "session:write chatbot:read"), w.session(w.ada))

	if diff := cmp.Diff([]scope.Info{catalogue[0], catalogue[2]}, n.Asked); diff != "" {
		t.Errorf("asked, in the catalogue's order (-want +got):\n%s", diff)
	}
	asked := oauth.Scope{"session:write", "chatbot:read"}
	want := []authz.TeamChoice{
		{Team: w.blue, Role: team.Member, Verdict: govern.Verdict{Outcome: govern.Allow, Scope: asked}, Granted: oauth.Scope{"chatbot:read"}},
		{Team: w.red, Role: team.Member, Verdict: govern.Verdict{Outcome: govern.NotHere, Missing: asked}, Row: govern.Row{State: govern.Blocked, Reason: "not reviewed yet", At: w.clock.Now()}},
	}
	ignoreTimes := cmp.Comparer(func(a, b time.Time) bool { return true })
	if diff := cmp.Diff(want, n.Teams, ignoreTimes); diff != "" {
		t.Errorf("teams (-want +got):\n%s", diff)
	}
	if n.Fixed || n.Session.User.ID != w.ada.ID || w.opened(n.Sealed).ShownTo != w.ada.ID || n.Client.Name != "App" {
		t.Errorf("fixed %v, session of %s, shown to %s, client %s", n.Fixed, n.Session.User.ID, w.opened(n.Sealed).ShownTo, n.Client.Name)
	}
}

func TestApprovalGrantsInTheChosenTeamOnly(t *testing.T) {
	w := onSQLite(t)
	session := w.session(w.ada)
	n := w.approve(w.page(params(w.app), session).Sealed, session, w.blue.ID)
	if n.Step != authz.Answer || n.Response.Code == "" || n.Response.State != "st&te" || n.Response.Issuer != issuer || n.Response.RedirectURI != callback {
		t.Fatalf("step %v, response %+v", n.Step, n.Response)
	}
	grants, err := w.db.Grants(w.ctx(), authz.GrantFilter{})
	w.ok(err)
	if len(grants) != 1 || grants[0].Grant.User != w.ada.ID || grants[0].Grant.Team != w.blue.ID || grants[0].Grant.Client != w.app.ID || grants[0].Scope.String() != "chatbot:read session:read" {
		t.Fatalf("grants %+v", grants)
	}
	if got := w.mustRedeem(w.app, n.Response.Code).Team; got != "blue" {
		t.Errorf("the token is for %q, want blue", got)
	}
}

func TestRememberedConsentAnswers(t *testing.T) {
	w := onSQLite(t)
	w.connect(w.app, w.blue)
	session := w.session(w.ada)
	n := w.next(w.begin(params(w.app, "team", "blue", "scope", "session:read")), session)
	if n.Step != authz.Answer {
		t.Fatalf("next is %v, want Answer: consent covers it", n.Step)
	}
	if got := w.mustRedeem(w.app, n.Response.Code); got.Scope != "session:read" || got.Team != "blue" {
		t.Errorf("the token has %q in %q, want what was asked for now: session:read in blue", got.Scope, got.Team)
	}
	if n := w.next(w.begin(params(w.app, "team", "blue", "scope", "session:write")), session); n.Step != authz.Consent {
		t.Errorf("next is %v, want Consent: more is asked for", n.Step)
	}
	if n := w.next(w.begin(params(w.app, "team", "red")), session); n.Step != authz.Consent {
		t.Errorf("next is %v, want Consent: another team", n.Step)
	}
	if n := w.next(w.begin(params(w.public, "team", "blue")), session); n.Step != authz.Consent {
		t.Errorf("next is %v, want Consent: another client", n.Step)
	}
	if n := w.next(w.begin(params(w.app)), w.session(w.bob)); n.Step != authz.Consent {
		t.Errorf("next is %v, want Consent: another person", n.Step)
	}
}

func TestConsentAddsToTheGrant(t *testing.T) {
	w := onSQLite(t)
	w.connect(w.app, w.blue, "scope", "chatbot:read")
	before, err := w.db.Grants(w.ctx(), authz.GrantFilter{})
	w.ok(err)
	w.clock.Advance(time.Minute)
	w.connect(w.app, w.blue, "scope", "session:write")
	after, err := w.db.Grants(w.ctx(), authz.GrantFilter{})
	w.ok(err)
	if len(after) != 1 || after[0].Grant.ID != before[0].Grant.ID || !after[0].Scope.Covers(oauth.Scope{"chatbot:read", "session:write"}) {
		t.Errorf("grants %+v, want the one of before with both scopes", after)
	}
}

// TestApprovalWithoutConsentToThis has approvals of what the person was not shown, or what is no longer so: each shows a page and grants nothing.
func TestApprovalWithoutConsentToThis(t *testing.T) {
	tests := []struct {
		name    string
		params  []string
		approve func(w *world, n authz.Next) authz.Next
		want    authz.Step
	}{
		{"by another person", nil, func(w *world, n authz.Next) authz.Next {
			return w.approve(n.Sealed, w.session(w.bob), w.blue.ID)
		}, authz.Consent},
		{"by nobody", nil, func(w *world, n authz.Next) authz.Next {
			return w.approve(n.Sealed, nil, w.blue.ID)
		}, authz.SignIn},
		{"never shown", nil, func(w *world, n authz.Next) authz.Next {
			r := w.opened(n.Sealed)
			r.ShownTo = ""
			return w.approve(w.sealed(r), w.session(w.ada), w.blue.ID)
		}, authz.Consent},
		{"no team picked", nil, func(w *world, n authz.Next) authz.Next {
			return w.approve(n.Sealed, w.session(w.ada), "")
		}, authz.Consent},
		{"a team that is not theirs", nil, func(w *world, n authz.Next) authz.Next {
			return w.approve(n.Sealed, w.session(w.ada), w.addTeam("green", "Green").ID)
		}, authz.Consent},
		{"a team they left meanwhile", nil, func(w *world, n authz.Next) authz.Next {
			w.ok(w.directory.RemoveMember(w.ctx(), team.CommandLine, "blue", w.ada.Email))
			return w.approve(n.Sealed, w.session(w.ada), w.blue.ID)
		}, authz.Consent},
		{"every team left meanwhile", nil, func(w *world, n authz.Next) authz.Next {
			w.ok(w.directory.RemoveMember(w.ctx(), team.CommandLine, "blue", w.ada.Email))
			w.ok(w.directory.RemoveMember(w.ctx(), team.CommandLine, "red", w.ada.Email))
			return w.approve(n.Sealed, w.session(w.ada), w.blue.ID)
		}, authz.NoTeam},
		{"blocked meanwhile", nil, func(w *world, n authz.Next) authz.Next {
			w.ok(w.blockIn(w.blue, w.app.ID, "no"))
			return w.approve(n.Sealed, w.session(w.ada), w.blue.ID)
		}, authz.Consent},
		{"the fixed team blocked meanwhile", []string{"team", "blue"}, func(w *world, n authz.Next) authz.Next {
			w.ok(w.blockIn(w.blue, w.app.ID, "no"))
			return w.approve(n.Sealed, w.session(w.ada), w.blue.ID)
		}, authz.Consent},
		{"signed in too long ago meanwhile", []string{"max_age", "60"}, func(w *world, n authz.Next) authz.Next {
			session := w.session(w.ada)
			session.AuthTime = session.AuthTime.Add(-time.Second)
			w.clock.Advance(time.Minute)
			return w.approve(n.Sealed, session, w.blue.ID)
		}, authz.SignIn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := onSQLite(t)
			n := tt.approve(w, w.page(params(w.app, tt.params...), w.session(w.ada)))
			if n.Step != tt.want || n.Response.Code != "" {
				t.Errorf("step %v with code %q, want %v without", n.Step, n.Response.Code, tt.want)
			}
			grants, err := w.db.Grants(w.ctx(), authz.GrantFilter{})
			w.ok(err)
			if len(grants) != 0 {
				t.Errorf("it granted %+v", grants)
			}
		})
	}
}

func (w *world) rename(slug, newSlug string) {
	w.Helper()
	_, err := w.directory.RenameTeam(w.ctx(), team.CommandLine, slug, newSlug, "")
	w.ok(err)
}

// TestAnotherPersonsApprovalAsks: even someone whose consent is remembered is asked, because it was not they who clicked on what they saw.
func TestAnotherPersonsApprovalAsks(t *testing.T) {
	w := onSQLite(t)
	w.connect(w.app, w.blue)
	r := w.opened(w.page(params(w.app), w.session(w.bob)).Sealed)
	r.Team, r.ShownTeam = "blue", w.blue.ID
	n := w.approve(w.sealed(r), w.session(w.ada), w.blue.ID)
	if n.Step != authz.Consent || w.opened(n.Sealed).ShownTo != w.ada.ID {
		t.Errorf("step %v, shown to %s; want Consent, shown to ada", n.Step, w.opened(n.Sealed).ShownTo)
	}
}

func TestFixedTeamWinsOverTheForm(t *testing.T) {
	w := onSQLite(t)
	session := w.session(w.ada)
	for name, p := range map[string]oauth.Params{"team=": params(w.app, "team", "red"), "team client": params(w.redOnly)} {
		page := w.page(p, session)
		if got := teamIDs(page.Teams); !page.Fixed || len(got) != 1 || got[0] != w.red.ID {
			t.Errorf("%s: the page has fixed %v, teams %v; want red, fixed", name, page.Fixed, got)
		}
		n := w.approve(page.Sealed, session, w.blue.ID)
		if n.Step != authz.Answer {
			t.Fatalf("%s: step %v, want Answer", name, n.Step)
		}
	}
	grants, err := w.db.Grants(w.ctx(), authz.GrantFilter{Team: w.blue.ID})
	w.ok(err)
	if len(grants) != 0 {
		t.Errorf("the form changed the team: %+v", grants)
	}
}

func TestOnlyTeamIsStated(t *testing.T) {
	w := onSQLite(t)
	session := w.session(w.bob)
	page := w.page(params(w.app), session)
	if got := teamIDs(page.Teams); !page.Fixed || len(got) != 1 || got[0] != w.blue.ID {
		t.Errorf("fixed %v, teams %v; want blue, fixed", page.Fixed, got)
	}
	// Moved to another team while the page was open: that is not what it stated.
	w.join("red", w.bob)
	w.ok(w.directory.RemoveMember(w.ctx(), team.CommandLine, "blue", w.bob.Email))
	if n := w.approve(page.Sealed, session, ""); n.Step != authz.Consent || n.Teams[0].Team.ID != w.red.ID {
		t.Errorf("step %v for %+v, want Consent for red", n.Step, n.Teams)
	}
}

// leaveBeforeSave is a store in which ada leaves blue at the worst moment.
type leaveBeforeSave struct {
	authz.GrantStore
	w *world
}

func (s leaveBeforeSave) SaveGrant(ctx context.Context, g authz.Grant, forTeam bool) (authz.Grant, error) {
	s.w.ok(s.w.directory.RemoveMember(ctx, team.CommandLine, "blue", s.w.ada.Email))
	return s.GrantStore.SaveGrant(ctx, g, forTeam)
}

// TestApprovalLosesTheRaceAgainstTheEnd has the membership end after the approval was decided and before its grant is saved.
func TestApprovalLosesTheRaceAgainstTheEnd(t *testing.T) {
	w := onSQLite(t)
	session := w.session(w.ada)
	page := w.page(params(w.app, "team", "blue"), session)
	stores := storetest.Stores(w.db)
	stores.Grants = leaveBeforeSave{w.db, w}
	racing := authz.New(stores, w.keys, w.clock.Now, options())
	n, err := racing.Approve(w.ctx(), page.Sealed, w.browser(session), authz.Choice{})
	w.ok(err)
	if n.Step != authz.NoAccess {
		t.Errorf("step %v, want NoAccess", n.Step)
	}
}

func TestCancel(t *testing.T) {
	w := onSQLite(t)
	cancelled, err := w.server.Cancel(w.ctx(), w.sealed(w.begin(params(w.app))), authz.Browser{})
	w.ok(err)
	wantRedirect(t, &authz.RedirectError{Response: cancelled.Response}, oauth.AccessDenied)
}

// RFC 9700 §4.11: a redirect URI that was taken away, or whose client was, receives nothing from then on, also not the error of a person who cancels.
func TestAttackOpenRedirectionByCancel(t *testing.T) {
	for name, end := range map[string]func(w *world) error{
		"client disabled": func(w *world) error { return w.db.DisableClient(w.ctx(), w.app.ID, w.clock.Now()) },
		"client removed":  func(w *world) error { return w.db.RemoveClient(w.ctx(), w.app.ID) },
		"redirect URI replaced": func(w *world) error {
			_, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, w.app.ID, client.Change{RedirectURIs: []string{"https://app.example/other"}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t)
			request := w.sealed(w.begin(params(w.app)))
			w.ok(end(w))
			answer, err := w.server.Cancel(w.ctx(), request, authz.Browser{})
			if _, ok := errors.AsType[*authz.PageError](err); !ok {
				t.Errorf("answer %+v, error %v; want a *PageError", answer, err)
			}
		})
	}
}

func TestPromptNoneErrorsTravel(t *testing.T) {
	w := onSQLite(t)
	for want, session := range map[oauth.Code]*authn.Session{oauth.LoginRequired: nil, oauth.InteractionRequired: w.session(w.ada)} {
		_, err := w.server.Begin(w.ctx(), params(w.app, "prompt", "none"), w.browser(session))
		wantRedirect(t, err, want)
	}
	_, err := w.server.Begin(w.ctx(), params(w.app, "prompt", "none", "team", "green"), w.browser(w.session(w.ada)))
	wantRedirect(t, err, oauth.AccessDenied)
}

// signedInFor is the request after u has signed in on its sign-in page, and the session of that.
func (w *world) signedInFor(r authz.Request, session *authn.Session) authz.Request {
	w.Helper()
	sealed, err := w.server.SignedIn(w.ctx(), w.sealed(r), *session, "")
	w.ok(err)
	return w.opened(sealed)
}

// TestLoginPromptIsSatisfiedByASignInForIt, and by no other, whatever the clocks say.
func TestLoginPromptIsSatisfiedByASignInForIt(t *testing.T) {
	w := onSQLite(t)
	for _, changes := range [][]string{{"prompt", "login"}, {"max_age", "0"}} {
		r := w.begin(params(w.app, changes...))
		for name, apart := range map[string]time.Duration{"before": -time.Minute, "at a server 15 s behind": -15 * time.Second, "since": 15 * time.Second} {
			session := w.session(w.ada)
			session.ID, session.AuthTime = session.ID+name, session.AuthTime.Add(apart)
			if n := w.next(r, session); n.Step != authz.SignIn {
				t.Errorf("%v: signed in elsewhere, %s: %v, want SignIn", changes, name, n.Step)
			}
			if n := w.next(w.signedInFor(r, session), session); n.Step != authz.Consent {
				t.Errorf("%v: signed in for it, %s: %v, want Consent", changes, name, n.Step)
			}
		}
	}
}

// TestMaxAgeIsCheckedWhenThePersonAgrees: a sign-in for the request satisfies a short max_age while the person reads the page, for minutes
// and not for ever.
func TestMaxAgeIsCheckedWhenThePersonAgrees(t *testing.T) {
	w := onSQLite(t)
	session := w.session(w.ada)
	r := w.signedInFor(w.begin(params(w.app, "max_age", "10", "team", "blue")), session)
	page := w.next(r, session)
	w.clock.Advance(4 * time.Minute)
	if n := w.approve(page.Sealed, session, w.blue.ID); n.Step != authz.Answer {
		t.Errorf("agreed after four minutes: %v, want Answer", n.Step)
	}
	w.clock.Advance(2 * time.Minute)
	if n := w.approve(page.Sealed, session, w.blue.ID); n.Step != authz.SignIn {
		t.Errorf("agreed after six minutes: %v, want SignIn", n.Step)
	}
}

// TestBrowserWithoutCookiesIsTold: who has signed in and comes without the cookie is not asked to sign in again.
func TestBrowserWithoutCookiesIsTold(t *testing.T) {
	w := onSQLite(t)
	session := w.session(w.ada)
	r := w.signedInFor(w.begin(params(w.app)), session)
	if n := w.next(r, nil); n.Step != authz.NoCookies || n.Sealed == "" {
		t.Errorf("without a cookie: %v, want NoCookies with the request", n.Step)
	}
	w.ok(w.db.EndSession(w.ctx(), session.ID))
	n, err := w.server.Continue(w.ctx(), w.sealed(r), authz.Browser{Session: session.ID})
	w.ok(err)
	if n.Step != authz.SignIn {
		t.Errorf("with the cookie of a session that has ended: %v, want SignIn", n.Step)
	}
}

// TestExpiredRequestLeadsBackToTheApplication, as long as its redirect URI is registered, and a right password still signs in.
func TestExpiredRequestLeadsBackToTheApplication(t *testing.T) {
	w := onSQLite(t)
	sealed := w.sealed(w.begin(params(w.app)))
	native := w.register(client.Registration{Name: "Native", Public: true, RedirectURIs: []string{"com.example.native:/cb"}})
	own := w.sealed(w.begin(params(native, "redirect_uri", "com.example.native:/cb")))
	w.clock.Advance(time.Hour)
	back := func(sealed string) string {
		t.Helper()
		_, err := w.server.SignedIn(w.ctx(), sealed, *w.session(w.ada), "")
		page, ok := errors.AsType[*authz.PageError](err)
		if !ok || !errors.Is(err, token.ErrExpired) {
			t.Fatalf("error %v, want a *PageError that says it has expired", err)
		}
		if pending := w.server.Pending(w.ctx(), sealed); !errors.Is(pending, token.ErrExpired) {
			t.Errorf("pending: %v, want ErrExpired", pending)
		}
		if n, err := w.server.SignInPage(w.ctx(), sealed, authz.Browser{}); err != nil || n.Step != authz.SignIn || n.Client.Name != page.Client {
			t.Errorf("the sign-in page: %v for %q, %v", n.Step, n.Client.Name, err)
		}
		return page.Back
	}
	if got := back(sealed); got != "https://app.example" {
		t.Errorf("it leads back to %q, want the origin of the redirect URI", got)
	}
	if got := back(own); got != "" {
		t.Errorf("it leads back to %q, want nothing: a browser cannot show that", got)
	}
	w.ok(w.db.DisableClient(w.ctx(), w.app.ID, w.clock.Now()))
	if got := back(sealed); got != "" {
		t.Errorf("the client was disabled, and it leads back to %q", got)
	}
}
