package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// testFormerSlugs: no other team gets a slug that a team gave up until its access tokens have expired, and the team itself gets it at once.
func testFormerSlugs(k *kit) {
	k.populate()
	held := func(db *store.DB, slug string) {
		k.Helper()
		other := team.Team{ID: "t-other", Slug: slug, Name: "Other", CreatedAt: now}
		for what, err := range map[string]error{
			"AddTeam": db.AddTeam(k.ctx, other), "CreateTeam": db.CreateTeam(k.ctx, other, ada.ID, 9), "UpdateTeam": renameTeam(k.ctx, db, beta.ID, slug, "Beta"),
		} {
			var refused *team.SlugHeldError
			if !errors.As(err, &refused) || !errors.Is(err, team.ErrSlugTaken) || !refused.Until.Equal(now.Add(team.SlugRest)) || refused.Slug != slug {
				k.Fatalf("%s of %s: got %v", what, slug, err)
			}
		}
		_, err := db.TeamBySlug(k.ctx, slug)
		k.is(err, team.ErrNoTeam)
		equal(k, "Beta's slug", must[team.Team](k)(db.TeamBySlug(k.ctx, "beta")).ID, beta.ID)
	}
	at := func(after time.Duration) *store.DB { return k.openAt(func() time.Time { return now.Add(after) }) }

	k.ok(renameTeam(k.ctx, k.db, acme.ID, "acme", "Only another name"))
	equal(k, "slugs that were given up by another name", k.rows("gh_former_slugs", "1 = 1"), 0)
	k.ok(renameTeam(k.ctx, k.db, acme.ID, "apex", "Apex"))
	held(k.db, "acme")
	k.ok(renameTeam(k.ctx, k.db, acme.ID, "acme", "Acme")) // its own, at once
	held(k.db, "apex")
	k.ok(k.db.RemoveTeam(k.ctx, acme.ID, "", nil))
	held(k.db, "acme")
	held(at(team.SlugRest-time.Millisecond), "acme")
	free := at(team.SlugRest)
	k.ok(free.AddTeam(k.ctx, team.Team{ID: "t-new", Slug: "acme"}))
	k.ok(free.RemoveTeam(k.ctx, "t-new", "", nil)) // what was given up twice is held from the second time on
	k.is(free.AddTeam(k.ctx, team.Team{ID: "t-newer", Slug: "acme"}), team.ErrSlugTaken)

	// A team keeps some slugs from others at a time, and no more.
	for n := range team.MaxFormerSlugs {
		k.ok(renameTeam(k.ctx, k.db, beta.ID, fmt.Sprint("beta-", n), "Beta"))
	}
	k.is(renameTeam(k.ctx, k.db, beta.ID, "one-more", "Beta"), team.ErrRenamedTooOften)
	k.ok(renameTeam(k.ctx, k.db, beta.ID, "beta", "Beta")) // one of its own is no more
	k.is(renameTeam(k.ctx, k.db, beta.ID, "one-more", "Beta"), team.ErrRenamedTooOften)
	k.ok(renameTeam(k.ctx, free, beta.ID, "one-more", "Beta"))
	must[int](k)(k.db.Prune(k.ctx, now.Add(team.SlugRest), 100))
	equal(k, "slugs that are held", k.rows("gh_former_slugs", "1 = 1"), 2) // the second "acme", and "beta"
}

// slugMeetings is a team that gives up its slug, and another that wants it.
func slugMeetings() (list []meeting) {
	take := step{"AddTeam with the slug", func(ctx context.Context, db *store.DB) error {
		return db.AddTeam(ctx, team.Team{ID: "t-other", Slug: acme.Slug})
	}, team.ErrSlugTaken}
	for _, give := range []step{
		{"UpdateTeam", func(ctx context.Context, db *store.DB) error { return renameTeam(ctx, db, acme.ID, "apex", "Apex") }, nil},
		{"RemoveTeam", func(ctx context.Context, db *store.DB) error { return db.RemoveTeam(ctx, acme.ID, "", nil) }, nil},
	} {
		list = append(list, meeting{give, take, func(k *kit) {
			k.Helper()
			equal(k, "teams that got a slug too early", k.rows("gh_teams", "id = 't-other'"), 0)
		}})
	}
	return list
}
