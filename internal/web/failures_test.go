package web_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestFailedRequestsAreKeptForTheirClient: with the cause that the answer does not tell, and without anything that was sent.
func TestFailedRequestsAreKeptForTheirClient(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		code := b.Connect(h.Insight, h.Atlas)
		h.Redeem(h.Insight, code).WantTokens()
		type answered struct {
			answer *webtest.Answer
			want   usage.Failure
		}
		basic := "client_secret_post"
		requests := map[string]answered{
			"a code twice": {h.Redeem(h.Insight, code), usage.Failure{
				Proven: true, Endpoint: "/o/token/", Code: "invalid_grant", AuthMethod: basic, Cause: "the code was redeemed before; its family has been ended",
			}},
			"a wrong secret": {h.Redeem(h.Insight, code, "client_secret", "gh_cs_wrong"), usage.Failure{
				Endpoint: "/o/token/", Code: "invalid_client", AuthMethod: basic, Cause: "the client secret is wrong or has expired",
			}},
			"another redirect URI": {b.Authorize(h.Insight, "redirect_uri", "https://evil.example/cb?secret=1"), usage.Failure{
				Endpoint: "/o/authorize/", Code: "invalid_request", Received: "https://evil.example/cb?…",
			}},
			"an unknown scope": {b.Authorize(h.Insight, "scope", "chatbot:fly"), usage.Failure{Endpoint: "/o/authorize/", Code: "invalid_scope"}},
			"no code":          {h.Redeem(h.Insight, ""), usage.Failure{Proven: true, Endpoint: "/o/token/", Code: "invalid_request", AuthMethod: basic}},
		}
		b.Authorize(h.Insight, "client_id", "nobody").WantStatus(http.StatusBadRequest)
		h.Redeem(h.Pocket, "nonsense").WantStatus(http.StatusBadRequest)
		gathered, dropped := h.Requests.Take()
		if dropped != 0 {
			h.Errorf("%d are dropped", dropped)
		}
		h.OK(h.DB.SaveFailures(h.Context(), gathered))
		kept, err := h.Registry.Failures(h.Context(), team.CommandLine, h.Insight.ID)
		h.OK(err)
		if len(kept) != len(requests) {
			h.Errorf("%d are kept, want %d: %+v", len(kept), len(requests), kept)
		}
		byID := map[string]usage.Failure{}
		for _, f := range kept {
			byID[f.RequestID] = f
		}
		for name, r := range requests {
			got := byID[r.answer.Header.Get("X-Request-Id")]
			if got.Description == "" || got.Network != "127.0.0.0/24" || got.Count != 1 || !got.Last.Equal(h.Clock.Now()) {
				h.Errorf("%s: got %+v", name, got)
			}
			got = usage.Failure{Proven: got.Proven, Endpoint: got.Endpoint, Code: got.Code, AuthMethod: got.AuthMethod, Cause: got.Cause, Received: got.Received}
			if got != r.want {
				h.Errorf("%s:\n got %+v\nwant %+v", name, got, r.want)
			}
		}
		// Anybody can send the id of a public client, so it has proved nothing.
		kept, err = h.Registry.Failures(h.Context(), team.CommandLine, h.Pocket.ID)
		h.OK(err)
		if len(kept) != 1 || kept[0].Proven {
			h.Errorf("a public client: got %+v", kept)
		}
		if _, err := h.Registry.Failures(h.Context(), team.CommandLine, "nobody"); err == nil {
			h.Error("failures of an unknown client")
		}
	})
}
