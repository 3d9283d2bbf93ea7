package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// SendAddressLink saves a link of a person, in place of an earlier one of its kind, and the mail with it. team.ErrNoUser.
func (db *DB) SendAddressLink(ctx context.Context, link team.Link) error {
	kind := audit.EmailProofAsked
	if link.Kind == team.LinkChange {
		kind = audit.EmailChangeAsked
	}
	return db.write(ctx, "SendAddressLink", func(t *tx) error {
		if _, err := t.Change(`DELETE FROM gh_links WHERE user_id = $1 AND kind = $2`, link.User, link.Kind); err != nil {
			return err
		}
		err := t.saveLink(link)
		if engine.IsForeignKey(err) {
			return team.ErrNoUser
		}
		if err != nil {
			return err
		}
		return t.happenedWith(audit.Event{At: link.CreatedAt, Kind: kind, User: string(link.User)}, outbox.Facts{Link: string(link.ID)})
	})
}

// ProveEmail uses a link that proves the address of an account. The error is what check says, or that of the link.
func (db *DB) ProveEmail(ctx context.Context, id team.LinkID, at time.Time, check func(link team.Link, u team.User) error) error {
	return db.change(ctx, "ProveEmail", func(t *tx) error {
		link, u, err := t.useLinkOf(id, team.LinkProve, at, check)
		if err != nil {
			return err
		}
		t.changed = changeOfUser(link.User)
		if _, err := t.Change(`UPDATE gh_users SET email_verified = TRUE WHERE id = $1`, u.ID); err != nil {
			return err
		}
		return t.happened(audit.Event{At: at, Kind: audit.EmailVerified, User: string(u.ID)})
	})
}

// ChangeEmail uses a link that gives an account the address that it was sent to. The former address gets a link to undo that, which is undo with the
// person and the address filled in. team.ErrUserTaken, what check says, or the error of the link.
func (db *DB) ChangeEmail(ctx context.Context, id team.LinkID, at time.Time, undo team.Link, check func(link team.Link, u team.User) error) error {
	return db.change(ctx, "ChangeEmail", func(t *tx) error {
		link, u, err := t.useLinkOf(id, team.LinkChange, at, check)
		if err != nil {
			return err
		}
		t.changed = changeOfUser(u.ID)
		if err := t.setEmail(u.ID, link.Email, true, at); err != nil {
			return err
		}
		if _, err := t.Change(`DELETE FROM gh_links WHERE user_id = $1 AND id <> $2 AND kind IN ('reset', 'prove', 'change')`, u.ID, id); err != nil {
			return err
		}
		undo := undo
		undo.User, undo.Email, undo.CreatedAt = u.ID, u.Email, link.CreatedAt // what was added since the change was asked for goes when it is undone
		if err := t.saveLink(undo); err != nil {
			return err
		}
		return t.happenedWith(audit.Event{At: at, Kind: audit.EmailChanged, User: string(u.ID)}, outbox.Facts{Link: string(undo.ID)})
	})
}

// UndoEmail uses a link that gives an account its former address back: it sets a new password, ends the person's sessions, and removes what was added
// since a time, by somebody who took the account over; r says whether all connections end. Later links of the account work no more. team.ErrUserTaken,
// what check says, or the error of the link.
func (db *DB) UndoEmail(ctx context.Context, r authn.Reset, since time.Time, check func(link team.Link, u team.User) error) error {
	return db.change(ctx, "UndoEmail", func(t *tx) error {
		link, u, err := t.useLinkOf(r.Link, team.LinkUndo, r.At, check)
		if err != nil {
			return err
		}
		t.changed = changeOfUser(u.ID)
		if err := t.setEmail(u.ID, link.Email, true, r.At); err != nil {
			return err
		}
		if _, err := t.Change(`UPDATE gh_users SET password_hash = $2, password_set_at = $3 WHERE id = $1`, u.ID, r.Hash, engine.Millis(r.At)); err != nil {
			return err
		}
		if _, err := t.Change(`DELETE FROM gh_links WHERE user_id = $1 AND id <> $2 AND (kind IN ('reset', 'prove', 'change') OR kind = 'undo' AND created_at >= $3)`,
			u.ID, link.ID, engine.Millis(link.CreatedAt)); err != nil {
			return err
		}
		if _, err := t.Change(`DELETE FROM gh_sessions WHERE user_id = $1`, u.ID); err != nil {
			return err
		}
		if err := t.removeAdded(u.ID, since); err != nil {
			return err
		}
		// Before the grants end: their families say which clients to tell.
		e := audit.Event{At: r.At, Kind: audit.EmailRestored, Actor: string(u.ID), User: string(u.ID)}
		if err := t.happenedWith(e, outbox.Facts{Former: u.Email}); err != nil {
			return err
		}
		if r.EndConnections {
			return t.endGrants(r.At, endGrantsOfUser, u.ID)
		}
		return t.endGrants(r.At, endGrantsOfUserSince, u.ID, engine.Millis(since))
	})
}

// removeAdded removes what somebody who took an account over may have added to it since a time: factors, accounts at other providers, and open invitations to teams. Recovery codes
// do not stay without a strong factor.
func (t *tx) removeAdded(id team.UserID, since time.Time) error {
	for _, query := range []string{
		`DELETE FROM gh_apps WHERE user_id = $1 AND created_at >= $2`,
		`DELETE FROM gh_passkeys WHERE user_id = $1 AND created_at >= $2`,
		`DELETE FROM gh_recovery_codes WHERE user_id = $1 AND created_at >= $2`,
		`DELETE FROM gh_identities WHERE user_id = $1 AND linked_at >= $2`,
		`DELETE FROM gh_invitations WHERE invited_by = $1 AND state = 'sent' AND created_at >= $2`,
	} {
		if _, err := t.Change(query, id, engine.Millis(since)); err != nil {
			return err
		}
	}
	_, err := t.Change(`
		DELETE FROM gh_recovery_codes WHERE user_id = $1
			AND NOT EXISTS (SELECT 1 FROM gh_apps WHERE user_id = $1) AND NOT EXISTS (SELECT 1 FROM gh_passkeys WHERE user_id = $1)`, id)
	return err
}

// SetEmail gives a person another address, as the operator says. No link of before works any more. team.ErrNoUser, team.ErrUserTaken.
func (db *DB) SetEmail(ctx context.Context, id team.UserID, email string, verified bool, at time.Time) error {
	return db.change(ctx, "SetEmail", func(t *tx) error {
		t.changed = changeOfUser(id)
		u, _, err := t.lockUser(id)
		if err != nil {
			return err
		}
		if err := t.setEmail(id, email, verified, at); err != nil {
			return err
		}
		if _, err := t.Change(`DELETE FROM gh_links WHERE user_id = $1 AND kind IN ('reset', 'prove', 'change', 'undo')`, id); err != nil {
			return err
		}
		return t.happenedWith(audit.Event{At: at, Kind: audit.EmailSet, User: string(id)}, outbox.Facts{Former: u.Email})
	})
}

// EmptyUnverified removes the password, the other ways to sign in, the sessions and the links of the account with an address that nobody has proven: somebody else may have made
// it, to wait for the one who has the mailbox. An account whose address is proven stays as it is. team.ErrNoUser when there is no unproven one.
func (db *DB) EmptyUnverified(ctx context.Context, email string, at time.Time) error {
	return db.change(ctx, "EmptyUnverified", func(t *tx) error {
		var id team.UserID
		err := t.ChangeGet([]any{&id}, `
			UPDATE gh_users SET password_hash = '', password_set_at = $2 WHERE email_key = $1 AND email_verified = FALSE RETURNING id`,
			team.NormalizeEmail(email), engine.Millis(at))
		if isNoRows(err) {
			return team.ErrNoUser
		}
		if err != nil {
			return err
		}
		t.changed = changeOfUser(id)
		if err := t.emptyAccount(id); err != nil {
			return err
		}
		return t.happened(audit.Event{At: at, Kind: audit.UserEmptied, User: string(id)})
	})
}

// emptyAccount takes every way to sign in out of an account, except the password, which the caller replaces.
func (t *tx) emptyAccount(id team.UserID) error {
	for _, query := range []string{
		`DELETE FROM gh_sessions WHERE user_id = $1`, `DELETE FROM gh_links WHERE user_id = $1`, `DELETE FROM gh_identities WHERE user_id = $1`,
		`DELETE FROM gh_apps WHERE user_id = $1`, `DELETE FROM gh_passkeys WHERE user_id = $1`, `DELETE FROM gh_recovery_codes WHERE user_id = $1`,
	} {
		if _, err := t.Change(query, id); err != nil {
			return err
		}
	}
	return nil
}

// useLinkOf uses a link of a person, who is locked, if check agrees.
func (t *tx) useLinkOf(id team.LinkID, kind team.LinkKind, at time.Time, check func(link team.Link, u team.User) error) (team.Link, team.User, error) {
	link, err := t.useLink(id, kind, at)
	if err != nil {
		return team.Link{}, team.User{}, err
	}
	u, _, err := t.lockUser(link.User)
	if err == nil {
		err = check(link, u)
	}
	return link, u, err
}

// setEmail gives a person an address. team.ErrUserTaken when another has it, or may still get it back.
func (t *tx) setEmail(id team.UserID, email string, verified bool, at time.Time) error {
	key := team.NormalizeEmail(email)
	if err := t.emailFree(id, key, at); err != nil {
		return err
	}
	_, err := t.Change(`UPDATE gh_users SET email = $2, email_key = $3, email_verified = $4 WHERE id = $1`, id, email, key, verified)
	if engine.IsUnique(err) {
		return team.ErrUserTaken
	}
	return err
}

// emailFree is team.ErrUserTaken while another person may get an address back by an undo link: else somebody who took over their account could
// take the address as well.
func (t *tx) emailFree(id team.UserID, key string, at time.Time) error {
	var link string
	err := t.Get([]any{&link}, `
		SELECT id FROM gh_links WHERE email_key = $1 AND kind = 'undo' AND used_at = 0 AND expires_at > $2 AND user_id <> $3`, key, engine.Millis(at), id)
	if isNoRows(err) {
		return nil
	}
	if err == nil {
		err = team.ErrUserTaken
	}
	return err
}
