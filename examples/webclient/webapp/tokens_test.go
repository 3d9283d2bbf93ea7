package webapp_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/examples/webclient/webapp"
)

// renewals is an authorization server with rotating refresh tokens. The n-th response has the access token at<n> and the refresh token rt<n>.
type renewals struct {
	issued  int
	refresh func(n int) (status int, body string) // replaces the n-th response; status 0 means that the response is lost
}

func (s *renewals) answer(r *http.Request) (int, string) {
	if r.URL.Path != "/o/token/" {
		return answers(r)
	}
	if n := s.issued; n > 0 && s.refresh != nil {
		if status, body := s.refresh(n); status >= 0 {
			s.issued++
			return status, body
		}
	}
	s.issued++
	return 200, fmt.Sprintf(`{"access_token":"at%d-%s","token_type":"Bearer","expires_in":3600,"scope":"chatbot:read","team":"acme","refresh_token":"gh_rt_%d-%s"}`,
		s.issued, strings.Repeat("a", 30), s.issued, strings.Repeat("r", 30))
}

func refreshToken(n int) string { return fmt.Sprintf("gh_rt_%d-%s", n, strings.Repeat("r", 30)) }

// connected returns a browser with a connection, and the path of its page.
func connected(t *testing.T, s *renewals, change func(*webapp.Config)) (*browser, string) {
	t.Helper()
	b := newBrowser(t, change)
	b.answer = s.answer
	response := b.get(callback("code", code, "state", b.connect(t, nil).Get("state"), "iss", issuer))
	if response.Code != http.StatusSeeOther {
		t.Fatalf("got %d %s, want a connection", response.Code, response.Body)
	}
	return b, response.Header().Get("Location")
}

// forms returns the forms that were sent to a path.
func (b *browser) forms(path string) []url.Values {
	b.mu.Lock()
	defer b.mu.Unlock()
	var forms []url.Values
	for i, r := range b.sent {
		if r.URL.Path == path {
			form, _ := url.ParseQuery(b.bodies[i])
			forms = append(forms, form)
		}
	}
	return forms
}

func (b *browser) lastToken() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.sent) - 1; i >= 0; i-- {
		if strings.HasPrefix(b.sent[i].URL.Path, "/api/") {
			return b.sent[i].Header.Get("Authorization")
		}
	}
	return ""
}

// A connection is used for a day, and refreshes itself.
func TestConnectionKeepsWorkingAfterAnHour(t *testing.T) {
	b, page := connected(t, &renewals{}, nil)
	for hour := 1; hour <= 24; hour++ {
		if response := b.get(page); response.Code != http.StatusOK || strings.Contains(response.Body.String(), `role="alert"`) {
			t.Fatalf("hour %d: got %d %s", hour, response.Code, response.Body)
		}
		if got, want := b.lastToken(), fmt.Sprintf("Bearer at%d-", hour); !strings.HasPrefix(got, want) {
			t.Errorf("hour %d: the API got %s, want %s…", hour, got, want)
		}
		b.get(page) // the token is still valid, so there is no refresh
		b.at = b.at.Add(time.Hour)
	}
	forms := b.forms("/o/token/")
	if len(forms) != 24 {
		t.Fatalf("got %d token requests, want one for the code and 23 to refresh", len(forms))
	}
	for n, form := range forms[1:] {
		if form.Get("grant_type") != "refresh_token" || form.Get("refresh_token") != refreshToken(n+1) {
			t.Errorf("refresh %d sent %v, want the newest refresh token", n+1, form)
		}
	}
	text := b.get(page).Body.String()
	if !strings.Contains(text, "renewed 24 times") || !strings.Contains(text, "renewed the tokens with its refresh token") {
		t.Errorf("the page does not tell of it:\n%s", text)
	}
	if strings.Contains(text, strings.Repeat("r", 12)) || strings.Contains(text, strings.Repeat("a", 12)) {
		t.Error("the page shows a token")
	}
}

// When the response of a refresh is lost, the same refresh token is sent again at once.
func TestLostAnswerIsAskedForAgain(t *testing.T) {
	s := &renewals{refresh: func(n int) (int, string) {
		if n == 1 {
			return 0, ""
		}
		return -1, ""
	}}
	b, page := connected(t, s, nil)
	b.at = b.at.Add(time.Hour)
	if text := b.get(page).Body.String(); strings.Contains(text, `role="alert"`) {
		t.Errorf("the page says that something is wrong:\n%s", text)
	}
	forms := b.forms("/o/token/")
	if len(forms) != 3 || forms[1].Get("refresh_token") != refreshToken(1) || forms[2].Get("refresh_token") != refreshToken(1) {
		t.Errorf("got the requests %v, want the same refresh token twice", forms)
	}
}

func TestServerThatIsDownEndsNothing(t *testing.T) {
	s := &renewals{refresh: func(int) (int, string) { return 503, `{"error":"temporarily_unavailable"}` }}
	b, page := connected(t, s, nil)
	b.at = b.at.Add(time.Hour)
	if text := b.get(page).Body.String(); !strings.Contains(text, "try again later") {
		t.Errorf("the page does not say what to do:\n%s", text)
	}
	s.refresh = nil
	if text := b.get(page).Body.String(); strings.Contains(text, `role="alert"`) {
		t.Errorf("when it is back: the page says that something is wrong:\n%s", text)
	}
}

func TestPagesAtTheSameTimeRefreshOnce(t *testing.T) {
	b, page := connected(t, &renewals{}, nil)
	b.at = b.at.Add(time.Hour)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			tab := &browser{app: b.app, cookies: b.cookies}
			if response := tab.get(page); response.Code != http.StatusOK {
				t.Errorf("got %d, want 200", response.Code)
			}
		})
	}
	group.Wait()
	if forms := b.forms("/o/token/"); len(forms) != 2 {
		t.Errorf("got %d token requests, want 2", len(forms))
	}
}

func TestConnectionThatHasEndedIsExplained(t *testing.T) {
	s := &renewals{refresh: func(int) (int, string) {
		return 400, `{"error":"invalid_grant","error_description":"the connection has ended"}`
	}}
	b, page := connected(t, s, nil)
	b.at = b.at.Add(time.Hour)
	if text := b.get(page).Body.String(); !strings.Contains(text, "invalid_grant") || !strings.Contains(text, "connect the team again") {
		t.Errorf("the page does not say what to do:\n%s", text)
	}
	if forms := b.forms("/o/token/"); len(forms) != 2 {
		t.Errorf("got %d token requests, want no second try", len(forms)-1)
	}
}

func TestRenewNow(t *testing.T) {
	b, page := connected(t, &renewals{}, nil)
	if response := b.post(page+"/renew", nil); response.Code != http.StatusSeeOther || len(b.forms("/o/token/")) != 2 {
		t.Errorf("got %d after %d token requests, want 303 after 2", response.Code, len(b.forms("/o/token/")))
	}
	stranger := &browser{app: b.app}
	if response := stranger.post(page+"/renew", nil); response.Code != http.StatusNotFound {
		t.Errorf("another browser: got %d, want 404", response.Code)
	}
}

func TestDisconnectEndsTheConnectionAtTheServer(t *testing.T) {
	for name, public := range map[string]bool{"confidential": false, "public": true} {
		t.Run(name, func(t *testing.T) {
			b, page := connected(t, &renewals{}, func(c *webapp.Config) {
				if public {
					c.ClientSecret = ""
				}
			})
			b.post(page+"/renew", nil)
			text := b.post(page+"/disconnect", nil).Body.String()
			forms := b.forms("/o/revoke_token/")
			if len(forms) != 1 || forms[0].Get("token") != refreshToken(2) || forms[0].Get("token_type_hint") != "refresh_token" {
				t.Fatalf("got %v, want the newest refresh token", forms)
			}
			id, secret, basic := b.sent[len(b.sent)-1].BasicAuth()
			if public && (basic || forms[0].Get("client_id") != "c1") || !public && (id != "c1" || secret != clientSecret || forms[0].Has("client_id")) {
				t.Errorf("got %q, %q and %v, want the client to authenticate as it does at the token endpoint", id, secret, forms[0])
			}
			if !strings.Contains(text, "/o/revoke_token/") || strings.Contains(text, refreshToken(2)) || strings.Contains(text, clientSecret) {
				t.Errorf("the page does not show what was sent, shortened:\n%s", text)
			}
		})
	}
}

// A connection that could not be revoked is kept, so that the person can try again.
func TestDisconnectThatFailsForgetsNothing(t *testing.T) {
	b, page := connected(t, &renewals{}, nil)
	working := b.answer
	b.answer = func(r *http.Request) (int, string) {
		if r.URL.Path == "/o/revoke_token/" {
			return 503, ""
		}
		return working(r)
	}
	if text := b.post(page+"/disconnect", nil).Body.String(); !strings.Contains(text, "try again") {
		t.Errorf("the page does not say what to do:\n%s", text)
	}
	if response := b.get(page); response.Code != http.StatusOK {
		t.Errorf("got %d, want the connection still there", response.Code)
	}
}

func TestReplacedConnectionIsEnded(t *testing.T) {
	s := &renewals{}
	b, _ := connected(t, s, nil)
	b.get(callback("code", code, "state", b.connect(t, nil).Get("state"), "iss", issuer))
	forms := b.forms("/o/revoke_token/")
	if len(forms) != 1 || forms[0].Get("token") != refreshToken(1) {
		t.Errorf("got %v, want the first connection's refresh token revoked", forms)
	}
}
