package store_test

import (
	"fmt"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
)

// BenchmarkSetPolicy suspends ten thousand living connections of ten thousand people in one transaction: each grant, its refresh token, and the end
// that is published of it. Between two rounds they are made anew.
func BenchmarkSetPolicy(b *testing.B) {
	const people = 10_000
	for name, url := range map[string]string{"SQLite": storetest.SQLiteURL(b), "PostgreSQL": pgtest.URL(b)} {
		b.Run(name, func(b *testing.B) {
			db, err := store.Open(b.Context(), url, store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			grant := oneGrant(b, db)
			insert := func(into, values string) {
				b.Helper()
				changeByHand(b, url, fmt.Sprintf(`INSERT INTO %s WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT %s FROM n`, into, people, values))
			}
			insert(`gh_users (id, email, email_key, name, operator, created_at)`, `'u' || i, 'u' || i || '@example.com', 'u' || i || '@example.com', 'U', FALSE, 0`)
			insert(`gh_memberships (user_id, team_id, role, created_at)`, `'u' || i, 't', 'member', 0`)
			insert(`gh_grants (id, user_id, team_id, client_id, scope, consented, created_at, updated_at)`,
				`'g' || i, 'u' || i, 't', 'c', 'chatbot:read session:read', 'chatbot:read session:read', 0, 0`)
			changeByHand(b, url, "ANALYZE")
			set := func(rule govern.Rule) govern.Effect {
				effect, err := db.SetPolicy(b.Context(), grant.Team, "", func(govern.Standing) (govern.Change, error) {
					return govern.Change{Policy: govern.Policy{Rule: rule}}, nil
				})
				if err != nil {
					b.Fatal(err)
				}
				return effect
			}
			for b.Loop() {
				b.StopTimer()
				changeByHand(b, url, `DELETE FROM gh_families`)
				changeByHand(b, url, `DELETE FROM gh_endings`)
				insert(`gh_families (id, grant_id, scope, auth_time, created_at, expires_at, token_dead_at)`,
					`'f' || i, 'g' || i, 'chatbot:read session:read', 0, 0, 4102444800000, 4102444800000`)
				b.StartTimer()
				if effect := set(govern.Nobody); effect.Suspended != people+1 {
					b.Fatalf("got %+v", effect)
				}
				b.StopTimer()
				if effect := set(govern.Everyone); effect.Resumed != people+1 {
					b.Fatalf("got %+v", effect)
				}
				b.StartTimer()
			}
		})
	}
}
