package authn_test

import (
	"errors"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

const (
	right = "violet-tower-kettle"
	wrong = "violet-tower-teapot"
)

var home = netip.MustParseAddr("192.0.2.7")

// house is a database with ada in it, who has a password.
type house struct {
	t     *testing.T
	url   string
	clock *testkit.Clock
	db    *store.DB
	auth  *authn.Authenticator
	ada   team.User
}

func newHouse(t *testing.T) *house {
	return newHouseOn(t, "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"))
}

// onBoth runs a test on either database.
func onBoth(t *testing.T, test func(t *testing.T, h *house)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newHouse(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, newHouseOn(t, pgtest.URL(t))) })
}

func newHouseOn(t *testing.T, url string) *house {
	h := &house{
		t: t, url: url,
		clock: testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	}
	h.db, h.auth = h.open()
	h.ada = h.addUser("ada@example.com", "Ada Lovelace")
	h.setPassword(h.ada, right)
	return h
}

// dataStore is what a *store.DB is here, or something around one.
type dataStore interface {
	authn.Store
	token.Store
}

// open opens the database (once more) with an Authenticator on it.
func (h *house) open() (*store.DB, *authn.Authenticator) {
	h.t.Helper()
	db, err := store.Open(h.t.Context(), h.url, store.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { db.Close() })
	return db, h.authenticator(db, options())
}

// options are the defaults with cheap hashes.
func options() authn.Options {
	opts := authn.Defaults()
	opts.InsecureFastHashing = true
	return opts
}

func (h *house) authenticator(s dataStore, opts authn.Options) *authn.Authenticator {
	h.t.Helper()
	keys, err := token.OpenKeyring(h.t.Context(), s, storetest.Keyed(h.t, s), h.clock.Now)
	if err != nil {
		h.t.Fatal(err)
	}
	return authn.New(s, keys, h.clock.Now, opts)
}

func (h *house) addUser(email, name string) team.User {
	h.t.Helper()
	d := team.Service{People: h.db, Teams: h.db, Now: h.clock.Now}
	u, err := d.AddUser(h.t.Context(), team.CommandLine, team.NewUser{Email: email, Name: name})
	if err != nil {
		h.t.Fatal(err)
	}
	return u
}

func (h *house) setPassword(u team.User, password string) {
	h.t.Helper()
	if err := h.auth.SetPassword(h.t.Context(), u, password); err != nil {
		h.t.Fatal(err)
	}
}

// ask is ada's sign-in from home.
func ask(password string) authn.SignInRequest {
	return authn.SignInRequest{Email: "ada@example.com", Password: password, Address: home}
}

func (h *house) signIn(r authn.SignInRequest) authn.SignedIn {
	h.t.Helper()
	in, err := h.auth.SignIn(h.t.Context(), r)
	if err != nil {
		h.t.Fatalf("SignIn: %v", err)
	}
	return in
}

// fail expects a wrong guess, n times.
func (h *house) fail(a *authn.Authenticator, r authn.SignInRequest, n int) {
	h.t.Helper()
	for i := range n {
		if _, err := a.SignIn(h.t.Context(), r); !errors.Is(err, authn.ErrSignInFailed) {
			h.t.Fatalf("attempt %d: got %v, want ErrSignInFailed", i+1, err)
		}
	}
}

// throttled expects an attempt to be turned away.
func (h *house) throttled(a *authn.Authenticator, r authn.SignInRequest) time.Duration {
	h.t.Helper()
	_, err := a.SignIn(h.t.Context(), r)
	throttled, ok := errors.AsType[*limit.ThrottledError](err)
	if !ok {
		h.t.Fatalf("got %v, want *ThrottledError", err)
	}
	return throttled.Wait
}

func (h *house) alive(cookie token.Secret) bool {
	h.t.Helper()
	_, err := h.auth.Session(h.t.Context(), cookie.Reveal())
	if err != nil && !errors.Is(err, authn.ErrNoSession) {
		h.t.Fatal(err)
	}
	return err == nil
}
