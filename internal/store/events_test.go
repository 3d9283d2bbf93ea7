package store_test

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// An index serves a list of notable events only if its condition names exactly the kinds that are not notable.
func TestTheNotableEventsAreThoseOfTheAuditTable(t *testing.T) {
	for _, list := range []string{"notableEventsOfTeam", "notableEventsOfUser"} {
		for _, kind := range audit.Kinds() {
			if excluded := strings.Contains(store.Lists[list], "'"+string(kind)+"'"); excluded == kind.Traits().Notable {
				t.Errorf("%s excludes %s: %t, and the kind is notable: %t", list, kind, excluded, kind.Traits().Notable)
			}
		}
	}
}

// An event is counted once its commit is made, and an event of a unit of work that failed is not.
func TestEventsAreCountedAfterTheCommit(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": pgtest.URL} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			counted := map[audit.Kind]int{}
			db, err := store.Open(t.Context(), url(t), store.Options{Happened: func(kind audit.Kind) {
				mu.Lock()
				defer mu.Unlock()
				counted[kind]++
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			add := func(id team.UserID) error {
				return db.AddUser(t.Context(), team.User{ID: id, Email: string(id) + "@example.com", CreatedAt: time.Now()})
			}
			db.Fail(func(statement string) error {
				if statement == "commit" {
					return errors.New("the disk is full")
				}
				return nil
			})
			if err := add("u1"); err == nil {
				t.Fatal("the commit did not fail")
			}
			db.Fail(nil)
			for _, id := range []team.UserID{"u2", "u3"} {
				if err := add(id); err != nil {
					t.Fatal(err)
				}
			}
			// On PostgreSQL the token is one statement that records its event itself.
			acme := team.Team{ID: "t", Slug: "acme", Name: "Acme", CreatedAt: time.Now()}
			machine := client.Client{ID: "m", Name: "M", Machine: true, Team: acme, CreatedAt: time.Now()}
			err = errors.Join(db.AddTeam(t.Context(), acme), db.AddClient(t.Context(), machine),
				db.IssueMachine(t.Context(), machine.ID, time.Now(), oauth.Scope{"read"}))
			if err != nil {
				t.Fatal(err)
			}
			if err := db.IssueMachine(t.Context(), "nobody", time.Now(), oauth.Scope{"read"}); err == nil {
				t.Error("a client that is not there got a token")
			}
			mu.Lock()
			defer mu.Unlock()
			want := map[audit.Kind]int{audit.UserAdded: 2, audit.TeamAdded: 1, audit.ClientAdded: 1, audit.MachineToken: 1}
			if !maps.Equal(counted, want) {
				t.Errorf("counted %v, want %v", counted, want)
			}
		})
	}
}

// A refusal has no other effect, and strangers cause refusals: it must not send mail.
func TestAnEventThatIsOnlyRecordedTellsNobody(t *testing.T) {
	db, err := store.Open(t.Context(), storetest.SQLiteURL(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	now := time.Now()
	for _, kind := range audit.Kinds() {
		if err := db.Record(t.Context(), audit.Event{At: now, Kind: kind, User: "u", Client: "c", Team: "t"}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if due, err := db.DueMessages(t.Context(), now.Add(time.Minute), now, 100); err != nil || len(due) > 0 {
		t.Errorf("%d messages (%v), want none", len(due), err)
	}
}
