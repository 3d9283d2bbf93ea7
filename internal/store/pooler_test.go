package store_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
)

// Behind a pooler in transaction mode, each transaction may get another connection, and a stranger gets it afterwards.
func TestPostgreSQLBehindAPooler(t *testing.T) {
	storetest.Run(t, storetest.Harness{URL: pgtest.PoolerURL, Fail: (*store.DB).Fail, SQL: (*store.DB).SQL, Waiting: waiting})
}

// What a server leaves on the connections of a pooler: no setting, no lock, no prepared statement.
func TestNothingIsLeftOnThePoolersConnections(t *testing.T) {
	url := pgtest.PoolerURL(t)
	db := open(t, url)
	oneGrant(t, db)
	addMachines(t, db, 1)
	if err := db.IssueMachine(t.Context(), "m0", now, []string{"chatbot:read"}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	stranger, err := sql.Open("pgx", url+"&default_query_exec_mode=exec")
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	left := map[string]string{
		"lock_timeout": `SELECT current_setting('lock_timeout')`, "idle_in_transaction_session_timeout": `SELECT current_setting('idle_in_transaction_session_timeout')`,
		"advisory locks":      `SELECT COUNT(*)::text FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
		"prepared statements": `SELECT COUNT(*)::text FROM pg_prepared_statements WHERE name <> ''`,
	}
	// Transactions that are open at once have connections of their own: more than our server had.
	for range 10 {
		tx, err := stranger.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		for what, query := range left {
			var got string
			if err := tx.QueryRow(query).Scan(&got); err != nil || got != "0" {
				t.Errorf("%s: %q, %v; want 0", what, got, err)
			}
		}
	}
}

// Another encoding cannot hold every name.
func TestOtherEncodingsAreRefused(t *testing.T) {
	for _, encoding := range []string{"LATIN1", "SQL_ASCII"} {
		db, err := store.Open(t.Context(), pgtest.Empty(t, "ENCODING '"+encoding+"' LOCALE 'C'"), store.Options{})
		if err == nil {
			db.Close()
		}
		if err == nil || !strings.Contains(err.Error(), encoding) {
			t.Errorf("a database in %s: %v", encoding, err)
		}
	}
}

// A server that runs each statement of a batch in a transaction of its own is refused: a failure could leave half of a batch behind.
func TestServerWithoutTransactionalBatchesIsRefused(t *testing.T) {
	db, err := store.Open(t.Context(), newSplitter(t, pgtest.URL(t)), store.Options{})
	if err == nil {
		db.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "one transaction") {
		t.Errorf("got the error %v", err)
	}
}
