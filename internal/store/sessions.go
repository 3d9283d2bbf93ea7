package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// sessionInto scans a session with its person. The statements that use it list the columns in this order.
func sessionInto(s *authn.Session) []any {
	return append([]any{&s.ID, &s.Public, engine.TimeTo(&s.AuthTime), engine.WordsTo(&s.Methods), engine.TimeTo(&s.ExpiresAt), &s.Provider}, userInto(&s.User)...)
}

// StartSession saves a session in place of another one. If that is alive and the same person's, its sign-in goes on: the new one keeps its
// sid. Otherwise that sign-in ends, and its clients are told. authn.ErrSignInFailed when the person has been disabled in the meantime.
func (db *DB) StartSession(ctx context.Context, s authn.Session, replaces string) error {
	// On PostgreSQL the lock makes DisableUser wait, or lets this see what it did.
	const (
		postgres = `
INSERT INTO gh_sessions (id, user_id, auth_time, methods, expires_at, sid, browser, system, network, seen_at, provider)
SELECT $1, u.id, CAST($3 AS BIGINT), $4, CAST($5 AS BIGINT), $6, $7, $8, $9, CAST($10 AS BIGINT), $11 FROM gh_users u WHERE u.id = $2 AND u.disabled_at = 0
FOR SHARE OF u`

		sqlite = `
INSERT INTO gh_sessions (id, user_id, auth_time, methods, expires_at, sid, browser, system, network, seen_at, provider)
SELECT $1, u.id, CAST($3 AS BIGINT), $4, CAST($5 AS BIGINT), $6, $7, $8, $9, CAST($10 AS BIGINT), $11 FROM gh_users u WHERE u.id = $2 AND u.disabled_at = 0`
	)
	run := db.write
	if replaces != "" {
		run = db.change
	}
	return run(ctx, "StartSession", func(t *tx) error {
		public := s.Public
		if replaces != "" {
			t.changed = changeOfSession(replaces)
			sid, err := t.replaceSession(replaces, s)
			if err != nil {
				return err
			}
			public = cmp.Or(sid, public)
		}
		err := t.MustChange(authn.ErrSignInFailed, db.engine.Text(sqlite, postgres),
			s.ID, s.User.ID, engine.Millis(s.AuthTime), engine.Words(s.Methods), engine.Millis(s.ExpiresAt), public,
			s.Device.Browser, s.Device.System, s.Device.Network, engine.Millis(s.Device.SeenAt), s.Provider)
		if err != nil {
			return err
		}
		at := s.AuthTime
		if s.Provider != "" { // the person may have signed in there long before
			at = time.Time{}
		}
		return t.happened(audit.Event{
			At: at, Kind: audit.SignedIn, Actor: string(s.User.ID), User: string(s.User.ID), Detail: engine.Words(s.Methods),
		})
	})
}

// replaceSession removes a session for another one, and returns its sid if that one may keep it.
func (t *tx) replaceSession(id string, by authn.Session) (sid string, err error) {
	replaced := authn.Session{ID: id}
	err = t.ChangeGet([]any{&replaced.User.ID, &replaced.Public, engine.TimeTo(&replaced.ExpiresAt)},
		`DELETE FROM gh_sessions WHERE id = $1 RETURNING user_id, sid, expires_at`, id)
	switch {
	case isNoRows(err):
		return "", nil
	case err != nil:
		return "", err
	case !replaced.ExpiresAt.After(by.AuthTime):
		return "", t.sessionEnded(audit.Event{At: by.AuthTime, Kind: audit.SessionExpired}, replaced)
	case replaced.User.ID == by.User.ID:
		return replaced.SID(), nil
	}
	e := audit.Event{At: by.AuthTime, Kind: audit.SignedOut, Actor: string(by.User.ID), Detail: "another person signed in at this browser"}
	return "", t.sessionEnded(e, replaced)
}

// sessionEnded ends a unit of work that has removed a session: the clients that were connected in it and asked for it are told.
func (t *tx) sessionEnded(e audit.Event, s authn.Session) error {
	e.User = string(s.User.ID)
	return t.happenedWith(e, outbox.Facts{Session: s.SID()})
}

// Session returns the session with its user, read fresh from the database. authn.ErrNoSession, token.ErrWrongClock.
func (db *DB) Session(ctx context.Context, id string, now time.Time) (authn.Session, error) {
	scan := func(r engine.Row) (s authn.Session, err error) {
		err = r.Scan(sessionInto(&s)...)
		return s, err
	}
	const query = `
		SELECT s.id, s.sid, s.auth_time, s.methods, s.expires_at, s.provider, u.id, u.email, u.name, u.operator, u.email_verified, u.created_at, u.disabled_at
		FROM gh_sessions s
		JOIN gh_users u ON u.id = s.user_id
		WHERE s.id = $1 AND u.disabled_at = 0 AND s.expires_at > $2`
	look := func(now time.Time) (authn.Session, error) {
		return engine.One(ctx, db.engine, "Session", authn.ErrNoSession, scan, query, id, engine.Millis(now))
	}
	return unlessExpired(db, authn.ErrNoSession, now, look)
}

// Sessions are a person's sessions that are alive at a time, with their devices.
func (db *DB) Sessions(ctx context.Context, user team.UserID, now time.Time) ([]authn.Session, error) {
	scan := func(r engine.Row) (s authn.Session, err error) {
		d := &s.Device
		err = r.Scan(append(sessionInto(&s), &d.Browser, &d.System, &d.Network, engine.TimeTo(&d.SeenAt))...)
		return s, err
	}
	return engine.All(ctx, db.engine, "Sessions", scan, `
		SELECT s.id, s.sid, s.auth_time, s.methods, s.expires_at, s.provider, u.id, u.email, u.name, u.operator, u.email_verified, u.created_at, u.disabled_at,
			s.browser, s.system, s.network, s.seen_at
		FROM gh_sessions s
		JOIN gh_users u ON u.id = s.user_id
		WHERE s.user_id = $1 AND u.disabled_at = 0 AND s.expires_at > $2
		ORDER BY s.auth_time DESC, s.id`, user, engine.Millis(now))
}

// SaveSightings saves when sessions were last seen, in small units of work. It leaves out a session for which another process has saved it lately.
func (db *DB) SaveSightings(ctx context.Context, seen []authn.Sighting) error {
	for unit := range slices.Chunk(seen, pruneUnit) {
		err := db.write(ctx, "SaveSightings", func(t *tx) error {
			for _, s := range unit {
				_, err := t.Change(`UPDATE gh_sessions SET seen_at = $2, network = $3 WHERE id = $1 AND seen_at <= $4`,
					s.Session, engine.Millis(s.At), s.Network, engine.Millis(s.At.Add(-authn.SightingInterval)))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// EndSession ends a session, if there is one. The clients that were connected in it and asked for it are told.
func (db *DB) EndSession(ctx context.Context, id string) error {
	return db.change(ctx, "EndSession", func(t *tx) error {
		t.changed = changeOfSession(id)
		ended := authn.Session{ID: id}
		err := t.ChangeGet([]any{&ended.User.ID, &ended.Public}, `DELETE FROM gh_sessions WHERE id = $1 RETURNING user_id, sid`, id)
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return t.sessionEnded(audit.Event{At: db.now(), Kind: audit.SignedOut, Actor: string(ended.User.ID)}, ended)
	})
}

// pruneSessions deletes at most batch sessions that have expired, those first that expired first, and tells their clients, as EndSession
// does. It returns how many it deleted.
func (db *DB) pruneSessions(ctx context.Context, now time.Time, batch int) (total int, err error) {
	// The condition is repeated: the session may have ended since it was found. On PostgreSQL, what another process is deleting is skipped.
	const (
		expired = `SELECT id FROM gh_sessions WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2`

		sqlite = `DELETE FROM gh_sessions WHERE id = $1 AND expires_at <= $2 RETURNING user_id, sid`

		postgres = `DELETE FROM gh_sessions WHERE id = (SELECT id FROM gh_sessions WHERE id = $1 AND expires_at <= $2 FOR UPDATE SKIP LOCKED)
RETURNING user_id, sid`
	)
	scan := func(r engine.Row) (id string, err error) { return id, r.Scan(&id) }
	ids, err := engine.All(ctx, db.engine, "Prune", scan, expired, engine.Millis(now), batch)
	for unit := range slices.Chunk(ids, pruneUnit) {
		if err != nil {
			return total, err
		}
		n := 0
		err = db.write(ctx, "Prune", func(t *tx) error {
			n = 0
			for _, id := range unit {
				ended := authn.Session{ID: id}
				err := t.ChangeGet([]any{&ended.User.ID, &ended.Public}, db.engine.Text(sqlite, postgres), id, engine.Millis(now))
				if isNoRows(err) {
					continue
				}
				if err == nil {
					err = t.sessionEnded(audit.Event{Kind: audit.SessionExpired}, ended)
				}
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err == nil {
			total += n
		}
	}
	return total, err
}
