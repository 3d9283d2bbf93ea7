package store

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// onConflictEnding lets what ends twice have ended the last time: a client may be disabled, enabled and disabled again.
const onConflictEnding = ` ON CONFLICT (kind, id) DO UPDATE SET at = excluded.at, expires_at = excluded.expires_at`

// endGrants ends the grants g for which a condition on args holds: those whose access tokens may still be believed are noted, all are deleted,
// and their families with them by foreign key. It returns how many there were.
//
// Whoever redeems a code or a refresh token of theirs at the same time was first, and what that issued is noted too; or waits, and finds nothing.
// The caller holds what somebody would need to save another such grant.
func (t *tx) endGrants(at time.Time, condition string, args ...any) (int64, error) {
	// First the grants, whose rows Redeem asks for through its foreign key, then the families, which are what Rotate changes. In everyone's order.
	for _, lock := range []string{
		`SELECT g.id FROM grants g WHERE ` + condition + ` ORDER BY g.id FOR UPDATE OF g`,
		`SELECT f.id FROM families f JOIN grants g ON g.id = f.grant_id WHERE ` + condition + ` ORDER BY f.id FOR UPDATE OF f`,
	} {
		if err := t.Lock(lock, args...); err != nil {
			return 0, err
		}
	}
	when := fmt.Sprintf("CAST($%d AS BIGINT)", len(args)+1)
	if _, err := t.Change(`INSERT INTO endings (kind, id, at, expires_at)
		SELECT 'grant', g.id, `+when+`, MAX(f.token_dead_at) FROM grants g JOIN families f ON f.grant_id = g.id
		WHERE `+condition+` AND f.ended_at = 0 AND f.token_dead_at > `+when+` GROUP BY g.id`+onConflictEnding,
		append(args[:len(args):len(args)], engine.Millis(at))...); err != nil {
		return 0, err
	}
	return t.Change(`DELETE FROM grants WHERE id IN (SELECT g.id FROM grants g WHERE `+condition+`)`, args...)
}

// endMachines notes that what the machine clients c for which a condition on args holds have been given is dead. It asks the clock once more: whoever was
// given a token while this waited for them, or before it began, was given it before that. The caller holds what IssueMachine would need.
func (t *tx) endMachines(at time.Time, condition string, args ...any) error {
	if now := t.db.now(); at.Before(now) {
		at = now
	}
	_, err := t.Change(fmt.Sprintf(`INSERT INTO endings (kind, id, at, expires_at)
		SELECT 'client', c.id, CAST($%d AS BIGINT), CAST($%d AS BIGINT) FROM clients c WHERE c.machine AND `, len(args)+1, len(args)+2)+condition+onConflictEnding,
		append(args[:len(args):len(args)], engine.Millis(at), engine.Millis(at.Add(t.db.opts.MachineTokenLifetime)))...)
	return err
}

// endedFamilyKept is how long a family that has ended outlives its access tokens: longer than a code can live, since the family is what keeps its code
// from being redeemed again. Whoever connects and disconnects all day must not leave a row each time for as long as a connection lives.
const endedFamilyKept = time.Hour

// endFamily ends a living family of a client and notes it if its access tokens may still be believed. alive is false when there was nothing to end.
// The event has what there is to say about the family.
func (t *tx) endFamily(id authz.FamilyID, client oauth.ClientID, at time.Time) (e audit.Event, alive bool, err error) {
	e = audit.Event{At: at, Client: string(client), Family: string(id)}
	var tokenDeadAt time.Time
	err = t.ChangeGet([]any{engine.TimeTo(&tokenDeadAt), &e.Grant, &e.User, &e.Team}, `UPDATE families SET ended_at = $3,
			expires_at = CASE WHEN expires_at < $4 THEN expires_at WHEN token_dead_at + $5 < $4 THEN $4 WHEN token_dead_at + $5 < expires_at THEN token_dead_at + $5 ELSE expires_at END
		WHERE id = $1 AND ended_at = 0 AND EXISTS (SELECT 1 FROM grants g WHERE g.id = families.grant_id AND g.client_id = $2)
		RETURNING token_dead_at, grant_id,
			(SELECT g.user_id FROM grants g WHERE g.id = families.grant_id), (SELECT g.team_id FROM grants g WHERE g.id = families.grant_id)`,
		id, client, engine.Millis(at), engine.Millis(at.Add(endedFamilyKept)), endedFamilyKept.Milliseconds())
	if isNoRows(err) {
		return e, false, nil
	}
	if err == nil && tokenDeadAt.After(at) {
		err = t.saveEnding(authz.Ending{Kind: "family", ID: string(id), At: at, Expires: tokenDeadAt})
	}
	return e, err == nil, err
}

func (t *tx) saveEnding(e authz.Ending) error {
	_, err := t.Change(`INSERT INTO endings (kind, id, at, expires_at) VALUES ($1, $2, $3, $4)`+onConflictEnding, e.Kind, e.ID, engine.Millis(e.At), engine.Millis(e.Expires))
	return err
}

// EndFamily ends a family of this client, and reports whether it lived.
func (db *DB) EndFamily(ctx context.Context, id authz.FamilyID, client oauth.ClientID, at time.Time) (alive bool, err error) {
	err = db.write(ctx, "EndFamily", func(t *tx) error {
		e, lived, err := t.endFamily(id, client, at)
		alive = lived
		if err != nil || !lived {
			return err
		}
		e.Kind, e.Actor = audit.TokenRevoked, actor(client)
		return t.audit(e)
	})
	return alive && err == nil, err
}

// machineChain finds out whether a machine client is alive, and records its token. Whoever ends the client or its team waits from its lock on, and so does whoever
// blocks it: first the team, since those who remove it come to its clients later.
var machineChain = newChain(1, `SELECT '' AS of_user, t.id AS of_team, '' AS of_grant FROM clients c JOIN teams t ON t.id = c.team_id
	WHERE c.id = $1 AND c.machine AND c.disabled_at = 0 AND NOT EXISTS (SELECT 1 FROM team_blocks b WHERE b.team_id = t.id AND b.client_id = c.id)`).
	behind(`SELECT 1 FROM clients c JOIN teams t ON t.id = c.team_id WHERE c.id = $1 FOR SHARE OF t, c`)

// IssueMachine records the issue of a machine token. authz.ErrNotLive when the client is no machine, disabled, gone or blocked by its team.
func (db *DB) IssueMachine(ctx context.Context, client oauth.ClientID, at time.Time, scope oauth.Scope) error {
	err := db.once(ctx, "IssueMachine", machineChain, audit.Event{
		At: at, Kind: audit.MachineToken, Actor: actor(client), Client: string(client), Detail: engine.Words(scope),
	}, new(authz.GrantID), new(authz.Live), nil, client)
	if isNoRows(err) {
		return authz.ErrNotLive
	}
	return err
}

// EndToken ends a machine token until it expires.
func (db *DB) EndToken(ctx context.Context, jti string, client oauth.ClientID, at, expires time.Time) error {
	return db.write(ctx, "EndToken", func(t *tx) error {
		owner, err := t.clientTeam(client)
		if err != nil {
			return err
		}
		if err := t.saveEnding(authz.Ending{Kind: "token", ID: jti, At: at, Expires: expires}); err != nil {
			return err
		}
		return t.audit(audit.Event{At: at, Kind: audit.TokenRevoked, Actor: actor(client), Client: string(client), Team: owner, Detail: "a token of the application itself"})
	})
}

// actor is a client as the actor of an event.
func actor(client oauth.ClientID) string { return "client:" + string(client) }

// MachineLive is the client of a machine token with its team, when token, client and team are alive. authz.ErrNotLive.
func (db *DB) MachineLive(ctx context.Context, jti string, id oauth.ClientID, issued time.Time) (client.Client, error) {
	scan := func(r engine.Row) (c client.Client, err error) {
		err = r.Scan(clientInto(&c)...)
		return c, err
	}
	// Tokens say when they were issued to the second, so what was issued in the second of its client's end is dead.
	return engine.One(ctx, db.engine, "MachineLive", authz.ErrNotLive, scan, `SELECT `+clientColumns+` FROM `+clientTables+`
		WHERE c.id = $2 AND c.machine AND c.disabled_at = 0 AND ct.id IS NOT NULL
			AND NOT EXISTS (SELECT 1 FROM team_blocks b WHERE b.team_id = c.team_id AND b.client_id = c.id)
			AND NOT EXISTS (SELECT 1 FROM endings e WHERE e.kind = 'token' AND e.id = $1)
			AND NOT EXISTS (SELECT 1 FROM endings e WHERE e.kind = 'client' AND e.id = $2 AND e.at >= $3)`,
		jti, id, engine.Millis(issued.Truncate(time.Second)))
}

// Endings is what has ended and might still be believed at now, in the order of its ending.
func (db *DB) Endings(ctx context.Context, now time.Time) ([]authz.Ending, error) {
	scan := func(r engine.Row) (e authz.Ending, err error) {
		err = r.Scan(&e.Kind, &e.ID, engine.TimeTo(&e.At), engine.TimeTo(&e.Expires))
		return e, err
	}
	return engine.All(ctx, db.engine, "Endings", scan, `SELECT kind, id, at, expires_at FROM endings WHERE expires_at > $1 ORDER BY at, kind, id`, engine.Millis(now))
}
