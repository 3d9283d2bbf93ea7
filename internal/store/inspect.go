package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/operate"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// Inspect reads what the doctor wants to know.
func (db *DB) Inspect(ctx context.Context, now time.Time) (found operate.Inspection, err error) {
	const (
		encodingSQLite   = `SELECT encoding FROM pragma_encoding`
		encodingPostgres = `SELECT current_setting('server_encoding')`
	)
	text := func(r engine.Row) (s string, err error) { return s, r.Scan(&s) }
	found.Encoding, err = engine.One(ctx, db.engine, "Inspect", sql.ErrNoRows, text, db.engine.Text(encodingSQLite, encodingPostgres))
	if err != nil {
		return found, err
	}
	const (
		sqlite = `
SELECT COALESCE(s.tbl_name, d.name) AS name, SUM(d.pgsize) FROM dbstat d
LEFT JOIN sqlite_schema s ON s.name = d.name
WHERE d.aggregate = TRUE AND COALESCE(s.tbl_name, d.name) GLOB 'gh_*'
GROUP BY COALESCE(s.tbl_name, d.name) ORDER BY 2 DESC, 1`

		postgres = `
SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = CAST(current_schema() AS regnamespace) AND starts_with(c.relname, 'gh_')
ORDER BY 2 DESC, 1`
	)
	table := func(r engine.Row) (t operate.Table, err error) { return t, r.Scan(&t.Name, &t.Bytes) }
	if found.Tables, err = engine.All(ctx, db.engine, "Inspect", table, db.engine.Text(sqlite, postgres)); err != nil {
		return found, err
	}
	type count struct {
		kind string
		n    int
	}
	scan := func(r engine.Row) (c count, err error) { return c, r.Scan(&c.kind, &c.n) }
	const (
		refusingSQLite   = `SELECT SUBSTR(bucket, 1, INSTR(bucket, ':') - 1), COUNT(*) FROM gh_throttle WHERE refused_at > 0 AND resets_at > $1 GROUP BY 1`
		refusingPostgres = `SELECT split_part(bucket, ':', 1), COUNT(*) FROM gh_throttle WHERE refused_at > 0 AND resets_at > $1 GROUP BY 1`
	)
	refusing, err := engine.All(ctx, db.engine, "Inspect", scan, db.engine.Text(refusingSQLite, refusingPostgres), engine.Millis(now))
	if err != nil {
		return found, err
	}
	found.Refusing = map[string]int{}
	for _, c := range refusing {
		found.Refusing[c.kind] = c.n
	}
	waiting := func(r engine.Row) (struct{}, error) {
		return struct{}{}, r.Scan(&found.Waiting, engine.TimeTo(&found.OldestWait))
	}
	_, err = engine.One(ctx, db.engine, "Inspect", sql.ErrNoRows, waiting,
		`SELECT COUNT(*), COALESCE(MIN(created_at), 0) FROM gh_notices WHERE tries > 0 AND expires_at > $1`, engine.Millis(now))
	if err != nil {
		return found, err
	}
	number := func(r engine.Row) (n int, err error) { return n, r.Scan(&n) }
	found.Overdue, err = engine.One(ctx, db.engine, "Inspect", sql.ErrNoRows, number,
		`SELECT COUNT(*) FROM gh_sessions WHERE expires_at < $1`, engine.Millis(now.Add(-24*time.Hour)))
	if err != nil {
		return found, err
	}
	without := func(r engine.Row) (struct{}, error) {
		return struct{}{}, r.Scan(&found.PeopleWithout, &found.OperatorsWithout)
	}
	_, err = engine.One(ctx, db.engine, "Inspect", sql.ErrNoRows, without, `
		SELECT COUNT(*), COALESCE(SUM(CASE WHEN u.operator THEN 1 ELSE 0 END), 0) FROM gh_users u WHERE u.disabled_at = 0
			AND NOT EXISTS (SELECT 1 FROM gh_apps a WHERE a.user_id = u.id)
			AND NOT EXISTS (SELECT 1 FROM gh_passkeys p WHERE p.user_id = u.id)`)
	return found, err
}
