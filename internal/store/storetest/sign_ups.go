package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// askedToSignUp saves a link to sign up with an id.
func (k *kit) askedToSignUp(id, email string) team.Link {
	k.Helper()
	link := team.NewLink(team.LinkSignUp, "", email, "", now)
	link.ID = team.LinkID(id)
	k.ok(k.db.AskSignUp(k.ctx, link, team.Newcomer{Email: email, Name: "Eve", Language: "de"}))
	return link
}

// testSignUp: asking does the same work for every address and makes no account; finishing makes one, or empties one that nobody has proven.
func testSignUp(k *kit) {
	k.populate()
	statements := map[string]int{}
	for i, email := range []string{"Eve@Example.com", ada.Email, bob.Email} {
		before := k.count.get("AskSignUp")
		link := k.askedToSignUp(fmt.Sprint("l", i), email)
		statements[email] = k.count.get("AskSignUp") - before
		equal(k, "the link of "+email, must[team.Link](k)(k.db.Link(k.ctx, link.ID, now)), link)
		equal(k, "the newcomer", must[team.Newcomer](k)(k.db.Newcomer(k.ctx, link.ID)), team.Newcomer{Email: email, Name: "Eve", Language: "de"})
		equal(k, "statements", statements[email], statements["Eve@Example.com"])
	}
	equal(k, "people", k.rows("gh_users", "email_key = $1", "eve@example.com"), 0)
	told := k.due(now, later)
	equal(k, "messages", len(told), 3)
	for _, m := range told {
		equal(k, "the message", m.Kind, outbox.MailSignUp)
	}

	k.askedToSignUp("l3", "EVE@example.com")
	_, err := k.db.Newcomer(k.ctx, "l0")
	k.is(err, team.ErrLinkExpired)
	k.is(k.db.FinishSignUp(k.ctx, "l0", team.Joined{ID: "u-eve"}, now), team.ErrLinkExpired)
	k.is(k.db.FinishSignUp(k.ctx, "l3", team.Joined{ID: "u-eve"}, now.Add(24*time.Hour)), team.ErrLinkExpired)
	k.forgotten("l-reset", "someone@example.com")
	k.is(k.db.FinishSignUp(k.ctx, "l-reset", team.Joined{ID: "u-eve"}, now), team.ErrNoLink)

	k.ok(k.db.FinishSignUp(k.ctx, "l3", team.Joined{ID: "u-eve", Name: "Eve A.", Hash: "hash", Language: "de"}, now))
	u, hash, err := k.db.Password(k.ctx, "eve@example.com")
	k.ok(err)
	equal(k, "the person", u, team.User{ID: "u-eve", Email: "EVE@example.com", Name: "Eve A.", EmailVerified: true, CreatedAt: now})
	equal(k, "the hash", hash, "hash")
	equal(k, "the language", must[team.Profile](k)(k.db.Profile(k.ctx, u.ID)).Language, "de")
	k.is(k.db.FinishSignUp(k.ctx, "l3", team.Joined{ID: "u-other"}, now), team.ErrLinkUsed)

	// Nobody has proven Bob's address, so the account is emptied, and stays in its team. Ada's is proven.
	k.ok(k.db.SetPassword(k.ctx, bob.ID, "the thief's", now))
	k.ok(k.db.StartSession(k.ctx, session("s-bob", bob), ""))
	k.ok(k.db.VerifyEmail(k.ctx, ada.ID, ada.Email))
	k.is(k.db.FinishSignUp(k.ctx, "l1", team.Joined{ID: "u-thief", Hash: "x"}, now), team.ErrHasAccount)
	k.ok(k.db.FinishSignUp(k.ctx, "l2", team.Joined{ID: "u-unused", Name: "Bob B.", Hash: "his own"}, now))
	u, hash, err = k.db.Password(k.ctx, bob.Email)
	k.ok(err)
	equal(k, "who has the address", u.ID, bob.ID)
	equal(k, "the address is proven", u.EmailVerified, true)
	equal(k, "the hash", hash, "his own")
	equal(k, "sessions", k.rows("gh_sessions", "user_id = $1", string(bob.ID)), 0)
	equal(k, "memberships", k.rows("gh_memberships", "user_id = $1", string(bob.ID)), 1)

	// Of twenty who use a link at the same time, one succeeds.
	k.askedToSignUp("l4", "finn@example.com")
	var wins atomic.Int64
	k.together(20, func(i int, db *store.DB) {
		switch err := db.FinishSignUp(k.ctx, "l4", team.Joined{ID: team.UserID(fmt.Sprint("u", i)), Name: "Finn"}, k.at(db)); {
		case err == nil:
			wins.Add(1)
		case !errors.Is(err, team.ErrLinkUsed):
			k.Errorf("got the error %v", err)
		}
	})
	equal(k, "wins", wins.Load(), 1)
	equal(k, "accounts", k.rows("gh_users", "email_key = $1", "finn@example.com"), 1)
}
