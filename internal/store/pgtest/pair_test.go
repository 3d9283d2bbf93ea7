package pgtest_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
)

// What was committed before each failure is on the server that takes over.
func TestPairFailsOver(t *testing.T) {
	p := pgtest.NewPair(t)
	if _, err := p.SQL().Exec("CREATE TABLE kept (how TEXT)"); err != nil {
		t.Fatal(err)
	}
	for _, how := range []pgtest.Failure{pgtest.Killed, pgtest.Stopped, pgtest.Hung} {
		if _, err := p.SQL().Exec("INSERT INTO kept VALUES ($1)", string(how)); err != nil {
			t.Fatal(err)
		}
		p.Fail(how)
		p.Promote()
		p.Replace()
	}
	var n int
	if err := p.SQL().QueryRow("SELECT COUNT(*) FROM kept").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d rows are kept, %v; want 3", n, err)
	}
}
