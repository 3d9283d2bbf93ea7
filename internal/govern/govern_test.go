package govern_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// A team decides about global applications and about its own. It learns nothing of another team's, and no secret of any.
func TestClientsThatATeamDecidesAbout(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), store.Options{Lease: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	directory := &team.Service{People: db, Teams: db, Now: time.Now}
	registry := &client.Registry{Store: db, Now: time.Now}
	add := func(name string, owner team.Team) client.Client {
		t.Helper()
		c, _, err := registry.AddClient(t.Context(), team.CommandLine, client.Registration{Name: name, Team: owner, RedirectURIs: []string{"https://app.example/cb"}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	addTeam := func(slug string) team.Team {
		t.Helper()
		added, err := directory.AddTeam(t.Context(), team.CommandLine, slug, slug)
		if err != nil {
			t.Fatal(err)
		}
		return added
	}
	ours, theirs := addTeam("ours"), addTeam("theirs")
	service := &govern.Service{Store: db, Clients: db, Now: time.Now}
	for _, err := range []error{
		db.AddUser(t.Context(), team.User{ID: "ana", Email: "ana@example.com"}),
		db.AddMember(t.Context(), team.Membership{User: "ana", Team: ours, Role: team.Admin}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	admin := team.Actor{Kind: team.KindUser, User: "ana", Teams: map[team.ID]team.Role{ours.ID: team.Admin}}
	for name, tt := range map[string]struct {
		client client.Client
		want   error
	}{
		"global":         {add("Global", team.Team{}), nil},
		"our own":        {add("Ours", ours), nil},
		"another team's": {add("Theirs", theirs), client.ErrNoClient},
		"none":           {client.Client{ID: "nothing"}, client.ErrNoClient},
	} {
		c, err := service.Client(t.Context(), admin, ours.ID, tt.client.ID)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
		if err == nil && (c.ID != tt.client.ID || len(c.Secrets) > 0) {
			t.Errorf("%s: got %+v, want the client without its secrets", name, c)
		}
		if _, err := service.Block(t.Context(), admin, ours.ID, tt.client.ID, "Not reviewed yet"); !errors.Is(err, tt.want) {
			t.Errorf("%s is blocked: got %v, want %v", name, err, tt.want)
		}
	}
}
