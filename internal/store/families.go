package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// A grant g with all that justifies it, and that it is alive.
const (
	liveTables = `grants g
	JOIN users u ON u.id = g.user_id
	JOIN memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
	JOIN teams t ON t.id = g.team_id
	JOIN clients c ON c.id = g.client_id`
	isLive = `u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = g.team_id)
		AND NOT EXISTS (SELECT 1 FROM team_blocks b WHERE b.team_id = g.team_id AND b.client_id = g.client_id)`
)

// What the first statement of a chain that concerns a grant begins with, and what else tokens say of person and team.
const (
	ofLive      = `g.user_id AS of_user, g.team_id AS of_team, g.id AS of_grant`
	liveColumns = `u.email, u.name, t.slug`
)

func liveInto(live *authz.Live) []any { return []any{&live.Email, &live.Name, &live.Slug} }

// redeemChain decides everything: whether the grant and all that justifies it are alive, whether it covers the scope, which has a number of words, and who is first.
// The foreign key to the grant makes it wait for whoever is ending the grant, and makes them wait for it.
func redeemChain(scopes int) chain {
	const first = 13 // the parameters before the scope's
	live := `SELECT ` + ofLive + `, ` + liveColumns + ` FROM ` + liveTables + `
		WHERE g.id = $2 AND g.client_id = $3 AND ` + isLive
	for n := range scopes {
		live += fmt.Sprintf(` AND replace(' ' || g.scope || ' ', ' ' || $%d || ' ', '') <> ' ' || g.scope || ' '`, first+1+n)
	}
	return newChain(first+scopes, live, `INSERT INTO families (id, grant_id, scope, auth_time, created_at, expires_at, token_dead_at, nonce, methods, session_id, resource, dpop_key)
		SELECT $1, live.of_grant, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT), $9, $10, $11, $12, $13 FROM live
		WHERE TRUE ON CONFLICT (id) DO NOTHING`)
}

// redeemChains has the chain for each number of scopes: made once, since databases prepare statements.
var redeemChains sync.Map

func redeemChainFor(scopes int) chain {
	c, ok := redeemChains.Load(scopes)
	if !ok {
		c, _ = redeemChains.LoadOrStore(scopes, redeemChain(scopes))
	}
	return c.(chain)
}

// Redeem saves the family of a code, and returns who it is for. authz.ErrReplayed when there is one already, which is ended; authz.ErrNotLive otherwise.
func (db *DB) Redeem(ctx context.Context, f authz.Family) (live authz.Live, err error) {
	args := []any{
		f.ID, f.Grant, f.Client, engine.Words(f.Scope), engine.Millis(f.AuthTime), engine.Millis(f.CreatedAt), engine.Millis(f.ExpiresAt), engine.Millis(f.TokenDeadAt),
		f.Nonce, engine.Words(f.Methods), f.SessionID, engine.Words(f.Resource), f.DPoPKey,
	}
	for _, scope := range f.Scope {
		args = append(args, scope)
	}
	err = db.once(ctx, "Redeem", redeemChainFor(len(f.Scope)), audit.Event{
		At: f.CreatedAt, Kind: audit.TokenIssued, Actor: actor(f.Client), Client: string(f.Client), Family: string(f.ID), Detail: engine.Words(f.Scope),
	}, new(authz.GrantID), &live, liveInto(&live), args...)
	switch {
	case isNoRows(err):
		if err := db.replayed(ctx, f); err != nil {
			return authz.Live{}, err
		}
		return authz.Live{}, authz.ErrReplayed
	case engine.IsForeignKey(err): // the grant ended while this waited for it
		return authz.Live{}, authz.ErrNotLive
	case err != nil:
		return authz.Live{}, err
	}
	return live, nil
}

// replayed ends the family of a code that was redeemed before. authz.ErrNotLive when it was not.
func (db *DB) replayed(ctx context.Context, f authz.Family) error {
	return db.write(ctx, "Redeem", func(t *tx) error {
		e := audit.Event{
			At: f.CreatedAt, Kind: audit.CodeReplayed, Actor: actor(f.Client), Client: string(f.Client), Grant: string(f.Grant), Family: string(f.ID),
		}
		err := t.Get([]any{&e.User, &e.Team}, `SELECT g.user_id, g.team_id FROM families f JOIN grants g ON g.id = f.grant_id WHERE f.id = $1 AND g.client_id = $2`, f.ID, f.Client)
		if isNoRows(err) {
			return authz.ErrNotLive
		}
		if err != nil {
			return err
		}
		// Only the replay that ended it is on record: whoever sends the same code again and again must not fill the disk with that.
		if _, alive, err := t.endFamily(f.ID, f.Client, f.CreatedAt); err != nil || !alive {
			return err
		}
		return t.audit(e)
	})
}

// Burn saves the family of a code as ended, unless it has one. A code whose grant has ended is dead already.
func (db *DB) Burn(ctx context.Context, f authz.Family) error {
	err := db.write(ctx, "Burn", func(t *tx) error {
		e := audit.Event{
			At: f.CreatedAt, Kind: audit.CodeRefused, Actor: actor(f.Client), Client: string(f.Client), Grant: string(f.Grant), Family: string(f.ID),
			Detail: "the code cannot be redeemed any more",
		}
		err := t.ChangeGet([]any{&e.User, &e.Team}, `INSERT INTO families (id, grant_id, scope, auth_time, created_at, expires_at, ended_at)
			SELECT $1, g.id, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($6 AS BIGINT)
			FROM grants g WHERE g.id = $2 AND g.client_id = $3
			ON CONFLICT (id) DO NOTHING
			RETURNING (SELECT g.user_id FROM grants g WHERE g.id = $2), (SELECT g.team_id FROM grants g WHERE g.id = $2)`,
			f.ID, f.Grant, f.Client, engine.Words(f.Scope), engine.Millis(f.AuthTime), engine.Millis(f.CreatedAt), engine.Millis(f.ExpiresAt))
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return t.audit(e)
	})
	if engine.IsForeignKey(err) { // the grant ended while this waited for it
		return nil
	}
	return err
}

// trimStep is how many families one unit of work lets go at most: whoever redeems a code waits for no more than that.
const trimStep = 200

// TrimFamilies lets the families of a grant with an id below before, beyond the newest of them, expire with their access tokens, unless they are refreshed before. It does so
// once there are twice as many as are to be kept. Nobody comes into that part any more, so who waits there has come since others were let go, and all of them are together:
// it looks no further back than that. A family that has ended counts for nothing: what many have ended must let nobody go, nor hide who waits.
func (db *DB) TrimFamilies(ctx context.Context, grant authz.GrantID, before authz.FamilyID, keep int) error {
	scan := func(r engine.Row) (waits bool, err error) { return waits, r.Scan(&waits) }
	found, err := engine.All(ctx, db.engine, "TrimFamilies", scan, `SELECT f.expires_at > f.token_dead_at FROM families f
		WHERE f.grant_id = $1 AND f.id < $2 AND f.ended_at = 0 ORDER BY f.id DESC LIMIT 1 OFFSET $3`, grant, before, 2*keep)
	if err != nil || len(found) == 0 || !found[0] {
		return err
	}
	// To the end, whoever hangs up: whom it left out nobody would look for again.
	ctx = context.WithoutCancel(ctx)
	for from := keep; ; from += trimStep {
		var trimmed int64
		err := db.write(ctx, "TrimFamilies", func(t *tx) (err error) {
			trimmed, err = t.Change(`UPDATE families SET expires_at = token_dead_at WHERE ended_at = 0 AND expires_at > token_dead_at
				AND id IN (SELECT f.id FROM families f WHERE f.grant_id = $1 AND f.id < $2 AND f.ended_at = 0 ORDER BY f.id DESC LIMIT $3 OFFSET $4)`,
				grant, before, trimStep, from)
			return err
		})
		if err != nil || trimmed < trimStep {
			return err
		}
	}
}

// The columns of a family f but its client, which is its grant's.
const familyColumns = `f.id, f.grant_id, f.scope, f.auth_time, f.created_at, f.expires_at, f.generation, f.rotated_at, f.ended_at, f.token_dead_at,
	f.nonce, f.methods, f.session_id, f.resource, f.dpop_key`

func familyInto(f *authz.Family) []any {
	return []any{
		&f.ID, &f.Grant,
		engine.WordsTo(&f.Scope),
		engine.TimeTo(&f.AuthTime),
		engine.TimeTo(&f.CreatedAt),
		engine.TimeTo(&f.ExpiresAt),
		&f.Generation,
		engine.TimeTo(&f.RotatedAt),
		engine.TimeTo(&f.EndedAt),
		engine.TimeTo(&f.TokenDeadAt),
		&f.Nonce,
		engine.WordsTo(&f.Methods),
		&f.SessionID,
		engine.WordsTo(&f.Resource),
		&f.DPoPKey,
	}
}

const connectionQuery = `SELECT ` + familyColumns + `, ` + grantColumns + `, ` + liveColumns + `
	FROM ` + liveTables + ` JOIN families f ON f.grant_id = g.id
	WHERE f.id = $1 AND f.ended_at = 0 AND f.expires_at > $2 AND ` + isLive

// Connection is a family and what justifies it, all alive at now. authz.ErrNoFamily.
func (db *DB) Connection(ctx context.Context, id authz.FamilyID, now time.Time) (authz.Connection, error) {
	scan := func(r engine.Row) (c authz.Connection, err error) {
		dest := familyInto(&c.Family)
		dest = append(dest, grantInto(&c.Grant)...)
		err = r.Scan(append(dest, liveInto(&c.Live)...)...)
		c.Family.Client, c.Live.User, c.Live.Team = c.Grant.Client, c.Grant.User, c.Grant.Team
		return c, err
	}
	return engine.One(ctx, db.engine, "Connection", authz.ErrNoFamily, scan, connectionQuery, id, engine.Millis(now))
}
