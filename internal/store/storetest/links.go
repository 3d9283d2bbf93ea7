package storetest

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// version stands for what authn keeps of a password hash.
func version(hash string) string { return "version of " + hash }

// anyReset lets every reset link work.
func anyReset(team.Link, team.User, string) error { return nil }

// forgotten saves a reset link with an id.
func (k *kit) forgotten(id, email string) team.Link {
	k.Helper()
	link := team.NewLink(team.LinkReset, "", email, "", now)
	link.ID = team.LinkID(id)
	k.ok(k.db.ForgetPassword(k.ctx, link, version))
	return link
}

func testForgetPassword(k *kit) {
	k.populate()
	k.ok(k.db.SetPassword(k.ctx, ada.ID, "hash", now))
	before := k.count.get("ForgetPassword")
	link := k.forgotten("l1", "ADA@example.com")
	known := k.count.get("ForgetPassword") - before
	link.User, link.Email, link.DependsOn = ada.ID, ada.Email, "version of hash" // the address as the account has it
	equal(k, "Link", must[team.Link](k)(k.db.Link(k.ctx, "l1", now)), link)
	told := k.due(now, later)
	equal(k, "messages", len(told), 1)
	equal(k, "the message", told[0], outbox.Message{
		ID: told[0].ID, Kind: outbox.MailPasswordReset, User: string(ada.ID), Link: "l1", CreatedAt: now, Tries: 1, NextTry: later, ExpiresAt: now.Add(time.Hour),
	})

	// Nobody has the next address, and the person of the one after it is disabled: the same statements, and a link of nobody.
	k.ok(k.db.DisableUser(k.ctx, bob.ID, now))
	for _, email := range []string{"nobody@example.com", bob.Email} {
		before := k.count.get("ForgetPassword")
		link := k.forgotten("l"+email, email)
		equal(k, "statements for "+email, k.count.get("ForgetPassword")-before, known)
		link.DependsOn = version("")
		equal(k, "Link", must[team.Link](k)(k.db.Link(k.ctx, link.ID, now)), link)
	}

	// The next link takes the place of the first.
	k.forgotten("l2", ada.Email)
	_, err := k.db.Link(k.ctx, "l1", now)
	k.is(err, team.ErrLinkExpired)
	_, err = k.db.Link(k.ctx, "l2", now.Add(time.Hour))
	k.is(err, team.ErrLinkExpired)
	must[team.Link](k)(k.db.Link(k.ctx, "l2", now.Add(time.Hour-time.Millisecond)))
}

func testResetPassword(k *kit) {
	k.populate()
	k.connectedAs(bob)
	k.ok(k.db.SetPassword(k.ctx, bob.ID, "hash", now))
	for id, u := range map[string]team.User{"s-ada": ada, "s-bob": bob} {
		k.ok(k.db.StartSession(k.ctx, session(id, u), ""))
	}
	reset := func(id team.LinkID, at time.Time, end bool, check func(team.Link, team.User, string) error) error {
		return k.db.ResetPassword(k.ctx, authn.Reset{Link: id, Hash: "hash of " + string(id), At: at, EndConnections: end}, check)
	}
	link := k.forgotten("l1", bob.Email)
	link.User, link.DependsOn = bob.ID, "version of hash"

	refused := errors.New("refused")
	k.is(reset("l1", now, false, func(l team.Link, u team.User, hash string) error {
		l.UsedAt = time.Time{}
		equal(k, "the link to check", l, link)
		equal(k, "the user to check", u, bob)
		equal(k, "the hash to check", hash, "hash")
		return refused
	}), refused)
	equal(k, "sessions", k.rows("gh_sessions", "1 = 1"), 2)
	k.is(reset("l1", link.ExpiresAt, false, anyReset), team.ErrLinkExpired)
	k.is(reset("unknown", now, false, anyReset), team.ErrLinkExpired)

	k.ok(reset("l1", now.Add(time.Minute), false, anyReset))
	u, hash, err := k.db.Password(k.ctx, bob.Email)
	k.ok(err)
	equal(k, "the new hash", hash, "hash of l1")
	equal(k, "the address is proven", u.EmailVerified, true)
	equal(k, "sessions of the person", k.rows("gh_sessions", "user_id = $1", string(bob.ID)), 0)
	equal(k, "sessions of others", k.rows("gh_sessions", "user_id = $1", string(ada.ID)), 1)
	equal(k, "connections", k.rows("gh_grants", "user_id = $1", string(bob.ID)), 1)
	k.is(reset("l1", now.Add(time.Minute), false, anyReset), team.ErrLinkUsed)
	equal(k, "the used link", must[team.Link](k)(k.db.Link(k.ctx, "l1", now)).UsedAt, now.Add(time.Minute))

	k.forgotten("l2", bob.Email)
	k.ok(reset("l2", now, true, anyReset))
	equal(k, "connections that were to end", k.rows("gh_grants", "user_id = $1", string(bob.ID)), 0)

	k.forgotten("l3", "nobody@example.com")
	k.is(reset("l3", now, true, anyReset), team.ErrNoUser)
	equal(k, "the link of nobody is used", must[team.Link](k)(k.db.Link(k.ctx, "l3", now)).UsedAt.IsZero(), true)
}

// connectedAs gives a person a connection in Acme.
func (k *kit) connectedAs(u team.User) {
	k.Helper()
	k.redeemed("f-"+string(u.ID), k.granted("g-"+string(u.ID), u, global, acme, "read"))
}

// testLinkRace: of twenty who use a link at the same time, in two processes, one succeeds.
func testLinkRace(k *kit) {
	k.populate()
	k.forgotten("l1", ada.Email)
	var wins atomic.Int64
	k.together(20, func(_ int, db *store.DB) {
		err := db.ResetPassword(k.ctx, authn.Reset{Link: "l1", Hash: "h", At: k.at(db)}, anyReset)
		switch {
		case err == nil:
			wins.Add(1)
		case !errors.Is(err, team.ErrLinkUsed):
			k.Errorf("got the error %v", err)
		}
	})
	equal(k, "wins", wins.Load(), 1)
}

// anyLink lets every link about an address work.
func anyLink(team.Link, team.User) error { return nil }
