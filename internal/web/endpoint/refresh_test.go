package endpoint_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// The rows of the refresh_token grant, in their order.

func TestRefreshRotatesAtEveryUse(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		got := h.SignedIn(webtest.Ana).Connection(h.Insight, h.Borealis, "scope", "chatbot:read session:read")
		seen := []string{got.RefreshToken}
		if !strings.HasPrefix(got.RefreshToken, "gh_rt_") {
			h.Errorf("refresh_token %q, want one with our prefix", got.RefreshToken)
		}
		for range 5 {
			h.Clock.Advance(time.Hour)
			next := h.Refresh(h.Insight, got.RefreshToken).WantTokens()
			if slices.Contains(seen, next.RefreshToken) || next.AccessToken == got.AccessToken {
				h.Error("a refresh gave a token that was there before")
			}
			if next.Scope != got.Scope || next.Team != "borealis" {
				h.Errorf("scope %q in %q, want %q in borealis", next.Scope, next.Team, got.Scope)
			}
			seen, got = append(seen, next.RefreshToken), next
		}
		if claims := h.Claims(got.AccessToken); claims["team_id"] != string(h.Borealis.ID) || claims["iat"] != float64(h.Clock.Now().Unix()) {
			h.Errorf("the access token says %v", claims)
		}
	})
}

// TestRefreshAgainWithinTheGraceGivesTheSameSuccessor to any number of parallel callers, through two servers.
func TestRefreshAgainWithinTheGraceGivesTheSameSuccessor(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		got := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		first := h.Server.URL
		second := h.Serve(func(p *webtest.WebParts) { p.Issuer = first }).URL
		form := webtest.AsClient(h.Insight, "grant_type", "refresh_token", "refresh_token", got.RefreshToken)
		answers := make([]*webtest.Answer, 24)
		var wait sync.WaitGroup
		for i := range answers {
			wait.Go(func() { answers[i] = h.BrowserAt([]string{first, second}[i%2]).Post("/o/token/", form) })
		}
		wait.Wait()
		h.Clock.Advance(webtest.Grace - time.Second)
		answers = append(answers, h.Refresh(h.Insight, got.RefreshToken))
		refreshTokens, accessTokens := map[string]bool{}, map[string]bool{}
		for _, a := range answers {
			next := a.WantTokens()
			refreshTokens[next.RefreshToken], accessTokens[next.AccessToken] = true, true
		}
		if len(refreshTokens) != 1 || len(accessTokens) != len(answers) {
			h.Errorf("%d successors and %d access tokens, want one and %d", len(refreshTokens), len(accessTokens), len(answers))
		}
		for next := range refreshTokens {
			h.Refresh(h.Insight, next).WantTokens()
		}
	})
}

// TestRefreshTokenReuseEndsFamily, leaves an audit event, and everything that came from the connection is dead.
func TestRefreshTokenReuseEndsFamily(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		first := b.Connection(h.Insight, h.Atlas, "scope", "openid chatbot:read")
		other := b.Connection(h.Insight, h.Atlas, "scope", "openid chatbot:read") // another connection under the same grant
		second := h.Refresh(h.Insight, first.RefreshToken).WantTokens()
		third := h.Refresh(h.Insight, second.RefreshToken).WantTokens()
		if says := h.Refresh(h.Insight, first.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant"); strings.Contains(says, "10") {
			h.Errorf("%q", says)
		}
		h.Refresh(h.Insight, third.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
		for _, accessToken := range []string{first.AccessToken, second.AccessToken, third.AccessToken} {
			if h.Live(h.Insight, accessToken) {
				h.Error("an access token of the family is alive")
			}
			h.UserInfo(accessToken).WantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		}
		if n := h.Happened(audit.RefreshReplayed); n != 1 {
			h.Errorf("%d events of a replay, want one", n)
		}
		h.Refresh(h.Insight, other.RefreshToken).WantTokens()
	})
}

// TestRefreshForANarrowerScope is for this access token only; a wider one changes nothing (RFC 6749 §6).
func TestRefreshForANarrowerScope(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		got := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas, "scope", "chatbot:read session:read")
		h.Refresh(h.Insight, got.RefreshToken, "scope", "chatbot:read session:write").WantJSON(http.StatusBadRequest, "invalid_scope")
		h.Refresh(h.Insight, got.RefreshToken, "scope", "openid chatbot:read").WantJSON(http.StatusBadRequest, "invalid_scope")
		h.Refresh(h.Insight, got.RefreshToken, "scope", "nothing").WantJSON(http.StatusBadRequest, "invalid_scope")
		narrow := h.Refresh(h.Insight, got.RefreshToken, "scope", "session:read").WantTokens()
		if narrow.Scope != "session:read" || h.Claims(narrow.AccessToken)["scope"] != "session:read" {
			h.Errorf("got the scope %q", narrow.Scope)
		}
		if whole := h.Refresh(h.Insight, narrow.RefreshToken).WantTokens(); whole.Scope != "chatbot:read session:read" {
			h.Errorf("then got the scope %q, want all that was granted", whole.Scope)
		}
	})
}

// TestRefreshByAnotherClientDoesNothing to the family.
func TestRefreshByAnotherClientDoesNothing(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		got := b.Connection(h.Insight, h.Atlas)
		for _, other := range []webtest.App{h.Notes, h.Pocket} {
			h.Refresh(other, got.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
		}
		h.Refresh(h.Insight, got.RefreshToken, "client_secret", h.Notes.Secret).WantJSON(http.StatusUnauthorized, "invalid_client")
		used := got.RefreshToken
		got = h.Refresh(h.Insight, used).WantTokens()
		h.Clock.Advance(time.Minute)
		h.Refresh(h.Notes, used).WantJSON(http.StatusBadRequest, "invalid_grant") // a replay, but not the client's
		h.Refresh(h.Insight, got.RefreshToken).WantTokens()

		public := b.Connection(h.Pocket, h.Atlas)
		h.Refresh(h.Pocket, h.Refresh(h.Pocket, public.RefreshToken).WantTokens().RefreshToken).WantTokens()
	})
}

// TestRefreshTokensThatAreNone look alike outside.
func TestRefreshTokensThatAreNone(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Refresh(h.Insight, "").WantJSON(http.StatusBadRequest, "invalid_request")
		b := h.SignedIn(webtest.Ben)
		code := b.Connect(h.Insight, h.Atlas)
		got := h.Redeem(h.Insight, code).WantTokens()
		foreign := b.Connection(h.Notes, h.Atlas)
		revoked := b.Connection(h.Insight, h.Atlas)
		h.Call("/o/revoke_token/", h.Insight, "token", revoked.RefreshToken).WantOK()
		last := got.RefreshToken[len(got.RefreshToken)-1]
		bodies := map[string]bool{}
		for _, text := range []string{
			"x", "gh_rt_x", got.AccessToken, code, foreign.RefreshToken, revoked.RefreshToken, got.RefreshToken + "A", strings.ToUpper(got.RefreshToken),
			got.RefreshToken[:len(got.RefreshToken)-1] + map[bool]string{true: "B", false: "A"}[last == 'A'],
		} {
			a := h.Refresh(h.Insight, text)
			a.WantJSON(http.StatusBadRequest, "invalid_grant")
			bodies[a.Body] = true
		}
		if len(bodies) != 1 {
			h.Errorf("there are %d different bodies: %v", len(bodies), bodies)
		}
		h.Refresh(h.Insight, got.RefreshToken).WantTokens()
	})
}

// TestConnectionsEndWhenTheyAreIdleAndAtLast after a year.
func TestConnectionsEndWhenTheyAreIdleAndAtLast(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		idle, used := b.Connection(h.Insight, h.Atlas), b.Connection(h.Insight, h.Atlas)
		const day = 24 * time.Hour
		for passed := 29 * day; passed < 365*day; passed += 29 * day {
			h.Clock.Advance(29 * day)
			used = h.Refresh(h.Insight, used.RefreshToken).WantTokens()
			if passed == 29*day {
				continue
			}
			h.Refresh(h.Insight, idle.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
		}
		h.Clock.Advance(29 * day)
		h.Refresh(h.Insight, used.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
	})
}

// TestConnectionsDieWithWhatJustifiesThem: the person, their membership, the team, the client and the grant. Putting it back revives nothing.
func TestConnectionsDieWithWhatJustifiesThem(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		api := h.ResourceServer(h.Parts.Issuer)
		for _, way := range h.Ways() {
			h.Log(way.Name)
			b := h.SignedIn(webtest.Ben)
			got := b.Connection(way.Client, h.Atlas, "scope", "openid chatbot:read")
			code := b.Connect(way.Client, h.Atlas, "scope", "openid chatbot:read")
			if !h.Live(api, got.AccessToken) {
				h.Errorf("%s: before it the token is dead already", way.Name)
			}
			way.End()
			restored := false
			dead := func(status int, errorCode string) {
				h.Helper()
				h.Refresh(way.Client, got.RefreshToken).WantJSON(status, errorCode)
				if !restored {
					h.Redeem(way.Client, code).WantJSON(status, errorCode)
				}
				h.UserInfo(got.AccessToken).WantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
				if h.Live(api, got.AccessToken) {
					h.Errorf("%s: introspection says that the access token is alive", way.Name)
				}
				if status == http.StatusBadRequest && (h.Live(way.Client, got.AccessToken) || h.Live(way.Client, got.RefreshToken)) {
					h.Errorf("%s: introspection says to the client that a token is alive", way.Name)
				}
			}
			dead(way.Status, way.Code)
			way.Undo()
			restored = way.Restores
			if way.Name != "the client is removed" {
				dead(http.StatusBadRequest, "invalid_grant")
			}
		}
	})
}

// TestRefreshNeedsTheClient by every way of authenticating, and the failures count with those of all the other grants.
func TestRefreshNeedsTheClient(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		got := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.RefreshToken}}
		h.Program().Post("/o/token/", form).WantJSON(http.StatusUnauthorized, "invalid_client")
		h.Program().Post("/o/token/", form, "Authorization", webtest.Basic(string(h.Insight.ID), "gh_cs_wrong")).WantJSON(http.StatusUnauthorized, "invalid_client")
		form.Set("client_id", string(h.Insight.ID))
		h.Program().Post("/o/token/", form).WantJSON(http.StatusUnauthorized, "invalid_client")
		form.Del("client_id")
		h.Program().Post("/o/token/", form, "Authorization", webtest.Basic(string(h.Insight.ID), h.Insight.Secret)).WantTokens()
	})
}

// TestRenamedTeamKeepsItsConnections, and the new slug is in the next token.
func TestRenamedTeamKeepsItsConnections(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		got := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		_, err := h.Directory.RenameTeam(h.Context(), team.CommandLine, "atlas", "atlas-two", "")
		h.OK(err)
		next := h.Refresh(h.Insight, got.RefreshToken).WantTokens()
		if claims := h.Claims(next.AccessToken); next.Team != "atlas-two" || claims["team"] != "atlas-two" || claims["team_id"] != string(h.Atlas.ID) {
			h.Errorf("after the rename the token is for %q: %v", next.Team, claims)
		}
		reused := h.Reuse("atlas", "Another Atlas")
		_, err = h.Directory.AddMember(h.Context(), team.CommandLine, "atlas", webtest.Ben, team.Member)
		h.OK(err)
		if claims := h.Claims(h.Refresh(h.Insight, next.RefreshToken).WantTokens().AccessToken); claims["team_id"] == string(reused.ID) {
			h.Error("a reused slug took over a connection")
		}
	})
}
