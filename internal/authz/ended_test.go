package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// endedSaid is the claim of a list, whose signature and head are checked.
type endedSaid struct {
	Grants, Families, Tokens []string
	Clients                  map[string]int64
}

func (w *world) ended(server *authz.Server) (said endedSaid, etag string) {
	w.Helper()
	text, etag, err := server.EndedList(w.ctx())
	w.ok(err)
	header, claims := w.verified(string(text), jose.ES256)
	now := float64(w.clock.Now().Unix())
	if header.ExtraHeaders["typ"] != "ended-tokens+jwt" || claims["iss"] != issuer || claims["iat"].(float64) > now || claims["exp"] != claims["iat"].(float64)+60 {
		w.Errorf("typ %v, claims %v", header.ExtraHeaders["typ"], claims)
	}
	inside, err := json.Marshal(claims["ended"])
	w.ok(err)
	w.ok(json.Unmarshal(inside, &said))
	return said, etag
}

// jti is that of an access token.
func (w *world) jti(accessToken string) string {
	w.Helper()
	jti, _ := w.claims(accessToken)["jti"].(string)
	return jti
}

func TestEndedListSaysWhatHasEnded(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		nothing := endedSaid{Grants: []string{}, Families: []string{}, Tokens: []string{}, Clients: map[string]int64{}}
		said, before := w.ended(w.server)
		if diff := cmp.Diff(nothing, said); diff != "" {
			t.Errorf("at first (-want +got):\n%s", diff)
		}
		machine, dead := w.machine(), w.machine()
		family, grant := w.mustConnect(w.app, w.red), w.mustConnect(w.public, w.blue)
		token := w.mustMachineToken(machine)
		w.ok(w.server.Revoke(w.ctx(), w.app.asks(family.RefreshToken)))
		w.ok(w.directory.RemoveMember(w.ctx(), team.CommandLine, "blue", w.ada.Email))
		w.ok(w.server.Revoke(w.ctx(), machine.asks(token.AccessToken)))
		w.ok(w.db.DisableClient(w.ctx(), dead.ID, w.clock.Now()))
		opened, err := w.keys.OpenRefreshToken(family.RefreshToken)
		w.ok(err)
		want := endedSaid{
			Grants: []string{w.claims(grant.AccessToken)["grant_id"].(string)}, Families: []string{opened.Family},
			Tokens: []string{w.jti(token.AccessToken)}, Clients: map[string]int64{string(dead.ID): w.clock.Now().Unix()},
		}
		w.clock.Advance(time.Second)
		for _, server := range w.servers() { // each process says the same
			said, after := w.ended(server)
			if diff := cmp.Diff(want, said); diff != "" {
				t.Errorf("afterwards (-want +got):\n%s", diff)
			}
			if after == before || after[0] != '"' {
				t.Errorf("the ETag %s is no ETag, or the one of another list", after)
			}
		}
		// Once all that they were issued has expired, nobody believes it any more.
		w.clock.Advance(2 * time.Hour)
		if said, _ := w.ended(w.server); cmp.Diff(nothing, said) != "" {
			t.Errorf("in the end (-want +got):\n%s", cmp.Diff(nothing, said))
		}
	})
}

// A cache between the server and an API may keep a list and ask only whether it is still good. Were it told so for ever, the API would get a list that
// has expired, and could answer nobody until something ended.
func TestETagOfTheEndedListConfirmsNoneThatIsAboutToExpire(t *testing.T) {
	w := onSQLite(t)
	kept, ages := "", []time.Duration{}
	var since time.Time
	for range 180 {
		_, etag := w.ended(w.server)
		if etag != kept {
			kept, since = etag, w.clock.Now()
		}
		ages = append(ages, w.clock.Now().Sub(since))
		w.clock.Advance(time.Second)
	}
	if oldest := slices.Max(ages); oldest < 20*time.Second || oldest > 40*time.Second {
		t.Errorf("a list that expires after a minute is confirmed for %v, want about half of it", oldest)
	}
}

func TestEndedListIsMadeOnceASecond(t *testing.T) {
	w := onSQLite(t)
	ask := func() map[string]int {
		return w.statements.during(func() {
			var done sync.WaitGroup
			for range 20 {
				done.Go(func() {
					if _, _, err := w.server.EndedList(w.ctx()); err != nil {
						t.Error(err)
					}
				})
			}
			done.Wait()
		})
	}
	if got := ask()["Endings"]; got != 1 {
		t.Errorf("twenty at once: %d queries, want 1", got)
	}
	w.clock.Advance(time.Second - time.Millisecond)
	if got := ask()["Endings"]; got != 0 {
		t.Errorf("within the second: %d queries, want none", got)
	}
	w.clock.Advance(time.Millisecond)
	if got := ask()["Endings"]; got != 1 {
		t.Errorf("after a second: %d queries, want 1", got)
	}
	w.clock.Advance(-time.Hour)
	if got := ask()["Endings"]; got != 1 {
		t.Errorf("after the clock was set back: %d queries, want 1", got)
	}
}

// silentEndings is a store whose database no longer answers.
type silentEndings struct{ authz.FamilyStore }

func (silentEndings) Endings(ctx context.Context, _ time.Time) ([]authz.Ending, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A silent database must not pile up polls: one caller loads, and each of the others may hang up.
func TestEndedListHoldsNobodyWhileTheDatabaseIsSilent(t *testing.T) {
	w := onSQLite(t)
	stores := storetest.Stores(w.db)
	stores.Families = silentEndings{w.db}
	server := authz.New(stores, w.keys, w.clock.Now, options())
	hungUp, hangUp := context.WithCancel(w.ctx())
	hangUp()
	for range 3 {
		if _, _, err := server.EndedList(hungUp); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that hung up: error %v, want Canceled", err)
		}
	}
}
