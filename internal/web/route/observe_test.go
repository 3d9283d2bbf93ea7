package route

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// An answer's status is the final one, and an answer has begun when that is written (RFC 9110 §15.2).
func TestInterimAnswersAreNotTheAnswer(t *testing.T) {
	rec := &recorder{ResponseWriter: httptest.NewRecorder()}
	rec.WriteHeader(http.StatusEarlyHints)
	if started(rec) {
		t.Error("an interim answer counts as the answer")
	}
	rec.WriteHeader(http.StatusNotFound)
	if !started(rec) || rec.code() != http.StatusNotFound {
		t.Errorf("the status is %d, want 404", rec.code())
	}
}
