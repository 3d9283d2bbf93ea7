package app

import (
	"context"
	"database/sql"
	"net/netip"
	runtimemetrics "runtime/metrics"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

func TestPruningRemovesOnlyWhatHasExpired(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cfg := testConfig(t)
	cfg.Authn.SessionLifetime = time.Hour
	a := open(t, cfg, Deps{Now: func() time.Time { return now }})
	cookie := signIn(t, a)
	a.prune(t.Context())
	if _, err := a.Authn.Session(t.Context(), cookie); err != nil {
		t.Errorf("a live session: %v", err)
	}
	now = now.Add(time.Hour + time.Second)
	a.prune(t.Context())
	if got := metricValue(t, a, "gatehouse_pruned_rows_total", ""); got < 1 {
		t.Errorf("%v rows pruned after expiry", got)
	}
	if got := metricValue(t, a, "gatehouse_background_failures_total", "prune"); got != 0 {
		t.Errorf("%v failures", got)
	}
}

// More rows may end in a minute than any fixed number of batches could delete.
func TestPruningGoesOnUntilNothingIsLeft(t *testing.T) {
	cfg := testConfig(t)
	a := open(t, cfg, Deps{Now: func() time.Time { return noon }})
	const rows = 250_000
	path, _ := cfg.SQLite()
	direct, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	if _, err := direct.Exec(`INSERT INTO gh_throttle (bucket, failures, resets_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT i, 1, 1 FROM n`, rows); err != nil {
		t.Fatal(err)
	}
	a.prune(t.Context())
	if got := metricValue(t, a, "gatehouse_pruned_rows_total", ""); got != rows {
		t.Errorf("%v rows pruned, want %d", got, rows)
	}
}

func TestPruningDeletesDeadKeys(t *testing.T) {
	clock := testkit.NewClock(noon)
	a := open(t, testConfig(t), Deps{Now: clock.Now})
	if err := a.RotateKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := len(a.Keys.Keys())
	clock.Advance(2 * a.Config.Authz.Refresh.Absolute)
	a.prune(t.Context())
	if got := len(a.Keys.Keys()); got != (before+1)/2 { // the key of what is kept has no successor
		t.Errorf("%d of %d keys are left, want the newest of each kind", got, before)
	}
}

func TestKeysThatAnotherProcessMadeBecomeKnown(t *testing.T) {
	cfg := testConfig(t)
	server, command := open(t, cfg, Deps{}), open(t, cfg, Deps{})
	if err := command.Keys.Rotate(t.Context(), token.RotationOverlap{Publish: time.Hour, Retire: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if got, other := len(server.Keys.Keys()), len(command.Keys.Keys()); got == other {
		t.Fatalf("%d keys before and after the rotation", got)
	}
	server.reloadKeys(t.Context())
	if got, want := len(server.Keys.Keys()), len(command.Keys.Keys()); got != want {
		t.Errorf("server knows %d keys, want %d", got, want)
	}
}

func TestBackgroundFailuresAreCounted(t *testing.T) {
	a := open(t, testConfig(t), Deps{})
	a.Store.Close()
	a.prune(t.Context())
	a.reloadKeys(t.Context())
	for _, task := range []string{"compare clocks", "reload keys"} {
		if got := metricValue(t, a, "gatehouse_background_failures_total", task); got != 1 {
			t.Errorf("%s: %v failures, want 1", task, got)
		}
	}
}

func TestEveryRepeatsAtAboutTheIntervalUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 100*time.Minute)
		defer stop()
		began := time.Now()
		var calls []time.Duration
		every(ctx, time.Minute, func(context.Context) { calls = append(calls, time.Since(began)) })
		if n := len(calls); n < 90 || n > 112 {
			t.Errorf("%d calls in 100 minutes", n)
		}
		if calls[0] < 54*time.Second || calls[0] > 66*time.Second {
			t.Errorf("first call after %v", calls[0])
		}
		gaps := map[time.Duration]bool{}
		for i := 1; i < len(calls); i++ {
			gaps[calls[i]-calls[i-1]] = true
		}
		if len(gaps) < 10 {
			t.Error("there is no jitter")
		}
	})
}

// A panic in one of the server's own goroutines would end the process, and everybody's requests with it.
func TestBackgroundTaskThatPanicsRunsAgain(t *testing.T) {
	a := open(t, testConfig(t), Deps{})
	calls := 0
	task := a.surviving(func(context.Context) { calls++; panic("broken") })
	task(t.Context())
	task(t.Context())
	if got := metricValue(t, a, "gatehouse_background_failures_total", "panic"); calls != 2 || got != 2 {
		t.Errorf("%d calls, and %v counted panics; want 2 of each", calls, got)
	}
}

func TestCourierThatPanicsDelaysOnlyItsMessage(t *testing.T) {
	box := &mailbox{}
	clock := testkit.NewClock(noon)
	a := open(t, testConfig(t), Deps{Now: clock.Now, Mail: box.send})
	c := connect(t, a, client.Registration{})
	if _, err := a.Team.DisableUser(t.Context(), team.CommandLine, c.user.Email); err != nil {
		t.Fatal(err)
	}
	deliver := a.outbox.Couriers[outbox.MailUserDisabled]
	a.outbox.Couriers[outbox.MailUserDisabled] = func(context.Context, outbox.Message) error { panic("broken") }
	a.deliver(t.Context())
	if got := metricValue(t, a, "gatehouse_notices_total", "mail.user_disabled"); got != 1 {
		t.Errorf("%v attempts are counted, want the one that panicked", got)
	}
	a.outbox.Couriers[outbox.MailUserDisabled] = deliver
	clock.Advance(time.Minute)
	a.deliver(t.Context())
	if len(box.mails) != 1 {
		t.Errorf("%d mails, want the one that was delayed", len(box.mails))
	}
	noNoticeIsLeft(t, a)
}

// signIn adds a person, signs them in and returns the session's cookie.
func signIn(t *testing.T, a *App) string {
	t.Helper()
	const password = "a long and quiet passphrase"
	user := addUser(t, a, "ann@example.com", password)
	signed, err := a.Authn.SignIn(t.Context(), authn.SignInRequest{Email: user.Email, Password: password, Address: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	return signed.Cookie.Reveal()
}

func addUser(t *testing.T, a *App, email, password string) team.User {
	t.Helper()
	user, err := a.Team.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: email, Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Authn.SetPassword(t.Context(), user, password); err != nil {
		t.Fatal(err)
	}
	return user
}

// metricValue is the value of a counter or gauge, of the series with this label if it has one.
func metricValue(t *testing.T, a *App, name, label string) float64 {
	t.Helper()
	families, err := a.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

func TestMemoryIsGivenBackOnceIdle(t *testing.T) {
	var i idleness
	forced := func() uint64 {
		sample := []runtimemetrics.Sample{{Name: "/gc/cycles/forced:gc-cycles"}}
		runtimemetrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	i.check(t.Context())
	i.collections += 1 << 32 // another number than now: as if the heap had grown since
	before := forced()
	i.check(t.Context())
	if got := forced() - before; got != 0 {
		t.Errorf("busy: %d collections were forced, want none", got)
	}
	for range 100 { // the test's own heap may grow in between
		i.check(t.Context())
		if i.returned {
			break
		}
	}
	if forced() == before {
		t.Fatal("idle: nothing was given back")
	}
	before = forced()
	i.check(t.Context())
	if got := forced() - before; i.returned && got != 0 {
		t.Errorf("still idle: %d collections were forced, want none", got)
	}
}
