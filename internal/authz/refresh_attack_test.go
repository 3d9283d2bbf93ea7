package authz_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// The tests of this file are named for the threats to connections after their code: RFC 9700 §2.2, §4.10, §4.14, and RFC 7009, RFC 7662, RFC 9449.

// RFC 9700 §4.14: refresh token replay. One late retry may be the client's, which was killed before it stored our answer. The second of thief and client who comes late
// ends the connection, and the person can see it.
func TestAttackRefreshTokenReplay(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		first := w.mustConnect(w.app, w.red, "scope", "chatbot:read openid")
		second := w.mustRefresh(w.app, first.RefreshToken)
		w.clock.Advance(time.Minute + time.Millisecond)
		late := w.mustRefresh(w.app, first.RefreshToken)
		if late.RefreshToken != second.RefreshToken {
			t.Error("a late retry got another successor")
		}
		w.clock.Advance(time.Minute)
		w.mustRefresh(w.app, first.RefreshToken)
		w.clock.Advance(time.Millisecond)
		_, err := w.refresh(w.app, first.RefreshToken)
		wantCode(t, err, oauth.InvalidGrant)
		if !errors.Is(err, authz.ErrReused) {
			t.Errorf("the log is told %v, want ErrReused", err)
		}
		w.wantConnection(first.RefreshToken, "ended")
		_, err = w.refresh(w.app, second.RefreshToken)
		wantCode(t, err, oauth.InvalidGrant)
		w.wantLive(w.app, first.AccessToken, false)
		w.wantLive(w.app, second.AccessToken, false)
		w.wantLive(w.app, late.AccessToken, false)
		if events := w.events(audit.RefreshReplayed); len(events) != 1 || events[0].User != string(w.ada.ID) || events[0].Team != string(w.red.ID) || events[0].Actor != "client:"+string(w.app.ID) {
			t.Errorf("recorded: %+v, want one replay, about ada in red, by the client", events)
		}
		if n := w.count("SELECT COUNT(*) FROM gh_notices WHERE kind = 'mail.replayed' AND user_id = $1", w.ada.ID); n != 1 {
			t.Errorf("%d notices to the person, want 1", n)
		}
	})
}

// A generation older than the last is no retry, not even within the grace.
func TestAttackReplayOfAnOldGenerationWithinTheGrace(t *testing.T) {
	w := onSQLite(t)
	first := w.mustConnect(w.app, w.red)
	second := w.mustRefresh(w.app, first.RefreshToken)
	w.mustRefresh(w.app, second.RefreshToken)
	_, err := w.refresh(w.app, first.RefreshToken)
	wantCode(t, err, oauth.InvalidGrant)
	w.wantConnection(first.RefreshToken, "ended")
}

// Two holders of one token who take turns fail at the second late turn, whatever their pace.
func TestAttackHoldersWhoTakeTurns(t *testing.T) {
	for _, pace := range []time.Duration{2 * time.Minute, day, 8 * day, 25 * day} {
		for _, uses := range []int{1, 2, 3} { // of one holder before it is the other's turn
			w := onSQLite(t)
			first := w.mustConnect(w.app, w.red).RefreshToken
			holders, ended := []string{first, first}, false
			for turn := 0; turn < 4 && !ended; turn++ {
				for range uses {
					got, err := w.refresh(w.app, holders[turn%2])
					if ended = err != nil; ended {
						wantCode(t, err, oauth.InvalidGrant)
						break
					}
					holders[turn%2] = got.RefreshToken
					w.clock.Advance(pace)
				}
			}
			if !ended {
				t.Errorf("after four turns of %d uses, %v apart, both are still connected", uses, pace)
			}
			w.wantConnection(first, "ended")
		}
	}
}

// A replay is one, whatever else is wrong with the request: asking for too much must not be a way to try a stolen token without consequence.
func TestAttackReplayBehindAnotherMistake(t *testing.T) {
	for _, changes := range [][]string{{"scope", "session:write"}, {"resource", "https://other.example/"}} {
		w := onSQLite(t)
		first := w.mustConnect(w.app, w.red)
		w.mustRefresh(w.app, w.mustRefresh(w.app, first.RefreshToken).RefreshToken)
		_, err := w.refresh(w.app, first.RefreshToken, changes...)
		wantCode(t, err, oauth.InvalidGrant)
		w.wantConnection(first.RefreshToken, "ended")
	}
}

// RFC 6749 §10.4: a refresh token is bound to its client. Another one learns nothing by it and does no harm, to the current token and to old ones alike.
func TestAttackRefreshByAnotherClient(t *testing.T) {
	w := onSQLite(t)
	first := w.mustConnect(w.app, w.red)
	second := w.mustRefresh(w.app, first.RefreshToken)
	w.clock.Advance(time.Minute)
	for name, thief := range map[string]app{"confidential": w.redOnly, "public": w.public} {
		for _, stolen := range []string{first.RefreshToken, second.RefreshToken} {
			for _, changes := range [][]string{nil, {"scope", "chatbot:read"}, {"scope", "session:write"}} {
				_, err := w.refresh(thief, stolen, changes...)
				wantCode(t, err, oauth.InvalidGrant)
			}
			w.wantConnection(stolen, "live")
			if i := w.introspect(w.redOnly, stolen); i.Active {
				t.Errorf("%s: another client's refresh token is introspected as %+v", name, i)
			}
			w.ok(w.server.Revoke(w.ctx(), thief.asks(stolen)))
			w.wantConnection(stolen, "live")
		}
	}
	if events := w.events(audit.RefreshRefused); len(events) == 0 || events[0].User != "" {
		t.Errorf("recorded: %+v, want refusals that do not tell one client's trail about another's person", events)
	}
	w.mustRefresh(w.app, second.RefreshToken)
}

// What is no refresh token of ours, and what was one, look alike.
func TestAttackTellingRefreshTokensApart(t *testing.T) {
	w := onSQLite(t)
	used, foreign, dead := w.mustConnect(w.app, w.red).RefreshToken, w.mustConnect(w.public, w.red).RefreshToken, w.mustConnect(w.app, w.blue).RefreshToken
	w.mustRefresh(w.app, w.mustRefresh(w.app, used).RefreshToken)
	w.ok(w.directory.RemoveMember(w.ctx(), team.CommandLine, "blue", w.ada.Email))
	opened, err := w.keys.OpenRefreshToken(used)
	w.ok(err)
	opened.Generation = 7
	future, err := w.keys.RefreshToken(opened)
	w.ok(err)
	middle := len(used) / 2
	answers := map[string]bool{}
	for name, text := range map[string]string{
		"used": used, "foreign": foreign, "dead": dead, "a generation that was never issued": future, "garbage": "garbage", "prefix": token.PrefixRefreshToken,
		"a code": w.connect(w.app, w.red), "an access token": w.mustConnect(w.app, w.red).AccessToken, "cut": used[:len(used)-1],
		"one bit changed": used[:middle] + string(used[middle]^1) + used[middle+1:],
	} {
		_, err := w.refresh(w.app, text)
		if !errors.Is(err, oauth.InvalidGrant) {
			t.Errorf("%s: error %v, want invalid_grant", name, err)
		}
		_, description := oauth.Outside(err)
		answers[description] = true
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
}

// A connection lives exactly as long as what justifies it: whichever of it ends, refresh, introspection and UserInfo refuse at once, and nothing comes back.
func TestAttackConnectionOutlivesItsReason(t *testing.T) {
	authn := oauth.InvalidClient
	tests := map[string]struct {
		end  func(w *world) error
		want oauth.Code
	}{
		"membership ended":   {func(w *world) error { return w.directory.RemoveMember(w.ctx(), team.CommandLine, "red", w.ada.Email) }, oauth.InvalidGrant},
		"left and came back": {func(w *world) error { w.leaveAndReturn(); return nil }, oauth.InvalidGrant},
		"person disabled": {func(w *world) error {
			_, err := w.directory.DisableUser(w.ctx(), team.CommandLine, w.ada.Email)
			return err
		}, oauth.InvalidGrant},
		"person disabled and enabled": {func(w *world) error {
			_, err := w.directory.DisableUser(w.ctx(), team.CommandLine, w.ada.Email)
			w.ok(err)
			_, err = w.directory.EnableUser(w.ctx(), team.CommandLine, w.ada.Email)
			return err
		}, oauth.InvalidGrant},
		"client disabled": {func(w *world) error { return w.db.DisableClient(w.ctx(), w.app.ID, w.clock.Now()) }, authn},
		"client disabled and enabled": {func(w *world) error {
			w.ok(w.db.DisableClient(w.ctx(), w.app.ID, w.clock.Now()))
			return w.db.EnableClient(w.ctx(), w.app.ID)
		}, oauth.InvalidGrant},
		"client removed":           {func(w *world) error { return w.db.RemoveClient(w.ctx(), w.app.ID) }, authn},
		"client blocked by a team": {func(w *world) error { return w.blockIn(w.red, w.app.ID, "no") }, oauth.InvalidGrant},
		"blocked and unblocked": {func(w *world) error {
			w.ok(w.blockIn(w.red, w.app.ID, "no"))
			return w.govern.Unblock(w.ctx(), team.CommandLine, w.red.ID, w.app.ID)
		}, oauth.InvalidGrant},
		"team removed":               {func(w *world) error { _, err := w.directory.RemoveTeam(w.ctx(), team.CommandLine, "red"); return err }, oauth.InvalidGrant},
		"grant revoked":              {func(w *world) error { return w.revokeAll() }, oauth.InvalidGrant},
		"revoked and connected anew": {func(w *world) error { w.ok(w.revokeAll()); w.mustConnect(w.app, w.red); return nil }, oauth.InvalidGrant},
		"team removed, its slug used again": {func(w *world) error {
			_, err := w.directory.RemoveTeam(w.ctx(), team.CommandLine, "red")
			w.ok(err)
			w.clock.Advance(team.SlugRest)
			w.addTeam("red", "Another Red")
			w.join("red", w.ada)
			return nil
		}, oauth.InvalidGrant},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t)
			api := w.resourceServer(issuer)
			got := w.mustConnect(w.app, w.red, "scope", "chatbot:read openid")
			other := w.mustConnect(w.public, w.blue)
			w.wantLive(api, got.AccessToken, true)
			w.ok(tt.end(w))
			for range 2 {
				response, err := w.refresh(w.app, got.RefreshToken)
				wantCode(t, err, tt.want)
				if response.AccessToken != "" {
					t.Error("it answered with a token")
				}
			}
			w.wantLive(api, got.AccessToken, false)
			if name == "membership ended" || name == "team removed" { // what has nothing to do with it goes on
				w.mustRefresh(w.public, other.RefreshToken)
			}
		})
	}
}

// A revoked connection is over: its refresh tokens of every generation, its access tokens and its code.
func TestAttackRefreshAfterRevocation(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	first := w.mustRedeem(w.app, code)
	second := w.mustRefresh(w.app, first.RefreshToken)
	w.ok(w.server.Revoke(w.ctx(), w.app.asks(first.AccessToken)))
	for _, dead := range []string{first.RefreshToken, second.RefreshToken} {
		_, err := w.refresh(w.app, dead)
		wantCode(t, err, oauth.InvalidGrant)
	}
	w.wantLive(w.app, second.AccessToken, false)
	_, err := w.redeem(w.app, code)
	wantCode(t, err, oauth.InvalidGrant)
}

// A replayed code ends the refresh tokens it led to (RFC 6749 §4.1.2), as long as they would live.
func TestAttackCodeReplayEndsTheRefreshTokens(t *testing.T) {
	for _, later := range []time.Duration{0, time.Hour, 20 * day} {
		w := onSQLite(t)
		code := w.connect(w.app, w.red)
		got := w.mustRedeem(w.app, code)
		w.clock.Advance(later)
		_, err := w.redeem(w.app, code)
		wantCode(t, err, oauth.InvalidGrant)
		_, err = w.refresh(w.app, got.RefreshToken)
		wantCode(t, err, oauth.InvalidGrant)
		if events := w.events(audit.CodeReplayed); len(events) != 1 {
			t.Errorf("after %v: recorded %+v, want one replay", later, events)
		}
	}
}

// A code that was never redeemed and comes too late is no replay: nothing was stolen, and nobody should be alarmed.
func TestLateCodeIsNoReplay(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	w.clock.Advance(2 * time.Minute)
	_, err := w.redeem(w.app, code)
	wantCode(t, err, oauth.InvalidGrant)
	if replays, refusals := w.events(audit.CodeReplayed), w.events(audit.CodeRefused); len(replays) != 0 || len(refusals) != 1 {
		t.Errorf("recorded %+v and %+v, want one refusal", replays, refusals)
	}
}

// RFC 9700 §2.2.2, RFC 9449 §5: a public client's refresh token is bound to its key, and is worth nothing to somebody who has only the token.
func TestAttackStolenBoundRefreshToken(t *testing.T) {
	w := onSQLite(t)
	first, err := w.proved("key of the client", form(w.public, w.connect(w.public, w.red)))
	w.ok(err)
	refresh := func(refreshToken, key string) (oauth.TokenResponse, error) {
		return w.proved(key, form(w.public, "", "grant_type", "refresh_token", "refresh_token", refreshToken))
	}
	for _, key := range []string{"", "key of the thief"} {
		_, err := refresh(first.RefreshToken, key)
		wantCode(t, err, oauth.InvalidGrant)
	}
	second, err := refresh(first.RefreshToken, "key of the client")
	w.ok(err)
	w.clock.Advance(time.Minute)
	_, err = refresh(first.RefreshToken, "key of the thief") // not even a replay: without the key it is no one's
	wantCode(t, err, oauth.InvalidGrant)
	w.wantConnection(first.RefreshToken, "live")
	if second.TokenType != "DPoP" || w.thumbprint(second.AccessToken) != "key of the client" {
		t.Errorf("token type %q bound to %q, want DPoP and the key", second.TokenType, w.thumbprint(second.AccessToken))
	}
}

// RFC 9700 §4.14: 64 callers with one refresh token, at two server processes: one successor and no error of any kind.
func TestRefreshStorm(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		servers := w.servers()
		refreshToken := w.mustConnect(w.app, w.red).RefreshToken
		for range 3 {
			var (
				start      = make(chan struct{})
				mu         sync.Mutex
				successors = map[string]int{}
				tokens     = map[string]bool{}
				done       sync.WaitGroup
			)
			for i := range 64 {
				done.Go(func() {
					<-start
					got, err := w.refreshAt(servers[i%2], w.app, refreshToken)
					if err != nil {
						t.Errorf("a caller got %v", err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					successors[got.RefreshToken]++
					tokens[got.AccessToken] = true
				})
			}
			close(start)
			done.Wait()
			if len(successors) != 1 || len(tokens) != 64 {
				t.Fatalf("%d successors and %d access tokens, want 1 and 64", len(successors), len(tokens))
			}
			for refreshToken = range successors {
			}
		}
		if n := w.count("SELECT COUNT(*) FROM gh_families"); n != 1 {
			t.Errorf("%d families, want 1", n)
		}
	})
}

// A refresh that races the end of its membership was first, and what it issued is dead all the same; or it gets nothing.
func TestAttackRefreshRacesTheEndOfAMembership(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		servers := w.servers()
		for range 5 {
			refreshToken := w.mustConnect(w.app, w.red).RefreshToken
			var done sync.WaitGroup
			var raced []oauth.TokenResponse
			done.Go(func() {
				for range 10 {
					got, err := w.refreshAt(servers[1], w.app, refreshToken)
					if err != nil {
						if !errors.Is(err, oauth.InvalidGrant) {
							t.Errorf("refresh: %v, want invalid_grant", err)
						}
						return
					}
					raced, refreshToken = append(raced, got), got.RefreshToken
				}
			})
			done.Go(func() {
				if err := w.directory.RemoveMember(w.ctx(), team.CommandLine, "red", w.ada.Email); err != nil {
					t.Error(err)
				}
			})
			done.Wait()
			for _, got := range raced {
				if i := w.introspect(w.app, got.AccessToken); i.Active {
					t.Error("a token issued in the race outlives the membership")
				}
			}
			_, err := w.refresh(w.app, refreshToken)
			wantCode(t, err, oauth.InvalidGrant)
			w.join("red", w.ada)
		}
	})
}
