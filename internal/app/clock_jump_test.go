package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// machine is the clocks around a server: its own, the monotonic one, and the database's.
type machine struct{ system, real *testkit.Clock }

func newMachine() *machine {
	return &machine{system: testkit.NewClock(noon), real: testkit.NewClock(noon)}
}

// pass lets time pass on all clocks.
func (m *machine) pass(d time.Duration) {
	m.system.Advance(d)
	m.real.Advance(d)
}

// jump sets the server's clock.
func (m *machine) jump(d time.Duration) { m.system.Advance(d) }

func (m *machine) deps(log *testkit.Log, alone bool) Deps {
	deps := Deps{
		Now: m.system.Now, Elapsed: func() time.Duration { return m.real.Now().Sub(noon) },
		DatabaseNow: func(context.Context) (time.Time, error) {
			if alone {
				return m.system.Now(), nil
			}
			return m.real.Now(), nil
		},
	}
	if log != nil {
		deps.Log = slog.New(slog.NewJSONHandler(log, nil))
	}
	return deps
}

func readiness(a *App) (int, string) {
	w := httptest.NewRecorder()
	a.OpsHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

// onDatabases runs a test with SQLite, whose clock is the machine's, and with PostgreSQL, which has one of its own.
func onDatabases(t *testing.T, test func(t *testing.T, cfg config.Config, alone bool)) {
	t.Run("SQLite", func(t *testing.T) { test(t, testConfig(t), true) })
	t.Run("PostgreSQL", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.DatabaseURL, cfg.MasterKey = pgtest.URL(t), token.NewMasterKey()
		test(t, cfg, false)
	})
}

// A request that began while the clock was wrong is judged by the time that the clock showed then.
func TestClockThatIsSetRightMeanwhile(t *testing.T) {
	m := newMachine()
	a := open(t, testConfig(t), m.deps(nil, true))
	m.jump(time.Hour)
	shown := m.system.Now()
	m.jump(-time.Hour)
	if right, wrong := a.clock.wrong(shown); !wrong || !right.Equal(noon) {
		t.Errorf("the right time is %s, and the clock was wrong: %t", right, wrong)
	}
	if _, wrong := a.clock.wrong(m.system.Now()); wrong {
		t.Error("the clock is wrong now")
	}
}

// A clock that jumps, and is set right again, deletes nothing and ends nothing, whichever task runs meanwhile.
func TestJumpOfTheClockDeletesNothing(t *testing.T) {
	onDatabases(t, func(t *testing.T, cfg config.Config, alone bool) {
		m, log := newMachine(), &testkit.Log{}
		a := open(t, cfg, m.deps(log, alone))
		cookie := signIn(t, a)
		for _, far := range []time.Duration{400 * 24 * time.Hour, -400 * 24 * time.Hour} {
			a.prune(t.Context())
			m.pass(time.Minute)
			m.jump(far)
			if code, text := readiness(a); code != http.StatusServiceUnavailable || !strings.HasPrefix(text, "the clock of this server is 9600h0m0s ") {
				t.Errorf("/readyz answers %d %q at once after the jump", code, text)
			}
			if got := metricValue(t, a, "gatehouse_clock_off_seconds", ""); got != far.Seconds() {
				t.Errorf("gatehouse_clock_off_seconds is %v, want %v", got, far.Seconds())
			}
			for range 2 {
				a.prune(t.Context())
				a.rotateWhenDue(t.Context())
				a.deliver(t.Context())
				m.pass(50 * time.Second)
			}
			if far > 0 {
				if _, err := a.Authn.Session(t.Context(), cookie); !errors.Is(err, token.ErrWrongClock) {
					t.Errorf("the session has expired only by this clock: got %v", err)
				}
			}
			m.jump(-far)
			a.prune(t.Context())
			if code, text := readiness(a); code != http.StatusOK {
				t.Errorf("/readyz answers %d %q after the clock was set right", code, text)
			}
		}
		if _, err := a.Authn.Session(t.Context(), cookie); err != nil {
			t.Errorf("the session: %v", err)
		}
		if got := metricValue(t, a, "gatehouse_pruned_rows_total", ""); got != 0 {
			t.Errorf("%v rows were deleted", got)
		}
		if got := strings.Count(log.String(), `"level":"ERROR"`); got != 2 || strings.Count(log.String(), "is right again") != 2 {
			t.Errorf("the log does not say of each jump when it came and went:\n%s", log)
		}
	})
}

// Without another clock to ask, a new time is believed after an hour. Until then it may be a mistake.
func TestNewTimeIsBelievedAfterAWhile(t *testing.T) {
	m := newMachine()
	cfg := testConfig(t)
	a := open(t, cfg, m.deps(nil, true))
	signIn(t, a)
	m.jump(48 * time.Hour)
	a.prune(t.Context())
	m.pass(jumpHold - time.Second)
	if a.prune(t.Context()); a.clock.says() == "" {
		t.Error("the jump is believed too early")
	}
	m.pass(time.Second)
	if a.prune(t.Context()); a.clock.says() != "" {
		t.Errorf("after %v: %s", jumpHold, a.clock.says())
	}
}

// Clocks are set right by a little again and again. That is no jump.
func TestSmallStepsAreNoJump(t *testing.T) {
	m := newMachine()
	a := open(t, testConfig(t), m.deps(nil, true))
	for range 10 {
		m.pass(time.Minute)
		m.jump(20 * time.Second)
		if a.prune(t.Context()); a.clock.says() != "" {
			t.Fatal(a.clock.says())
		}
	}
}

// What expires is kept for a while, because clocks differ and are set right.
func TestPruningWaitsAMargin(t *testing.T) {
	clock := testkit.NewClock(noon)
	cfg := testConfig(t)
	cfg.Authn.SessionLifetime = time.Hour
	a := open(t, cfg, Deps{Now: clock.Now})
	cookie := signIn(t, a)
	left := func() bool {
		_, err := a.Store.Session(t.Context(), authn.SessionID(cookie), noon)
		return err == nil
	}
	clock.Advance(time.Hour + pruneMargin - time.Millisecond)
	if a.prune(t.Context()); !left() {
		t.Error("the session is deleted before the margin is over")
	}
	clock.Advance(time.Millisecond)
	if a.prune(t.Context()); left() {
		t.Error("the session is not deleted after the margin")
	}
}

// What people do at a server whose clock is wrong has the right time: nothing has expired at once for the other servers, and no counter of
// failures refuses anybody for days.
func TestWhatIsMadeByAWrongClockHasTheRightTime(t *testing.T) {
	onDatabases(t, func(t *testing.T, cfg config.Config, alone bool) {
		m := newMachine()
		cfg.Authn.FailuresPerPair = 1
		a := open(t, cfg, m.deps(nil, alone))
		m.jump(-40 * 24 * time.Hour)
		cookie := signIn(t, a)
		m.jump(80 * 24 * time.Hour)
		guess := authn.SignInRequest{Email: "ann@example.com", Password: "wrong", Address: netip.MustParseAddr("192.0.2.9")}
		for _, want := range []bool{false, true} {
			_, err := a.Authn.SignIn(t.Context(), guess)
			if _, throttled := errors.AsType[*limit.ThrottledError](err); throttled != want {
				t.Fatalf("got %v, want that it is throttled: %v", err, want)
			}
		}
		m.jump(-40 * 24 * time.Hour)
		if _, err := a.Authn.Session(t.Context(), cookie); err != nil {
			t.Errorf("the session that was made by the clock behind: %v", err)
		}
		m.pass(16 * time.Minute)
		if _, err := a.Authn.SignIn(t.Context(), guess); !errors.Is(err, authn.ErrSignInFailed) {
			t.Errorf("after the window of the failures: %v", err)
		}
	})
}

// What a wrong clock seals lives as long as it should, and a refresh at such a server is judged and dated by the right time.
func TestWrongClockChangesNoLifetime(t *testing.T) {
	for _, far := range []time.Duration{40 * 24 * time.Hour, -40 * 24 * time.Hour} {
		onDatabases(t, func(t *testing.T, cfg config.Config, alone bool) {
			m := newMachine()
			a := open(t, cfg, m.deps(nil, alone))
			c := connect(t, a, client.Registration{Public: true})
			refreshToken, err := a.Keys.RefreshToken(token.RefreshToken{Family: string(c.redeem(t, a, "sid"))})
			if err != nil {
				t.Fatal(err)
			}
			m.jump(far)
			sealed, err := a.Keys.Seal(token.PurposeDone, "kept", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, "/o/token/", strings.NewReader("grant_type=refresh_token&client_id="+string(c.client.ID)+"&refresh_token="+refreshToken))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			a.Handler().ServeHTTP(w, r)
			var answer struct {
				AccessToken string `json:"access_token"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
				t.Fatalf("refresh: got %d %s", w.Code, w.Body)
			}
			m.jump(-far)
			var value string
			if err := a.Keys.Open(token.PurposeDone, sealed, &value); err != nil {
				t.Errorf("sealed by a clock that was off by %s: %v", far, err)
			}
			if claims, err := a.Keys.VerifyAccessToken(answer.AccessToken); err != nil || claims.Expires != noon.Add(time.Hour).Unix() {
				t.Errorf("issued by a clock that was off by %s: expires at %s, %v", far, time.Unix(claims.Expires, 0).UTC(), err)
			}
			m.pass(2 * time.Hour)
			if err := a.Keys.Open(token.PurposeDone, sealed, &value); !errors.Is(err, token.ErrExpired) {
				t.Errorf("sealed by a clock that was off by %s, two hours later: %v", far, err)
			}
		})
	}
}

// A server with a wrong clock says 503, where invalid_grant would make an application give up its connection.
func TestWrongClockIs503(t *testing.T) {
	onDatabases(t, func(t *testing.T, cfg config.Config, alone bool) {
		m := newMachine()
		a := open(t, cfg, m.deps(nil, alone))
		c := connect(t, a, client.Registration{Public: true})
		family := c.redeem(t, a, "sid")
		refreshToken, err := a.Keys.RefreshToken(token.RefreshToken{Family: string(family)})
		if err != nil {
			t.Fatal(err)
		}
		accessToken, err := a.Keys.SignAccessToken(token.AccessClaims{ID: string(family) + ".1", Expires: noon.Add(time.Hour).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		m.jump(40 * 24 * time.Hour)
		call := func(path, body string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Authorization", "Bearer "+accessToken)
			if path != "/o/userinfo/" {
				r.Header.Del("Authorization")
			}
			w := httptest.NewRecorder()
			a.Handler().ServeHTTP(w, r)
			return w
		}
		refresh := "grant_type=refresh_token&client_id=" + string(c.client.ID) + "&refresh_token=" + refreshToken
		for name, w := range map[string]*httptest.ResponseRecorder{
			"userinfo": call("/o/userinfo/", ""),
		} {
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "temporarily_unavailable") {
				t.Errorf("%s: got %d %s", name, w.Code, w.Body)
			}
		}
		m.jump(-40 * 24 * time.Hour)
		if w := call("/o/token/", refresh); w.Code != http.StatusOK {
			t.Errorf("after the clock was set right: got %d %s", w.Code, w.Body)
		}
	})
}
