package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// AskSignUp saves a link to sign up in place of earlier ones for its address, and the mail with it. Whether somebody has the address makes no
// difference to what is done: what the mail says is decided when it is delivered.
func (db *DB) AskSignUp(ctx context.Context, link team.Link, n team.Newcomer) error {
	return db.write(ctx, "AskSignUp", func(t *tx) error {
		key := team.NormalizeEmail(link.Email)
		var user team.UserID
		if err := t.Get([]any{&user}, `SELECT id FROM gh_users WHERE email_key = $1`, key); err != nil && !isNoRows(err) {
			return err
		}
		if _, err := t.Change(`DELETE FROM gh_links WHERE email_key = $1 AND kind = $2`, key, link.Kind); err != nil {
			return err
		}
		if err := t.saveLink(link); err != nil {
			return err
		}
		if _, err := t.Change(`INSERT INTO gh_sign_ups (link_id, name, language) VALUES ($1, $2, $3)`, link.ID, n.Name, n.Language); err != nil {
			return err
		}
		return t.happenedWith(audit.Event{At: link.CreatedAt, Kind: audit.SignUpAsked, User: string(user)}, outbox.Facts{Link: string(link.ID)})
	})
}

// Newcomer is who asked for a link to sign up. team.ErrLinkExpired.
func (db *DB) Newcomer(ctx context.Context, link team.LinkID) (team.Newcomer, error) {
	scan := func(r engine.Row) (n team.Newcomer, err error) { return n, r.Scan(&n.Email, &n.Name, &n.Language) }
	return engine.One(ctx, db.engine, "Newcomer", team.ErrLinkExpired, scan, `
		SELECT l.email, s.name, s.language FROM gh_sign_ups s JOIN gh_links l ON l.id = s.link_id WHERE s.link_id = $1`, link)
}

// FinishSignUp uses a link to sign up, and gives who has it the account of the address. team.ErrHasAccount, and the errors of a link.
func (db *DB) FinishSignUp(ctx context.Context, id team.LinkID, j team.Joined, at time.Time) error {
	return db.change(ctx, "FinishSignUp", func(t *tx) error {
		link, err := t.useLink(id, team.LinkSignUp, at)
		if err != nil {
			return err
		}
		user, err := t.takeAddress(link.Email, j, at)
		if err != nil {
			return err
		}
		return t.happened(audit.Event{At: at, Kind: audit.SignedUp, Actor: string(user), User: string(user)})
	})
}
