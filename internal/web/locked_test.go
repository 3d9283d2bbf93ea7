package web_test

import (
	"database/sql"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// Whatever table somebody else has locked, each request is answered within five seconds: as ever, or with 503.
func TestLockedTableDelaysNoAnswerForLong(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	h := webtest.NewHouse(t, database)
	other, err := sql.Open("pgx", database)
	h.OK(err)
	defer other.Close()
	b := h.SignedIn(webtest.Ana)
	machine := h.NewMachine("chatbot:read")
	for _, table := range []string{"gh_families", "gh_grants", "gh_clients", "gh_users", "gh_sessions", "gh_audit"} {
		code := b.Connect(h.Insight, h.Atlas)
		got := b.Connection(h.Insight, h.Atlas, "scope", "openid chatbot:read")
		revoked := b.Connection(h.Insight, h.Atlas)
		consent := b.Authorize(h.Insight, "prompt", "consent").WantConsent()
		requests := map[string]func() *webtest.Answer{
			"code":          func() *webtest.Answer { return h.Redeem(h.Insight, code) },
			"refresh":       func() *webtest.Answer { return h.Refresh(h.Insight, got.RefreshToken) },
			"machine token": func() *webtest.Answer { return h.MachineToken(machine) },
			"introspection": func() *webtest.Answer { return h.Call("/o/introspect/", h.Insight, "token", got.AccessToken) },
			"revocation":    func() *webtest.Answer { return h.Call("/o/revoke_token/", h.Insight, "token", revoked.RefreshToken) },
			"pushed":        func() *webtest.Answer { return h.Push(h.Insight) },
			"userinfo":      func() *webtest.Answer { return h.UserInfo(got.AccessToken) },
			"ended tokens":  func() *webtest.Answer { return h.Program().Get("/.well-known/ended-tokens.jwt") },
			"authorize":     func() *webtest.Answer { return b.Authorize(h.Insight) },
			"consent":       func() *webtest.Answer { return consent.Decide("authorize", h.Atlas.ID) },
			"sign-in":       func() *webtest.Answer { return h.Browser().SignIn(webtest.Ana, url.Values{}) },
			"applications":  func() *webtest.Answer { return b.Get("/account/applications/") },
			"account":       func() *webtest.Answer { return b.Get("/account/") },
		}
		lock, err := other.Begin()
		h.OK(err)
		_, err = lock.Exec("LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE")
		h.OK(err)
		var all sync.WaitGroup
		for name, request := range requests {
			all.Go(func() {
				began := time.Now()
				a := request()
				took := time.Since(began)
				if took > 5*time.Second {
					t.Errorf("%s locked: %s is answered with %d after %s", table, name, a.Status, took)
				}
				if a.Status >= 400 && a.Status != http.StatusServiceUnavailable || a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
					t.Errorf("%s locked: %s is answered with %d: %.300s", table, name, a.Status, a.Body)
				}
			})
		}
		all.Wait()
		h.OK(lock.Rollback())
	}
}

// Many who wait for one lock do not wait for each other.
func TestManyWhoWaitForALockAreAnsweredInTime(t *testing.T) {
	database := pgtest.URL(t)
	h := webtest.NewHouse(t, database)
	other, err := sql.Open("pgx", database)
	h.OK(err)
	defer other.Close()
	b := h.SignedIn(webtest.Ana)
	codes := make([]string, 60)
	for i := range codes {
		codes[i] = b.Connect(h.Insight, h.Atlas)
	}
	lock, err := other.Begin()
	h.OK(err)
	_, err = lock.Exec("LOCK TABLE gh_families IN ACCESS EXCLUSIVE MODE")
	h.OK(err)
	var all sync.WaitGroup
	for i, code := range codes {
		all.Go(func() {
			began := time.Now()
			a := h.Redeem(h.Insight, code)
			if took := time.Since(began); took > 5*time.Second || a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
				t.Errorf("redemption %d is answered with %d after %s", i, a.Status, took)
			}
		})
	}
	all.Wait()
	h.OK(lock.Rollback())
	for i, code := range codes {
		if a := h.Redeem(h.Insight, code); a.Status != http.StatusOK {
			t.Errorf("redemption %d, tried again, is answered with %d", i, a.Status)
		}
	}
}
