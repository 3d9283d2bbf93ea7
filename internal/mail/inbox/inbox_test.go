package inbox

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/mail"
)

func get(in *Inbox, host, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	in.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://"+host+path, nil))
	return w
}

func newInbox() *Inbox {
	return &Inbox{ServerName: "Gatehouse", PublicURL: "http://localhost:8000", Now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }}
}

func TestInboxShowsTheNewestFirst(t *testing.T) {
	in := newInbox()
	const host = "localhost:8000"
	if page := get(in, host, Path).Body.String(); !strings.Contains(page, "No mail yet") || !strings.Contains(page, "/dev/mails/sample/mail.connected") {
		t.Errorf("the empty list:\n%s", page)
	}
	for i := range most + 2 {
		if err := in.Send(t.Context(), mail.Mail{To: "a@example.com", Subject: fmt.Sprintf("Number <%d>", i+1), Text: "the text", HTML: `<html><head></head><a href="http://localhost:8000/x">x</a>`}); err != nil {
			t.Fatal(err)
		}
	}
	page := get(in, host, Path).Body.String()
	if newest, older := strings.Index(page, "Number &lt;202&gt;"), strings.Index(page, "Number &lt;201&gt;"); newest < 0 || older < newest || strings.Contains(page, "Number &lt;2&gt;") {
		t.Errorf("the list:\n%s", page)
	}
	if w := get(in, host, Path+"202"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "the text") || !strings.Contains(w.Body.String(), `src="/dev/mails/202/html"`) {
		t.Errorf("the mail: %d\n%s", w.Code, w.Body)
	}
	w := get(in, host, Path+"202/html")
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(w.Body.String(), `<base target="_top">`) || !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "script") {
		t.Errorf("the mail's HTML: %s\n%s", policy, w.Body)
	}
	for _, path := range []string{Path + "1", Path + "999", Path + "x", Path + "sample/x", Path + "sample/", Path + "html"} {
		if w := get(in, host, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, kind := range mail.Kinds() {
		for _, end := range []string{"", "/html"} {
			if w := get(in, host, Path+"sample/"+string(kind)+end); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Clinic North") && !strings.Contains(w.Body.String(), "Ada Obi") && !strings.Contains(w.Body.String(), "1 March 2026") {
				t.Errorf("the sample of %s: %d", kind, w.Code)
			}
		}
	}
}

// TestInboxAnswersItsOwnNameOnly: another site whose name leads to this machine (DNS rebinding) could read the secrets in mails.
func TestInboxAnswersItsOwnNameOnly(t *testing.T) {
	for _, host := range []string{"evil.example:8000", "localhost:8001", "127.0.0.1:8000"} {
		if w := get(newInbox(), host, Path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", host, w.Code)
		}
	}
}
