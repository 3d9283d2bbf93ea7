package authz_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/google/go-cmp/cmp"
)

const day = 24 * time.Hour

func TestRefreshRotatesAndKeepsTheTeam(t *testing.T) {
	w := onSQLite(t)
	first := w.mustConnect(w.app, w.red)
	w.connect(w.app, w.blue) // another connection of the same person does not matter
	w.clock.Advance(time.Hour)
	second := w.mustRefresh(w.app, first.RefreshToken)
	if second.RefreshToken == first.RefreshToken || second.RefreshToken == "" || second.AccessToken == first.AccessToken {
		t.Error("the refresh did not make new tokens")
	}
	if second.Team != "red" || second.Scope != first.Scope || second.ExpiresIn != 3600 || second.TokenType != "Bearer" {
		t.Errorf("got %v, want red and the whole scope for an hour", second)
	}
	before, after := w.claims(first.AccessToken), w.claims(second.AccessToken)
	if before["jti"] == after["jti"] {
		t.Error("two access tokens have one jti")
	}
	for _, changed := range []string{"iat", "exp", "jti"} {
		delete(before, changed)
		delete(after, changed)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("claims (-first +refreshed):\n%s", diff)
	}
	w.wantLive(w.app, second.AccessToken, true)
}

func TestRefreshRetryWithinTheGraceGetsTheSameSuccessor(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		first := w.mustConnect(w.app, w.red)
		successor := w.mustRefresh(w.app, first.RefreshToken)
		w.clock.Advance(time.Minute)
		retries := w.statements.during(func() {
			for range 3 {
				again := w.mustRefresh(w.app, first.RefreshToken)
				if again.RefreshToken != successor.RefreshToken {
					t.Error("a retry got another successor")
				}
				if again.AccessToken == successor.AccessToken {
					t.Error("a retry got no access token of its own")
				}
				w.claims(again.AccessToken)
			}
		})
		if retries["commit"] != 0 {
			t.Errorf("retries wrote: %v", retries)
		}
		// The lost answer has been had; the connection goes on.
		w.mustRefresh(w.app, successor.RefreshToken)
		if events := w.events(audit.RefreshReplayed); len(events) != 0 {
			t.Errorf("a retry was taken for a replay: %+v", events)
		}
	})
}

// A client may have a shorter grace than the server. After it, the retry is a late one, which is recorded and granted once.
func TestAClientMayHaveAShorterGrace(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		hasty := w.register(client.Registration{Name: "Hasty", RedirectURIs: []string{callback}, RefreshGrace: 10 * time.Second})
		for _, tt := range []struct {
			client app
			wait   time.Duration
			late   int // events of late retries then
		}{{hasty, 10 * time.Second, 0}, {w.app, 11 * time.Second, 0}, {hasty, 11 * time.Second, 1}} {
			first := w.mustConnect(tt.client, w.red)
			w.mustRefresh(tt.client, first.RefreshToken)
			w.clock.Advance(tt.wait)
			w.mustRefresh(tt.client, first.RefreshToken)
			if events := w.events(audit.RefreshRetried); len(events) != tt.late {
				t.Errorf("%s after %v: %d late retries, want %d", tt.client.Name, tt.wait, len(events), tt.late)
			}
		}
	})
}

func TestStatementsOfARefresh(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		token := w.mustConnect(w.app, w.red).RefreshToken
		got := w.statements.during(func() { w.mustRefresh(w.app, token) })
		if diff := cmp.Diff(map[string]int{"Rotate": w.statementsOf(2), "audit": 1, "commit": 1}, got); diff != "" {
			t.Errorf("one look, one swap and its record, one commit (-want +got):\n%s", diff)
		}
	})
}

func TestRefreshTokenExpiresWhenItIsNotUsed(t *testing.T) {
	w := onSQLite(t)
	token := w.mustConnect(w.app, w.red).RefreshToken
	for range 3 {
		w.clock.Advance(30*day - time.Second)
		token = w.mustRefresh(w.app, token).RefreshToken
	}
	w.clock.Advance(30 * day)
	_, err := w.refresh(w.app, token)
	wantCode(t, err, oauth.InvalidGrant)
}

// TestConnectionEndsAYearAfterConsent: however often it is refreshed, and its last access token ends with it.
func TestConnectionEndsAYearAfterConsent(t *testing.T) {
	w := onSQLite(t)
	token := w.mustConnect(w.app, w.red).RefreshToken
	began := w.clock.Now()
	for w.clock.Now().Sub(began) < 340*day {
		w.clock.Advance(20 * day)
		token = w.mustRefresh(w.app, token).RefreshToken
	}
	w.clock.Advance(365*day - 30*time.Minute - w.clock.Now().Sub(began))
	last := w.mustRefresh(w.app, token)
	if last.ExpiresIn != 30*60 {
		t.Errorf("half an hour before its end, the connection gives a token for %d seconds", last.ExpiresIn)
	}
	w.clock.Advance(30 * time.Minute)
	_, err := w.refresh(w.app, last.RefreshToken)
	wantCode(t, err, oauth.InvalidGrant)
	w.wantLive(w.app, last.AccessToken, false)
}

func TestLifetimesAreSettings(t *testing.T) {
	w := onSQLite(t)
	server := authz.New(storetest.Stores(w.db), w.keys, w.clock.Now, options(func(o *authz.Options) {
		o.AccessTokenLifetime = time.Minute
		o.Refresh = authz.RefreshRule{Idle: time.Hour, Absolute: 90 * time.Minute, Grace: time.Second}
	}))
	first, err := w.exchange(server, form(w.app, w.connect(w.app, w.red)))
	w.ok(err)
	w.clock.Advance(time.Hour - time.Millisecond)
	second, err := w.refreshAt(server, w.app, first.RefreshToken)
	w.ok(err)
	w.clock.Advance(time.Second)
	_, err = w.refreshAt(server, w.app, first.RefreshToken)
	w.ok(err)
	w.clock.Advance(30 * time.Minute)
	_, err = w.refreshAt(server, w.app, second.RefreshToken)
	wantCode(t, err, oauth.InvalidGrant)
}

func TestRefreshNarrowsOneAccessToken(t *testing.T) {
	w := onSQLite(t)
	token := w.mustConnect(w.app, w.red, "scope", "chatbot:read session:read openid").RefreshToken
	narrow := w.mustRefresh(w.app, token, "scope", "session:read")
	if narrow.Scope != "session:read" || narrow.IDToken != "" || w.claims(narrow.AccessToken)["scope"] != "session:read" {
		t.Errorf("got scope %q, want session:read and no ID token", narrow.Scope)
	}
	// RFC 6749 §6: the refresh token keeps the scope it was issued for.
	whole := w.mustRefresh(w.app, narrow.RefreshToken)
	if whole.Scope != "chatbot:read session:read openid" || whole.IDToken == "" {
		t.Errorf("after a narrower one: scope %q, want the whole again", whole.Scope)
	}
}

// TestRefreshForMoreThanWasGranted: the refresh token is not used up by the mistake, and the person's other consents do not count.
func TestRefreshForMoreThanWasGranted(t *testing.T) {
	w := onSQLite(t)
	token := w.mustConnect(w.app, w.red).RefreshToken
	w.mustConnect(w.app, w.red, "scope", "session:write openid") // the grant is wider now, this connection is not
	got := w.statements.during(func() {
		for _, scope := range []string{"session:write", "chatbot:read openid", "chatbot:fly"} {
			_, err := w.refresh(w.app, token, "scope", scope)
			wantCode(t, err, oauth.InvalidScope)
		}
		_, err := w.refresh(w.app, token, "resource", "https://other.example/")
		wantCode(t, err, oauth.InvalidTarget)
	})
	if got["Rotate"] != 0 || got["commit"] != 0 {
		t.Errorf("a mistake was written: %v", got)
	}
	w.mustRefresh(w.app, token)
}

func TestRefreshFollowsTheClientsCeiling(t *testing.T) {
	w := onSQLite(t)
	token := w.mustConnect(w.app, w.red).RefreshToken
	ceiling := func(scope string) {
		_, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, w.app.ID, client.Change{Scope: oauth.Scope{scope}})
		w.ok(err)
	}
	ceiling("session:read")
	got := w.mustRefresh(w.app, token)
	if got.Scope != "session:read" {
		t.Errorf("scope %q, want only what the client is still allowed", got.Scope)
	}
	_, err := w.refresh(w.app, got.RefreshToken, "scope", "chatbot:read")
	wantCode(t, err, oauth.InvalidScope)
	ceiling("session:write")
	_, err = w.refresh(w.app, got.RefreshToken)
	wantCode(t, err, oauth.InvalidGrant)
}

func TestRenameReachesTheRefreshedToken(t *testing.T) {
	w := onSQLite(t)
	first := w.mustConnect(w.app, w.red)
	w.rename("red", "crimson")
	second := w.mustRefresh(w.app, first.RefreshToken)
	if claims := w.claims(second.AccessToken); second.Team != "crimson" || claims["team"] != "crimson" || claims["team_id"] != string(w.red.ID) {
		t.Errorf("team %q, claims %v; want crimson with the same team_id", second.Team, claims)
	}
	// What was issued before the rename still works, and is answered for by the new name.
	if i := w.introspect(w.app, first.AccessToken); !i.Active || i.Team != "crimson" {
		t.Errorf("introspection says %+v, want the new slug", i)
	}
}

func TestRefreshSaysWhatIsMissing(t *testing.T) {
	w := onSQLite(t)
	_, err := w.refresh(w.app, "")
	wantCode(t, err, oauth.InvalidRequest)
	if !strings.Contains(err.Error(), "refresh_token") {
		t.Errorf("error %v does not name the parameter", err)
	}
	_, err = w.refresh(w.machine(), "gh_rt_x")
	wantCode(t, err, oauth.UnauthorizedClient)
}

// TestRefreshedIDTokenIsAboutTheSameSignIn is OpenID Connect Core §12.2.
func TestRefreshedIDTokenIsAboutTheSameSignIn(t *testing.T) {
	w := onSQLite(t)
	first := w.mustConnect(w.app, w.red, "scope", "openid email", "nonce", "n-0S6")
	w.clock.Advance(time.Hour)
	second := w.mustRefresh(w.app, first.RefreshToken)
	before, after := w.claims(first.IDToken), w.claims(second.IDToken)
	if before["nonce"] != "n-0S6" || after["nonce"] != nil {
		t.Errorf("nonce %v, then %v; want the request's, then none", before["nonce"], after["nonce"])
	}
	if after["iat"] == before["iat"] || after["at_hash"] == before["at_hash"] {
		t.Error("the ID token was not made anew")
	}
	for _, changed := range []string{"nonce", "iat", "exp", "at_hash"} {
		delete(before, changed)
		delete(after, changed)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("claims (-first +refreshed):\n%s", diff)
	}
}

// TestManyRefreshesLeaveOneRow is a million refreshes on a small scale: storage grows with connections, not with traffic. Only the audit trail grows, and that is pruned by age.
func TestManyRefreshesLeaveOneRow(t *testing.T) {
	w := onSQLite(t)
	token := w.mustConnect(w.app, w.red).RefreshToken
	rows := func() map[string]int {
		counts := map[string]int{}
		for _, table := range []string{"gh_families", "gh_grants", "gh_endings", "gh_assertions", "gh_notices"} {
			counts[table] = w.count("SELECT COUNT(*) FROM " + table)
		}
		return counts
	}
	before := rows()
	if before["gh_families"] != 1 {
		t.Fatalf("before: %v, want one family", before)
	}
	for range 2000 {
		w.clock.Advance(time.Minute)
		token = w.mustRefresh(w.app, token).RefreshToken
	}
	if diff := cmp.Diff(before, rows()); diff != "" {
		t.Errorf("rows (-before +after 2000 refreshes):\n%s", diff)
	}
	w.clock.Advance(366 * day)
	for {
		n, err := w.db.Prune(w.ctx(), w.clock.Now(), 1000)
		w.ok(err)
		if n == 0 {
			break
		}
	}
	if n := w.count("SELECT COUNT(*) FROM gh_families"); n != 0 {
		t.Errorf("%d families after their time was over and pruning, want none", n)
	}
}
