package resourceserver_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// silent is an issuer that takes requests and does not answer, as a host that was stopped does.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func guardOfSilentIssuer(ctx context.Context, t *testing.T) *resourceserver.Guard {
	t.Helper()
	guard, err := resourceserver.New(ctx, "https://id.example", resourceserver.Options{HTTPClient: &http.Client{Transport: silent{}}, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

func TestSilentIssuerDelaysRequestsByTwoSeconds(t *testing.T) {
	raw := newIssuer(t).token()
	synctest.Test(t, func(t *testing.T) {
		guard := guardOfSilentIssuer(t.Context(), t)
		began := time.Now()
		if response := call(guard, nil, "/", "Bearer "+raw); response.Code != http.StatusServiceUnavailable {
			t.Errorf("got %d, want 503", response.Code)
		}
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("waited %v, want 2s", waited)
		}
	})
}

func TestRequestThatIsGivenUpStopsWaiting(t *testing.T) {
	raw := newIssuer(t).token()
	synctest.Test(t, func(t *testing.T) {
		guard := guardOfSilentIssuer(t.Context(), t)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		request.Header.Set("Authorization", "Bearer "+raw)
		began, recorder := time.Now(), httptest.NewRecorder()
		guard.Require()(http.NotFoundHandler()).ServeHTTP(recorder, request)
		if waited := time.Since(began); recorder.Code != http.StatusServiceUnavailable || waited != 100*time.Millisecond {
			t.Errorf("got %d after %v, want 503 after 100ms", recorder.Code, waited)
		}
	})
}

// A list that is known and recent enough is used at once, whatever happens to the fetch of the next one.
func TestSilentListDelaysNothingWhileTheKnownOneIsTrusted(t *testing.T) {
	i := newEndingIssuer(t)
	raw := i.token()
	answers := true
	synctest.Test(t, func(t *testing.T) {
		guard, err := resourceserver.New(t.Context(), i.URL, resourceserver.Options{
			Now: i.now, Log: quiet,
			HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if !answers {
					return silent{}.RoundTrip(r)
				}
				recorder := httptest.NewRecorder()
				i.Config.Handler.ServeHTTP(recorder, r)
				return recorder.Result(), nil
			})},
		})
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, guard, raw, http.StatusOK)
		answers = false
		i.advance(3 * time.Second)
		began := time.Now()
		wantStatus(t, guard, raw, http.StatusOK)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %v for a list that is not needed yet", waited)
		}
		i.advance(time.Second)
		wantStatus(t, guard, raw, http.StatusServiceUnavailable)
		if waited := time.Since(began); waited > 2*time.Second {
			t.Errorf("waited %v, want 2s at most", waited)
		}
		synctest.Wait()
		answers = true
		i.advance(time.Second)
		wantStatus(t, guard, raw, http.StatusOK) // the fetch that hung does not keep the next one from starting
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The goroutine that fetches is ours, but the transport is the caller's.
func TestPanicInAFetchIsAFailedFetch(t *testing.T) {
	i := newIssuer(t)
	broken := true
	guard := i.guard(t, func(o *resourceserver.Options) {
		o.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if broken {
				panic("a broken transport")
			}
			return http.DefaultTransport.RoundTrip(r)
		})}
	})
	wantStatus(t, guard, i.token(), http.StatusServiceUnavailable)
	broken = false
	i.advance(time.Second)
	wantStatus(t, guard, i.token(), http.StatusOK)
}
