package e2e_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"golang.org/x/oauth2"
)

// An API that uses resourceserver refuses a token within five seconds, whatever ended the connection.
func TestTokensDieAtTheAPIWithinTheBound(t *testing.T) {
	shared := newHouse(t)
	type connection struct {
		client registered
		token  *oauth2.Token
	}
	for _, tt := range []struct {
		name string
		end  func(h *house, c connection)
	}{
		{"revoked by the application", func(h *house, c connection) {
			form := url.Values{"token": {c.token.RefreshToken}, "client_id": {c.client.id}, "client_secret": {c.client.secret}}
			response, err := h.server.Client().PostForm(h.url+"/o/revoke_token/", form)
			h.ok(err)
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				h.t.Fatalf("revocation answers %s", response.Status)
			}
		}},
		{"application disabled", func(h *house, c connection) {
			h.ok(h.Registry.Store.DisableClient(h.t.Context(), oauth.ClientID(c.client.id), time.Now()))
		}},
		{"left the team", func(h *house, _ connection) {
			h.ok(h.Team.RemoveMember(h.t.Context(), team.CommandLine, "acme", annEmail))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := shared.in(t)
			client := h.registerAs(client.Registration{})
			c := connection{client, h.token(client, "chatbot:read")}
			if status := h.call("/api/chatbots/", c.token.AccessToken, nil); status != http.StatusOK {
				t.Fatalf("before: got %d, want 200", status)
			}
			tt.end(h, c)
			// Polls in real time, because the time until the API refuses is what this test measures.
			for ended := time.Now(); ; time.Sleep(50 * time.Millisecond) {
				later := time.Since(ended)
				status := h.call("/api/chatbots/", c.token.AccessToken, nil)
				if status == http.StatusUnauthorized {
					break
				}
				// On a very busy machine the API may answer 503, because its list is too old.
				if status == http.StatusOK && later > 5*time.Second || later > patience {
					t.Fatalf("%v later: got %d, want 401", later, status)
				}
			}
		})
	}
}

// token returns an access token for Ann in acme.
func (h *house) token(client registered, scope string) *oauth2.Token {
	h.t.Helper()
	config := h.oauth2Config(client, oauth2.AuthStyleInHeader)
	config.Scopes = []string{scope}
	verifier := oauth2.GenerateVerifier()
	answer := h.person().connect(config.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)))
	token, err := config.Exchange(h.t.Context(), parameter(answer, "code"), oauth2.VerifierOption(verifier))
	h.ok(err)
	return token
}
