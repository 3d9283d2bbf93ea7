package web_test

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
)

// The rows of the refresh_token grant, in their order.

func TestRefreshRotatesAtEveryUse(t *testing.T) {
	onBoth(t, func(h *house) {
		got := h.signedIn(ana).connection(h.insight, h.borealis, "scope", "chatbot:read session:read")
		seen := []string{got.RefreshToken}
		if !strings.HasPrefix(got.RefreshToken, "gh_rt_") {
			h.Errorf("refresh_token %q, want one with our prefix", got.RefreshToken)
		}
		for range 5 {
			h.clock.advance(time.Hour)
			next := h.refresh(h.insight, got.RefreshToken).wantTokens()
			if slices.Contains(seen, next.RefreshToken) || next.AccessToken == got.AccessToken {
				h.Error("a refresh gave a token that was there before")
			}
			if next.Scope != got.Scope || next.Team != "borealis" {
				h.Errorf("scope %q in %q, want %q in borealis", next.Scope, next.Team, got.Scope)
			}
			seen, got = append(seen, next.RefreshToken), next
		}
		if claims := h.claims(got.AccessToken); claims["team_id"] != string(h.borealis.ID) || claims["iat"] != float64(h.clock.now().Unix()) {
			h.Errorf("the access token says %v", claims)
		}
	})
}

// TestRefreshAgainWithinTheGraceGivesTheSameSuccessor to any number of parallel callers, through two servers.
func TestRefreshAgainWithinTheGraceGivesTheSameSuccessor(t *testing.T) {
	onBoth(t, func(h *house) {
		got := h.signedIn(ben).connection(h.insight, h.atlas)
		first := h.server.URL
		second := h.serve(func(p *webParts) { p.Issuer = first }).URL
		form := asClient(h.insight, "grant_type", "refresh_token", "refresh_token", got.RefreshToken)
		answers := make([]*answer, 24)
		var wait sync.WaitGroup
		for i := range answers {
			wait.Go(func() { answers[i] = h.browserAt([]string{first, second}[i%2]).post("/o/token/", form) })
		}
		wait.Wait()
		h.clock.advance(grace - time.Second)
		answers = append(answers, h.refresh(h.insight, got.RefreshToken))
		refreshTokens, accessTokens := map[string]bool{}, map[string]bool{}
		for _, a := range answers {
			next := a.wantTokens()
			refreshTokens[next.RefreshToken], accessTokens[next.AccessToken] = true, true
		}
		if len(refreshTokens) != 1 || len(accessTokens) != len(answers) {
			h.Errorf("%d successors and %d access tokens, want one and %d", len(refreshTokens), len(accessTokens), len(answers))
		}
		for next := range refreshTokens {
			h.refresh(h.insight, next).wantTokens()
		}
	})
}

// TestRefreshTokenReuseEndsFamily, leaves an audit event, and everything that came from the connection is dead.
func TestRefreshTokenReuseEndsFamily(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		first := b.connection(h.insight, h.atlas, "scope", "openid chatbot:read")
		other := b.connection(h.insight, h.atlas, "scope", "openid chatbot:read") // another connection under the same grant
		second := h.refresh(h.insight, first.RefreshToken).wantTokens()
		h.clock.advance(grace + time.Second)
		if says := h.refresh(h.insight, first.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant"); strings.Contains(says, "10") {
			h.Errorf("%q", says)
		}
		h.refresh(h.insight, second.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
		for _, accessToken := range []string{first.AccessToken, second.AccessToken} {
			if h.live(h.insight, accessToken) {
				h.Error("an access token of the family is alive")
			}
			h.userInfo(accessToken).wantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		}
		if n := h.happened(audit.RefreshReplayed); n != 1 {
			h.Errorf("%d events of a replay, want one", n)
		}
		h.refresh(h.insight, other.RefreshToken).wantTokens()
	})
}

// TestRefreshForANarrowerScope is for this access token only; a wider one changes nothing (RFC 6749 §6).
func TestRefreshForANarrowerScope(t *testing.T) {
	onBoth(t, func(h *house) {
		got := h.signedIn(ben).connection(h.insight, h.atlas, "scope", "chatbot:read session:read")
		h.refresh(h.insight, got.RefreshToken, "scope", "chatbot:read session:write").wantJSON(http.StatusBadRequest, "invalid_scope")
		h.refresh(h.insight, got.RefreshToken, "scope", "openid chatbot:read").wantJSON(http.StatusBadRequest, "invalid_scope")
		h.refresh(h.insight, got.RefreshToken, "scope", "nothing").wantJSON(http.StatusBadRequest, "invalid_scope")
		narrow := h.refresh(h.insight, got.RefreshToken, "scope", "session:read").wantTokens()
		if narrow.Scope != "session:read" || h.claims(narrow.AccessToken)["scope"] != "session:read" {
			h.Errorf("got the scope %q", narrow.Scope)
		}
		if whole := h.refresh(h.insight, narrow.RefreshToken).wantTokens(); whole.Scope != "chatbot:read session:read" {
			h.Errorf("then got the scope %q, want all that was granted", whole.Scope)
		}
	})
}

// TestRefreshByAnotherClientDoesNothing to the family.
func TestRefreshByAnotherClientDoesNothing(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		got := b.connection(h.insight, h.atlas)
		for _, other := range []app{h.notes, h.pocket} {
			h.refresh(other, got.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
		}
		h.refresh(h.insight, got.RefreshToken, "client_secret", h.notes.secret).wantJSON(http.StatusUnauthorized, "invalid_client")
		used := got.RefreshToken
		got = h.refresh(h.insight, used).wantTokens()
		h.clock.advance(time.Minute)
		h.refresh(h.notes, used).wantJSON(http.StatusBadRequest, "invalid_grant") // a replay, but not the client's
		h.refresh(h.insight, got.RefreshToken).wantTokens()

		public := b.connection(h.pocket, h.atlas)
		h.refresh(h.pocket, h.refresh(h.pocket, public.RefreshToken).wantTokens().RefreshToken).wantTokens()
	})
}

// TestRefreshTokensThatAreNone look alike outside.
func TestRefreshTokensThatAreNone(t *testing.T) {
	onBoth(t, func(h *house) {
		h.refresh(h.insight, "").wantJSON(http.StatusBadRequest, "invalid_request")
		b := h.signedIn(ben)
		code := b.connect(h.insight, h.atlas)
		got := h.redeem(h.insight, code).wantTokens()
		foreign := b.connection(h.notes, h.atlas)
		revoked := b.connection(h.insight, h.atlas)
		h.call("/o/revoke_token/", h.insight, "token", revoked.RefreshToken).wantOK()
		last := got.RefreshToken[len(got.RefreshToken)-1]
		bodies := map[string]bool{}
		for _, text := range []string{
			"x", "gh_rt_x", got.AccessToken, code, foreign.RefreshToken, revoked.RefreshToken, got.RefreshToken + "A", strings.ToUpper(got.RefreshToken),
			got.RefreshToken[:len(got.RefreshToken)-1] + map[bool]string{true: "B", false: "A"}[last == 'A'],
		} {
			a := h.refresh(h.insight, text)
			a.wantJSON(http.StatusBadRequest, "invalid_grant")
			bodies[a.body] = true
		}
		if len(bodies) != 1 {
			h.Errorf("there are %d different bodies: %v", len(bodies), bodies)
		}
		h.refresh(h.insight, got.RefreshToken).wantTokens()
	})
}

// TestConnectionsEndWhenTheyAreIdleAndAtLast after a year.
func TestConnectionsEndWhenTheyAreIdleAndAtLast(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		idle, used := b.connection(h.insight, h.atlas), b.connection(h.insight, h.atlas)
		const day = 24 * time.Hour
		for passed := 29 * day; passed < 365*day; passed += 29 * day {
			h.clock.advance(29 * day)
			used = h.refresh(h.insight, used.RefreshToken).wantTokens()
			if passed == 29*day {
				continue
			}
			h.refresh(h.insight, idle.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
		}
		h.clock.advance(29 * day)
		h.refresh(h.insight, used.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
	})
}

// TestConnectionsDieWithWhatJustifiesThem: the person, their membership, the team, the client and the grant. Putting it back revives nothing.
func TestConnectionsDieWithWhatJustifiesThem(t *testing.T) {
	onBoth(t, func(h *house) {
		api := h.resourceServer(h.parts.Issuer)
		for _, way := range h.ways() {
			h.Log(way.name)
			b := h.signedIn(ben)
			got := b.connection(way.client, h.atlas, "scope", "openid chatbot:read")
			code := b.connect(way.client, h.atlas, "scope", "openid chatbot:read")
			if !h.live(api, got.AccessToken) {
				h.Errorf("%s: before it the token is dead already", way.name)
			}
			way.end()
			dead := func(status int, errorCode string) {
				h.Helper()
				h.refresh(way.client, got.RefreshToken).wantJSON(status, errorCode)
				h.redeem(way.client, code).wantJSON(status, errorCode)
				h.userInfo(got.AccessToken).wantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
				if h.live(api, got.AccessToken) {
					h.Errorf("%s: introspection says that the access token is alive", way.name)
				}
				if status == http.StatusBadRequest && (h.live(way.client, got.AccessToken) || h.live(way.client, got.RefreshToken)) {
					h.Errorf("%s: introspection says to the client that a token is alive", way.name)
				}
			}
			dead(way.status, way.code)
			if way.undo(); way.name != "the client is removed" {
				dead(http.StatusBadRequest, "invalid_grant")
			}
		}
	})
}

// TestRefreshNeedsTheClient by every way of authenticating, and the failures count with those of all the other grants.
func TestRefreshNeedsTheClient(t *testing.T) {
	onBoth(t, func(h *house) {
		got := h.signedIn(ben).connection(h.insight, h.atlas)
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.RefreshToken}}
		h.program().post("/o/token/", form).wantJSON(http.StatusUnauthorized, "invalid_client")
		h.program().post("/o/token/", form, "Authorization", basic(string(h.insight.ID), "gh_cs_wrong")).wantJSON(http.StatusUnauthorized, "invalid_client")
		form.Set("client_id", string(h.insight.ID))
		h.program().post("/o/token/", form).wantJSON(http.StatusUnauthorized, "invalid_client")
		form.Del("client_id")
		h.program().post("/o/token/", form, "Authorization", basic(string(h.insight.ID), h.insight.secret)).wantTokens()
	})
}

// TestRenamedTeamKeepsItsConnections, and the new slug is in the next token.
func TestRenamedTeamKeepsItsConnections(t *testing.T) {
	onBoth(t, func(h *house) {
		got := h.signedIn(ben).connection(h.insight, h.atlas)
		_, err := h.directory.RenameTeam(h.Context(), team.CommandLine, "atlas", "atlas-two", "")
		h.ok(err)
		next := h.refresh(h.insight, got.RefreshToken).wantTokens()
		if claims := h.claims(next.AccessToken); next.Team != "atlas-two" || claims["team"] != "atlas-two" || claims["team_id"] != string(h.atlas.ID) {
			h.Errorf("after the rename the token is for %q: %v", next.Team, claims)
		}
		reused := h.addTeam("atlas", "Another Atlas")
		_, err = h.directory.AddMember(h.Context(), team.CommandLine, "atlas", ben, team.Member)
		h.ok(err)
		if claims := h.claims(h.refresh(h.insight, next.RefreshToken).wantTokens().AccessToken); claims["team_id"] == string(reused.ID) {
			h.Error("a reused slug took over a connection")
		}
	})
}
