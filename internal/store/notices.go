package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// How long it is tried to deliver a notice. After a day, whoever was to be signed out has been in for a day anyway.
const (
	mailLifetime   = 72 * time.Hour
	logoutLifetime = 24 * time.Hour
)

// mail saves that a person is to be told something about a client.
func (t *tx) mail(kind string, user team.UserID, client oauth.ClientID, id team.ID, at time.Time) error {
	_, err := t.Change(`INSERT INTO notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at) VALUES ($1, $2, $3, $4, $5, '', $6, $6, $7)`,
		token.NewID(), kind, user, client, id, engine.Millis(at), engine.Millis(at.Add(mailLifetime)))
	return err
}

// signOutOfClients saves that the clients that asked for it are to be told of the end of a sign-in (OpenID Connect Back-Channel Logout 1.0 §2): once each,
// for the person's families of one session, or of all when there is none.
func (t *tx) signOutOfClients(at time.Time, user team.UserID, sid string) error {
	_, err := t.Change(`INSERT INTO notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at)
		SELECT DISTINCT 'backchannel_logout/' || c.id || '/' || f.session_id, 'backchannel_logout', g.user_id, c.id, '', f.session_id,
			CAST($3 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT)
		FROM families f JOIN grants g ON g.id = f.grant_id JOIN clients c ON c.id = g.client_id
		WHERE g.user_id = $1 AND (f.session_id = $2 OR $2 = '') AND f.session_id <> '' AND f.token_dead_at > 0 AND ' ' || f.scope || ' ' LIKE '% openid %' AND c.backchannel_logout_uri <> ''
		ON CONFLICT (id) DO NOTHING`, user, sid, engine.Millis(at), engine.Millis(at.Add(logoutLifetime)))
	return err
}

// DueNotices takes notices that are due, those that have waited longest first, and postpones them until retry.
func (db *DB) DueNotices(ctx context.Context, now, retry time.Time, limit int) (due []outbox.Message, err error) {
	found := func(r engine.Row) (id string, err error) { return id, r.Scan(&id) }
	// Nothing is due nearly always, and then nobody's commit is disturbed.
	ids, err := engine.All(ctx, db.engine, "DueNotices", found, `SELECT id FROM notices WHERE next_try <= $1 AND expires_at > $1 ORDER BY next_try, id LIMIT $2`, engine.Millis(now), limit)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	err = db.write(ctx, "DueNotices", func(t *tx) error {
		due = nil
		for _, id := range ids {
			n := outbox.Message{ID: id}
			// Asked again: another process may have taken it meanwhile.
			err := t.ChangeGet([]any{&n.Kind, &n.User, &n.Client, &n.Team, &n.SessionID, engine.TimeTo(&n.CreatedAt), &n.Tries, engine.TimeTo(&n.NextTry), engine.TimeTo(&n.ExpiresAt)},
				`UPDATE notices SET tries = tries + 1, next_try = $3 WHERE id = $1 AND next_try <= $2
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
		_, err := t.Change(`DELETE FROM notices WHERE id = $1`, id)
		return err
	})
}

// Postpone leaves a notice that could not be delivered for another time.
func (db *DB) Postpone(ctx context.Context, id string, until time.Time) error {
	return db.write(ctx, "Postpone", func(t *tx) error {
		_, err := t.Change(`UPDATE notices SET next_try = $2 WHERE id = $1`, id, engine.Millis(until))
		return err
	})
}
