package store

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// linkInto scans a link. The statements that use it list the columns in this order.
func linkInto(l *team.Link) []any {
	return []any{
		&l.ID, &l.Kind, &l.User, &l.Email, &l.DependsOn, engine.TimeTo(&l.CreatedAt), engine.TimeTo(&l.ExpiresAt), engine.TimeTo(&l.UsedAt),
	}
}

// Link is a link that has not expired, used or not. team.ErrLinkExpired, token.ErrWrongClock.
func (db *DB) Link(ctx context.Context, id team.LinkID, now time.Time) (team.Link, error) {
	scan := func(r engine.Row) (l team.Link, err error) { return l, r.Scan(linkInto(&l)...) }
	l, err := engine.One(ctx, db.engine, "Link", team.ErrLinkExpired, scan, `
		SELECT id, kind, COALESCE(user_id, ''), email, depends_on, created_at, expires_at, used_at FROM gh_links WHERE id = $1`, id)
	if err == nil && !now.Before(l.ExpiresAt) {
		return team.Link{}, db.linkExpired(l, now)
	}
	return l, err
}

// linkExpired is the error of a link that has expired at a time; token.ErrWrongClock when it has not by the right clock.
func (db *DB) linkExpired(l team.Link, now time.Time) error {
	if right, wrong := db.opts.WrongClock(now); wrong && right.Before(l.ExpiresAt) {
		return token.ErrWrongClock
	}
	return team.ErrLinkExpired
}

// saveLink saves a link.
func (t *tx) saveLink(l team.Link) error {
	_, err := t.Change(`
		INSERT INTO gh_links (id, kind, user_id, email, email_key, depends_on, created_at, expires_at)
		VALUES ($1, $2, CASE WHEN $3 = '' THEN NULL ELSE $3 END, $4, $5, $6, $7, $8)`,
		l.ID, l.Kind, l.User, l.Email, team.NormalizeEmail(l.Email), l.DependsOn, engine.Millis(l.CreatedAt), engine.Millis(l.ExpiresAt))
	return err
}

// useLink uses a link of a kind, if it works: of many callers one succeeds. Everything else that the link does has to be in the same unit of work.
// team.ErrNoLink, team.ErrLinkUsed, team.ErrLinkExpired, token.ErrWrongClock.
func (t *tx) useLink(id team.LinkID, kind team.LinkKind, at time.Time) (l team.Link, err error) {
	err = t.ChangeGet(linkInto(&l), `
		UPDATE gh_links SET used_at = $3 WHERE id = $1 AND kind = $2 AND used_at = 0 AND expires_at > $3
		RETURNING id, kind, COALESCE(user_id, ''), email, depends_on, created_at, expires_at, used_at`, id, kind, engine.Millis(at))
	if !isNoRows(err) {
		return l, err
	}
	err = t.Get(linkInto(&l), `
		SELECT id, kind, COALESCE(user_id, ''), email, depends_on, created_at, expires_at, used_at FROM gh_links WHERE id = $1`, id)
	switch {
	case isNoRows(err):
		return team.Link{}, team.ErrLinkExpired
	case err != nil:
		return team.Link{}, err
	case l.Kind != kind:
		return team.Link{}, team.ErrNoLink
	}
	if err = l.Works(at); errors.Is(err, team.ErrLinkExpired) {
		err = t.db.linkExpired(l, at)
	}
	if err == nil { // it was used and put back between the two statements
		err = team.ErrLinkUsed
	}
	return team.Link{}, err
}
