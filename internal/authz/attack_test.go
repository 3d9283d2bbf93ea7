package authz_test

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"golang.org/x/oauth2"
)

// The tests of this file are named for the threats of RFC 9700 §4 that the protocol, below HTTP, has to answer.

const otherVerifier = "another-verifier-another-verifier-another-verifier"

// RFC 9700 §4.1: insufficient redirect URI validation.
func TestAttackRedirectURIThatIsAlmostRegistered(t *testing.T) {
	w := onSQLite(t)
	for _, uri := range []string{
		"https://app.example/callback/", "https://app.example/Callback", "https://APP.example/callback", "https://app.example:443/callback",
		"https://app.example/callback?", "https://app.example/callback?a=b", "https://app.example/callback#", "https://app.example/callback;x",
		"https://app.example/%63allback", "https://app.example/x/../callback", "https://user@app.example/callback", "https://app.example.evil.example/callback",
		"https://app.example/callback@evil.example", "http://app.example/callback", "//app.example/callback", "/callback", "https://evil.example/",
		" https://app.example/callback", "https://app.example/callback\n", "https://app.example\\@evil.example/callback", "http://127.0.0.1:80/callback",
	} {
		_, err := w.server.Begin(w.ctx(), params(w.app, "redirect_uri", uri), authz.Browser{})
		var page *authz.PageError
		if !errors.As(err, &page) || page.Received != uri {
			t.Errorf("%q: error %v, want a *PageError that shows it", uri, err)
		}
	}
}

// RFC 9700 §4.11.2: the authorization server as an open redirector. Whatever else is wrong or asked for, an unverified URI is never gone to.
func TestAttackOpenRedirection(t *testing.T) {
	w := onSQLite(t)
	for _, changes := range [][]string{
		{}, {"prompt", "none"}, {"response_type", "token"}, {"scope", "nonsense"}, {"code_challenge", ""}, {"team", "green"}, {"client_id", "nobody"},
	} {
		_, err := w.server.Begin(w.ctx(), params(w.app, append(changes, "redirect_uri", "https://evil.example/")...), authz.Browser{})
		var redirect *authz.RedirectError
		if err == nil || errors.As(err, &redirect) {
			t.Errorf("%v: error %T %v, want one that stays here", changes, err, err)
		}
	}
}

// RFC 9700 §4.4: mix-up. Every authorization response says who it is from, errors included (RFC 9207).
func TestAttackMixUp(t *testing.T) {
	w := onSQLite(t)
	session := w.session(w.ada)
	var responses []oauth.AuthorizationResponse
	refused := func(err error) {
		t.Helper()
		var redirect *authz.RedirectError
		if !errors.As(err, &redirect) {
			t.Fatalf("error %v, want a *RedirectError", err)
		}
		responses = append(responses, redirect.Response)
	}
	_, err := w.server.Begin(w.ctx(), params(w.app, "response_type", "token"), authz.Browser{})
	refused(err)
	_, err = w.server.Begin(w.ctx(), params(w.app, "prompt", "none"), authz.Browser{})
	refused(err)
	page := w.page(params(w.app), session)
	cancelled, err := w.server.Cancel(w.ctx(), page.Sealed, authz.Browser{})
	w.ok(err)
	responses = append(responses, cancelled.Response, w.approve(page.Sealed, session, w.red.ID).Response,
		w.next(w.begin(params(w.app, "team", "red")), session).Response)
	for _, response := range responses {
		sent, err := url.Parse(response.URL())
		w.ok(err)
		if got := sent.Query()["iss"]; len(got) != 1 || got[0] != issuer {
			t.Errorf("%s has iss %q, want %q", sent, got, issuer)
		}
	}
}

// RFC 9700 §4.5: code injection, into a session of the same client. The code is of another verifier's pair, so it is useless, and stays so.
func TestAttackCodeInjectionWithAnotherVerifier(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	_, err := w.redeem(w.app, code, "code_verifier", otherVerifier)
	wantCode(t, err, oauth.InvalidGrant)
	w.wantFamily(code, "ended")
	_, err = w.redeem(w.app, code)
	wantCode(t, err, oauth.InvalidGrant)
}

// RFC 9700 §4.5: code injection, by another client. It fails, and nothing happens to what the rightful client has or will have.
func TestAttackCodeInjectionByAnotherClient(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	for name, thief := range map[string]app{"confidential": w.redOnly, "public": w.public} {
		for _, v := range []string{verifier, otherVerifier} {
			_, err := w.redeem(thief, code, "code_verifier", v)
			wantCode(t, err, oauth.InvalidGrant)
			if got := w.family(code); got != "none" {
				t.Fatalf("%s client, before redemption: the family is %q, want none", name, got)
			}
		}
	}
	for _, e := range w.events(audit.CodeRefused) {
		if e.Client == string(w.app.ID) || e.Grant != "" || e.User != "" || e.Team != "" {
			t.Errorf("the trail of the thief says whose code it was: %+v", e)
		}
	}
	w.mustRedeem(w.app, code)
	for _, thief := range []app{w.redOnly, w.public} {
		_, err := w.redeem(thief, code)
		wantCode(t, err, oauth.InvalidGrant)
	}
	w.wantFamily(code, "live")
}

// RFC 9700 §4.5, RFC 6749 §4.1.3: code injection, from another of the client's redirect URIs.
func TestAttackCodeInjectionAtAnotherRedirectURI(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	for _, uri := range []string{"https://app.example/other", "https://app.example/callback/", "https://APP.example/callback", "https://evil.example/"} {
		_, err := w.redeem(w.app, code, "redirect_uri", uri)
		wantCode(t, err, oauth.InvalidGrant)
	}
	w.wantFamily(code, "none") // a slip, not a guess: the code may still be redeemed as it should
	w.mustRedeem(w.app, code)
	// Where any port is registered, the code is still for the one that it was sent to.
	code = w.connect(w.public, w.red, "redirect_uri", "http://127.0.0.1:1/cb")
	_, err := w.redeem(w.public, code, "redirect_uri", "http://127.0.0.1:2/cb")
	wantCode(t, err, oauth.InvalidGrant)
}

// RFC 9700 §4.7: what a forged request gets is bound to the verifier of the one who began it, and the state goes back untouched.
func TestAttackCrossSiteRequestForgery(t *testing.T) {
	w := onSQLite(t)
	mine, victims := w.connect(w.app, w.red), w.connect(w.app, w.blue, "code_challenge", oauth2.S256ChallengeFromVerifier(otherVerifier))
	_, err := w.redeem(w.app, mine, "code_verifier", otherVerifier)
	wantCode(t, err, oauth.InvalidGrant)
	if got, err := w.redeem(w.app, victims, "code_verifier", otherVerifier); err != nil || got.Team != "blue" {
		t.Errorf("the victim's own code: %v, %v", got, err)
	}
}

// RFC 6749 §10.5, RFC 9700 §4.3: code replay. It fails, and ends what the first one got.
func TestAttackCodeReplay(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	w.mustRedeem(w.app, code)
	w.wantFamily(code, "live")
	_, err := w.redeem(w.app, code)
	wantCode(t, err, oauth.InvalidGrant)
	if !errors.Is(err, authz.ErrReplayed) {
		t.Errorf("the log is told %v, want ErrReplayed", err)
	}
	w.wantFamily(code, "ended")
}

// A replay after the code has expired still ends the family, if possession is proved; an expired code that was never redeemed stays useless.
func TestAttackCodeReplayAfterItExpired(t *testing.T) {
	w := onSQLite(t)
	redeemed, untouched := w.connect(w.app, w.red), w.connect(w.app, w.blue)
	w.mustRedeem(w.app, redeemed)
	w.clock.Advance(2 * time.Minute)

	for _, changes := range [][]string{{"code_verifier", otherVerifier}, {"redirect_uri", "https://app.example/other"}, {"client_id", string(w.redOnly.ID), "client_secret", w.redOnly.secret}} {
		_, err := w.redeem(w.app, redeemed, changes...)
		wantCode(t, err, oauth.InvalidGrant)
		if got := w.family(redeemed); got != "live" {
			t.Fatalf("%v: the family is %q, want live: possession was not proved", changes, got)
		}
	}
	_, err := w.redeem(w.app, redeemed)
	wantCode(t, err, oauth.InvalidGrant)
	w.wantFamily(redeemed, "ended")

	for range 2 {
		_, err = w.redeem(w.app, untouched)
		wantCode(t, err, oauth.InvalidGrant)
		if got := w.family(untouched); got == "live" {
			t.Fatal("an expired code was redeemed")
		}
	}
}

// A leaked code without its verifier must not be a means to end what the rightful client has.
func TestAttackReplayWithoutPossession(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	w.mustRedeem(w.app, code)
	_, err := w.redeem(w.app, code, "code_verifier", otherVerifier)
	wantCode(t, err, oauth.InvalidGrant)
	w.wantFamily(code, "live")
}

// What is no code of ours says nothing about what it is.
func TestAttackForgedCode(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	request, err := w.server.Accept(w.ctx(), params(w.app))
	w.ok(err)
	middle := len(code) / 2
	flipped := code[:middle] + string(code[middle]^1) + code[middle+1:]
	_, used := w.redeem(w.app, w.used())
	_, want := oauth.Outside(used)
	for name, forged := range map[string]string{
		"garbage": "garbage", "prefix only": token.PrefixCode, "no prefix": strings.TrimPrefix(code, token.PrefixCode), "a sealed request": token.PrefixCode + request,
		"one bit changed": flipped, "cut": code[:len(code)-1], "longer": code + "A", "another prefix": token.PrefixRefreshToken + strings.TrimPrefix(code, token.PrefixCode),
	} {
		_, err := w.redeem(w.app, forged)
		wantCode(t, err, oauth.InvalidGrant)
		if _, got := oauth.Outside(err); got != want {
			t.Errorf("%s: %q tells it from a used code, %q", name, got, want)
		}
	}
	w.mustRedeem(w.app, code)
}

// used is a code that was redeemed.
func (w *world) used() string {
	w.Helper()
	code := w.connect(w.app, w.blue)
	w.mustRedeem(w.app, code)
	return code
}

// Unknown, expired, foreign, used and dead codes look alike outside.
func TestAttackTellingCodesApart(t *testing.T) {
	w := onSQLite(t)
	dead, expired, foreign := w.connect(w.app, w.red), w.connect(w.app, w.blue), w.connect(w.public, w.blue)
	w.ok(w.directory.RemoveMember(w.ctx(), team.CommandLine, "red", w.ada.Email))
	answers := map[string]bool{}
	try := func(code string) {
		_, err := w.redeem(w.app, code)
		wantCode(t, err, oauth.InvalidGrant)
		_, description := oauth.Outside(err)
		answers[description] = true
	}
	try("gh_ac_unknown")
	try(foreign)
	try(dead)
	try(w.used())
	w.clock.Advance(time.Hour)
	try(expired)
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
}

// What a code stands for may end between consent and redemption. Then it is worth nothing.
func TestAttackCodeOutlivesItsReason(t *testing.T) {
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
		"client disabled": {func(w *world) error { return w.db.DisableClient(w.ctx(), w.app.ID, w.clock.Now()) }, oauth.InvalidClient},
		"client disabled and enabled": {func(w *world) error {
			w.ok(w.db.DisableClient(w.ctx(), w.app.ID, w.clock.Now()))
			return w.db.EnableClient(w.ctx(), w.app.ID)
		}, oauth.InvalidGrant},
		"client removed": {func(w *world) error { return w.db.RemoveClient(w.ctx(), w.app.ID) }, oauth.InvalidClient},
		"client blocked by the team": {func(w *world) error {
			return w.block()
		}, oauth.InvalidGrant},
		"client blocked and unblocked": {func(w *world) error {
			w.ok(w.block())
			return w.govern.Unblock(w.ctx(), team.CommandLine, w.red.ID, w.app.ID)
		}, oauth.InvalidGrant},
		"suspended by the team's policy": {func(w *world) error {
			_, err := w.govern.SetPolicy(w.ctx(), team.CommandLine, w.red.ID, govern.Policy{Rule: govern.Nobody}, nil)
			return err
		}, oauth.InvalidGrant},
		"scope taken from the client": {func(w *world) error {
			_, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, w.app.ID, client.Change{Scope: oauth.Scope{"chatbot:read"}})
			return err
		}, oauth.InvalidGrant},
		"team removed":  {func(w *world) error { _, err := w.directory.RemoveTeam(w.ctx(), team.CommandLine, "red"); return err }, oauth.InvalidGrant},
		"grant revoked": {func(w *world) error { return w.revokeAll() }, oauth.InvalidGrant},
		"grant revoked and given again": {func(w *world) error {
			w.ok(w.revokeAll())
			w.connect(w.app, w.red)
			return nil
		}, oauth.InvalidGrant},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t)
			code := w.connect(w.app, w.red)
			w.ok(tt.end(w))
			response, err := w.redeem(w.app, code)
			wantCode(t, err, tt.want)
			if response.AccessToken != "" {
				t.Error("it answered with a token")
			}
		})
	}
}

func (w *world) leaveAndReturn() {
	w.Helper()
	w.ok(w.directory.RemoveMember(w.ctx(), team.CommandLine, "red", w.ada.Email))
	w.join("red", w.ada)
}

func (w *world) revokeAll() error {
	grants, err := w.db.Grants(w.ctx(), authz.GrantFilter{})
	for _, g := range grants {
		err = errors.Join(err, w.db.RevokeGrant(w.ctx(), g.Grant.ID))
	}
	return err
}

// A code of one team is worth nothing in another, whatever happens to slugs; ending one connection leaves the other.
func TestAttackOtherTeam(t *testing.T) {
	w := onSQLite(t)
	red, blue := w.connect(w.app, w.red), w.connect(w.app, w.blue)
	_, err := w.directory.RemoveTeam(w.ctx(), team.CommandLine, "red")
	w.ok(err)
	w.directory.Teams = storetest.LongAfter(w, w.databaseURL)
	w.rename("blue", "red")
	_, err = w.redeem(w.app, red)
	wantCode(t, err, oauth.InvalidGrant)
	if claims := w.claims(w.mustRedeem(w.app, blue).AccessToken); claims["team_id"] != string(w.blue.ID) {
		t.Errorf("team_id %v, want that of the team that was blue, %s", claims["team_id"], w.blue.ID)
	}

	// bob is not in red, so no request of his gets there: not by name, not by a form, not by a client of that team.
	green := w.addTeam("green", "Green")
	session := w.session(w.bob)
	if n := w.next(w.begin(params(w.app, "team", "green")), session); n.Step != authz.NoAccess {
		t.Errorf("team=green: %v, want NoAccess", n.Step)
	}
	page := w.page(params(w.app), session)
	shown := w.opened(page.Sealed)
	shown.ShownTeam = ""
	for _, chosen := range []team.ID{green.ID, "", "green"} {
		if n := w.approve(w.sealed(shown), session, chosen); n.Step == authz.Answer {
			t.Errorf("the form chose %q and got a code", chosen)
		}
	}
}

// RFC 6749 §10.5: fifty at once, through two server processes on one database: one success, and the replays end what it got.
func TestAttackConcurrentRedemption(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		servers := []*authz.Server{w.server, w.server}
		if strings.HasPrefix(w.databaseURL, "postgres") {
			_, _, servers[1] = w.process()
		}
		code := w.connect(w.app, w.red)
		var (
			start = make(chan struct{})
			mu    sync.Mutex
			won   int
			done  sync.WaitGroup
		)
		for i := range 50 {
			done.Go(func() {
				<-start
				_, err := w.exchange(servers[i%2], form(w.app, code))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !errors.Is(err, oauth.InvalidGrant) {
					t.Errorf("a loser got %v, want invalid_grant", err)
				}
			})
		}
		close(start)
		done.Wait()
		if won != 1 {
			t.Errorf("%d of 50 succeeded, want 1", won)
		}
		w.wantFamily(code, "ended")
	})
}

// Guessing verifiers at once: the right one among them may win the race, but after a wrong one nothing does.
func TestAttackConcurrentVerifierGuesses(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		code := w.connect(w.app, w.red)
		var done sync.WaitGroup
		for range 20 {
			done.Go(func() {
				if _, err := w.redeem(w.app, code, "code_verifier", otherVerifier); !errors.Is(err, oauth.InvalidGrant) {
					t.Errorf("a guess got %v, want invalid_grant", err)
				}
			})
		}
		done.Wait()
		_, err := w.redeem(w.app, code)
		wantCode(t, err, oauth.InvalidGrant)
		w.wantFamily(code, "ended")
	})
}

// A membership that ends while its code is redeemed: either it was redeemed before, or it is worth nothing; never a token afterwards.
func TestAttackRedemptionRacesTheEndOfAMembership(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for range 10 {
			code := w.connect(w.app, w.red)
			var done sync.WaitGroup
			done.Go(func() { w.redeem(w.app, code) })
			done.Go(func() {
				if err := w.directory.RemoveMember(w.ctx(), team.CommandLine, "red", w.ada.Email); err != nil {
					t.Error(err)
				}
			})
			done.Wait()
			w.wantFamily(code, "none") // no matter who was first: it has ended with the membership
			_, err := w.redeem(w.app, code)
			wantCode(t, err, oauth.InvalidGrant)
			w.join("red", w.ada)
		}
	})
}
