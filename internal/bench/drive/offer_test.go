package drive

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A server that is slow is not asked less: what waits for it is late, and that counts.
func TestOfferCountsFromWhenAnOperationWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(context.Context, int) error { time.Sleep(20 * time.Millisecond); return nil }
		offered, err := Offer(t.Context(), 100, time.Second, 1, slow)
		if err != nil {
			t.Fatal(err)
		}
		if offered.Due != 100 || offered.Count() != 100 || offered.Elapsed != 2*time.Second {
			t.Errorf("%d of %d were done in %s, want all 100 in 2s", offered.Count(), offered.Due, offered.Elapsed)
		}
		if q := offered.Quantiles(0, 1); q[0] != 20*time.Millisecond || q[1] != 1010*time.Millisecond {
			t.Errorf("they took %v, want the first 20ms and the last, which was due 990ms after it, 1.01s", q)
		}
	})
}

func TestOfferGivesUpOnAServerThatIsTooFarBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := func(context.Context, int) error { time.Sleep(4 * time.Second); return nil }
		offered, err := Offer(t.Context(), 10, time.Second, 1, stuck)
		if err != nil {
			t.Fatal(err)
		}
		if offered.Count() != 2 || offered.Errors != 8 || !errors.Is(offered.First, errNotStarted) {
			t.Errorf("%d were done and %d failed (%v), want 2 and 8", offered.Count(), offered.Errors, offered.First)
		}
	})
}

func TestFailuresOfAnOfferAreErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		offered, err := Offer(t.Context(), 10, time.Second, 3, func(context.Context, int) error { return broken })
		if err != nil || offered.Count() != 0 || offered.Errors != 10 || !errors.Is(offered.First, broken) {
			t.Errorf("%d were done and %d failed: %v, %v", offered.Count(), offered.Errors, offered.First, err)
		}
	})
}

// A server that lets everybody in has not passed, nor one that lets nobody in.
func TestSignInsTellRightPasswordsFromWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		status                         int
		right, wrong, refused, mistake int64
	}{
		"everybody": {http.StatusSeeOther, 5, 0, 0, 5},
		"nobody":    {http.StatusUnprocessableEntity, 0, 5, 0, 5},
		"later":     {http.StatusTooManyRequests, 0, 0, 10, 0},
		"broken":    {http.StatusInternalServerError, 0, 0, 0, 10},
	} {
		addresses := map[string]bool{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			addresses[r.Header.Get("X-Forwarded-For")] = true
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
			w.WriteHeader(tt.status)
		}))
		s := NewSignIns(Target{URL: server.URL, Accounts: []Account{{Email: "ann@example.com", Password: "p"}, {Email: "ben@example.com", Password: "p"}}}, 1)
		mistakes := int64(0)
		for range 10 {
			if s.Try(t.Context()) != nil {
				mistakes++
			}
		}
		s.Leave()
		server.Close()
		if s.Right.Load() != tt.right || s.Wrong.Load() != tt.wrong || s.Refused.Load() != tt.refused || mistakes != tt.mistake {
			t.Errorf("%s: right %d, wrong %d, refused %d, errors %d; want %+v", name, s.Right.Load(), s.Wrong.Load(), s.Refused.Load(), mistakes, tt)
		}
		if len(addresses) != 10 {
			t.Errorf("%s: they came from %d addresses, want 10", name, len(addresses))
		}
	}
}

// rotating is a server that refreshes whatever it gets, and remembers it.
func rotating(t *testing.T) (address string, seen *[]string) {
	seen = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = append(*seen, r.FormValue("refresh_token"))
		io.WriteString(w, `{"access_token":"a","refresh_token":"`+r.FormValue("refresh_token")+`+"}`)
	}))
	t.Cleanup(server.Close)
	return server.URL, seen
}

// The connection that a person refreshed waits until all others of theirs were.
func TestConnectionsOfAPersonTakeTurns(t *testing.T) {
	address, seen := rotating(t)
	p := &person{target: Target{URL: address}, client: http.DefaultClient, each: 2, refreshes: []string{"a", "b"}}
	for range 4 {
		if err := p.rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(*seen, " "); got != "a b a+ b+" {
		t.Errorf("the tokens were sent as %q, want %q", got, "a b a+ b+")
	}
}

// So it does among those of everybody.
func TestRefreshTokensTakeTurns(t *testing.T) {
	address, seen := rotating(t)
	ring := &Ring{agent: &person{target: Target{URL: address}, client: http.DefaultClient}, tokens: make(chan string, 2)}
	ring.tokens <- "a"
	ring.tokens <- "b"
	for range 2 {
		if err := ring.RefreshAll(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(*seen, " "); got != "a b a+ b+" {
		t.Errorf("the tokens were sent as %q, want %q", got, "a b a+ b+")
	}
}
