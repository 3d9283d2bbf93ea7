package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// answer is the response of an endpoint of a process.
type answer struct {
	Status       int    `json:"-"`
	Active       bool   `json:"active"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Error        string `json:"error"`
}

// post sends a form to a process as an application. It is safe for concurrent use.
func post(ctx context.Context, client *http.Client, path string, app registered, form url.Values) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, installedURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(app.id, app.secret)
	response, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	a := answer{Status: response.StatusCode}
	return a, json.NewDecoder(response.Body).Decode(&a)
}

// connected makes a new connection of Ann's at this process.
func (p *process) connected(t *testing.T, app registered) answer {
	t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {p.code(t, app)}, "redirect_uri": {app.redirectURI}, "code_verifier": {verifier},
	}
	a, err := post(t.Context(), p.client(), "/o/token/", app, form)
	if err != nil || a.RefreshToken == "" {
		t.Fatalf("got %d %s, %v", a.Status, a.Error, err)
	}
	return a
}

func (p *process) refresh(t *testing.T, app registered, token string) answer {
	t.Helper()
	a, err := post(t.Context(), p.client(), "/o/token/", app, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (p *process) introspects(t *testing.T, app registered, token string) bool {
	t.Helper()
	a, err := post(t.Context(), p.client(), "/o/introspect/", app, url.Values{"token": {token}})
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("introspection answers %d, %v", a.Status, err)
	}
	return a.Active
}

// A change on one server holds on the other at once, because no server keeps in memory what decides about a token.
func TestTwoServersShareTheLifeOfAConnection(t *testing.T) {
	t.Parallel()
	in := install(t, emptyPostgres(t), masterKey)
	one := in.start()
	other := in.start()
	in.furnish()
	app := in.register("Shop")

	t.Run("sixty-four refreshes of one token", func(t *testing.T) {
		first := one.connected(t, app)
		answers := make([]answer, 64)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range answers {
			client := []*process{one, other}[i%2].client()
			wg.Go(func() {
				<-start
				var err error
				answers[i], err = post(t.Context(), client, "/o/token/", app, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.RefreshToken}})
				if err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		for _, a := range answers {
			if a.Status != http.StatusOK || a.RefreshToken != answers[0].RefreshToken || a.RefreshToken == first.RefreshToken {
				t.Errorf("got %d %q and the successor %q, want 200 and one successor for all, %q", a.Status, a.Error, a.RefreshToken, answers[0].RefreshToken)
			}
		}
		if next := other.refresh(t, app, answers[0].RefreshToken); next.Status != http.StatusOK {
			t.Errorf("the successor got %d %q", next.Status, next.Error)
		}
	})
	t.Run("revoked at one", func(t *testing.T) {
		c := one.connected(t, app)
		if !other.introspects(t, app, c.AccessToken) {
			t.Fatal("the other does not know the token")
		}
		if _, err := post(t.Context(), one.client(), "/o/revoke_token/", app, url.Values{"token": {c.RefreshToken}}); err == nil {
			t.Error("revocation answers with a body")
		}
		if other.introspects(t, app, c.AccessToken) {
			t.Error("the other still finds the token active")
		}
		if a := other.refresh(t, app, c.RefreshToken); a.Error != "invalid_grant" {
			t.Errorf("the other refreshes: %d %q", a.Status, a.Error)
		}
	})
	t.Run("keys rotated by command", func(t *testing.T) {
		before := one.connected(t, app)
		in.cli("", nil, "key", "rotate")
		after := other.connected(t, app)
		for _, p := range []*process{one, other} {
			if !p.introspects(t, app, before.AccessToken) || !p.introspects(t, app, after.AccessToken) {
				t.Error("a valid token is refused after a rotation")
			}
		}
	})
	t.Run("member removed", func(t *testing.T) {
		c := one.connected(t, app)
		in.cli("", nil, "member", "remove", "acme", annEmail, "--yes")
		for _, p := range []*process{one, other} {
			if p.introspects(t, app, c.AccessToken) {
				t.Error("the token is active after its person left the team")
			}
			if a := p.refresh(t, app, c.RefreshToken); a.Error != "invalid_grant" {
				t.Errorf("refreshing answers %d %q", a.Status, a.Error)
			}
		}
		in.cli("", nil, "member", "add", "acme", annEmail)
		if a := one.refresh(t, app, c.RefreshToken); a.Error != "invalid_grant" {
			t.Errorf("after rejoining, refreshing answers %d %q", a.Status, a.Error)
		}
	})
}
