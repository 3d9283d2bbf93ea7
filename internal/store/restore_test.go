package store_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Everything that ends after a backup is found when that is restored, and can be ended again. What has not ended is left alone.
func TestRestoreKnowsWhatComesBackToLife(t *testing.T) {
	url := storetest.SQLiteURL(t)
	path := strings.TrimPrefix(url, "sqlite:")
	now := time.Now().Truncate(time.Millisecond).Add(-2 * time.Minute)
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := store.Open(t.Context(), url, store.Options{})
	ok(err)
	acme, gone := team.Team{ID: "t-acme", Slug: "acme", CreatedAt: now}, team.Team{ID: "t-gone", Slug: "gone", CreatedAt: now}
	for _, one := range []team.Team{acme, gone} {
		ok(db.AddTeam(t.Context(), one))
	}
	for _, name := range []string{"stays", "disabled", "removed", "changed"} {
		ok(db.AddUser(t.Context(), team.User{ID: team.UserID(name), Email: name + "@example.com", CreatedAt: now}))
		ok(db.AddMember(t.Context(), team.Membership{User: team.UserID(name), Team: acme, Role: team.Member, CreatedAt: now}))
		ok(db.SetPassword(t.Context(), team.UserID(name), "old", now))
	}
	for _, name := range []string{"app", "disabled-app", "blocked-app"} {
		ok(db.AddClient(t.Context(), client.Client{ID: oauth.ClientID(name), Name: name, CreatedAt: now, Secrets: []client.Secret{{Hash: name + "-1", CreatedAt: now}}}))
	}
	for _, name := range []string{"kept", "ended", "app-disabled"} {
		grant := authz.Grant{ID: authz.GrantID(name), User: "stays", Client: "app", Team: acme.ID, Scope: oauth.Scope{"read"}, CreatedAt: now, UpdatedAt: now}
		switch name {
		case "ended":
			grant.User = "changed"
		case "app-disabled":
			grant.Client = "disabled-app"
		}
		_, err := db.SaveGrant(t.Context(), grant, false)
		ok(err)
		_, err = db.Redeem(t.Context(), authz.Family{
			ID: authz.FamilyID("f-" + name), Grant: grant.ID, Client: grant.Client, Scope: grant.Scope, CreatedAt: now, ExpiresAt: now.Add(time.Hour), TokenDeadAt: now.Add(time.Hour),
		})
		ok(err)
		ok(db.StartSession(t.Context(), authn.Session{ID: "s-" + name, User: team.User{ID: "stays"}, AuthTime: now, ExpiresAt: now.Add(time.Hour)}, ""))
	}
	_, err = db.Redeem(t.Context(), authz.Family{
		ID: "f-replayed", Grant: "kept", Client: "app", Scope: oauth.Scope{"read"}, CreatedAt: now, ExpiresAt: now.Add(time.Hour), TokenDeadAt: now.Add(time.Hour),
	})
	ok(err)
	file := filepath.Join(t.TempDir(), "copy")
	ok(db.Backup(t.Context(), file))

	later := now.Add(time.Minute)
	ok(db.RemoveTeam(t.Context(), gone.ID, "", nil))
	ok(db.DisableUser(t.Context(), "disabled", later))
	ok(db.SetPassword(t.Context(), "changed", "new", later))
	ok(db.DisableClient(t.Context(), "disabled-app", later))
	ok(db.AddClientSecret(t.Context(), "app", client.Secret{Hash: "app-2", CreatedAt: later}, 0))
	ok(db.RemoveMember(t.Context(), acme.ID, "removed"))
	ok(blockClient(t.Context(), db, acme.ID, "blocked-app"))
	_, err = db.Decide(t.Context(), acme.ID, "app", "", func(team.Role, govern.Row) (govern.Row, error) {
		return govern.Row{State: govern.Approved, Scope: oauth.Scope{"read"}}, nil
	})
	ok(err)
	_, err = db.SetPolicy(t.Context(), acme.ID, "", func(govern.Standing) (govern.Change, error) {
		return govern.Change{Policy: govern.Policy{Rule: govern.ListedOnly, Strict: true}}, nil
	})
	ok(err)
	ok(db.RevokeGrant(t.Context(), "ended"))
	_, err = db.EndFamily(t.Context(), "f-replayed", "app", later)
	ok(err)
	ok(db.EndSession(t.Context(), "s-ended"))
	ok(db.Close())

	r, err := store.Restore(t.Context(), path, file)
	ok(err)
	defer r.Close()
	names := func() (all []string) {
		revived, known := r.Revived(t.Context(), later)
		if !known {
			t.Fatal("the old database does not tell")
		}
		for _, v := range revived {
			all = append(all, v.Kind+": "+v.Name)
		}
		return all
	}
	want := []string{
		"team: gone", "person: disabled@example.com", "password: changed@example.com", "application: disabled-app", "client secret: app",
		"member: removed@example.com in acme", "lifted block: blocked-app in acme", "policy: acme", "connection: changed@example.com with app in acme",
		"connection: stays@example.com with disabled-app in acme", "refresh token: stays@example.com with app in acme", "session: stays@example.com",
	}
	if got := names(); !slices.Equal(got, want) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	revived, _ := r.Revived(t.Context(), later)
	draft, err := store.Open(t.Context(), "sqlite:"+r.Draft, store.Options{})
	ok(err)
	for _, v := range revived {
		ok(draft.EndRevived(t.Context(), v))
	}
	if err := draft.EndRevived(t.Context(), operate.Revived{Kind: "ghost"}); err == nil {
		t.Error("what nobody knows is ended without an error")
	}
	ok(draft.Close())
	draft, err = store.Open(t.Context(), "sqlite:"+r.Draft, store.Options{})
	ok(err)
	if policy, err := draft.Policy(t.Context(), acme.ID); err != nil || policy != (govern.Policy{Rule: govern.ListedOnly, Strict: true}) {
		t.Errorf("the policy is %v, %v; want the one of after the backup", policy, err)
	}
	ok(draft.Close())
	if got := names(); len(got) != 0 {
		t.Errorf("after all was ended, this is left: %v", got)
	}
	kept, err := r.PutInPlace(now)
	ok(err)
	restored, err := store.Open(t.Context(), url, store.Options{})
	ok(err)
	defer restored.Close()
	for _, id := range []string{"s-kept", "s-app-disabled"} {
		_, err := restored.Session(t.Context(), id, later)
		ok(err)
	}
	if _, err := restored.Connection(t.Context(), "f-kept", later); err != nil {
		t.Errorf("what did not end has ended: %v", err)
	}
	if _, err := store.Open(t.Context(), "sqlite:"+kept, store.Options{Making: store.MakeNever}); err != nil {
		t.Errorf("the old database: %v", err)
	}
}

// A database that somebody has open is not replaced.
func TestRestoreRefusesADatabaseInUse(t *testing.T) {
	url := storetest.SQLiteURL(t)
	db := open(t, url)
	file := filepath.Join(t.TempDir(), "copy")
	if err := db.Backup(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	if r, err := store.Restore(t.Context(), strings.TrimPrefix(url, "sqlite:"), file); !errors.Is(err, store.ErrInUse) {
		r.Close()
		t.Errorf("got %v", err)
	}
}
