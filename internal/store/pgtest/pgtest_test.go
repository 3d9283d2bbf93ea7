package pgtest_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

func TestEachDatabaseIsEmptyAndItsOwn(t *testing.T) {
	for range 2 {
		db, err := store.Open(t.Context(), pgtest.URL(t), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if teams, err := db.Teams(t.Context()); err != nil || len(teams) != 0 {
			t.Fatalf("a new database has the teams %v, %v; want none", teams, err)
		}
		if err := db.AddTeam(t.Context(), team.Team{ID: "t1", Slug: "acme", Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
	}
}
