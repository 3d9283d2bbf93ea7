package store_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
)

// The documents say how many bytes an event of a refresh costs, indices included. An operator plans disks with it.
func TestEventsCostWhatTheDocumentsSay(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`about (\d+)\s+bytes on SQLite and (\d+) on PostgreSQL`).FindStringSubmatch(string(text))
	if said == nil {
		t.Fatal("docs/operations.md does not say how many bytes an event has")
	}
	storetest.OnBoth(t, func(t *testing.T, url string) {
		open(t, url)
		db := connect(t, url)
		const rows = 20_000
		id := `substr(lower(hex(randomblob(13))), 1, 26)`
		numbers, size := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)`, `SELECT SUM(pgsize) FROM dbstat WHERE name LIKE 'gh_audit%'`
		if isPostgres(url) {
			id = `substr(md5(random()::text), 1, 26)`
			numbers, size = `WITH n(i) AS (SELECT generate_series(1, CAST($1 AS BIGINT)))`, `SELECT pg_total_relation_size('gh_audit')`
		}
		// Most connections are refreshed again and again, so there are fewer of them than events.
		insert := numbers + `, c(k, user_id, team_id, client_id, grant_id, family_id) AS (SELECT i, ID, ID, ID, ID, ID FROM n WHERE i <= 1000)
			INSERT INTO gh_audit (id, at, kind, actor, user_id, team_id, client_id, grant_id, family_id, address, request_id, detail)
			SELECT (1790000000000000 + i * 1000) * 2048, 1790000000000 + i, 'token.refreshed', 'client:' || client_id, user_id, team_id, client_id, grant_id, family_id, '203.0.113.77', ID, ''
			FROM n JOIN c ON c.k = n.i % 1000 + 1`
		if _, err := db.Exec(strings.ReplaceAll(insert, "ID", id), rows); err != nil {
			t.Fatal(err)
		}
		var bytes int
		if err := db.QueryRow(size).Scan(&bytes); err != nil {
			t.Fatal(err)
		}
		documented, err := strconv.Atoi(said[1])
		if isPostgres(url) {
			documented, err = strconv.Atoi(said[2])
		}
		if got := bytes / rows; err != nil || got < documented*9/10 || got > documented*11/10 {
			t.Errorf("an event costs %d bytes, and the documents say %d", got, documented)
		}
	})
}
