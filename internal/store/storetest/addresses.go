package storetest

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// changed gives Ada another address, and returns the undo link that her former address gets.
func (k *kit) changed(email string, asked time.Time) team.LinkID {
	k.Helper()
	link := team.NewLink(team.LinkChange, ada.ID, email, "", asked)
	k.ok(k.db.SendAddressLink(k.ctx, link))
	undo := team.NewLink(team.LinkUndo, "", "", "", asked.Add(time.Hour))
	k.ok(k.db.ChangeEmail(k.ctx, link.ID, asked.Add(time.Hour), undo, anyLink))
	return undo.ID
}

// testUndoEmail: what was added since a time goes with the change of address that is undone, and what was there before stays.
func testUndoEmail(k *kit) {
	since := now.Add(time.Hour)
	k.populate()
	k.furnishFactors()
	k.redeemed("f-before", k.granted("g-before", ada, global, acme, "read"))
	k.redeemed("f-bob", k.granted("g-bob", bob, global, acme, "read"))
	undo := k.changed("thief@example.com", since)
	link := must[team.Link](k)(k.db.Link(k.ctx, undo, since))
	equal(k, "the undo link is as old as the change's", link.CreatedAt, since)
	equal(k, "the undo link lives seven days from the change on", link.ExpiresAt, since.Add(time.Hour+team.LongestLink))
	later := k.changed("thief@third.example", since.Add(2*time.Hour))

	added := authn.Passkey{ID: "p-thief", User: ada.ID, CredentialID: "credential-thief", CreatedAt: since}
	k.ok(k.db.AddPasskey(k.ctx, added, []string{"c", "d"}))
	k.ok(k.db.SetApp(k.ctx, ada.ID, authn.App{Secret: "of the thief", CreatedAt: since}, nil))
	k.ok(k.db.StartSession(k.ctx, session("s-thief", ada), ""))
	for id, at := range map[string]time.Time{"id-before": now, "id-thief": since} {
		k.ok(k.db.LinkIdentity(k.ctx, authn.Identity{ID: id, User: ada.ID, Issuer: "https://op.example", Subject: id, LinkedAt: at}, false, func(team.User) error { return nil }))
	}
	g := grant("g-after", ada, public, acme, "read")
	g.CreatedAt, g.UpdatedAt = since, since
	_, err := k.db.SaveGrant(k.ctx, g, false)
	k.ok(err)
	used := family("f-after", k.granted("g-used", ada, global, beta, "read"))
	used.CreatedAt = since
	_, err = k.db.Redeem(k.ctx, used)
	k.ok(err)
	invitation, sent := invited(acme, "x@third.example", since)
	invitation.By = ada.ID
	k.ok(k.db.Invite(k.ctx, invitation, sent, 50, mayAll))

	at := since.Add(3 * time.Hour)
	k.ok(k.db.UndoEmail(k.ctx, authn.Reset{Link: undo, Hash: "hash of Ada", At: at}, since, anyLink))
	u, hash, err := k.db.Password(k.ctx, ada.Email)
	k.ok(err)
	equal(k, "the person with the former address", u.ID, ada.ID)
	equal(k, "the password", hash, "hash of Ada")
	equal(k, "factors", k.factors(ada.ID), authn.Factors{Password: true, Passkeys: []authn.Passkey{laptop}})
	equal(k, "sessions", k.rows("gh_sessions", "user_id = $1", string(ada.ID)), 0)
	equal(k, "connections from before", k.rows("gh_grants", "id = 'g-before'"), 1)
	equal(k, "connections of Ada", k.rows("gh_grants", "user_id = $1", string(ada.ID)), 1)
	equal(k, "connections of others", k.rows("gh_grants", "id = 'g-bob'"), 1)
	equal(k, "accounts elsewhere", k.rows("gh_identities", "id = 'id-before'")+2*k.rows("gh_identities", "id = 'id-thief'"), 1)
	equal(k, "invitations", k.rows("gh_invitations", "1 = 1"), 0)
	k.is(k.db.UndoEmail(k.ctx, authn.Reset{Link: later, At: at}, since, anyLink), team.ErrLinkExpired)
	k.is(k.db.UndoEmail(k.ctx, authn.Reset{Link: undo, At: at}, since, anyLink), team.ErrLinkUsed)

	// All connections end when the person says so, and recovery codes do not stay alone.
	undo = k.changed("again@example.com", at)
	k.ok(k.db.RemovePasskey(k.ctx, ada.ID, laptop.ID, false, at))
	k.ok(k.db.SetRecoveryCodes(k.ctx, ada.ID, []string{"e"}, now))
	k.ok(k.db.UndoEmail(k.ctx, authn.Reset{Link: undo, Hash: "h", At: at.Add(time.Hour), EndConnections: true}, at, anyLink))
	equal(k, "connections of Ada", k.rows("gh_grants", "user_id = $1", string(ada.ID)), 0)
	equal(k, "factors", k.factors(ada.ID), authn.Factors{Password: true})
}
