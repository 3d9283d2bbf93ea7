package authz_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/google/go-cmp/cmp"
)

func TestBeginResolvesTheRequest(t *testing.T) {
	w := onSQLite(t)
	r := w.begin(params(w.app, "scope", "", "team", "blue", "nonce", "n1"))
	if want := catalogue.Scope(); !r.Scope.Covers(want) || !want.Covers(r.Scope) {
		t.Errorf("scope %q, want all API scopes %q", r.Scope, want)
	}
	if r.ClientID != string(w.app.ID) || r.RedirectURI != callback || r.State != "st&te" || r.Team != "blue" || r.Nonce != "n1" || r.CodeChallenge != challenge {
		t.Errorf("the request is %+v", r)
	}
	if r.ShownTo != "" || r.SelectedUser != "" || r.FreshSession != "" {
		t.Errorf("a new request was shown to %q, selected by %q and signed in for as %q", r.ShownTo, r.SelectedUser, r.FreshSession)
	}
}

// TestBeginRefusesOnAPage has what must never be redirected.
func TestBeginRefusesOnAPage(t *testing.T) {
	w := onSQLite(t)
	disabled := w.register(client.Registration{Name: "Disabled", RedirectURIs: []string{callback}})
	w.ok(w.db.DisableClient(w.ctx(), disabled.ID, w.clock.Now()))
	machine := w.register(client.Registration{Name: "Machine", Machine: true, Team: w.red})
	unknown := app{Client: client.Client{ID: "nobody"}}
	other := "https://app.example/callback/"
	twice := url.Values{"client_id": {string(w.app.ID)}, "redirect_uri": {callback, callback}}
	tests := []struct {
		name     string
		params   oauth.Params
		want     oauth.Code
		says     string
		client   string
		received string
	}{
		{"no client_id", params(w.app, "client_id", ""), oauth.InvalidRequest, "client_id", "", ""},
		{"unknown client", params(unknown), oauth.InvalidClient, "no client is registered", "", "nobody"},
		{"disabled client", params(disabled), oauth.InvalidClient, "disabled", "Disabled", ""},
		{"no redirect_uri", params(w.app, "redirect_uri", ""), oauth.InvalidRequest, "redirect_uri", "App", ""},
		{"redirect_uri twice", oauth.NewParams(twice), oauth.InvalidRequest, "redirect_uri", "App", ""},
		{"redirect_uri not registered", params(w.app, "redirect_uri", other), oauth.InvalidRequest, "not registered", "App", other},
		{"machine client", params(machine), oauth.UnauthorizedClient, "acts for itself", "Machine", callback},
		{"the page comes before any other error", params(w.app, "redirect_uri", other, "response_type", "token"), oauth.InvalidRequest, "not registered", "App", other},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.server.Begin(w.ctx(), tt.params, authz.Browser{})
			var page *authz.PageError
			if !errors.As(err, &page) {
				t.Fatalf("error %T %v, want a *PageError", err, err)
			}
			wantCode(t, err, tt.want)
			if _, description := oauth.Outside(err); !strings.Contains(description, tt.says) {
				t.Errorf("it says %q, want something with %q", description, tt.says)
			}
			if page.Client != tt.client || page.Received != tt.received {
				t.Errorf("client %q, received %q; want %q, %q", page.Client, page.Received, tt.client, tt.received)
			}
		})
	}
}

// TestBeginRefusesAtTheRedirectURI has what travels there, each with state and iss.
func TestBeginRefusesAtTheRedirectURI(t *testing.T) {
	w := onSQLite(t)
	narrow := w.register(client.Registration{Name: "Narrow", RedirectURIs: []string{callback}, Scope: oauth.Scope{"chatbot:read"}})
	tests := []struct {
		name   string
		params oauth.Params
		want   oauth.Code
		names  string
	}{
		{"response_type", params(w.app, "response_type", "token"), oauth.UnsupportedResponseType, "response_type"},
		{"no challenge", params(w.app, "code_challenge", ""), oauth.InvalidRequest, "code_challenge"},
		{"plain", params(w.app, "code_challenge_method", "plain"), oauth.InvalidRequest, "code_challenge_method"},
		{"scope unknown", params(w.app, "scope", "chatbot:read chatbot:fly"), oauth.InvalidScope, "chatbot:fly"},
		{"scope not allowed", params(narrow, "scope", "session:read"), oauth.InvalidScope, "session:read"},
		{"identity scope not allowed", params(w.register(client.Registration{Name: "Open", RedirectURIs: []string{callback}, Scope: oauth.Scope{"openid"}}), "scope", "openid email"), oauth.InvalidScope, "email"},
		{"another resource", params(w.app, "resource", "https://other.example/"), oauth.InvalidTarget, "https://other.example/"},
		{"a hint that is no ID token", params(w.app, "id_token_hint", "e.y.J"), oauth.InvalidRequest, "id_token_hint"},
		{"not pushed", params(w.register(client.Registration{Name: "Push", RedirectURIs: []string{callback}, RequirePAR: true})), oauth.InvalidRequest, "/o/par/"},
		{"prompt", params(w.app, "prompt", "none login"), oauth.InvalidRequest, "prompt"},
		{"team client, another team that exists", params(w.redOnly, "team", "blue"), oauth.InvalidRequest, "team"},
		{"team client, another team that does not", params(w.redOnly, "team", "green"), oauth.InvalidRequest, "team"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.server.Begin(w.ctx(), tt.params, authz.Browser{})
			wantRedirect(t, err, tt.want)
			if _, description := oauth.Outside(err); !strings.Contains(description, tt.names) {
				t.Errorf("it says %q, want something with %q", description, tt.names)
			}
		})
	}
	_, exists := w.server.Begin(w.ctx(), params(w.redOnly, "team", "blue"), authz.Browser{})
	_, doesNot := w.server.Begin(w.ctx(), params(w.redOnly, "team", "green"), authz.Browser{})
	if exists.Error() != doesNot.Error() {
		t.Errorf("%q tells a team that exists from %q", exists, doesNot)
	}
}

// wantRedirect checks that an error goes to the redirect URI, with state and iss.
func wantRedirect(t testing.TB, err error, want oauth.Code) {
	t.Helper()
	var redirect *authz.RedirectError
	if !errors.As(err, &redirect) {
		t.Fatalf("error %T %v, want a *RedirectError", err, err)
	}
	wantCode(t, err, want)
	sent, parseErr := url.Parse(redirect.Response.URL())
	if parseErr != nil {
		t.Fatal(parseErr)
	}
	query := sent.Query()
	if !strings.HasPrefix(sent.String(), callback+"?") || query.Get("error") != string(want) || query.Get("state") != "st&te" || query.Get("iss") != issuer || query.Has("code") {
		t.Errorf("redirect to %s", sent)
	}
}

func TestTeamClientMayNameItsOwnTeam(t *testing.T) {
	w := onSQLite(t)
	if r := w.begin(params(w.redOnly, "team", "red")); r.Team != "red" {
		t.Errorf("team %q, want red", r.Team)
	}
}

func TestSealedRequestComesBackWhole(t *testing.T) {
	w := onSQLite(t)
	r := w.begin(params(w.app, "team", "blue", "max_age", "60", "prompt", "login consent", "state", strings.Repeat("s", oauth.MaxStateLength)))
	r.FreshSession, r.SelectedUser, r.ShownTo, r.ShownTeam = "a session", "someone", "someone else", "a team"
	opened := w.opened(w.sealed(r))
	if diff := cmp.Diff(r, opened); diff != "" {
		t.Errorf("sealed and opened (-want +got):\n%s", diff)
	}
}

func TestOpenRefusesWhatIsNotOurs(t *testing.T) {
	w := onSQLite(t)
	sealed, err := w.server.Accept(w.ctx(), params(w.app))
	w.ok(err)
	code := w.connect(w.app, w.red)
	for name, value := range map[string]string{
		"nothing": "", "garbage": "garbage", "altered": sealed[:len(sealed)-2] + "AA", "a code": strings.TrimPrefix(code, token.PrefixCode),
	} {
		_, err := w.server.Continue(w.ctx(), value, authz.Browser{})
		var page *authz.PageError
		if !errors.As(err, &page) || !errors.Is(err, token.ErrNotOurs) {
			t.Errorf("%s: error %v, want a *PageError because it is not ours", name, err)
		}
	}
	w.clock.Advance(time.Hour - time.Millisecond)
	if _, err := w.server.Continue(w.ctx(), sealed, authz.Browser{}); err != nil {
		t.Errorf("just within the hour: %v", err)
	}
	w.clock.Advance(time.Millisecond)
	if _, err := w.server.Continue(w.ctx(), sealed, authz.Browser{}); !errors.Is(err, token.ErrExpired) {
		t.Errorf("after the hour: %v, want ErrExpired", err)
	}
}

// TestSealedRequestIsCheckedAgain changes the client while a person takes their time.
func TestSealedRequestIsCheckedAgain(t *testing.T) {
	for name, change := range map[string]func(w *world) error{
		"disabled": func(w *world) error { return w.db.DisableClient(w.ctx(), w.app.ID, w.clock.Now()) },
		"removed":  func(w *world) error { return w.db.RemoveClient(w.ctx(), w.app.ID) },
		"another redirect URI": func(w *world) error {
			_, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, w.app.ID, client.Change{RedirectURIs: []string{"https://app.example/new"}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t)
			session := w.session(w.ada)
			n := w.page(params(w.app), session)
			w.ok(change(w))
			var page *authz.PageError
			if _, err := w.server.Continue(w.ctx(), n.Sealed, w.browser(session)); !errors.As(err, &page) {
				t.Errorf("Continue: error %v, want a *PageError", err)
			}
			if _, err := w.server.Approve(w.ctx(), n.Sealed, w.browser(session), authz.Choice{Team: w.red.ID}); !errors.As(err, &page) {
				t.Errorf("Approve: error %v, want a *PageError", err)
			}
		})
	}
	t.Run("disabled, and approved without a detour", func(t *testing.T) {
		w := onSQLite(t)
		session, r := w.session(w.ada), w.begin(params(w.app))
		r.ShownTo = w.ada.ID
		w.ok(w.db.DisableClient(w.ctx(), w.app.ID, w.clock.Now()))
		var page *authz.PageError
		if n, err := w.server.Approve(w.ctx(), w.sealed(r), w.browser(session), authz.Choice{Team: w.red.ID}); !errors.As(err, &page) {
			t.Errorf("step %v, error %v, want a *PageError", n.Step, err)
		}
	})
	t.Run("scope taken away", func(t *testing.T) {
		w := onSQLite(t)
		session := w.session(w.ada)
		n := w.page(params(w.app), session)
		_, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, w.app.ID, client.Change{Scope: oauth.Scope{"chatbot:read"}})
		w.ok(err)
		_, err = w.server.Approve(w.ctx(), n.Sealed, w.browser(session), authz.Choice{Team: w.red.ID})
		wantRedirect(t, err, oauth.InvalidScope)
	})
	t.Run("resource taken away", func(t *testing.T) {
		w := onSQLite(t)
		const reports = "https://reports.example/v1"
		session := w.session(w.ada)
		reporter := w.register(client.Registration{Name: "R", RedirectURIs: []string{callback}, Resources: []string{reports}})
		n := w.page(params(reporter, "resource", reports), session)
		_, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, reporter.ID, client.Change{Resources: []string{}})
		w.ok(err)
		_, err = w.server.Continue(w.ctx(), n.Sealed, w.browser(session))
		wantRedirect(t, err, oauth.InvalidTarget)
		_, err = w.server.Approve(w.ctx(), n.Sealed, w.browser(session), authz.Choice{Team: w.red.ID})
		wantRedirect(t, err, oauth.InvalidTarget)
	})
}

// TestRequestDoesNotTellWhoseClientItIs: the pages before membership is known have no team on them.
func TestRequestDoesNotTellWhoseClientItIs(t *testing.T) {
	w := onSQLite(t)
	for name, n := range map[string]authz.Next{
		"not signed in": w.next(w.begin(params(w.redOnly)), nil),
		"not a member":  w.next(w.begin(params(w.redOnly)), w.session(w.bob)),
	} {
		if n.Client.Team.Slug != "" || n.Client.Team.Name != "" || n.Teams != nil {
			t.Errorf("%s: the %v step has the team %+v and %+v", name, n.Step, n.Client.Team, n.Teams)
		}
		if n.Client.Name != "Red only" || n.Client.Global() || n.Client.Secrets != nil {
			t.Errorf("%s: the client is %+v", name, n.Client)
		}
	}
	if n := w.next(w.begin(params(w.redOnly)), w.session(w.ada)); n.Client.Team.Name != w.red.Name {
		t.Errorf("a member is told %+v, want %q", n.Client.Team, w.red.Name)
	}
}
