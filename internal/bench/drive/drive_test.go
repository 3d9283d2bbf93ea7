package drive

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Answers that are quick but wrong are errors, and count for nothing.
func TestWrongAnswersAreErrors(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://app.example.com/callback?error=access_denied")
		if r.URL.Path == "/o/authorize/" {
			w.WriteHeader(http.StatusSeeOther)
		}
		io.WriteString(w, "{}")
	}))
	defer server.Close()
	crowd := &Crowd{people: []*person{{target: Target{URL: server.URL, API: server.URL}, browsers: make([]http.CookieJar, 1), away: new(http.Transport), client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}}}
	defer crowd.Leave()
	for _, operation := range append([]string{"revoke", "disconnect", "life"}, Operations...) {
		result, err := crowd.Run(t.Context(), operation, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if result.Count() != 0 || result.Errors == 0 || result.First == nil {
			t.Errorf("%s: %d succeeded and %d failed (%v), want errors alone", operation, result.Count(), result.Errors, result.First)
		}
	}
	if _, err := crowd.Run(t.Context(), "unheard-of", time.Millisecond); err == nil {
		t.Error("an operation that does not exist was run")
	}
}

func TestQuantiles(t *testing.T) {
	var r Result
	for i := range 100 {
		r.Add(Result{Elapsed: 10 * time.Millisecond, took: []time.Duration{time.Duration(100-i) * time.Millisecond}})
	}
	got := r.Quantiles(.5, .99, 1)
	for i, want := range []time.Duration{51 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond} {
		if got[i] != want {
			t.Errorf("quantile %d is %s, want %s", i, got[i], want)
		}
	}
	if r.Rate() != 100 {
		t.Errorf("the rate is %v, want 100", r.Rate())
	}
}
