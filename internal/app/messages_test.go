package app

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbound"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/google/go-cmp/cmp"
)

// mailbox takes e-mails, or fails.
type mailbox struct {
	mu    sync.Mutex
	mails []mail.Mail
	tries int
	err   error
}

func (b *mailbox) send(_ context.Context, m mail.Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	if b.err == nil {
		b.mails = append(b.mails, m)
	}
	return b.err
}

// connection is an application that a person connected to a team.
type connection struct {
	user   team.User
	team   team.Team
	client client.Client
	grant  authz.Grant
}

// connect makes a person, a team and an application, and connects it.
func connect(t *testing.T, a *App, reg client.Registration) connection {
	t.Helper()
	var c connection
	var err error
	must := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c.user, err = a.Team.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: "ann@example.com", Name: "Ann Lee"})
	must()
	c.team, err = a.Team.AddTeam(t.Context(), team.CommandLine, "acme", "Acme")
	must()
	_, err = a.Team.AddMember(t.Context(), team.CommandLine, "acme", "ann@example.com", team.Member)
	must()
	reg.Name, reg.Owner, reg.RedirectURIs = "Weather Bot", "Weather Inc.", []string{"https://weather.example/cb"}
	c.client, _, err = a.Registry.AddClient(t.Context(), team.CommandLine, reg)
	must()
	c.grant, err = a.Store.SaveGrant(t.Context(), authz.Grant{
		ID: authz.GrantID(token.NewID()), User: c.user.ID, Client: c.client.ID, Team: c.team.ID,
		Scope: oauth.Scope{"openid", "chatbot:read", "session:write"}, CreatedAt: a.now(), UpdatedAt: a.now(),
	}, false)
	must()
	return c
}

// redeem redeems a code of the connection that was issued in a session.
func (c connection) redeem(t *testing.T, a *App, sid string) authz.FamilyID {
	t.Helper()
	now := a.now()
	f := authz.Family{
		ID: authz.FamilyID(token.NewID()), Grant: c.grant.ID, Client: c.client.ID, Scope: c.grant.Scope, AuthTime: now, CreatedAt: now,
		ExpiresAt: now.Add(time.Hour), TokenDeadAt: now.Add(time.Hour), SessionID: sid,
	}
	if _, err := a.Store.Redeem(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return f.ID
}

// end removes another team of the person, removes them from their team, and disables them, and delivers what each tells.
func (c connection) end(t *testing.T, a *App) {
	t.Helper()
	_, err := a.Team.AddTeam(t.Context(), team.CommandLine, "beta", "Beta")
	if err == nil {
		_, err = a.Team.AddMember(t.Context(), team.CommandLine, "beta", c.user.Email, team.Member)
	}
	if err == nil {
		_, err = a.Team.RemoveTeam(t.Context(), team.CommandLine, "beta")
	}
	a.deliver(t.Context())
	if err == nil {
		err = a.Team.RemoveMember(t.Context(), team.CommandLine, c.team.Slug, c.user.Email)
	}
	a.deliver(t.Context())
	if err == nil {
		_, err = a.Team.DisableUser(t.Context(), team.CommandLine, c.user.Email)
	}
	a.deliver(t.Context())
	if err != nil {
		t.Fatal(err)
	}
}

// The texts are reviewed as a diff: go test ./internal/app -update.
func TestPeopleAreToldInPlainWords(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, cfg config.Config) {
		clock, box := testkit.NewClock(noon), &mailbox{}
		cfg.PublicURL = "https://auth.example.com"
		a := open(t, cfg, Deps{Now: clock.Now, Mail: box.send})
		c := connect(t, a, client.Registration{})
		a.deliver(t.Context())

		family := c.redeem(t, a, "")
		rotation := authz.Rotation{Family: family, Client: c.client.ID, Rule: authz.RefreshRule{Idle: time.Hour, Absolute: time.Hour, Grace: time.Second}}
		for _, generation := range []int64{0, 1} {
			clock.Advance(time.Minute)
			rotation.Generation, rotation.At, rotation.TokenDeadAt = generation, clock.Now(), clock.Now().Add(time.Hour)
			if _, err := a.Store.Rotate(t.Context(), rotation); err != nil {
				t.Fatal(err)
			}
		}
		clock.Advance(time.Minute)
		rotation.Generation, rotation.At = 0, clock.Now()
		if _, err := a.Store.Rotate(t.Context(), rotation); !errors.Is(err, authz.ErrReused) {
			t.Fatalf("replay: %v", err)
		}
		a.deliver(t.Context())
		a.deliver(t.Context())

		c.end(t, a)
		var got strings.Builder
		for _, m := range box.mails {
			got.WriteString(m.String() + "\n========\n")
		}
		golden(t, "testdata/mails.txt", got.String())
	})
}

var update = flag.Bool("update", false, "write the golden files again")

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +got; go test ./internal/app -update rewrites it):\n%s", file, diff)
	}
}

func TestMailThatFailsIsTriedAgainLaterAndLaterUntilItsTimeIsOver(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, cfg config.Config) {
		clock, box := testkit.NewClock(noon), &mailbox{err: errors.New("the mail server is down")}
		a := open(t, cfg, Deps{Now: clock.Now, Mail: box.send})
		connect(t, a, client.Registration{})
		var waits []time.Duration
		last := clock.Now()
		step := 30 * time.Second
		for began := clock.Now(); clock.Now().Sub(began) < 4*24*time.Hour; clock.Advance(step) {
			if clock.Now().Sub(began) == 3*time.Hour {
				step = 30 * time.Minute
			}
			before := box.tries
			a.deliver(t.Context())
			if box.tries > before {
				waits = append(waits, clock.Now().Sub(last))
				last = clock.Now()
			}
		}
		want := []time.Duration{0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour}
		if len(waits) < len(want) {
			t.Fatalf("tried %d times", len(waits))
		}
		if diff := cmp.Diff(want, waits[:len(want)]); diff != "" {
			t.Errorf("waits between tries (-want +got)\n%s", diff)
		}
		if n := len(waits); n > 8+72 {
			t.Errorf("tried %d times in three days", n)
		}
		if got := metricValue(t, a, "gatehouse_notices_total", "mail.connected"); got == 0 {
			t.Error("nothing was counted")
		}
		if due, err := a.Store.DueMessages(t.Context(), clock.Now().Add(100*24*time.Hour), clock.Now(), 10); err != nil || len(due) > 0 {
			t.Errorf("%d notices are left (%v)", len(due), err)
		}
	})
}

func TestMailIsSentOnceByTwoServers(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, cfg config.Config) {
		box := &mailbox{}
		servers := []*App{open(t, cfg, Deps{Mail: box.send}), open(t, cfg, Deps{Mail: box.send})}
		connect(t, servers[0], client.Registration{})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() { servers[i%2].deliver(t.Context()) })
		}
		wg.Wait()
		if len(box.mails) != 1 {
			t.Errorf("%d e-mails, want 1", len(box.mails))
		}
	})
}

func TestNothingIsMailedAboutWhatIsOver(t *testing.T) {
	box := &mailbox{}
	a := open(t, testConfig(t), Deps{Mail: box.send})
	c := connect(t, a, client.Registration{})
	if err := a.Store.RevokeGrant(t.Context(), c.grant.ID); err != nil {
		t.Fatal(err)
	}
	a.deliver(t.Context())
	if box.tries != 0 {
		t.Errorf("%d e-mails about a connection that has ended", box.tries)
	}
	noNoticeIsLeft(t, a)
}

// Somebody who can sign in again by the time of delivery is not told that they cannot.
func TestEnabledPersonIsNotToldThatTheyWereDisabled(t *testing.T) {
	box := &mailbox{}
	a := open(t, testConfig(t), Deps{Mail: box.send})
	c := connect(t, a, client.Registration{})
	a.deliver(t.Context())
	before := box.tries
	if _, err := a.Team.DisableUser(t.Context(), team.CommandLine, c.user.Email); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Team.EnableUser(t.Context(), team.CommandLine, c.user.Email); err != nil {
		t.Fatal(err)
	}
	a.deliver(t.Context())
	if box.tries != before {
		t.Error("a mail says that the account is disabled, which it is not")
	}
	noNoticeIsLeft(t, a)
}

func TestWithoutAMailServerNoticesDoNotPileUp(t *testing.T) {
	a := open(t, testConfig(t), Deps{})
	connect(t, a, client.Registration{})
	a.deliver(t.Context())
	noNoticeIsLeft(t, a)
}

func noNoticeIsLeft(t *testing.T, a *App) {
	t.Helper()
	later := a.now().Add(23 * time.Hour)
	if due, err := a.Store.DueMessages(t.Context(), later, later, 10); err != nil || len(due) > 0 {
		t.Errorf("notices are left: %v (%v)", due, err)
	}
}

// logoutEndpoint is an application's back-channel logout endpoint.
type logoutEndpoint struct {
	url    string
	mu     sync.Mutex
	tokens []string
	status int
}

func newLogoutEndpoint(t *testing.T) *logoutEndpoint {
	t.Helper()
	e := &logoutEndpoint{status: http.StatusOK}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
			t.Errorf("got %s %s %s", r.Method, r.URL, r.Header)
		}
		e.tokens = append(e.tokens, r.PostFormValue("logout_token"))
		w.WriteHeader(e.status)
	}))
	t.Cleanup(server.Close)
	e.url = server.URL + "/logout"
	return e
}

// signedOut is a server on which a person signed in, connected an application that wants to know, and signed out.
func signedOut(t *testing.T, cfg config.Config, clock *testkit.Clock, endpoint *logoutEndpoint) (*App, connection, string) {
	t.Helper()
	a, c, cookie, sid := connectedIn(t, cfg, clock, endpoint)
	if err := a.Authn.SignOut(t.Context(), cookie); err != nil {
		t.Fatal(err)
	}
	return a, c, sid
}

// connectedIn is a server on which a person signed in and connected an application that wants to know of the end, with the session's cookie and sid.
func connectedIn(t *testing.T, cfg config.Config, clock *testkit.Clock, endpoint *logoutEndpoint) (a *App, c connection, cookie, sid string) {
	t.Helper()
	a = open(t, cfg, Deps{Now: clock.Now})
	c = connect(t, a, client.Registration{BackchannelLogoutURI: endpoint.url})
	const password = "a long and quiet passphrase"
	if err := a.Authn.SetPassword(t.Context(), c.user, password); err != nil {
		t.Fatal(err)
	}
	signed, err := a.Authn.SignIn(t.Context(), authn.SignInRequest{Email: c.user.Email, Password: password, Address: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	session, err := a.Authn.Session(t.Context(), signed.Cookie.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	c.redeem(t, a, session.SID())
	return a, c, signed.Cookie.Reveal(), session.SID()
}

func TestApplicationsAreToldThatAPersonSignedOut(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, cfg config.Config) {
		endpoint, clock := newLogoutEndpoint(t), testkit.NewClock(noon)
		a, c, sid := signedOut(t, cfg, clock, endpoint)
		endpoint.status = http.StatusServiceUnavailable
		a.deliver(t.Context())
		a.deliver(t.Context()) // not due again yet
		endpoint.status = http.StatusNoContent
		clock.Advance(30 * time.Second)
		a.deliver(t.Context())
		a.deliver(t.Context())
		if len(endpoint.tokens) != 2 {
			t.Fatalf("told %d times, want once in vain and once for good", len(endpoint.tokens))
		}
		var claims struct {
			Issuer    string                     `json:"iss"`
			Subject   string                     `json:"sub"`
			Audience  string                     `json:"aud"`
			SessionID string                     `json:"sid"`
			Events    map[string]json.RawMessage `json:"events"`
		}
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(endpoint.tokens[1], ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		if claims.Issuer != a.Config.PublicURL || claims.Subject != string(c.user.ID) || claims.Audience != string(c.client.ID) || claims.SessionID != sid ||
			claims.Events["http://schemas.openid.net/event/backchannel-logout"] == nil {
			t.Errorf("the logout token says %s", payload)
		}
		noNoticeIsLeft(t, a)
	})
}

// A URL that a stranger registered cannot make the server send requests into the internal network.
func TestBackChannelLogoutStaysOutOfTheHouse(t *testing.T) {
	endpoint, clock := newLogoutEndpoint(t), testkit.NewClock(noon)
	a, _, _ := signedOut(t, testConfig(t), clock, endpoint)
	a.outbound = outbound.New(outbound.Options{}) // as where public_url is on another machine
	a.outbox = a.newOutbox(nil)
	a.deliver(t.Context())
	if len(endpoint.tokens) > 0 {
		t.Error("an internal address was told")
	}
	if got := metricValue(t, a, "gatehouse_notices_total", "backchannel_logout"); got != 1 {
		t.Errorf("%v failures are counted, want 1", got)
	}
}

func TestEachKindOfMessageHasACourier(t *testing.T) {
	a := open(t, testConfig(t), Deps{})
	for _, kind := range outbox.Kinds() {
		if a.outbox.Couriers[kind] == nil {
			t.Errorf("nobody delivers %s", kind)
		}
	}
	if got, want := len(a.outbox.Couriers), len(outbox.Kinds()); got != want {
		t.Errorf("there are couriers for %d kinds of messages, want %d", got, want)
	}
}

// TestMailsAreInTheLanguageAndTimeZoneOfThePerson, as their profile is when the mail is sent.
func TestMailsAreInTheLanguageAndTimeZoneOfThePerson(t *testing.T) {
	clock, box := testkit.NewClock(noon), &mailbox{}
	a := open(t, testConfig(t), Deps{Now: clock.Now, Mail: box.send})
	c := connect(t, a, client.Registration{Name: "Weekly Report", Owner: "Ferris"})
	actor := team.ActingUser(c.user, nil)
	if err := a.Team.ChangeProfile(t.Context(), actor, c.user.ID, c.user.Name, team.Profile{Language: "de", Zone: "Asia/Tokyo"}); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Minute)
	a.deliver(t.Context())
	if len(box.mails) != 1 {
		t.Fatalf("%d e-mails, want 1", len(box.mails))
	}
	for _, want := range []string{"Guten Tag Ann Lee,", "Weather Bot (von Weather Inc.)", "UTC+09:00", "Sie darf:"} {
		if !strings.Contains(box.mails[0].Text, want) {
			t.Errorf("the mail does not say %q:\n%s", want, box.mails[0].Text)
		}
	}
	if got, want := box.mails[0].Subject, "Weather Bot wurde mit Acme verbunden"; got != want {
		t.Errorf("the subject is %q, want %q", got, want)
	}
}
