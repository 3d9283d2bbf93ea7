package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Password is a person with their password hash, which is empty when they have none. team.ErrNoUser.
func (db *DB) Password(ctx context.Context, email string) (team.User, string, error) {
	type account struct {
		user team.User
		hash string
	}
	scan := func(r engine.Row) (a account, err error) {
		err = r.Scan(append(userInto(&a.user), &a.hash)...)
		return a, err
	}
	a, err := engine.One(ctx, db.engine, "Password", team.ErrNoUser, scan, `SELECT `+userColumns+`, u.password_hash FROM users u WHERE u.email = $1`, email)
	return a.user, a.hash, err
}

// SetPassword replaces the password hash and ends the person's sessions in the same transaction. The clients that asked for it are to be told. team.ErrNoUser.
func (db *DB) SetPassword(ctx context.Context, user team.UserID, hash string, at time.Time) error {
	return db.change(ctx, "SetPassword", func(t *tx) error {
		err := t.MustChange(team.ErrNoUser, `UPDATE users SET password_hash = $2, password_set_at = $3 WHERE id = $1`, user, hash, engine.Millis(at))
		if err != nil {
			return err
		}
		if _, err = t.Change(`DELETE FROM sessions WHERE user_id = $1`, user); err != nil {
			return err
		}
		if err := t.signOutOfClients(at, user, ""); err != nil {
			return err
		}
		return t.audit(audit.Event{At: at, Kind: audit.PasswordSet, User: string(user)})
	})
}

// Rehash replaces the hash of the same password, if it is still from. It signs nobody out.
func (db *DB) Rehash(ctx context.Context, user team.UserID, from, to string) error {
	return db.write(ctx, "Rehash", func(t *tx) error {
		_, err := t.Change(`UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`, user, from, to)
		return err
	})
}

// StartSession saves a session and ends the one it replaces. authn.ErrSignInFailed when the person has been disabled in the meantime.
func (db *DB) StartSession(ctx context.Context, s authn.Session, replaces string) error {
	run := db.write
	if replaces != "" {
		run = db.change
	}
	return run(ctx, "StartSession", func(t *tx) error {
		if replaces != "" {
			if _, err := t.Change(`DELETE FROM sessions WHERE id = $1`, replaces); err != nil {
				return err
			}
		}
		// The lock makes DisableUser wait, or this see what it did.
		err := t.MustChange(authn.ErrSignInFailed, `INSERT INTO sessions (id, user_id, auth_time, methods, expires_at)
			SELECT $1, u.id, CAST($3 AS BIGINT), $4, CAST($5 AS BIGINT) FROM users u WHERE u.id = $2 AND u.disabled_at = 0`+
			db.locking("FOR SHARE OF u"),
			s.ID, s.User.ID, engine.Millis(s.AuthTime), engine.Words(s.Methods), engine.Millis(s.ExpiresAt))
		if err != nil {
			return err
		}
		return t.audit(audit.Event{At: s.AuthTime, Kind: audit.SignedIn, Actor: string(s.User.ID), User: string(s.User.ID), Detail: engine.Words(s.Methods)})
	})
}

// A session s with its person, and that it is alive as long as this is greater than now.
const (
	sessionColumns = `s.id, s.auth_time, s.methods, s.expires_at, ` + userColumns
	sessionTables  = `sessions s JOIN users u ON u.id = s.user_id`
	sessionIsLive  = `u.disabled_at = 0 AND s.expires_at`
)

func sessionInto(s *authn.Session) []any {
	return append([]any{&s.ID, engine.TimeTo(&s.AuthTime), engine.WordsTo(&s.Methods), engine.TimeTo(&s.ExpiresAt)}, userInto(&s.User)...)
}

// Session is a session with its person as they are now. authn.ErrNoSession.
func (db *DB) Session(ctx context.Context, id string, now time.Time) (authn.Session, error) {
	scan := func(r engine.Row) (s authn.Session, err error) {
		err = r.Scan(sessionInto(&s)...)
		return s, err
	}
	return engine.One(ctx, db.engine, "Session", authn.ErrNoSession, scan, `SELECT `+sessionColumns+` FROM `+sessionTables+` WHERE s.id = $1 AND `+sessionIsLive+` > $2`, id, engine.Millis(now))
}

// EndSession ends a session, if there is one. The clients that were connected in it and asked for it are to be told.
func (db *DB) EndSession(ctx context.Context, id string) error {
	sid := authn.Session{ID: id}.SID()
	return db.change(ctx, "EndSession", func(t *tx) error {
		e := audit.Event{At: db.now(), Kind: audit.SignedOut}
		err := t.ChangeGet([]any{&e.User}, `DELETE FROM sessions WHERE id = $1 RETURNING user_id`, id)
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := t.signOutOfClients(e.At, team.UserID(e.User), sid); err != nil {
			return err
		}
		e.Actor = e.User
		return t.audit(e)
	})
}
