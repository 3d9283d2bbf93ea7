package route

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
)

// Only what is the application's mistake is in its log: not what is wrong with the server, and not the nonce that it could not know yet.
func TestOnlyMistakesOfTheApplicationAreInItsLog(t *testing.T) {
	for _, tt := range []struct {
		err  error
		kept int
	}{
		{oauth.InvalidGrant.Errorf("x"), 1},
		{oauth.InvalidRequest.Errorf("x"), 1},
		{oauth.ServerError.Errorf("x"), 0},
		{oauth.TemporarilyUnavailable.Errorf("x"), 0},
		{oauth.UseDPoPNonce.Errorf("x"), 0},
		{errors.New("the disk is full"), 0},
	} {
		var log usage.Failures
		AddFailure(&log, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/o/token/", nil), time.Time{}, tt.err, usage.Failure{Client: "c"})
		if got, _ := log.Take(); len(got) != tt.kept {
			t.Errorf("%v: %d are kept, want %d", tt.err, len(got), tt.kept)
		}
	}
}
