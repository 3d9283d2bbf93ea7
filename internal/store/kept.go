package store

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Kept is what is kept about a person and is on no page of theirs, the newest of each first. team.ErrNoUser.
func (db *DB) Kept(ctx context.Context, user team.UserID) (kept team.Kept, err error) {
	own := func(r engine.Row) (k team.Kept, err error) { return k, r.Scan(engine.TimeTo(&k.PasswordSetAt)) }
	if kept, err = engine.One(ctx, db.engine, "Kept", team.ErrNoUser, own, `SELECT password_set_at FROM gh_users WHERE id = $1`, user); err != nil {
		return kept, err
	}
	link := func(r engine.Row) (l team.Link, err error) { return l, r.Scan(linkInto(&l)...) }
	if kept.Links, err = engine.All(ctx, db.engine, "Kept", link, `
		SELECT id, kind, COALESCE(user_id, ''), email, depends_on, created_at, expires_at, used_at FROM gh_links
		WHERE user_id = $1 OR email_key = (SELECT email_key FROM gh_users WHERE id = $1)
		ORDER BY created_at DESC, id`, user); err != nil {
		return kept, err
	}
	if kept.Received, err = engine.All(ctx, db.engine, "Kept", scanInvitation, `
		SELECT i.id, i.email, i.role, i.invited_by, COALESCE(u.name, ''), i.state, i.created_at, i.expires_at, t.id, t.slug, t.name, t.created_at
		FROM gh_invitations i
		JOIN gh_teams t ON t.id = i.team_id
		LEFT JOIN gh_users u ON u.id = i.invited_by
		WHERE i.email_key = (SELECT email_key FROM gh_users WHERE id = $1) ORDER BY i.created_at DESC, i.id`, user); err != nil {
		return kept, err
	}
	if kept.Sent, err = engine.All(ctx, db.engine, "Kept", scanInvitation, `
		SELECT i.id, i.email, i.role, i.invited_by, COALESCE(u.name, ''), i.state, i.created_at, i.expires_at, t.id, t.slug, t.name, t.created_at
		FROM gh_invitations i
		JOIN gh_teams t ON t.id = i.team_id
		LEFT JOIN gh_users u ON u.id = i.invited_by
		WHERE i.invited_by = $1 ORDER BY i.created_at DESC, i.id`, user); err != nil {
		return kept, err
	}
	asked := func(r engine.Row) (a team.Asked, err error) {
		return a, r.Scan(&a.Team, &a.Client, &a.Scope, &a.Note, engine.TimeTo(&a.AskedAt), engine.TimeTo(&a.ExpiresAt))
	}
	if kept.Asked, err = engine.All(ctx, db.engine, "Kept", asked, `
		SELECT team_id, client_id, scope, note, asked_at, expires_at FROM gh_application_requests
		WHERE user_id = $1 ORDER BY asked_at DESC, team_id, client_id`, user); err != nil {
		return kept, err
	}
	message := func(r engine.Row) (w team.Waiting, err error) {
		return w, r.Scan(&w.Kind, &w.Client, engine.TimeTo(&w.CreatedAt), engine.TimeTo(&w.ExpiresAt))
	}
	if kept.Messages, err = engine.All(ctx, db.engine, "Kept", message,
		`SELECT kind, client_id, created_at, expires_at FROM gh_notices WHERE user_id = $1 ORDER BY created_at DESC, id`, user); err != nil {
		return kept, err
	}
	event := func(r engine.Row) (e audit.Event, err error) {
		return e, r.Scan(&e.ID, engine.TimeTo(&e.At), &e.Kind, &e.Actor, &e.Team, &e.Client, &e.Address, &e.Detail)
	}
	// The condition is that of the index gh_audit_user.
	kept.Events, err = engine.All(ctx, db.engine, "Kept", event, `
		SELECT id, at, kind, actor, team_id, client_id, address, detail FROM gh_audit
		WHERE user_id = $1 AND kind NOT IN ('token.issued', 'token.refreshed', 'token.machine') ORDER BY id DESC`, user)
	return kept, err
}
