package store_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// errDeadlock is what PostgreSQL tells the one whom it chose to break a deadlock.
var errDeadlock = &pgconn.PgError{Code: "40P01", Message: "deadlock detected"}

func TestADeadlockIsTriedAgain(t *testing.T) {
	db := open(t, pgtest.URL(t))
	for _, at := range []string{"RenameTeam", "commit"} {
		if err := db.AddTeam(t.Context(), team.Team{ID: team.ID(at), Slug: at}); err != nil {
			t.Fatal(err)
		}
		left := 3
		db.Fail(func(statement string) error {
			if statement == at && left > 0 {
				left--
				return errDeadlock
			}
			return nil
		})
		if err := db.RenameTeam(t.Context(), team.ID(at), "new-"+at, "New"); err != nil || left != 0 {
			t.Errorf("three deadlocks at %s: got the error %v with %d to come", at, err, left)
		}
		db.Fail(nil)
		if _, err := db.TeamBySlug(t.Context(), "new-"+at); err != nil {
			t.Error(err)
		}
	}
}

func TestADeadlockThatDoesNotEndIsAnswered(t *testing.T) {
	db := open(t, pgtest.URL(t))
	db.Fail(func(string) error { return errDeadlock })
	if err := db.AddTeam(t.Context(), team.Team{ID: "t", Slug: "t"}); !errors.Is(err, errDeadlock) {
		t.Errorf("got the error %v, want the deadlock", err)
	}
}
