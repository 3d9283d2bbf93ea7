package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Password is a person by e-mail, whatever form it has, with their password hash, which is empty when they have none. team.ErrNoUser.
func (db *DB) Password(ctx context.Context, email string) (team.User, string, error) {
	type account struct {
		user team.User
		hash string
	}
	scan := func(r engine.Row) (a account, err error) {
		err = r.Scan(append(userInto(&a.user), &a.hash)...)
		return a, err
	}
	a, err := engine.One(ctx, db.engine, "Password", team.ErrNoUser, scan,
		`SELECT id, email, name, operator, email_verified, created_at, disabled_at, password_hash FROM gh_users WHERE email_key = $1`, team.NormalizeEmail(email))
	return a.user, a.hash, err
}

// SetPassword replaces the password hash and ends the person's sessions in the same transaction. The clients that asked
// for it are told. team.ErrNoUser.
func (db *DB) SetPassword(ctx context.Context, user team.UserID, hash string, at time.Time) error {
	return db.change(ctx, "SetPassword", func(t *tx) error {
		t.changed = changeOfUser(user)
		_, before, err := t.lockUser(user)
		if err != nil {
			return err
		}
		if _, err = t.Change(`UPDATE gh_users SET password_hash = $2, password_set_at = $3 WHERE id = $1`, user, hash, engine.Millis(at)); err != nil {
			return err
		}
		if _, err = t.Change(`DELETE FROM gh_sessions WHERE user_id = $1`, user); err != nil {
			return err
		}
		return t.happenedWith(audit.Event{At: at, Kind: audit.PasswordSet, User: string(user)}, outbox.Facts{First: before == ""})
	})
}

// Rehash replaces the hash of the same password, if it is still from. It signs nobody out.
func (db *DB) Rehash(ctx context.Context, user team.UserID, from, to string) error {
	return db.write(ctx, "Rehash", func(t *tx) error {
		_, err := t.Change(`UPDATE gh_users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`, user, from, to)
		return err
	})
}
