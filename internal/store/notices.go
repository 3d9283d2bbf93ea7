package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// How long delivery of a notice is tried. After a day, somebody who was to be signed out has stayed signed in for a day anyway.
const (
	mailLifetime   = 72 * time.Hour
	logoutLifetime = 24 * time.Hour
)

// message is what somebody outside is told about an event. It is saved in the event's unit of work, and delivered later.
type message struct {
	mail    string    // the kind of mail to the event's person; "" is a back-channel logout
	at      time.Time // zero: the event's
	session string    // of a back-channel logout: the sid of the sign-in that ended; "" is all of the person's
}

// mail is a message to the event's person about its client and team.
func mail(kind string, at time.Time) message { return message{mail: kind, at: at} }

// signOut is a message to the clients that asked to be told when a sign-in ends.
func signOut(session string) message { return message{session: session} }

// tell saves a message.
func (t *tx) tell(e audit.Event, m message) error {
	if m.mail == "" {
		return t.tellClients(e, m.session)
	}
	if m.at.IsZero() {
		m.at = e.At
	}
	_, err := t.Change(`
		INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at)
		VALUES ($1, $2, $3, $4, $5, '', $6, $6, $7)`,
		token.NewID(), m.mail, e.User, e.Client, e.Team, engine.Millis(m.at), engine.Millis(m.at.Add(mailLifetime)))
	return err
}

// tellClients saves the back-channel logouts (OpenID Connect Back-Channel Logout 1.0 §2) of a person: one for each client
// and sign-in, found by the person's families. It has to happen before the families go.
func (t *tx) tellClients(e audit.Event, session string) error {
	_, err := t.Change(`
		INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at)
		SELECT DISTINCT 'backchannel_logout/' || c.id || '/' || f.session_id, 'backchannel_logout', g.user_id, c.id, '', f.session_id,
			CAST($3 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT)
		FROM gh_grants g
		JOIN gh_families f ON f.grant_id = g.id
		JOIN gh_clients c ON c.id = g.client_id
		WHERE g.user_id = $1 AND (f.session_id = $2 OR $2 = '') AND f.session_id <> '' AND f.token_dead_at > 0
			AND ' ' || f.scope || ' ' LIKE '% openid %' AND c.backchannel_logout_uri <> ''
		ON CONFLICT (id) DO NOTHING`,
		e.User, session, engine.Millis(e.At), engine.Millis(e.At.Add(logoutLifetime)))
	return err
}

// DueNotices takes notices that are due, those that have waited longest first, and postpones them until retry.
func (db *DB) DueNotices(ctx context.Context, now, retry time.Time, limit int) (due []authz.Notice, err error) {
	scan := func(r engine.Row) (id string, err error) { return id, r.Scan(&id) }
	// Nearly always nothing is due. A read finds that out without holding up anybody's commit.
	ids, err := engine.All(ctx, db.engine, "DueNotices", scan,
		`SELECT id FROM gh_notices WHERE next_try <= $1 AND expires_at > $1 ORDER BY next_try, id LIMIT $2`, engine.Millis(now), limit)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	err = db.write(ctx, "DueNotices", func(t *tx) error {
		due = nil
		for _, id := range ids {
			n := authz.Notice{ID: id}
			// The condition is repeated: another process may have taken the notice meanwhile.
			err := t.ChangeGet([]any{
				&n.Kind, &n.User, &n.Client, &n.Team, &n.SessionID, engine.TimeTo(&n.CreatedAt), &n.Tries, engine.TimeTo(&n.NextTry), engine.TimeTo(&n.ExpiresAt),
			}, `UPDATE gh_notices SET tries = tries + 1, next_try = $3 WHERE id = $1 AND next_try <= $2
				RETURNING kind, user_id, client_id, team_id, session_id, created_at, tries, next_try, expires_at`, id, engine.Millis(now), engine.Millis(retry))
			switch {
			case isNoRows(err):
				continue
			case err != nil:
				return err
			}
			due = append(due, n)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return due, nil
}

// Delivered removes a notice.
func (db *DB) Delivered(ctx context.Context, id string) error {
	return db.write(ctx, "Delivered", func(t *tx) error {
		_, err := t.Change(`DELETE FROM gh_notices WHERE id = $1`, id)
		return err
	})
}

// Postpone leaves a notice that could not be delivered for another time.
func (db *DB) Postpone(ctx context.Context, id string, until time.Time) error {
	return db.write(ctx, "Postpone", func(t *tx) error {
		_, err := t.Change(`UPDATE gh_notices SET next_try = $2 WHERE id = $1`, id, engine.Millis(until))
		return err
	})
}
