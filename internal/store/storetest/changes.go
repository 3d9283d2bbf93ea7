package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// testChangesAreNotLost has many change one client and one team at the same time, each something of its own.
func testChangesAreNotLost(k *kit) {
	k.populate()
	const changes = 20
	var wg sync.WaitGroup
	for i := range changes {
		uri := fmt.Sprintf("https://app.example/%d", i)
		wg.Go(func() {
			_, err := k.db.UpdateClient(k.ctx, global.ID, func(c client.Client) (client.Client, error) {
				c.RedirectURIs = append(c.RedirectURIs[:len(c.RedirectURIs):len(c.RedirectURIs)], uri)
				return c, nil
			})
			k.ok(err)
		})
		wg.Go(func() {
			_, err := k.db.UpdateTeam(k.ctx, acme.ID, "", func(t team.Team, _ team.Role) (team.Team, error) {
				t.Name += "x"
				return t, nil
			})
			k.ok(err)
		})
	}
	wg.Wait()
	if got, want := len(must[client.Client](k)(k.db.Client(k.ctx, global.ID)).RedirectURIs), len(global.RedirectURIs)+changes; got != want {
		k.Errorf("%d redirect URIs, want %d: changes were lost", got, want)
	}
	if got, want := must[team.Team](k)(k.db.TeamBySlug(k.ctx, acme.Slug)).Name, acme.Name+strings.Repeat("x", changes); got != want {
		k.Errorf("the team's name is %q, want %q: changes were lost", got, want)
	}
}

// testPanicIsOneUnitsError has units of work panic among others: each is its caller's error with the stack, leaves nothing behind, and hurts no other.
func testPanicIsOneUnitsError(k *kit) {
	k.populate()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := k.db.UpdateClient(k.ctx, global.ID, func(client.Client) (client.Client, error) { panic("a hole in the program") })
			if err == nil || !strings.Contains(err.Error(), "a hole in the program") || !strings.Contains(err.Error(), "testPanicIsOneUnitsError") {
				k.Errorf("a unit that panics: error %v, want one with its stack", err)
			}
		})
		wg.Go(func() {
			k.ok(k.db.AddTeam(k.ctx, team.Team{ID: team.ID(fmt.Sprint("t", i)), Slug: fmt.Sprint("t-", i), Name: "T"}))
		})
	}
	wg.Wait()
	equal(k, "the client", must[client.Client](k)(k.db.Client(context.WithoutCancel(k.ctx), global.ID)), global)
	for i := range 20 {
		must[team.Team](k)(k.db.TeamBySlug(k.ctx, fmt.Sprint("t-", i)))
	}
}
