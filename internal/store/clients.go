package store

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// clientInto scans a client and its team, without redirect URIs and secrets. The statements that use it list the columns
// in this order. The team is empty when the client is global.
func clientInto(c *client.Client) []any {
	return []any{
		&c.ID, &c.Name, &c.Owner, &c.Public, &c.Machine, engine.WordsTo(&c.Scope), engine.TimeTo(&c.CreatedAt), engine.TimeTo(&c.DisabledAt),
		&c.ResourceServer, engine.ListTo(&c.Resources), &c.JWKS, &c.JWKSURI, &c.IDTokenAlgorithm, engine.ListTo(&c.PostLogoutRedirectURIs),
		&c.BackchannelLogoutURI, &c.InitiateLoginURI, &c.RequirePAR, &c.RequireDPoP, &c.InsecureAssertionAudience, &c.PKCE, &c.InsecureNoPKCENoNonce, engine.DurationTo(&c.RefreshGrace), &c.FirstParty, engine.WordsTo(&c.OptionalScope),
		&c.Team.ID, &c.Team.Slug, &c.Team.Name, engine.TimeTo(&c.Team.CreatedAt),
	}
}

// readClient reads a client from the database. client.ErrNoClient.
func (db *DB) readClient(ctx context.Context, id oauth.ClientID) (client.Client, error) {
	var found client.Client
	var secrets []client.Secret
	scan := func(r engine.Row) (_ bool, err error) { // one row for each secret
		var s client.Secret
		dest := append(clientInto(&found), engine.ListTo(&found.RedirectURIs), &s.Hash, engine.TimeTo(&s.CreatedAt), engine.TimeTo(&s.ExpiresAt))
		if err := r.Scan(dest...); err != nil {
			return false, err
		}
		if s.Hash != "" {
			secrets = append(secrets, s)
		}
		return true, nil
	}
	_, err := engine.One(ctx, db.engine, "Client", client.ErrNoClient, scan, `
		SELECT c.id, c.name, c.owner, c.public, c.machine, c.scope, c.created_at, c.disabled_at,
			c.resource_server, c.resources, c.jwks, c.jwks_uri, c.id_token_algorithm, c.post_logout_redirect_uris,
			c.backchannel_logout_uri, c.initiate_login_uri, c.require_par, c.require_dpop, c.insecure_assertion_audience, c.pkce, c.insecure_no_pkce_no_nonce, c.refresh_grace, c.first_party, c.optional_scope,
			COALESCE(t.id, ''), COALESCE(t.slug, ''), COALESCE(t.name, ''), COALESCE(t.created_at, 0),
			c.redirect_uris, COALESCE(s.hash, ''), COALESCE(s.created_at, 0), COALESCE(s.expires_at, 0)
		FROM gh_clients c
		LEFT JOIN gh_teams t ON t.id = c.team_id
		LEFT JOIN gh_client_secrets s ON s.client_id = c.id
		WHERE c.id = $1 ORDER BY s.seq`, id)
	if err != nil {
		return client.Client{}, err
	}
	found.Secrets = secrets
	return found, nil
}

// Clients is every client by name, without its secrets.
func (db *DB) Clients(ctx context.Context) ([]client.Client, error) {
	scan := func(r engine.Row) (c client.Client, err error) {
		err = r.Scan(append(clientInto(&c), engine.ListTo(&c.RedirectURIs))...)
		return c, err
	}
	clients, err := engine.All(ctx, db.engine, "Clients", scan, `
		SELECT c.id, c.name, c.owner, c.public, c.machine, c.scope, c.created_at, c.disabled_at,
			c.resource_server, c.resources, c.jwks, c.jwks_uri, c.id_token_algorithm, c.post_logout_redirect_uris,
			c.backchannel_logout_uri, c.initiate_login_uri, c.require_par, c.require_dpop, c.insecure_assertion_audience, c.pkce, c.insecure_no_pkce_no_nonce, c.refresh_grace, c.first_party, c.optional_scope,
			COALESCE(t.id, ''), COALESCE(t.slug, ''), COALESCE(t.name, ''), COALESCE(t.created_at, 0),
			c.redirect_uris
		FROM gh_clients c
		LEFT JOIN gh_teams t ON t.id = c.team_id`)
	slices.SortFunc(clients, func(a, b client.Client) int { return byName(a.Name, string(a.ID), b.Name, string(b.ID)) })
	return clients, err
}

// TeamClients is the clients that a team has to do with, by name, without their secrets: its own, those that a member connected to it,
// and those that it blocks.
func (db *DB) TeamClients(ctx context.Context, id team.ID) ([]client.Used, error) {
	scan := func(r engine.Row) (c client.Used, err error) {
		err = r.Scan(append(clientInto(&c.Client), engine.ListTo(&c.RedirectURIs), engine.TimeTo(&c.LastToken))...)
		return c, err
	}
	clients, err := engine.All(ctx, db.engine, "TeamClients", scan, teamClients, id)
	slices.SortFunc(clients, func(a, b client.Used) int { return byName(a.Name, string(a.ID), b.Name, string(b.ID)) })
	return clients, err
}

// teamClients is the statement of TeamClients: $1 is the team.
const teamClients = `
SELECT c.id, c.name, c.owner, c.public, c.machine, c.scope, c.created_at, c.disabled_at,
	c.resource_server, c.resources, c.jwks, c.jwks_uri, c.id_token_algorithm, c.post_logout_redirect_uris,
	c.backchannel_logout_uri, c.initiate_login_uri, c.require_par, c.require_dpop, c.insecure_assertion_audience, c.pkce, c.insecure_no_pkce_no_nonce, c.refresh_grace, c.first_party, c.optional_scope,
	COALESCE(t.id, ''), COALESCE(t.slug, ''), COALESCE(t.name, ''), COALESCE(t.created_at, 0),
	c.redirect_uris,
	COALESCE((SELECT a.at FROM gh_audit a WHERE a.client_id = c.id AND a.kind = 'token.machine' ORDER BY a.id DESC LIMIT 1), 0)
FROM gh_clients c
LEFT JOIN gh_teams t ON t.id = c.team_id
WHERE c.id IN (
	SELECT id FROM gh_clients WHERE team_id = $1
	UNION SELECT client_id FROM gh_grants WHERE team_id = $1
	UNION SELECT client_id FROM gh_team_applications WHERE team_id = $1
	UNION SELECT client_id FROM gh_application_requests WHERE team_id = $1
)`

// AddClient saves a new client with its secrets. team.ErrNoTeam.
func (db *DB) AddClient(ctx context.Context, c client.Client) error {
	return db.write(ctx, "AddClient", func(t *tx) error {
		var owner *team.ID // NULL for a global client
		if !c.Global() {
			owner = &c.Team.ID
		}
		_, err := t.Change(`
			INSERT INTO gh_clients (id, name, redirect_uris, scope, resource_server, resources, jwks, jwks_uri, id_token_algorithm,
				post_logout_redirect_uris, backchannel_logout_uri, initiate_login_uri, require_par, require_dpop, insecure_assertion_audience, pkce, insecure_no_pkce_no_nonce, refresh_grace,
				first_party, optional_scope, owner, public, machine, team_id, created_at, disabled_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)`,
			append(changeableValues(c), c.Owner, c.Public, c.Machine, owner, engine.Millis(c.CreatedAt), engine.Millis(c.DisabledAt))...)
		if engine.IsForeignKey(err) {
			return team.ErrNoTeam
		}
		if err != nil {
			return err
		}
		for _, s := range c.Secrets {
			if err := t.addSecret(c.ID, s); err != nil {
				return err
			}
		}
		return t.happened(audit.Event{At: c.CreatedAt, Kind: audit.ClientAdded, Client: string(c.ID), Team: string(c.Team.ID), Detail: c.Name})
	})
}

// changeableValues is a client's id and then everything about it that can change, in the order of the columns.
func changeableValues(c client.Client) []any {
	return []any{
		c.ID, c.Name, engine.List(c.RedirectURIs), engine.Words(c.Scope), c.ResourceServer, engine.List(c.Resources), c.JWKS, c.JWKSURI,
		c.IDTokenAlgorithm, engine.List(c.PostLogoutRedirectURIs), c.BackchannelLogoutURI, c.InitiateLoginURI, c.RequirePAR, c.RequireDPoP,
		c.InsecureAssertionAudience, c.PKCE, c.InsecureNoPKCENoNonce, c.RefreshGrace.Milliseconds(), c.FirstParty, engine.Words(c.OptionalScope),
	}
}

// UpdateClient saves what change makes of a client, which it reads under a lock and without its secrets.
// client.ErrNoClient, or the error of change.
func (db *DB) UpdateClient(ctx context.Context, id oauth.ClientID, change func(client.Client) (client.Client, error)) (updated client.Client, err error) {
	err = db.changeClients(ctx, "UpdateClient", func(t *tx) error {
		if err := t.lockClient(id); err != nil {
			return err
		}
		var c client.Client
		err := t.Get(append(clientInto(&c), engine.ListTo(&c.RedirectURIs)), `
			SELECT c.id, c.name, c.owner, c.public, c.machine, c.scope, c.created_at, c.disabled_at,
				c.resource_server, c.resources, c.jwks, c.jwks_uri, c.id_token_algorithm, c.post_logout_redirect_uris,
				c.backchannel_logout_uri, c.initiate_login_uri, c.require_par, c.require_dpop, c.insecure_assertion_audience, c.pkce, c.insecure_no_pkce_no_nonce, c.refresh_grace, c.first_party, c.optional_scope,
				COALESCE(t.id, ''), COALESCE(t.slug, ''), COALESCE(t.name, ''), COALESCE(t.created_at, 0),
				c.redirect_uris
			FROM gh_clients c
			LEFT JOIN gh_teams t ON t.id = c.team_id
			WHERE c.id = $1`, id)
		if err != nil {
			return err
		}
		if updated, err = change(c); err != nil {
			return err
		}
		updated.ID = id
		e := audit.Event{Kind: audit.ClientUpdated, Client: string(id), Detail: updated.Name}
		err = t.changeClient(e, `
			UPDATE gh_clients SET name = $2, redirect_uris = $3, scope = $4,
				resource_server = $5, resources = $6, jwks = $7, jwks_uri = $8, id_token_algorithm = $9,
				post_logout_redirect_uris = $10, backchannel_logout_uri = $11, initiate_login_uri = $12,
				require_par = $13, require_dpop = $14, insecure_assertion_audience = $15, pkce = $16, insecure_no_pkce_no_nonce = $17,
				refresh_grace = $18, first_party = $19, optional_scope = $20
			WHERE id = $1 RETURNING COALESCE(team_id, '')`, changeableValues(updated)...)
		if err != nil || updated.FirstParty == c.FirstParty && updated.OptionalScope.String() == c.OptionalScope.String() {
			return err
		}
		return t.writeOutcomesOfClient(id)
	})
	return updated, err
}

// changeClient runs a statement that changes or deletes one client and returns its team, and appends an event.
// client.ErrNoClient.
func (t *tx) changeClient(e audit.Event, query string, args ...any) error {
	err := t.ChangeGet([]any{&e.Team}, query, args...)
	if isNoRows(err) {
		return client.ErrNoClient
	}
	if err != nil {
		return err
	}
	return t.happened(e)
}

// clientTeam is the team that owns a client, or "". A client that is gone has none.
func (t *tx) clientTeam(id oauth.ClientID) (owner string, err error) {
	err = t.Get([]any{&owner}, `SELECT COALESCE(c.team_id, '') FROM gh_clients c WHERE c.id = $1`, id)
	if isNoRows(err) {
		return "", nil
	}
	return owner, err
}

// lockClient makes other changes of the client wait until this unit of work is over. client.ErrNoClient.
func (t *tx) lockClient(id oauth.ClientID) error {
	return t.MustChange(client.ErrNoClient, `UPDATE gh_clients SET name = name WHERE id = $1`, id)
}

func (t *tx) addSecret(id oauth.ClientID, s client.Secret) error {
	_, err := t.Change(`
		INSERT INTO gh_client_secrets (client_id, seq, hash, created_at, expires_at)
		SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, CAST($3 AS BIGINT), CAST($4 AS BIGINT) FROM gh_client_secrets WHERE client_id = $1`,
		id, s.Hash, engine.Millis(s.CreatedAt), engine.Millis(s.ExpiresAt))
	return err
}

// AddClientSecret adds a secret and keeps the newest of the earlier ones that are alive when it is made. client.ErrNoClient.
func (db *DB) AddClientSecret(ctx context.Context, id oauth.ClientID, s client.Secret, keep int) error {
	return db.changeClients(ctx, "AddClientSecret", func(t *tx) error {
		if err := t.lockClient(id); err != nil {
			return err
		}
		_, err := t.Change(`
			DELETE FROM gh_client_secrets WHERE client_id = $1 AND seq NOT IN (
				SELECT seq FROM gh_client_secrets WHERE client_id = $1 AND (expires_at = 0 OR expires_at > $2) ORDER BY seq DESC LIMIT $3)`,
			id, engine.Millis(s.CreatedAt), keep)
		if err != nil {
			return err
		}
		if err := t.addSecret(id, s); err != nil {
			return err
		}
		owner, err := t.clientTeam(id)
		if err != nil {
			return err
		}
		return t.happened(audit.Event{At: s.CreatedAt, Kind: audit.SecretRotated, Client: string(id), Team: owner})
	})
}

// DisableClient ends a client's grants in the same transaction. client.ErrNoClient.
func (db *DB) DisableClient(ctx context.Context, id oauth.ClientID, at time.Time) error {
	return db.changeClients(ctx, "DisableClient", func(t *tx) error {
		e := audit.Event{At: at, Kind: audit.ClientDisabled, Client: string(id)}
		err := t.changeClient(e, `UPDATE gh_clients SET disabled_at = $2 WHERE id = $1 RETURNING COALESCE(team_id, '')`, id, engine.Millis(at))
		if err != nil {
			return err
		}
		if err := t.endMachines(at, endMachine, id); err != nil {
			return err
		}
		return t.endGrants(at, endGrantsOfClient, id)
	})
}

// EnableClient lets a client be connected again and revives nothing. client.ErrNoClient.
func (db *DB) EnableClient(ctx context.Context, id oauth.ClientID) error {
	return db.changeClients(ctx, "EnableClient", func(t *tx) error {
		e := audit.Event{Kind: audit.ClientEnabled, Client: string(id)}
		return t.changeClient(e, `UPDATE gh_clients SET disabled_at = 0 WHERE id = $1 RETURNING COALESCE(team_id, '')`, id)
	})
}

// RemoveClient removes a client with its grants. Its secrets and blocks go with it by foreign key. client.ErrNoClient.
func (db *DB) RemoveClient(ctx context.Context, id oauth.ClientID) error {
	return db.changeClients(ctx, "RemoveClient", func(t *tx) error {
		if err := t.lockClient(id); err != nil {
			return err
		}
		at := db.now()
		if err := t.endMachines(at, endMachine, id); err != nil {
			return err
		}
		if err := t.endGrants(at, endGrantsOfClient, id); err != nil {
			return err
		}
		e := audit.Event{At: at, Kind: audit.ClientRemoved, Client: string(id)}
		return t.changeClient(e, `DELETE FROM gh_clients WHERE id = $1 RETURNING COALESCE(team_id, '')`, id)
	})
}

// PublicRedirectURIs is every redirect URI of every enabled public client, each once, in order.
func (db *DB) PublicRedirectURIs(ctx context.Context) ([]string, error) {
	scan := func(r engine.Row) (uris []string, err error) {
		err = r.Scan(engine.ListTo(&uris))
		return uris, err
	}
	lists, err := engine.All(ctx, db.engine, "PublicRedirectURIs", scan, `SELECT c.redirect_uris FROM gh_clients c WHERE c.public AND c.disabled_at = 0`)
	uris := slices.Concat(lists...)
	slices.Sort(uris)
	return slices.Compact(uris), err
}
