package app

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// onEachDatabase runs a test on SQLite and on PostgreSQL.
func onEachDatabase(t *testing.T, test func(t *testing.T, cfg config.Config)) {
	t.Run("sqlite", func(t *testing.T) { test(t, testConfig(t)) })
	t.Run("postgres", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.DatabaseURL, cfg.MasterKey = pgtest.URL(t), token.NewMasterKey()
		test(t, cfg)
	})
}

// accessToken is an access token as a server issues it now.
func accessToken(t *testing.T, a *App) string {
	t.Helper()
	now := a.now()
	text, err := a.Keys.SignAccessToken(token.AccessClaims{
		Issuer: a.Config.PublicURL, Subject: "someone", Audience: token.Audience{a.Config.PublicURL}, ClientID: "client", IssuedAt: now.Unix(),
		Expires: now.Add(a.Config.Authz.AccessTokenLifetime).Unix(), ID: "m.x", Scope: "chatbot:read",
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// signing is the ids of the keys that sign, and how many keys there are.
func signing(a *App) (current string, n int) {
	for _, k := range a.Keys.Keys() {
		if k.State == "current" && k.Algorithm == "ES256" {
			current = k.ID
		}
	}
	return current, len(a.Keys.Keys())
}

// Two servers run for days. Each accepts the tokens of the other until they expire, and each key is published long before it
// signs.
func TestScheduledRotationRefusesNoValidTokenOnAnyServer(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, cfg config.Config) {
		clock := testkit.NewClock(noon)
		cfg.KeyRotationInterval = 24 * time.Hour
		servers := []*App{open(t, cfg, Deps{Now: clock.Now}), open(t, cfg, Deps{Now: clock.Now})}
		type issued struct {
			text  string
			until time.Time
		}
		var alive []issued
		used := map[string]bool{}
		const step = 10 * time.Minute
		for i := range 3 * 24 * 6 { // three days
			clock.Advance(step)
			now := clock.Now()
			for j, s := range servers {
				// One of the two does not know the newest keys yet. It reads them the next time.
				if j == i%2 {
					s.reloadKeys(t.Context())
					s.rotateWhenDue(t.Context())
				}
				id, _ := signing(s)
				used[id] = true
				alive = append(alive, issued{accessToken(t, s), now.Add(cfg.Authz.AccessTokenLifetime)})
			}
			kept := alive[:0]
			for _, a := range alive {
				if !now.Before(a.until) {
					continue
				}
				kept = append(kept, a)
				for j, s := range servers {
					if _, err := s.Keys.VerifyAccessToken(a.text); err != nil {
						t.Fatalf("after %v server %d refuses a valid token: %v", time.Duration(i)*step, j, err)
					}
				}
			}
			alive = kept
		}
		if len(used) != 4 {
			t.Errorf("%d keys signed in three days with a rotation in each, want 4", len(used))
		}
	})
}

// A server that fails to read the keys several times still knows a key before another server signs with it.
func TestKeysAreReadManyTimesBeforeTheySign(t *testing.T) {
	if times := keyPublish / keysReloadEvery; times < 20 {
		t.Errorf("keys are read %d times before they sign", times)
	}
	if keysRotateEvery >= 24*time.Hour-keyPublish {
		t.Error("servers look less often than keys can be due")
	}
}

func TestOfTwoServersThatRotateAtOnceOneWins(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, cfg config.Config) {
		clock := testkit.NewClock(noon)
		one, other := open(t, cfg, Deps{Now: clock.Now}), open(t, cfg, Deps{Now: clock.Now})
		_, before := signing(one)
		clock.Advance(cfg.KeyRotationInterval)
		done := make(chan struct{}, 2)
		for _, a := range []*App{one, other} {
			go func() {
				a.rotateWhenDue(t.Context())
				done <- struct{}{}
			}()
		}
		<-done
		<-done
		for _, a := range []*App{one, other} {
			a.reloadKeys(t.Context())
			a.rotateWhenDue(t.Context())             // again: it is not due any more
			if _, n := signing(a); n != 2*before-1 { // the key of what is kept has no successor
				t.Errorf("%d keys, want %d", n, 2*before-1)
			}
		}
		events, err := one.Store.Events(t.Context(), audit.Filter{Kind: audit.KeysRotated})
		if err != nil || len(events) != 1 {
			t.Errorf("%d rotations are recorded (%v), want 1", len(events), err)
		}
	})
}

func TestRotationByCommandOnly(t *testing.T) {
	clock := testkit.NewClock(noon)
	cfg := testConfig(t)
	cfg.KeyRotationInterval = 0
	a := open(t, cfg, Deps{Now: clock.Now})
	_, before := signing(a)
	clock.Advance(10 * 365 * 24 * time.Hour)
	a.rotateWhenDue(t.Context())
	if _, n := signing(a); n != before {
		t.Errorf("%d keys, want %d", n, before)
	}
	if err := a.RotateKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.RotateKeys(t.Context()); !errors.Is(err, ErrKeysWaiting) {
		t.Errorf("a second rotation: %v", err)
	}
}

// If a server with the old master key could still add keys after a reseal, servers with the new one could not start.
func TestServerWithTheOldMasterKeyGoesOnAndRotatesNothing(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, cfg config.Config) {
		clock := testkit.NewClock(noon)
		server, command := open(t, cfg, Deps{Now: clock.Now}), open(t, cfg, Deps{Now: clock.Now})
		before := accessToken(t, server)
		master := token.NewMasterKey()
		if err := command.Keys.Reseal(t.Context(), master); err != nil {
			t.Fatal(err)
		}
		if err := server.RotateKeys(t.Context()); !errors.Is(err, token.ErrWrongMasterKey) {
			t.Errorf("rotation under the old master key: %v", err)
		}
		if err := reopen(t, cfg); !errors.Is(err, token.ErrWrongMasterKey) {
			t.Errorf("start with the old master key: %v", err)
		}
		cfg.MasterKey = master
		next := open(t, cfg, Deps{Now: clock.Now})
		// Until the old server is restarted, both accept the tokens of the other.
		for name, check := range map[string]error{"new": verify(next, before), "old": verify(server, accessToken(t, next))} {
			if check != nil {
				t.Errorf("the %s server refuses: %v", name, check)
			}
		}
	})
}

func verify(a *App, text string) error {
	_, err := a.Keys.VerifyAccessToken(text)
	return err
}
