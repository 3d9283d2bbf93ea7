package endpoint

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

// A client that hangs up before it hears that it was refused is counted too: otherwise nobody could be kept from guessing.
func TestFailureOfAClientThatHungUpIsCounted(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := &Server{Options: Options{
		Failures:       limit.Limiter{Store: db, Now: time.Now, MAC: func(message []byte) []byte { return message }},
		ClientFailures: 1,
	}}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	refused := oauth.InvalidClient.Errorf("wrong")
	if err := s.countFailure(httptest.NewRequestWithContext(gone, http.MethodPost, "/o/token/", nil), "c1", refused); !errors.Is(err, oauth.InvalidClient) {
		t.Errorf("the first failure: got %v, want the refusal", err)
	}
	err = s.countFailure(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/o/token/", nil), "c1", refused)
	if _, throttled := errors.AsType[*limit.ThrottledError](err); !throttled {
		t.Errorf("the second failure: got %v, want *limit.ThrottledError", err)
	}
}
