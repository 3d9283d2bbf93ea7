package store

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// ForgetPassword saves a reset link for an address in place of earlier ones, and the mail with it. Whether somebody has the address makes no
// difference to what is done: the link of nobody is saved too, and its mail is dropped when it is delivered.
func (db *DB) ForgetPassword(ctx context.Context, link team.Link, version func(hash string) string) error {
	return db.write(ctx, "ForgetPassword", func(t *tx) error {
		link, hash := link, ""
		err := t.Get([]any{&link.User, &link.Email, &hash}, `SELECT id, email, password_hash FROM gh_users WHERE email_key = $1 AND disabled_at = 0`, team.NormalizeEmail(link.Email))
		if err != nil && !isNoRows(err) {
			return err
		}
		link.DependsOn = version(hash)
		if _, err := t.Change(`DELETE FROM gh_links WHERE email_key = $1 AND kind = $2`, team.NormalizeEmail(link.Email), link.Kind); err != nil {
			return err
		}
		if err := t.saveLink(link); err != nil {
			return err
		}
		return t.happenedWith(audit.Event{At: link.CreatedAt, Kind: audit.PasswordForgotten, User: string(link.User)}, outbox.Facts{Link: string(link.ID)})
	})
}

// ResetPassword uses a reset link: it replaces the password hash, ends the person's sessions, and their connections if r says so. Using the
// link proves the address. What somebody else may have put into an account whose address was not proven before goes first.
func (db *DB) ResetPassword(ctx context.Context, r authn.Reset, check func(link team.Link, u team.User, hash string) error) error {
	return db.change(ctx, "ResetPassword", func(t *tx) error {
		link, err := t.useLink(r.Link, team.LinkReset, r.At)
		if err != nil {
			return err
		}
		t.changed = changeOfUser(link.User)
		u, hash, err := t.lockUser(link.User)
		if err != nil {
			return err
		}
		if err := check(link, u, hash); err != nil {
			return err
		}
		if _, err := t.Change(`UPDATE gh_users SET password_hash = $2, password_set_at = $3, email_verified = TRUE WHERE id = $1`,
			u.ID, r.Hash, engine.Millis(r.At)); err != nil {
			return err
		}
		if _, err := t.Change(`DELETE FROM gh_sessions WHERE user_id = $1`, u.ID); err != nil {
			return err
		}
		// Before the grants end: their families say which clients to tell.
		if err := t.happened(audit.Event{At: r.At, Kind: audit.PasswordReset, Actor: string(u.ID), User: string(u.ID)}); err != nil || !r.EndConnections {
			return err
		}
		return t.endGrants(r.At, endGrantsOfUser, u.ID)
	})
}

// lockUser is a person with their password hash, locked until the unit of work ends. team.ErrNoUser.
func (t *tx) lockUser(id team.UserID) (u team.User, hash string, err error) {
	const (
		sqlite   = `SELECT id, email, name, operator, email_verified, created_at, disabled_at, password_hash FROM gh_users WHERE id = $1`
		postgres = `SELECT id, email, name, operator, email_verified, created_at, disabled_at, password_hash FROM gh_users WHERE id = $1 FOR NO KEY UPDATE`
	)
	err = t.Get(append(userInto(&u), &hash), t.db.engine.Text(sqlite, postgres), id)
	if isNoRows(err) {
		err = team.ErrNoUser
	}
	return u, hash, err
}
