package store

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// issueMachinePostgres finds out whether a machine client is alive, and records its token.
// issueMachineLock goes before it: those who end the client, end its team or block it wait from then on. The team comes
// first, because those who remove a team come to its clients later.
const (
	issueMachineLock = `
SELECT 1 FROM gh_clients c JOIN gh_teams t ON t.id = c.team_id WHERE c.id = $1 FOR SHARE OF t, c`

	issueMachinePostgres = `
WITH live AS (
	SELECT t.id AS team_id
	FROM gh_clients c
	JOIN gh_teams t ON t.id = c.team_id
	LEFT JOIN gh_team_applications a ON a.team_id = t.id AND a.client_id = c.id
	WHERE c.id = $1 AND c.machine AND c.disabled_at = 0 AND COALESCE(a.state, '') <> 'blocked'
		AND (NOT t.applications_strict OR t.applications_policy = 'everyone'
			OR t.applications_policy <> 'nobody' AND COALESCE(a.state, '') = 'approved' AND string_to_array($10, ' ') <@ string_to_array(a.scope, ' '))
), recorded AS (
	INSERT INTO gh_audit (id, at, kind, actor, client_id, family_id, address, request_id, detail, user_id, team_id, grant_id)
	SELECT $2::bigint, $3::bigint, $4, $5, $6, $7, $8, $9, $10, '', live.team_id, '' FROM live
	RETURNING 1
)
SELECT live.team_id FROM live, recorded`
)

// The same for SQLite, which runs one unit of work at a time. The event follows in a statement of its own.
const issueMachineFindSQLite = `
SELECT t.id, COALESCE(a.scope, ''), NOT t.applications_strict OR t.applications_policy = 'everyone',
	NOT t.applications_strict OR t.applications_policy = 'everyone' OR t.applications_policy <> 'nobody' AND COALESCE(a.state, '') = 'approved'
FROM gh_clients c
JOIN gh_teams t ON t.id = c.team_id
LEFT JOIN gh_team_applications a ON a.team_id = t.id AND a.client_id = c.id
WHERE c.id = $1 AND c.machine AND c.disabled_at = 0 AND COALESCE(a.state, '') <> 'blocked'`

// IssueMachine records the issue of a machine token.
// authz.ErrNotLive when the client is no machine, disabled, gone, or not allowed by its team: blocked, or not approved with this scope under a strict policy.
func (db *DB) IssueMachine(ctx context.Context, client oauth.ClientID, at time.Time, scope oauth.Scope) error {
	e := audit.Event{At: at, Kind: audit.MachineToken, Actor: actor(client), Client: string(client), Detail: engine.Words(scope)}
	var err error
	if db.engine.PostgreSQL() {
		err = db.batch(ctx, "IssueMachine", e, engine.Statement{
			Lock: issueMachineLock, LockArgs: []any{client},
			Query: issueMachinePostgres, Args: []any{client}, Dest: []any{new(string)},
		})
	} else {
		err = db.write(ctx, "IssueMachine", func(t *tx) error {
			var ceiling oauth.Scope
			var open, allowed bool
			if err := t.Get([]any{&e.Team, engine.WordsTo(&ceiling), &open, &allowed}, issueMachineFindSQLite, client); err != nil {
				return err
			}
			if !allowed || !open && !ceiling.Covers(scope) {
				return authz.ErrNotLive
			}
			return t.happened(e)
		})
	}
	switch {
	case errors.Is(err, errCommitted):
		return nil
	case isNoRows(err):
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
		if err := t.saveEnding(authz.Ending{Kind: authz.EndedToken, ID: jti, At: at, Expires: expires}); err != nil {
			return err
		}
		return t.happened(audit.Event{
			At: at, Kind: audit.TokenRevoked, Actor: actor(client), Client: string(client), Team: owner, Detail: "a token of the application itself",
		})
	})
}

// MachineLive is the client of a machine token with its team, when token, client and team are alive. authz.ErrNotLive.
func (db *DB) MachineLive(ctx context.Context, jti string, id oauth.ClientID, issued time.Time) (client.Client, error) {
	scan := func(r engine.Row) (c client.Client, err error) {
		err = r.Scan(clientInto(&c)...)
		return c, err
	}
	// The iat of a token is in whole seconds, so a token that was issued in the second of its client's end is dead.
	return engine.One(ctx, db.engine, "MachineLive", authz.ErrNotLive, scan, `
		SELECT c.id, c.name, c.owner, c.public, c.machine, c.scope, c.created_at, c.disabled_at,
			c.resource_server, c.resources, c.jwks, c.jwks_uri, c.id_token_algorithm, c.post_logout_redirect_uris,
			c.backchannel_logout_uri, c.initiate_login_uri, c.require_par, c.require_dpop, c.insecure_assertion_audience, c.pkce, c.insecure_no_pkce_no_nonce, c.refresh_grace, c.first_party, c.optional_scope,
			COALESCE(t.id, ''), COALESCE(t.slug, ''), COALESCE(t.name, ''), COALESCE(t.created_at, 0)
		FROM gh_clients c
		JOIN gh_teams t ON t.id = c.team_id
		WHERE c.id = $2 AND c.machine AND c.disabled_at = 0
			AND NOT EXISTS (SELECT 1 FROM gh_team_applications b WHERE b.team_id = c.team_id AND b.client_id = c.id AND b.state = 'blocked')
			AND NOT EXISTS (SELECT 1 FROM gh_endings e WHERE e.kind = 'token' AND e.id = $1)
			AND NOT EXISTS (SELECT 1 FROM gh_endings e WHERE e.kind = 'client' AND e.id = $2 AND e.at >= $3)`,
		jti, id, engine.Millis(issued.Truncate(time.Second)))
}

// These statements publish the end of machine clients: a token that such a client was given at that time or before is dead.
// The time is the ender's, or that of the client's latest token if that is later, because the clocks of servers differ.
// An event's id begins with its time in microseconds (see eventBits), so id / 2048000 is that time in milliseconds.
const (
	endMachine = `
INSERT INTO gh_endings (kind, id, at, expires_at)
SELECT 'client', c.id,
	CASE WHEN c.latest > CAST($2 AS BIGINT) THEN c.latest ELSE CAST($2 AS BIGINT) END,
	CASE WHEN c.latest > CAST($2 AS BIGINT) THEN c.latest ELSE CAST($2 AS BIGINT) END + CAST($3 AS BIGINT)
FROM (
	SELECT id, machine, team_id,
		(SELECT MAX(a.id) FROM gh_audit a WHERE a.kind = 'token.machine' AND a.client_id = gh_clients.id) / 2048000 AS latest
	FROM gh_clients
) AS c
WHERE c.machine AND c.id = $1
ON CONFLICT (kind, id) DO UPDATE SET
	at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
	expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`

	endMachinesOfTeam = `
INSERT INTO gh_endings (kind, id, at, expires_at)
SELECT 'client', c.id,
	CASE WHEN c.latest > CAST($2 AS BIGINT) THEN c.latest ELSE CAST($2 AS BIGINT) END,
	CASE WHEN c.latest > CAST($2 AS BIGINT) THEN c.latest ELSE CAST($2 AS BIGINT) END + CAST($3 AS BIGINT)
FROM (
	SELECT id, machine, team_id,
		(SELECT MAX(a.id) FROM gh_audit a WHERE a.kind = 'token.machine' AND a.client_id = gh_clients.id) / 2048000 AS latest
	FROM gh_clients
) AS c
WHERE c.machine AND c.team_id = $1
ON CONFLICT (kind, id) DO UPDATE SET
	at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
	expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`

	endMachineInTeam = `
INSERT INTO gh_endings (kind, id, at, expires_at)
SELECT 'client', c.id,
	CASE WHEN c.latest > CAST($3 AS BIGINT) THEN c.latest ELSE CAST($3 AS BIGINT) END,
	CASE WHEN c.latest > CAST($3 AS BIGINT) THEN c.latest ELSE CAST($3 AS BIGINT) END + CAST($4 AS BIGINT)
FROM (
	SELECT id, machine, team_id,
		(SELECT MAX(a.id) FROM gh_audit a WHERE a.kind = 'token.machine' AND a.client_id = gh_clients.id) / 2048000 AS latest
	FROM gh_clients
) AS c
WHERE c.machine AND c.id = $1 AND c.team_id = $2
ON CONFLICT (kind, id) DO UPDATE SET
	at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
	expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`
)

// endMachines publishes the end of machine clients with one of the statements above. The caller holds the rows that
// IssueMachine locks, so no token is issued that the statement does not see.
func (t *tx) endMachines(at time.Time, statement string, which ...any) error {
	_, err := t.Change(statement, append(which[:len(which):len(which)], engine.Millis(at), t.db.opts.MachineTokenLifetime.Milliseconds())...)
	return err
}
