package app

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
)

// A stranger who sends only garbage must not be able to fill the disk with the record of it.
func TestStrangersCannotFillTheAuditTrail(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cfg := testConfig(t)
	cfg.ClientFailures = 1
	a := open(t, cfg, Deps{Now: func() time.Time { return now }})
	attempts := 0
	fail := func(address string, times int) {
		for range times {
			attempts++
			body := url.Values{"grant_type": {"client_credentials"}, "client_id": {"guess" + strconv.Itoa(attempts)}, "client_secret": {"x"}}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/o/token/", strings.NewReader(body.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.RemoteAddr = address
			w := httptest.NewRecorder()
			a.Handler().ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized && w.Code != http.StatusTooManyRequests {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
		}
	}
	want := func(n int) {
		t.Helper()
		events, err := a.Store.Events(t.Context(), audit.Filter{Kind: audit.ClientAuthFailed, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != n {
			t.Errorf("%d failures are recorded, want %d", len(events), n)
		}
	}
	// One event says what is missing after the limit: without it, the trail would look complete.
	missing := func(n int) {
		t.Helper()
		events, err := a.Store.Events(t.Context(), audit.Filter{Kind: audit.LimitReached, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != n || n > 0 && (events[0].Address != "192.0.2.1" || events[0].RequestID == "" ||
			events[0].Detail != "too many client.authentication_failed: no more are recorded until "+now.Add(refusalWindow).Format(time.RFC3339)) {
			t.Errorf("%d events say that some are missing, want %d: %+v", len(events), n, events)
		}
	}
	fail("192.0.2.1:1000", refusalsRecorded)
	want(refusalsRecorded)
	missing(0)
	fail("192.0.2.1:1000", 40)
	want(refusalsRecorded)
	missing(1)
	fail("192.0.2.2:1000", 1) // another address
	want(refusalsRecorded + 1)
	now = now.Add(refusalWindow)
	fail("192.0.2.1:1000", refusalsRecorded+2)
	want(2*refusalsRecorded + 1)
	missing(2)
}
