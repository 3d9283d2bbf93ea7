package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// AskFor saves a person's request that their team allow a client, or replaces the one that they made before. It counts the open ones of the person and
// of the team first. team.ErrNoMember, govern.ErrTooManyAsked.
func (db *DB) AskFor(ctx context.Context, r govern.Request, mostOfPerson, mostOfTeam int) error {
	return db.write(ctx, "AskFor", func(t *tx) error {
		// Who asks at the same time waits, so that each counts the other.
		if err := t.lockTeam(r.Team); err != nil {
			return err
		}
		var person, all, same, known int
		err := t.Get([]any{&person, &all, &same, &known}, `
			SELECT (SELECT COUNT(*) FROM gh_application_requests WHERE user_id = $1 AND expires_at > $4),
				(SELECT COUNT(*) FROM gh_application_requests WHERE team_id = $2 AND expires_at > $4),
				(SELECT COUNT(*) FROM gh_application_requests WHERE user_id = $1 AND team_id = $2 AND client_id = $3),
				(SELECT COUNT(*) FROM gh_application_requests WHERE team_id = $2 AND client_id = $3)`,
			r.User, r.Team, r.Client, engine.Millis(r.AskedAt))
		if err != nil {
			return err
		}
		if same == 0 && (person >= mostOfPerson || all >= mostOfTeam) {
			return govern.ErrTooManyAsked
		}
		_, err = t.Change(`
			INSERT INTO gh_application_requests (team_id, client_id, user_id, scope, note, asked_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (team_id, client_id, user_id) DO UPDATE SET scope = excluded.scope, note = excluded.note, asked_at = excluded.asked_at, expires_at = excluded.expires_at`,
			r.Team, r.Client, r.User, engine.Words(r.Scope), r.Note, engine.Millis(r.AskedAt), engine.Millis(r.ExpiresAt))
		if engine.IsForeignKey(err) {
			return team.ErrNoMember
		}
		if err != nil {
			return err
		}
		e := audit.Event{At: r.AskedAt, Kind: audit.ClientAskedFor, Team: string(r.Team), Client: string(r.Client), User: string(r.User), Detail: engine.Words(r.Scope)}
		if same > 0 { // the admins know
			e.Kind = audit.ClientAskedAgain
		}
		return t.happenedWith(e, outbox.Facts{Known: known > 0})
	})
}

// WithdrawRequest ends a person's request. The row stays until it is pruned, so that nobody mails the admins again and again. govern.ErrNoRequest.
func (db *DB) WithdrawRequest(ctx context.Context, id team.ID, c oauth.ClientID, user team.UserID) error {
	return db.write(ctx, "WithdrawRequest", func(t *tx) error {
		err := t.MustChange(govern.ErrNoRequest, `UPDATE gh_application_requests SET expires_at = $4 WHERE team_id = $1 AND client_id = $2 AND user_id = $3 AND expires_at > $4`,
			id, c, user, engine.Millis(db.now()))
		if err != nil {
			return err
		}
		return t.happened(audit.Event{Kind: audit.RequestWithdrawn, Team: string(id), Client: string(c), User: string(user)})
	})
}

// Asked is a person's open request for a client in a team, or the zero Asked.
func (db *DB) Asked(ctx context.Context, id team.ID, c oauth.ClientID, user team.UserID, now time.Time) (govern.Request, error) {
	found, err := engine.One(ctx, db.engine, "Asked", govern.ErrNoRequest, scanRequest, requestDetails+`
		WHERE r.team_id = $1 AND r.client_id = $2 AND r.user_id = $3 AND r.expires_at > $4`, id, c, user, engine.Millis(now))
	return found, err
}

// Requests is the open requests in a team, the oldest first.
func (db *DB) Requests(ctx context.Context, id team.ID, now time.Time) ([]govern.Request, error) {
	return engine.All(ctx, db.engine, "Requests", scanRequest, requestDetails+`
		WHERE r.team_id = $1 AND r.expires_at > $2 ORDER BY r.asked_at, r.client_id, r.user_id`, id, engine.Millis(now))
}

const requestDetails = `
	SELECT r.team_id, r.client_id, r.user_id, r.scope, r.note, r.asked_at, r.expires_at, u.name, u.email
	FROM gh_application_requests r JOIN gh_users u ON u.id = r.user_id`

func scanRequest(row engine.Row) (r govern.Request, err error) {
	err = row.Scan(&r.Team, &r.Client, &r.User, engine.WordsTo(&r.Scope), &r.Note, engine.TimeTo(&r.AskedAt), engine.TimeTo(&r.ExpiresAt), &r.Name, &r.Email)
	return r, err
}

// answerRequests closes the requests that a row answers, and returns who made them.
func (t *tx) answerRequests(decided govern.Row, within oauth.Scope) (asked []string, err error) {
	if decided.State == "" { // nothing was said about what people asked for
		return nil, nil
	}
	return t.closeRequests(decided.Team, decided.Client, within)
}

// closeRequests removes the requests for a client in a team, those for no more than within, or all when that is nil. It returns who waited for an answer.
func (t *tx) closeRequests(id team.ID, c oauth.ClientID, within oauth.Scope) (asked []string, err error) {
	now := t.db.now()
	last := ""
	for {
		var scope oauth.Scope
		var expires time.Time
		err := t.Get([]any{&last, engine.WordsTo(&scope), engine.TimeTo(&expires)}, `
			SELECT user_id, scope, expires_at FROM gh_application_requests WHERE team_id = $1 AND client_id = $2 AND user_id > $3 ORDER BY user_id LIMIT 1`,
			id, c, last)
		if isNoRows(err) {
			return asked, nil
		}
		if err != nil {
			return nil, err
		}
		if within != nil && !within.Covers(scope) {
			continue
		}
		if _, err := t.Change(`DELETE FROM gh_application_requests WHERE team_id = $1 AND client_id = $2 AND user_id = $3`, id, c, last); err != nil {
			return nil, err
		}
		if expires.After(now) {
			asked = append(asked, last)
		}
	}
}
