package store_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
)

// When the database answers more slowly than a lease lasts, the revision is still read once for each question.
func TestClientOnASlowDatabase(t *testing.T) { synctest.Test(t, findSlowly) }

func findSlowly(t *testing.T) {
	var looks int
	db, err := store.Open(t.Context(), storetest.SQLiteURL(t), store.Options{Observe: func(statement string) {
		if statement == "Revision" {
			looks++
			time.Sleep(60 * time.Millisecond) // by the clock of the bubble
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	g := oneGrant(t, db)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for range 2 {
		if client, err := db.Client(ctx, g.Client); err != nil || client.ID != g.Client {
			t.Fatalf("got the client %q and the error %v after %d looks", client.ID, err, looks)
		}
	}
	if looks != 2 {
		t.Errorf("it was looked %d times whether a client has changed, want once for each time it was asked for", looks)
	}
}
