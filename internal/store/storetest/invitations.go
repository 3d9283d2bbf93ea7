package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// cy has an account with a proven address, and belongs to no team.
var cy = team.User{ID: "u-cy", Email: "cy@example.com", Name: "Cy", EmailVerified: true, CreatedAt: now}

// dee has no account yet.
var dee = team.Joined{ID: "u-dee", Name: "Dee", Hash: "hash of Dee"}

const deesEmail = "Dee@Example.com"

// mayAll lets every role do what is asked.
func mayAll(team.Role) error { return nil }

// invited is an invitation by the operator, and its link. Their ids tell the address and the team.
func invited(to team.Team, email string, at time.Time) (team.Invitation, team.Link) {
	i := team.Invitation{
		ID: team.InvitationID("i " + email + " " + to.Slug), Team: to, Email: email, Role: team.Developer, State: team.InvitationSent, CreatedAt: at,
	}
	link := team.NewLink(team.LinkInvite, "", email, string(i.ID), at)
	link.ID = team.LinkID("l " + email + " " + to.Slug)
	i.ExpiresAt = link.ExpiresAt
	return i, link
}

// invite saves an invitation by a person; "" is the operator.
func (k *kit) invite(to team.Team, email string, by team.UserID) (team.Invitation, team.Link) {
	k.Helper()
	i, link := invited(to, email, now)
	i.By = by
	k.ok(k.db.Invite(k.ctx, i, link, 50, mayAll))
	return i, link
}

// furnishInvitations invites Cy, who has an account, and Dee, who has none.
func (k *kit) furnishInvitations() {
	k.Helper()
	k.ok(k.db.AddUser(k.ctx, cy))
	k.invite(acme, cy.Email, ada.ID)
	k.invite(acme, deesEmail, "")
}

// linkTo is the id of the link by which somebody was invited to Acme.
func linkTo(email string) team.LinkID { return team.LinkID("l " + email + " " + acme.Slug) }

// invitationTo is the id of their invitation.
func invitationTo(email string) team.InvitationID {
	return team.InvitationID("i " + email + " " + acme.Slug)
}

// reinvite sends an invitation of Acme again, with a link of an id.
func reinvite(ctx context.Context, db *store.DB, email string, link team.LinkID, at time.Time) error {
	again := func(i team.Invitation) team.Link {
		l := team.NewLink(team.LinkInvite, "", i.Email, string(i.ID), at)
		l.ID = link
		return l
	}
	return db.Reinvite(ctx, acme.ID, invitationTo(email), "", again, mayAll)
}

// invitationEvents and the next two are events, writes and reads of invitations.
var (
	invitationEvents = map[string]audit.Kind{
		"Invite": audit.InvitationSent, "Reinvite": audit.InvitationSent, "Withdraw": audit.InvitationWithdrawn, "Accept": audit.InvitationAccepted,
		"AcceptNew": audit.InvitationAccepted, "Decline": audit.InvitationDeclined,
	}
	invitationWrites = []call{
		{"Invite", func(ctx context.Context, db *store.DB) error {
			i, link := invited(beta, "new@example.com", now)
			return db.Invite(ctx, i, link, 50, mayAll)
		}, nil},
		{"Reinvite", func(ctx context.Context, db *store.DB) error { return reinvite(ctx, db, deesEmail, "l-again", later) }, nil},
		{"Withdraw", func(ctx context.Context, db *store.DB) error {
			return db.Withdraw(ctx, acme.ID, invitationTo(deesEmail), "", now, mayAll)
		}, nil},
		{"Accept", func(ctx context.Context, db *store.DB) error { return db.Accept(ctx, linkTo(cy.Email), cy.ID, now) }, nil},
		{"AcceptNew", func(ctx context.Context, db *store.DB) error { return db.AcceptNew(ctx, linkTo(deesEmail), dee, now) }, nil},
		{"Decline", func(ctx context.Context, db *store.DB) error { return db.Decline(ctx, linkTo(deesEmail), now) }, nil},
	}
	invitationReads = []call{
		{"Invitations", func(ctx context.Context, db *store.DB) error { _, err := db.Invitations(ctx, acme.ID); return err }, nil},
		{"InvitationOf", func(ctx context.Context, db *store.DB) error {
			_, err := db.InvitationOf(ctx, linkTo(deesEmail))
			return err
		}, nil},
	}
)

func testInvitations(k *kit) {
	k.populate()
	k.ok(k.db.AddUser(k.ctx, cy))
	i, link := k.invite(acme, cy.Email, ada.ID)
	i.ByName = ada.Name
	equal(k, "the invitation of the link", must[team.Invitation](k)(k.db.InvitationOf(k.ctx, link.ID)), i)
	equal(k, "invitations of another team", len(must[[]team.Invitation](k)(k.db.Invitations(k.ctx, beta.ID))), 0)
	told := k.due(now, later)
	equal(k, "messages", len(told), 1)
	equal(k, "the message", told[0], outbox.Message{
		ID: told[0].ID, Kind: outbox.MailInvitation, Team: string(acme.ID), Link: string(link.ID), CreatedAt: now, Tries: 1, NextTry: later, ExpiresAt: now.Add(72 * time.Hour),
	})

	// Sent again: the earlier link is gone, and who sends it again vouches for it.
	at := now.Add(time.Hour)
	k.ok(reinvite(k.ctx, k.db, cy.Email, "l-again", at))
	k.is(k.db.Accept(k.ctx, link.ID, cy.ID, at), team.ErrLinkExpired)
	i.By, i.ByName, i.CreatedAt, i.ExpiresAt = "", "", at, at.Add(team.LongestLink)
	equal(k, "the invitation", must[[]team.Invitation](k)(k.db.Invitations(k.ctx, acme.ID)), []team.Invitation{i})

	k.is(k.db.Accept(k.ctx, "l-again", bob.ID, at), team.ErrOtherAddress)
	k.ok(k.db.Accept(k.ctx, "l-again", cy.ID, at))
	i.State = team.InvitationAccepted
	equal(k, "the answer", must[[]team.Invitation](k)(k.db.Invitations(k.ctx, acme.ID)), []team.Invitation{i})
	equal(k, "the membership", must[[]team.Membership](k)(k.db.Memberships(k.ctx, cy.ID)), []team.Membership{{User: cy.ID, Team: acme, Role: team.Developer, CreatedAt: at}})
	k.is(k.db.Accept(k.ctx, "l-again", cy.ID, at), team.ErrLinkUsed)
	k.is(k.db.Decline(k.ctx, "l-again", at), team.ErrLinkUsed)
	k.is(k.db.Withdraw(k.ctx, acme.ID, i.ID, "", at, mayAll), team.ErrNoInvitation)
	k.is(reinvite(k.ctx, k.db, cy.Email, "l-third", at), team.ErrNoInvitation)

	// Somebody without an account gets one, whose address is proven.
	_, link = k.invite(acme, deesEmail, "")
	k.ok(k.db.AcceptNew(k.ctx, link.ID, dee, at))
	u, hash, err := k.db.Password(k.ctx, deesEmail)
	k.ok(err)
	equal(k, "the account", u, team.User{ID: dee.ID, Email: deesEmail, Name: dee.Name, EmailVerified: true, CreatedAt: at})
	equal(k, "the password", hash, dee.Hash)
	equal(k, "its teams", len(must[[]team.Membership](k)(k.db.Memberships(k.ctx, dee.ID))), 1)

	// Declined, and withdrawn. What was answered goes with the next invitation to the address.
	declined, link := k.invite(acme, "eve@example.com", "")
	k.ok(k.db.Decline(k.ctx, link.ID, at))
	k.is(k.db.AcceptNew(k.ctx, link.ID, dee, at), team.ErrLinkUsed)
	again, other := invited(acme, "EVE@example.com", at)
	k.ok(k.db.Invite(k.ctx, again, other, 50, mayAll))
	equal(k, "invitations that were declined", k.rows("gh_invitations", "id = $1", string(declined.ID)), 0)
	k.ok(k.db.Withdraw(k.ctx, acme.ID, again.ID, "", at, mayAll))
	k.is(k.db.AcceptNew(k.ctx, other.ID, dee, at), team.ErrLinkExpired)
	equal(k, "invitations that were withdrawn", k.rows("gh_invitations", "id = $1", string(again.ID)), 0)

	// A team takes its invitations with it.
	_, link = k.invite(beta, "eve@example.com", "")
	k.ok(k.db.RemoveTeam(k.ctx, beta.ID, "", nil))
	_, err = k.db.InvitationOf(k.ctx, link.ID)
	k.is(err, team.ErrNoInvitation)
	k.is(k.db.AcceptNew(k.ctx, link.ID, dee, at), team.ErrLinkExpired)
}

func testInvitationsRefuse(k *kit) {
	k.populate()
	k.furnishInvitations()
	refused := errors.New("refused")
	no := func(want team.Role) func(team.Role) error {
		return func(role team.Role) error {
			equal(k, "the role of the actor", role, want)
			return refused
		}
	}
	i, link := invited(acme, "eve@example.com", now)
	i.By = bob.ID
	k.is(k.db.Invite(k.ctx, i, link, 50, no(team.Member)), refused)
	k.is(k.db.Invite(k.ctx, i, link, 2, mayAll), team.ErrTooManyInvitations) // Cy's and Dee's
	for email, want := range map[string]error{"BOB@example.com": team.ErrIsMember, "dee@EXAMPLE.com": team.ErrInvited} {
		other, link := invited(acme, email, now)
		k.is(k.db.Invite(k.ctx, other, link, 50, mayAll), want)
	}
	nowhere, link := invited(team.Team{ID: "nowhere"}, "eve@example.com", now)
	k.is(k.db.Invite(k.ctx, nowhere, link, 50, mayAll), team.ErrNoTeam)
	equal(k, "invitations", k.rows("gh_invitations", "1 = 1"), 2)

	to := invitationTo(cy.Email)
	k.is(k.db.Reinvite(k.ctx, acme.ID, to, ada.ID, nil, no(team.Admin)), refused)
	k.is(k.db.Withdraw(k.ctx, acme.ID, to, "nobody", now, no("")), refused)
	k.is(k.db.Withdraw(k.ctx, beta.ID, to, "", now, mayAll), team.ErrNoInvitation) // another team's
	k.is(k.db.Reinvite(k.ctx, beta.ID, to, "", nil, mayAll), team.ErrNoInvitation)
	k.is(k.db.Withdraw(k.ctx, "nowhere", to, "", now, mayAll), team.ErrNoTeam)

	// Of another kind, unknown, and expired. Only a proven address is somebody's.
	k.forgotten("l-reset", cy.Email)
	k.is(k.db.Accept(k.ctx, "l-reset", cy.ID, now), team.ErrLinkExpired)
	k.is(k.db.Accept(k.ctx, "unknown", cy.ID, now), team.ErrLinkExpired)
	k.is(k.db.Accept(k.ctx, linkTo(cy.Email), cy.ID, now.Add(team.LongestLink)), team.ErrLinkExpired)
	k.is(k.db.AcceptNew(k.ctx, linkTo(cy.Email), dee, now), team.ErrHasAccount)
	k.is(k.db.Accept(k.ctx, linkTo(cy.Email), "nobody", now), team.ErrNoUser)
	k.ok(k.db.SetEmail(k.ctx, cy.ID, cy.Email, false, now))
	k.is(k.db.Accept(k.ctx, linkTo(cy.Email), cy.ID, now), team.ErrUnproven)
	k.ok(k.db.VerifyEmail(k.ctx, cy.ID, cy.Email))

	// Who invited has to be an admin still, and to be able to sign in. A refusal uses nothing.
	k.ok(changeMember(k.ctx, k.db, ada.ID, team.Developer))
	k.is(k.db.Accept(k.ctx, linkTo(cy.Email), cy.ID, now), team.ErrInvitationOver)
	_, err := k.db.InvitationOf(k.ctx, linkTo(cy.Email))
	k.is(err, team.ErrNoInvitation)
	k.ok(changeMember(k.ctx, k.db, ada.ID, team.Admin))
	k.ok(k.db.DisableUser(k.ctx, ada.ID, now))
	k.is(k.db.Accept(k.ctx, linkTo(cy.Email), cy.ID, now), team.ErrInvitationOver)
	_, err = k.db.InvitationOf(k.ctx, linkTo(cy.Email))
	k.is(err, team.ErrNoInvitation)
	k.ok(k.db.EnableUser(k.ctx, ada.ID))
	k.ok(k.db.DisableUser(k.ctx, cy.ID, now))
	k.is(k.db.Accept(k.ctx, linkTo(cy.Email), cy.ID, now), team.ErrNoUser)
	k.ok(k.db.SetEmail(k.ctx, cy.ID, cy.Email, false, now))
	k.is(k.db.AcceptNew(k.ctx, linkTo(cy.Email), dee, now), team.ErrHasAccount) // a disabled account is nobody's to take
	k.ok(k.db.EnableUser(k.ctx, cy.ID))
	k.ok(k.db.VerifyEmail(k.ctx, cy.ID, cy.Email))

	// A member keeps the role that they have.
	k.ok(k.db.AddMember(k.ctx, team.Membership{User: cy.ID, Team: acme, Role: team.Admin, CreatedAt: now}))
	k.ok(k.db.Accept(k.ctx, linkTo(cy.Email), cy.ID, now))
	equal(k, "the role", must[[]team.Membership](k)(k.db.Memberships(k.ctx, cy.ID))[0].Role, team.Admin)
}

// testInvitationRace: of twenty who use a link at the same time, in two processes, one gets the account; and the bound of open invitations holds.
func testInvitationRace(k *kit) {
	k.populate()
	k.furnishInvitations()
	var wins atomic.Int64
	k.together(20, func(n int, db *store.DB) {
		mine := dee
		mine.ID = team.UserID(fmt.Sprint("u-", n))
		switch err := db.AcceptNew(k.ctx, linkTo(deesEmail), mine, k.at(db)); {
		case err == nil:
			wins.Add(1)
		case !errors.Is(err, team.ErrLinkUsed):
			k.Errorf("got the error %v", err)
		}
	})
	equal(k, "wins", wins.Load(), 1)
	equal(k, "accounts", k.rows("gh_users", "email_key = $1", team.NormalizeEmail(deesEmail)), 1)

	k.together(20, func(n int, db *store.DB) {
		i, link := invited(beta, fmt.Sprintf("n%d@example.com", n), k.at(db))
		if err := db.Invite(k.ctx, i, link, 5, mayAll); err != nil && !errors.Is(err, team.ErrTooManyInvitations) {
			k.Errorf("got the error %v", err)
		}
	})
	equal(k, "open invitations", k.rows("gh_invitations", "team_id = $1", string(beta.ID)), 5)
}

// invitationMeetings is an answer to Dee's invitation, and what may come between.
func invitationMeetings() (list []meeting) {
	join := step{"AcceptNew", func(ctx context.Context, db *store.DB) error {
		err := db.AcceptNew(ctx, linkTo(deesEmail), dee, now)
		for _, gone := range []error{team.ErrNoTeam, team.ErrLinkUsed, team.ErrHasAccount, team.ErrInvitationOver} {
			if errors.Is(err, gone) {
				return team.ErrLinkExpired
			}
		}
		return err
	}, team.ErrLinkExpired}
	as := func(k *kit, accepted int) {
		k.Helper()
		equal(k, "accounts of those who accepted", k.rows("gh_users", "id = 'u-dee'"), accepted)
		equal(k, "events", k.rows("gh_audit", "kind = 'invitation.accepted'"), accepted)
	}
	for _, other := range []step{
		join,
		{"Decline", func(ctx context.Context, db *store.DB) error { return db.Decline(ctx, linkTo(deesEmail), now) }, team.ErrLinkUsed},
		{"Withdraw", func(ctx context.Context, db *store.DB) error {
			return db.Withdraw(ctx, acme.ID, invitationTo(deesEmail), "", now, mayAll)
		}, team.ErrNoInvitation},
		{"Reinvite", func(ctx context.Context, db *store.DB) error { return reinvite(ctx, db, deesEmail, "l-again", now) }, team.ErrNoInvitation},
		{"AddUser", func(ctx context.Context, db *store.DB) error {
			return db.AddUser(ctx, team.User{ID: "u-other", Email: deesEmail, EmailVerified: true})
		}, team.ErrUserTaken},
		{"ChangeMembers", func(ctx context.Context, db *store.DB) error { return changeMember(ctx, db, ada.ID, team.Member) }, nil},
	} {
		list = append(list, meeting{join, other, func(k *kit) {
			k.Helper()
			members := k.rows("gh_memberships", "user_id = 'u-dee' AND team_id = 't-acme'")
			as(k, members)
			equal(k, "answers", k.rows("gh_invitations", "state = 'accepted'"), members)
		}})
	}
	remove := step{"RemoveTeam", func(ctx context.Context, db *store.DB) error { return db.RemoveTeam(ctx, acme.ID, "", nil) }, nil}
	return append(list, meeting{join, remove, func(k *kit) {
		k.Helper()
		equal(k, "members and invitations of a team that is gone", k.rows("gh_memberships", "team_id = 't-acme'")+k.rows("gh_invitations", "1 = 1"), 0)
		as(k, k.rows("gh_users", "id = 'u-dee'"))
	}})
}
