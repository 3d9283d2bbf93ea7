package app

import (
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testkit"
)

// asked is the answer of /readyz.
func asked(a *App) int {
	answer := httptest.NewRecorder()
	a.OpsHandler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return answer.Code
}

// Ready means that a write commits. Many who ask share one write.
func TestReadinessCommitsAtABoundedRate(t *testing.T) {
	clock := testkit.NewClock(time.Now())
	var writes atomic.Int64
	a := open(t, testConfig(t), Deps{Now: clock.Now, Observe: func(statement string) {
		if statement == "Ready" {
			writes.Add(1)
		}
	}})
	for range 20 {
		if status := asked(a); status != http.StatusOK {
			t.Fatalf("got %d", status)
		}
	}
	if n := writes.Load(); n != 1 {
		t.Errorf("%d writes for 20 questions in one moment, want 1", n)
	}
	clock.Advance(time.Second)
	if status := asked(a); status != http.StatusOK || writes.Load() != 2 {
		t.Errorf("a second later: %d after %d writes, want 200 after 2", status, writes.Load())
	}
	path := a.Store.Place()
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Second)
	if status := asked(a); status != http.StatusServiceUnavailable {
		t.Errorf("with its file moved away: %d, want 503", status)
	}
	if err := os.Rename(path+".moved", path); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Second)
	if status := asked(a); status != http.StatusOK {
		t.Errorf("with its file back: %d, want 200", status)
	}
}
