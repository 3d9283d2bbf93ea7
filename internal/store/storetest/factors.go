package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Ada's factors.
var (
	app    = authn.App{Secret: "sealed", Step: 100, CreatedAt: now}
	laptop = authn.Passkey{
		ID: "p-laptop", User: ada.ID, Handle: "handle", CredentialID: "credential-1", Credential: `{"id":"x"}`, Name: "Laptop", SignCount: 7, Synced: true, CreatedAt: now,
	}
)

// factorEvents and factorWrites are events and writes of factors.
var (
	factorEvents = map[string]audit.Kind{
		"SetApp": audit.AppAdded, "RemoveApp": audit.AppRemoved, "SetRecoveryCodes": audit.RecoveryCodesMade, "UseRecoveryCode": audit.RecoveryCodeUsed,
		"AddPasskey": audit.PasskeyAdded, "RenamePasskey": audit.PasskeyRenamed, "RemovePasskey": audit.PasskeyRemoved, "ResetFactors": audit.FactorsReset,
		"UseCode": "", "UsePasskey": "", "RequireSecondFactor": audit.TeamFactor,
		"LinkIdentity": audit.IdentityLinked, "LinkIdentity, an account is emptied": audit.IdentityLinked, "AddUserWith": audit.IdentityLinked,
		"RequireProvider": audit.TeamProvider, "Unlink": audit.IdentityUnlinked, "UseIdentity": "",
	}
	factorWrites = []call{
		{"SetApp", func(ctx context.Context, db *store.DB) error {
			return db.SetApp(ctx, ada.ID, authn.App{Secret: "another", Step: 1, CreatedAt: now}, nil)
		}, nil},
		{"UseCode", func(ctx context.Context, db *store.DB) error { return db.UseCode(ctx, ada.ID, stepped(app, 101), now) }, nil},
		{"RemoveApp", func(ctx context.Context, db *store.DB) error { return db.RemoveApp(ctx, ada.ID, false, now) }, nil},
		{"SetRecoveryCodes", func(ctx context.Context, db *store.DB) error {
			return db.SetRecoveryCodes(ctx, ada.ID, []string{"c", "d"}, now)
		}, nil},
		{"UseRecoveryCode", func(ctx context.Context, db *store.DB) error { return db.UseRecoveryCode(ctx, ada.ID, "a", now) }, nil},
		{"AddPasskey", func(ctx context.Context, db *store.DB) error {
			return db.AddPasskey(ctx, authn.Passkey{ID: "p-new", User: ada.ID, CredentialID: "new"}, nil)
		}, nil},
		{"UsePasskey", func(ctx context.Context, db *store.DB) error { return db.UsePasskey(ctx, counted(laptop, 8), now) }, nil},
		{"RenamePasskey", func(ctx context.Context, db *store.DB) error {
			return db.RenamePasskey(ctx, ada.ID, laptop.ID, "Old laptop")
		}, nil},
		{"RemovePasskey", func(ctx context.Context, db *store.DB) error {
			return db.RemovePasskey(ctx, ada.ID, laptop.ID, true, now) // the app stays
		}, nil},
		{"RequireSecondFactor", func(ctx context.Context, db *store.DB) error { return db.RequireSecondFactor(ctx, acme.ID, true) }, nil},
		{"ResetFactors", func(ctx context.Context, db *store.DB) error { return db.ResetFactors(ctx, ada.ID, now) }, nil},
		{"LinkIdentity", func(ctx context.Context, db *store.DB) error { return linkIdentity(ctx, db, bob.ID, "new", false) }, nil},
		{"LinkIdentity, an account is emptied", func(ctx context.Context, db *store.DB) error {
			return linkIdentity(ctx, db, ada.ID, "new", true)
		}, nil},
		{"AddUserWith", func(ctx context.Context, db *store.DB) error {
			return db.AddUserWith(ctx, team.User{ID: "u-with", Email: "with@example.com", CreatedAt: now}, identity("u-with", "new"))
		}, nil},
		{"Unlink", func(ctx context.Context, db *store.DB) error {
			return db.Unlink(ctx, ada.ID, "i-ada", now, func(authn.Ways) error { return nil })
		}, nil},
		{"RequireProvider", func(ctx context.Context, db *store.DB) error { return db.RequireProvider(ctx, acme.ID, "acme") }, nil},
		{"UseIdentity", func(ctx context.Context, db *store.DB) error { return db.UseIdentity(ctx, "i-ada", later) }, nil},
	}
	factorReads = []call{
		{"Identity", func(ctx context.Context, db *store.DB) error { _, err := db.Identity(ctx, issuer, "ada"); return err }, nil},
		{"Identities", func(ctx context.Context, db *store.DB) error { _, err := db.Identities(ctx, ada.ID); return err }, nil},
		{"TeamsByProvider", func(ctx context.Context, db *store.DB) error { _, err := db.TeamsByProvider(ctx); return err }, nil},
		{"TeamProvider", func(ctx context.Context, db *store.DB) error { _, err := db.TeamProvider(ctx, acme.ID); return err }, nil},
		{"CountProvider", func(ctx context.Context, db *store.DB) error {
			_, err := db.CountProvider(ctx, acme.ID, issuer)
			return err
		}, nil},
		{"OnlyIdentities", func(ctx context.Context, db *store.DB) error { _, err := db.OnlyIdentities(ctx); return err }, nil},
		{"Factors", func(ctx context.Context, db *store.DB) error { _, err := db.Factors(ctx, ada.ID); return err }, nil},
		{"SecondFactor", func(ctx context.Context, db *store.DB) error { _, err := db.SecondFactor(ctx, acme.ID); return err }, nil},
		{"PasskeyOwner", func(ctx context.Context, db *store.DB) error {
			_, _, err := db.PasskeyOwner(ctx, laptop.CredentialID)
			return err
		}, nil},
	}
)

func stepped(a authn.App, step int64) authn.App {
	a.Step = step
	return a
}

func counted(p authn.Passkey, count uint32) authn.Passkey {
	p.SignCount = count
	return p
}

// furnishFactors gives Ada one of each factor.
func (k *kit) furnishFactors() {
	k.Helper()
	k.ok(k.db.SetApp(k.ctx, ada.ID, app, []string{"a", "b"}))
	k.ok(k.db.AddPasskey(k.ctx, laptop, nil))
	k.ok(linkIdentity(k.ctx, k.db, ada.ID, "ada", false))
}

func (k *kit) factors(user team.UserID) authn.Factors {
	k.Helper()
	return must[authn.Factors](k)(k.db.Factors(k.ctx, user))
}

func testFactors(k *kit) {
	k.populate()
	equal(k, "factors of nobody", k.factors("nobody"), authn.Factors{})
	equal(k, "factors of Ada", k.factors(ada.ID), authn.Factors{})
	k.ok(k.db.SetPassword(k.ctx, ada.ID, "hash", now))
	k.furnishFactors()
	want := authn.Factors{Password: true, App: app, Recovery: authn.Recovery{Hashes: []string{"a", "b"}, MadeAt: now}, Passkeys: []authn.Passkey{laptop}}
	equal(k, "factors of Ada", k.factors(ada.ID), want)
	equal(k, "factors of Bob", k.factors(bob.ID), authn.Factors{})

	k.ok(k.db.UseCode(k.ctx, ada.ID, stepped(app, 101), later))
	for _, used := range []authn.App{stepped(app, 101), stepped(app, 100), {Secret: "another", Step: 102}} {
		k.is(k.db.UseCode(k.ctx, ada.ID, used, later), authn.ErrWrongCode)
	}
	k.is(k.db.UseCode(k.ctx, bob.ID, stepped(app, 102), later), authn.ErrWrongCode)
	k.ok(k.db.UseRecoveryCode(k.ctx, ada.ID, "a", later))
	k.is(k.db.UseRecoveryCode(k.ctx, ada.ID, "a", later), authn.ErrWrongCode)
	k.is(k.db.UseRecoveryCode(k.ctx, bob.ID, "b", later), authn.ErrWrongCode)
	want.App.Step, want.App.UsedAt, want.Recovery.Hashes = 101, later, []string{"b"}

	k.is(k.db.AddPasskey(k.ctx, authn.Passkey{ID: "p-bob", User: bob.ID, CredentialID: laptop.CredentialID}, nil), authn.ErrPasskeyTaken)
	k.is(k.db.RenamePasskey(k.ctx, bob.ID, laptop.ID, "Mine"), authn.ErrNoFactor)
	k.is(k.db.RemovePasskey(k.ctx, bob.ID, laptop.ID, false, now), authn.ErrNoFactor)
	k.is(k.db.RemoveApp(k.ctx, bob.ID, false, now), authn.ErrNoFactor)
	passkey, owner, err := k.db.PasskeyOwner(k.ctx, laptop.CredentialID)
	k.ok(err)
	equal(k, "passkey", passkey, laptop)
	equal(k, "owner", owner, ada)
	_, _, err = k.db.PasskeyOwner(k.ctx, "nothing")
	k.is(err, authn.ErrNoFactor)

	// A counter grows, or is never used.
	used := authn.Passkey{ID: laptop.ID, User: ada.ID, Name: "Laptop", Credential: "new", SignCount: 9}
	k.ok(k.db.UsePasskey(k.ctx, used, later))
	for _, count := range []uint32{9, 8, 0} {
		k.is(k.db.UsePasskey(k.ctx, counted(used, count), later), authn.ErrCloned)
	}
	equal(k, "recorded clones", len(k.events(audit.Filter{Kind: audit.PasskeyCloned, User: string(ada.ID)})), 3)
	k.is(k.db.UsePasskey(k.ctx, authn.Passkey{ID: "gone"}, later), authn.ErrNoFactor)
	k.ok(k.db.AddPasskey(k.ctx, authn.Passkey{ID: "p-phone", User: ada.ID, CredentialID: "credential-2", CreatedAt: later}, nil))
	for range 2 {
		k.ok(k.db.UsePasskey(k.ctx, authn.Passkey{ID: "p-phone"}, later))
	}
	k.ok(k.db.RenamePasskey(k.ctx, ada.ID, laptop.ID, "Old laptop"))
	want.Passkeys[0].Name, want.Passkeys[0].Credential, want.Passkeys[0].SignCount, want.Passkeys[0].Synced, want.Passkeys[0].UsedAt = "Old laptop", "new", 9, false, later
	want.Passkeys = append(want.Passkeys, authn.Passkey{ID: "p-phone", User: ada.ID, CredentialID: "credential-2", CreatedAt: later, UsedAt: later})
	equal(k, "factors of Ada", k.factors(ada.ID), want)
}

// The last strong factor goes only when none is required, and then the recovery codes go with it.
func testLastFactor(k *kit) {
	k.populate()
	k.furnishFactors()
	k.ok(k.db.RequireSecondFactor(k.ctx, acme.ID, true))
	equal(k, "required of Ada", k.factors(ada.ID).Required, true)
	equal(k, "Acme", must[team.SecondFactor](k)(k.db.SecondFactor(k.ctx, acme.ID)), team.SecondFactor{Required: true, Members: 2, Without: 1})
	equal(k, "Beta", must[team.SecondFactor](k)(k.db.SecondFactor(k.ctx, beta.ID)), team.SecondFactor{Members: 1})
	_, err := k.db.SecondFactor(k.ctx, "nowhere")
	k.is(err, team.ErrNoTeam)
	k.is(k.db.RequireSecondFactor(k.ctx, "nowhere", true), team.ErrNoTeam)
	k.ok(k.db.RemoveApp(k.ctx, ada.ID, true, now))
	k.is(k.db.RemovePasskey(k.ctx, ada.ID, laptop.ID, false, now), authn.ErrLastFactor) // Acme requires it
	k.ok(k.db.RequireSecondFactor(k.ctx, acme.ID, false))
	k.is(k.db.RemovePasskey(k.ctx, ada.ID, laptop.ID, true, now), authn.ErrLastFactor) // the operator requires it
	equal(k, "recovery codes", len(k.factors(ada.ID).Recovery.Hashes), 2)
	k.ok(k.db.RemovePasskey(k.ctx, ada.ID, laptop.ID, false, now))
	equal(k, "factors", k.factors(ada.ID), authn.Factors{})

	k.ok(k.db.SetApp(k.ctx, ada.ID, app, []string{"a", "b"}))
	k.ok(k.db.AddPasskey(k.ctx, laptop, nil))
	k.ok(k.db.StartSession(k.ctx, session("s1", ada), ""))
	k.ok(k.db.ResetFactors(k.ctx, ada.ID, now))
	equal(k, "factors after the reset", k.factors(ada.ID), authn.Factors{})
	equal(k, "sessions after the reset", k.rows("gh_sessions", "1 = 1"), 0)
	k.is(k.db.ResetFactors(k.ctx, "nobody", now), team.ErrNoUser)
}

// Fifty use a code, fifty a recovery code, and fifty the same count of a passkey; two remove the last two factors: one of each wins.
func testFactorRaces(k *kit) {
	k.populate()
	k.furnishFactors()
	race := func(what string, refused error, do func(i int) error) {
		k.Helper()
		var group sync.WaitGroup
		var won atomic.Int64
		for i := range 50 {
			group.Go(func() {
				switch err := do(i); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, refused):
					k.Errorf("%s: got %v, want %v", what, err, refused)
				}
			})
		}
		group.Wait()
		equal(k, what+" that won", won.Load(), 1)
	}
	other := k.second()
	handle := func(i int) *store.DB { return []*store.DB{k.db, other}[i%2] }
	race("codes", authn.ErrWrongCode, func(i int) error { return handle(i).UseCode(k.ctx, ada.ID, stepped(app, 101), now) })
	race("recovery codes", authn.ErrWrongCode, func(i int) error { return handle(i).UseRecoveryCode(k.ctx, ada.ID, "a", now) })
	race("passkeys", authn.ErrCloned, func(i int) error { return handle(i).UsePasskey(k.ctx, counted(laptop, 8), now) })
	race("removals", authn.ErrLastFactor, func(i int) error {
		var err error
		if i < 25 {
			err = handle(i).RemoveApp(k.ctx, ada.ID, true, now)
		} else {
			err = handle(i).RemovePasskey(k.ctx, ada.ID, laptop.ID, true, now)
		}
		if errors.Is(err, authn.ErrNoFactor) { // another one has removed it
			return authn.ErrLastFactor
		}
		return err
	})
	left := k.factors(ada.ID)
	if !left.Strong() {
		k.Errorf("no factor is left")
	}
}

// testEmptyUnverified: somebody who made an account with another person's address keeps no way into it.
func testEmptyUnverified(k *kit) {
	k.populate()
	eve := team.User{ID: "u-eve", Email: "eve@example.com", Name: "Eve", CreatedAt: now}
	k.ok(k.db.AddUser(k.ctx, eve))
	k.ok(k.db.SetPassword(k.ctx, eve.ID, "hash", now))
	k.ok(k.db.StartSession(k.ctx, session("s1", eve), ""))
	k.forgotten("l1", eve.Email)
	k.ok(k.db.SetApp(k.ctx, eve.ID, authn.App{Secret: "sealed", CreatedAt: now}, []string{"code"}))
	k.ok(k.db.AddPasskey(k.ctx, authn.Passkey{ID: "p1", User: eve.ID, CredentialID: "credential"}, nil))
	k.ok(linkIdentity(k.ctx, k.db, eve.ID, "eve", false))
	for _, table := range []string{"gh_sessions", "gh_links", "gh_apps", "gh_passkeys", "gh_recovery_codes", "gh_identities"} {
		if k.rows(table, "user_id = $1", eve.ID) == 0 {
			k.Fatalf("%s has no row: the test shows nothing", table)
		}
	}
	k.ok(k.db.EmptyUnverified(k.ctx, eve.Email, later))
	for _, table := range []string{"gh_sessions", "gh_links", "gh_apps", "gh_passkeys", "gh_recovery_codes", "gh_identities"} {
		equal(k, "rows of "+table, k.rows(table, "user_id = $1", eve.ID), 0)
	}
	_, hash, err := k.db.Password(k.ctx, eve.Email)
	k.ok(err)
	equal(k, "the password", hash, "")
}
