package engine

import "testing"

func TestURLForPostgreSQLsPrograms(t *testing.T) {
	for dsn, want := range map[string][2]string{
		"postgres://gatehouse@db.internal/gatehouse?sslmode=verify-full":                       {"postgres://gatehouse@db.internal/gatehouse?sslmode=verify-full", ""},
		"postgres://ann:p%40ss@one:5432,two:5433/db?pool_max_conns=20&target_session_attrs=rw": {"postgres://ann@one:5432,two:5433/db?target_session_attrs=rw", "p@ss"},
		"postgresql://ann@/db?host=/run/postgresql&password=secret":                            {"postgresql://ann@/db?host=/run/postgresql", "secret"},
		"postgres://localhost": {"postgres://localhost/?", ""},
	} {
		if got, password := libpqURL(dsn); got != want[0] || password != want[1] {
			t.Errorf("%s: got %s and %q, want %s and %q", dsn, got, password, want[0], want[1])
		}
	}
}
