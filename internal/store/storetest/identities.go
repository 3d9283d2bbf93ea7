package storetest

import (
	"context"
	"errors"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

const issuer = "https://login.acme.example"

// identity is a person's account at a provider.
func identity(user team.UserID, subject string) authn.Identity {
	return authn.Identity{ID: "i-" + subject, User: user, Issuer: issuer, Subject: subject, Provider: "acme", Email: subject + "@acme.example", LinkedAt: now}
}

func linkIdentity(ctx context.Context, db *store.DB, user team.UserID, subject string, proves bool) error {
	return db.LinkIdentity(ctx, identity(user, subject), proves, func(team.User) error { return nil })
}

func testIdentities(k *kit) {
	k.populate()
	k.ok(k.db.SetPassword(k.ctx, ada.ID, "hash", now))
	k.ok(linkIdentity(k.ctx, k.db, ada.ID, "ada", false))
	k.is(linkIdentity(k.ctx, k.db, bob.ID, "ada", false), authn.ErrIdentityTaken)
	k.is(linkIdentity(k.ctx, k.db, "nobody", "x", false), team.ErrNoUser)
	refused := errors.New("refused")
	k.is(k.db.LinkIdentity(k.ctx, identity(ada.ID, "y"), false, func(u team.User) error {
		equal(k, "the person who is decided about", u, ada)
		return refused
	}), refused)

	// Both issuer and subject say who it is.
	_, err := k.db.Identity(k.ctx, "https://evil.example", "ada")
	k.is(err, authn.ErrNoIdentity)
	_, err = k.db.Identity(k.ctx, issuer, "eve")
	k.is(err, authn.ErrNoIdentity)
	k.ok(k.db.UseIdentity(k.ctx, "i-ada", later))
	want := identity(ada.ID, "ada")
	want.UsedAt = later
	equal(k, "Identity", must[authn.Linked](k)(k.db.Identity(k.ctx, issuer, "ada")), authn.Linked{Identity: want, Person: ada, Hash: "hash"})
	equal(k, "Identities", must[[]authn.Identity](k)(k.db.Identities(k.ctx, ada.ID)), []authn.Identity{want})
	equal(k, "people without a password", len(must[[]authn.Linked](k)(k.db.OnlyIdentities(k.ctx))), 0)

	nora := team.User{ID: "u-nora", Email: "nora@acme.example", Name: "Nora", EmailVerified: true, CreatedAt: now}
	k.ok(k.db.AddUserWith(k.ctx, nora, identity(nora.ID, "nora")))
	k.is(k.db.AddUserWith(k.ctx, team.User{ID: "u-2", Email: nora.Email, CreatedAt: now}, identity("u-2", "z")), team.ErrUserTaken)
	k.is(k.db.AddUserWith(k.ctx, team.User{ID: "u-2", Email: "z@acme.example", CreatedAt: now}, identity("u-2", "nora")), authn.ErrIdentityTaken)
	_, err = k.db.UserByEmail(k.ctx, "z@acme.example")
	k.is(err, team.ErrNoUser)
	equal(k, "people without a password", must[[]authn.Linked](k)(k.db.OnlyIdentities(k.ctx)), []authn.Linked{{Identity: identity(nora.ID, "nora"), Person: nora}})

	k.is(k.db.Unlink(k.ctx, ada.ID, "i-ada", now, func(w authn.Ways) error {
		equal(k, "ways", w, authn.Ways{Password: true, Identities: []authn.Identity{want}})
		return authn.ErrLastWay
	}), authn.ErrLastWay)
	anyway := func(authn.Ways) error { return nil }
	k.is(k.db.Unlink(k.ctx, bob.ID, "i-ada", now, anyway), authn.ErrNoIdentity)
	k.is(k.db.Unlink(k.ctx, "nobody", "i-ada", now, anyway), authn.ErrNoIdentity)
	k.ok(k.db.Unlink(k.ctx, ada.ID, "i-ada", now, anyway))
	k.is(k.db.Unlink(k.ctx, ada.ID, "i-ada", now, anyway), authn.ErrNoIdentity)
}

func testRequiredProvider(k *kit) {
	k.populate()
	k.ok(linkIdentity(k.ctx, k.db, ada.ID, "ada", false))
	k.granted("g1", ada, global, acme, "read")
	k.ok(k.db.StartSession(k.ctx, session("s1", ada), ""))
	provider := func() string {
		return must[authz.SignedInUser](k)(k.db.SignedInUser(k.ctx, "s1", global.ID, now)).Teams[0].Provider
	}
	equal(k, "provider of Acme", must[string](k)(k.db.TeamProvider(k.ctx, acme.ID)), "")
	equal(k, "provider of Acme, for Ada", provider(), "")
	k.ok(k.db.RequireProvider(k.ctx, acme.ID, "acme"))
	equal(k, "provider of Acme", must[string](k)(k.db.TeamProvider(k.ctx, acme.ID)), "acme")
	equal(k, "provider of Acme, for Ada", provider(), "acme")
	equal(k, "teams", must[map[string][]team.Team](k)(k.db.TeamsByProvider(k.ctx)), map[string][]team.Team{"acme": {{ID: acme.ID, Slug: acme.Slug, Name: acme.Name}}})
	equal(k, "Acme", must[team.RequiredProvider](k)(k.db.CountProvider(k.ctx, acme.ID, issuer)), team.RequiredProvider{Members: 2, Without: 1, Connections: 1})
	equal(k, "Acme, for another issuer", must[team.RequiredProvider](k)(k.db.CountProvider(k.ctx, acme.ID, "")), team.RequiredProvider{Members: 2, Without: 2, Connections: 1})
	k.is(k.db.RequireProvider(k.ctx, "nowhere", "acme"), team.ErrNoTeam)
	_, err := k.db.TeamProvider(k.ctx, "nowhere")
	k.is(err, team.ErrNoTeam)
	_, err = k.db.CountProvider(k.ctx, "nowhere", issuer)
	k.is(err, team.ErrNoTeam)

	s := session("s2", ada)
	s.Provider = "acme"
	k.ok(k.db.StartSession(k.ctx, s, ""))
	equal(k, "provider of the session", must[authn.Session](k)(k.db.Session(k.ctx, "s2", now)).Provider, "acme")
	equal(k, "provider of the session, with the teams", must[authz.SignedInUser](k)(k.db.SignedInUser(k.ctx, "s2", global.ID, now)).Session.Provider, "acme")
}

// An account whose address was not proven is emptied when a provider proves it; one whose address was proven is not.
func testEmptiedAccount(k *kit) {
	k.populate()
	for _, proven := range []bool{false, true} {
		u := team.User{ID: "u-unproven", Email: "unproven@example.com", Name: "U", EmailVerified: proven, CreatedAt: now}
		if proven {
			u.ID, u.Email = "u-proven", "proven@example.com"
		}
		k.ok(k.db.AddUser(k.ctx, u))
		k.ok(k.db.SetPassword(k.ctx, u.ID, "hash", now))
		k.ok(linkIdentity(k.ctx, k.db, u.ID, "before-"+string(u.ID), false))
		s := session("s-"+string(u.ID), u)
		k.ok(k.db.StartSession(k.ctx, s, ""))
		k.ok(linkIdentity(k.ctx, k.db, u.ID, "of-"+string(u.ID), true))

		got := must[authn.Linked](k)(k.db.Identity(k.ctx, issuer, "of-"+string(u.ID)))
		equal(k, "the address is proven", got.Person.EmailVerified, true)
		equal(k, "the password is left", got.Hash != "", proven)
		equal(k, "identities", len(must[[]authn.Identity](k)(k.db.Identities(k.ctx, u.ID))), map[bool]int{false: 1, true: 2}[proven])
		_, err := k.db.Session(k.ctx, s.ID, now)
		equal(k, "the session is left", err == nil, proven)
	}
}
