package bench

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// bulk is what a table is filled with: rows n = 0 … count-1, with a value for each column that needs one.
type bulk struct {
	table   string
	count   int
	columns []column
}

type column struct{ name, value string }

// bulks is everything that a database is filled with, as expressions that both databases understand. It is the only place that knows the schema: a
// migration which changes one of these tables changes a line here and nothing else.
//
// Ids are spread evenly over all that there can be, so that the rows which a measured server adds fall between these, as they would in use. They
// grow with n, so that filling is fast. Times are spread over the last 300 days.
func (s Scale) bulks(now time.Time) []bulk {
	then := strconv.FormatInt(now.Add(-300*24*time.Hour).UnixMilli(), 10)
	at := func(count int) string {
		return fmt.Sprintf("(%s + n * %d)", then, (300*24*time.Hour).Milliseconds()/int64(count))
	}
	user, group, client := id("n", s.Users), id(scatter("n", s.Teams), s.Teams), id(scatter("n", s.Clients), s.Clients)
	grant := scatter("n", s.Users) // of a family or an event: everybody has one
	return []bulk{
		{"gh_users", s.Users, []column{
			{"id", user},
			{"email", "'person' || n || '@example.org'"},
			{"name", "'Person ' || n"},
			{"operator", "FALSE"},
			{"created_at", at(s.Users)},
		}},
		{"gh_teams", s.Teams, []column{{"id", id("n", s.Teams)}, {"slug", "'" + bulkSlug + "' || n"}, {"name", "'Team ' || n"}, {"created_at", at(s.Teams)}}},
		{"gh_memberships", s.Users, []column{{"user_id", user}, {"team_id", group}, {"role", "'member'"}, {"created_at", at(s.Users)}}},
		{"gh_clients", s.Clients, []column{
			{"id", id("n", s.Clients)},
			{"name", "'Application ' || n"},
			{"owner", "''"},
			{"public", "FALSE"},
			{"machine", "FALSE"},
			{"redirect_uris", `'["https://app.example.org/callback"]'`},
			{"scope", "'" + scope + "'"},
			{"created_at", at(s.Clients)},
		}},
		{"gh_client_secrets", s.Clients, []column{{"client_id", id("n", s.Clients)}, {"seq", "1"}, {"hash", id("n", s.Clients) + " || 'AAAAAAAAAAAAAAAAA'"}, {"created_at", at(s.Clients)}}},
		{"gh_grants", s.Users, []column{
			{"id", user},
			{"user_id", user},
			{"team_id", group},
			{"client_id", client},
			{"scope", "'" + scope + "'"},
			{"created_at", at(s.Users)},
			{"updated_at", at(s.Users)},
		}},
		{"gh_families", s.Families, []column{
			{"id", orderedID("n")},
			{"grant_id", id(grant, s.Users)},
			{"scope", "'" + scope + "'"},
			{"auth_time", at(s.Families)},
			{"created_at", at(s.Families)},
			{"expires_at", fmt.Sprintf("(%d + %s)", (330 * 24 * time.Hour).Milliseconds(), at(s.Families))},
			{"generation", "n % 50"},
			{"token_dead_at", at(s.Families)},
			{"methods", "'pwd'"},
			{"session_id", id("n", s.Families)},
		}},
		{"gh_audit", s.Events, []column{
			{"id", fmt.Sprintf("(%s * 1000 + n %% 1000) * 2048", at(max(s.Events, 1)))}, // microseconds, and room for those of the same
			{"at", at(max(s.Events, 1))},
			{"kind", "'token.issued'"},
			{"actor", "'client:' || " + id(scatter(grant, s.Clients), s.Clients)},
			{"user_id", id(grant, s.Users)},
			{"team_id", id(scatter(grant, s.Teams), s.Teams)},
			{"client_id", id(scatter(grant, s.Clients), s.Clients)},
			{"grant_id", id(grant, s.Users)},
			{"family_id", orderedID("n")},
			{"address", "'192.0.2.1'"},
			{"request_id", id("n", max(s.Events, 1))},
			{"detail", "'" + scope + "'"},
		}},
	}
}

const bulkSlug = "bulk-" // of teams, before their number

// id is an id like those that Gatehouse makes (26 characters of base32) for the row n of count. The first six characters tell them apart.
func id(n string, count int) string {
	const alphabet, all = "234567ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1 << 30
	var digits []string
	for i := range 6 {
		digits = append(digits, fmt.Sprintf("substr('%s', CAST(((%s) * %d / %d) %% 32 + 1 AS INTEGER), 1)", alphabet, n, all/max(count, 1), 1<<(5*(5-i))))
	}
	return "(" + strings.Join(digits, " || ") + " || 'BULKBULKBULKBULKBULK')"
}

// orderedID is an id of n like those that begin with their time, of before any time that Gatehouse writes.
func orderedID(n string) string {
	return "(CAST(1000000000 + (" + n + ") AS TEXT) || 'BULKBULKBULKBULK')"
}

// scatter is the row of another table, of count, that the row n belongs to: neighbours belong to different ones.
func scatter(n string, count int) string { return fmt.Sprintf("((%s) * 7919 %% %d)", n, count) }

// fill adds the rows to a database that has its tables. One whose filling broke off is of no use.
func fill(ctx context.Context, d database, s Scale) error {
	drop, create, err := d.indexes(ctx)
	if err != nil {
		return err
	}
	statements := append(d.prepare(), drop...)
	for _, b := range s.bulks(time.Now()) {
		if b.count > 0 {
			statements = append(statements, b.statement(d))
		}
	}
	if err := d.run(ctx, append(statements, create...)); err != nil {
		return err
	}
	return d.settle(ctx)
}

func (b bulk) statement(d database) string {
	var names, values []string
	for _, c := range b.columns {
		names, values = append(names, c.name), append(values, c.value)
	}
	return fmt.Sprintf("INSERT INTO %s (%s)\n%s SELECT %s FROM s", b.table, strings.Join(names, ", "), d.series(b.count), strings.Join(values, ", "))
}

// fingerprint changes whenever a database would be filled with something else.
func (s Scale) fingerprint() string {
	return fmt.Sprintf("%s %x\n", s, sha256.Sum256(fmt.Append(nil, s.bulks(time.Unix(0, 0)))))
}

// filled reports whether the file says that a database was filled like this, to its end.
func (s Scale) filled(marker string) (bool, error) {
	text, err := os.ReadFile(marker)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return string(text) == s.fingerprint(), err
}
