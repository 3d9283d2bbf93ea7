package store

import (
	"cmp"
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// sessionInto scans a session with its person. The statements that use it list the columns in this order.
func sessionInto(s *authn.Session) []any {
	return append([]any{&s.ID, &s.Public, engine.TimeTo(&s.AuthTime), engine.WordsTo(&s.Methods), engine.TimeTo(&s.ExpiresAt)}, userInto(&s.User)...)
}

// StartSession saves a session and ends the one that it replaces. If that is alive and the same person's, the new one keeps its sid.
// authn.ErrSignInFailed when the person has been disabled in the meantime.
func (db *DB) StartSession(ctx context.Context, s authn.Session, replaces string) error {
	// On PostgreSQL the lock makes DisableUser wait, or lets this see what it did.
	const (
		postgres = `
INSERT INTO gh_sessions (id, user_id, auth_time, methods, expires_at, sid)
SELECT $1, u.id, CAST($3 AS BIGINT), $4, CAST($5 AS BIGINT), $6 FROM gh_users u WHERE u.id = $2 AND u.disabled_at = 0
FOR SHARE OF u`

		sqlite = `
INSERT INTO gh_sessions (id, user_id, auth_time, methods, expires_at, sid)
SELECT $1, u.id, CAST($3 AS BIGINT), $4, CAST($5 AS BIGINT), $6 FROM gh_users u WHERE u.id = $2 AND u.disabled_at = 0`
	)
	run := db.write
	if replaces != "" {
		run = db.change
	}
	return run(ctx, "StartSession", func(t *tx) error {
		public := s.Public
		if replaces != "" {
			t.changed = changeOfSession(replaces)
			sid, err := t.replaceSession(replaces, s.User.ID, s.AuthTime)
			if err != nil {
				return err
			}
			public = cmp.Or(sid, public)
		}
		err := t.MustChange(authn.ErrSignInFailed, db.engine.Text(sqlite, postgres),
			s.ID, s.User.ID, engine.Millis(s.AuthTime), engine.Words(s.Methods), engine.Millis(s.ExpiresAt), public)
		if err != nil {
			return err
		}
		return t.happened(audit.Event{
			At: s.AuthTime, Kind: audit.SignedIn, Actor: string(s.User.ID), User: string(s.User.ID), Detail: engine.Words(s.Methods),
		})
	})
}

// replaceSession ends a session for another one of a user, and returns its sid if that user may keep it.
func (t *tx) replaceSession(id string, user team.UserID, now time.Time) (sid string, err error) {
	replaced := authn.Session{ID: id}
	err = t.ChangeGet([]any{&replaced.User.ID, &replaced.Public, engine.TimeTo(&replaced.ExpiresAt)},
		`DELETE FROM gh_sessions WHERE id = $1 RETURNING user_id, sid, expires_at`, id)
	if isNoRows(err) || err == nil && (replaced.User.ID != user || !replaced.ExpiresAt.After(now)) {
		return "", nil
	}
	return replaced.SID(), err
}

// Session returns the session with its user, read fresh from the database. authn.ErrNoSession, token.ErrWrongClock.
func (db *DB) Session(ctx context.Context, id string, now time.Time) (authn.Session, error) {
	scan := func(r engine.Row) (s authn.Session, err error) {
		err = r.Scan(sessionInto(&s)...)
		return s, err
	}
	const query = `
		SELECT s.id, s.sid, s.auth_time, s.methods, s.expires_at, u.id, u.email, u.name, u.operator, u.email_verified, u.created_at, u.disabled_at
		FROM gh_sessions s
		JOIN gh_users u ON u.id = s.user_id
		WHERE s.id = $1 AND u.disabled_at = 0 AND s.expires_at > $2`
	look := func(now time.Time) (authn.Session, error) {
		return engine.One(ctx, db.engine, "Session", authn.ErrNoSession, scan, query, id, engine.Millis(now))
	}
	return unlessExpired(db, authn.ErrNoSession, now, look)
}

// EndSession ends a session, if there is one. The clients that were connected in it and asked for it are told.
func (db *DB) EndSession(ctx context.Context, id string) error {
	ended := authn.Session{ID: id}
	return db.change(ctx, "EndSession", func(t *tx) error {
		t.changed = changeOfSession(id)
		e := audit.Event{At: db.now(), Kind: audit.SignedOut}
		err := t.ChangeGet([]any{&e.User, &ended.Public}, `DELETE FROM gh_sessions WHERE id = $1 RETURNING user_id, sid`, id)
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		e.Actor = e.User
		return t.happenedWith(e, outbox.Facts{Session: ended.SID()})
	})
}
