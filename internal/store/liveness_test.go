package store_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// TestLivenessIsLookedUp: ending something also ends its grants, but nothing that is issued or believed relies on that.
// Here the rows are changed by hand, and the grant stays.
func TestLivenessIsLookedUp(t *testing.T) {
	const suspended = "the team's policy leaves nothing of the grant"
	for name, change := range map[string]string{
		"the person is disabled":             `UPDATE gh_users SET disabled_at = 1 WHERE id = 'u'`,
		"the client is disabled":             `UPDATE gh_clients SET disabled_at = 1 WHERE id = 'c'`,
		"the client belongs to another team": `UPDATE gh_clients SET team_id = 'other' WHERE id = 'c'`,
		suspended:                            `UPDATE gh_grants SET suspended_at = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.OnBoth(t, func(t *testing.T, url string) {
				h := livesOn(t, url)
				if _, err := h.db.Connection(t.Context(), h.family.ID, now); err != nil {
					t.Fatalf("before: %v", err)
				}
				changeByHand(t, url, change)
				if _, err := h.db.Connection(t.Context(), h.family.ID, now); !errors.Is(err, authz.ErrNoFamily) {
					t.Errorf("Connection: %v, want ErrNoFamily", err)
				}
				next := h.family
				next.ID = "f-next"
				if _, err := h.db.Redeem(t.Context(), next); !errors.Is(err, authz.ErrNotLive) {
					t.Errorf("Redeem: %v, want ErrNotLive", err)
				}
				_, err := h.db.Rotate(t.Context(), authz.Rotation{
					Family: h.family.ID, Client: "c", At: now, Rule: authz.RefreshRule{Idle: time.Hour, Absolute: time.Hour, Grace: time.Second}, TokenDeadAt: now,
				})
				if !errors.Is(err, authz.ErrNotLive) {
					t.Errorf("Rotate: %v, want ErrNotLive", err)
				}
				if _, err := h.db.SaveGrant(t.Context(), h.grant, false); name != suspended && !errors.Is(err, authz.ErrNotLive) {
					t.Errorf("SaveGrant: %v, want ErrNotLive", err)
				}
			})
		})
	}
}

// TestLivenessOfMachinesIsLookedUp: a machine's tokens are issued and believed only while its client and team are alive.
func TestLivenessOfMachinesIsLookedUp(t *testing.T) {
	for name, change := range map[string]string{
		"the client is disabled":     `UPDATE gh_clients SET disabled_at = 1 WHERE id = 'm'`,
		"the client is no machine":   `UPDATE gh_clients SET machine = FALSE WHERE id = 'm'`,
		"the team blocks the client": `INSERT INTO gh_team_applications (team_id, client_id, state, decided_at) VALUES ('t', 'm', 'blocked', 1)`,
		"the team is gone":           `DELETE FROM gh_teams WHERE id = 't'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.OnBoth(t, func(t *testing.T, url string) {
				h := livesOn(t, url)
				machine := client.Client{ID: "m", Name: "M", Machine: true, Team: team.Team{ID: "t"}, CreatedAt: now}
				if err := h.db.AddClient(t.Context(), machine); err != nil {
					t.Fatal(err)
				}
				if _, err := h.db.MachineLive(t.Context(), "m.1", "m", now); err != nil {
					t.Fatalf("before: %v", err)
				}
				changeByHand(t, url, change)
				if _, err := h.db.MachineLive(t.Context(), "m.1", "m", now); !errors.Is(err, authz.ErrNotLive) {
					t.Errorf("MachineLive: %v, want ErrNotLive", err)
				}
				if err := h.db.IssueMachine(t.Context(), "m", now, nil); !errors.Is(err, authz.ErrNotLive) {
					t.Errorf("IssueMachine: %v, want ErrNotLive", err)
				}
			})
		})
	}
}

// lived is a database with one connection of one person.
type lived struct {
	db     *store.DB
	grant  authz.Grant
	family authz.Family
}

func livesOn(t *testing.T, url string) lived {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := lived{db: db, grant: authz.Grant{ID: "g", User: "u", Client: "c", Team: "t", Scope: []string{"read"}, CreatedAt: now, UpdatedAt: now}}
	h.family = authz.Family{ID: "f", Grant: "g", Client: "c", Scope: []string{"read"}, AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	ctx := t.Context()
	for _, err := range []error{
		db.AddUser(ctx, team.User{ID: "u", Email: "u@example.com", Name: "U", CreatedAt: now}),
		db.AddTeam(ctx, team.Team{ID: "t", Slug: "t", Name: "T", CreatedAt: now}),
		db.AddTeam(ctx, team.Team{ID: "other", Slug: "other", Name: "Other", CreatedAt: now}),
		db.AddMember(ctx, team.Membership{User: "u", Team: team.Team{ID: "t"}, Role: team.Member, CreatedAt: now}),
		db.AddClient(ctx, client.Client{ID: "c", Name: "C", RedirectURIs: []string{"https://a.example/"}, CreatedAt: now}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.SaveGrant(ctx, h.grant, false); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Redeem(ctx, h.family); err != nil {
		t.Fatal(err)
	}
	return h
}

// changeByHand changes a database without the store.
func changeByHand(t testing.TB, url, statement string) {
	t.Helper()
	driver, dsn := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn = "sqlite", path
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
