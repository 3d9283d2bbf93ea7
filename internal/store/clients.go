package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// A client's team is nothing when it is global.
const (
	clientColumns = `c.id, c.name, c.owner, c.public, c.machine, c.scope, c.created_at, c.disabled_at,
		COALESCE(ct.id, ''), COALESCE(ct.slug, ''), COALESCE(ct.name, ''), COALESCE(ct.created_at, 0)`
	clientTables = `clients c LEFT JOIN teams ct ON ct.id = c.team_id`
)

func clientInto(c *authz.Client) []any {
	dest := []any{&c.ID, &c.Name, &c.Owner, &c.Public, &c.Machine, scopeColumn{&c.Scope}, timeColumn{&c.CreatedAt}, timeColumn{&c.DisabledAt}}
	return append(dest, teamInto(&c.Team)...)
}

const clientQuery = `SELECT ` + clientColumns + `, c.redirect_uris, COALESCE(s.hash, ''), COALESCE(s.created_at, 0), COALESCE(s.expires_at, 0)
	FROM ` + clientTables + ` LEFT JOIN client_secrets s ON s.client_id = c.id
	WHERE c.id = $1 ORDER BY s.seq`

// Client is a client with its redirect URIs and its secrets, the oldest first. authz.ErrNoClient.
func (db *DB) Client(ctx context.Context, id authz.ClientID) (authz.Client, error) {
	var client authz.Client
	var secrets []authz.ClientSecret
	scan := func(r row) (found bool, err error) { // one row for each secret
		var s authz.ClientSecret
		dest := append(clientInto(&client), listColumn{&client.RedirectURIs}, &s.Hash, timeColumn{&s.CreatedAt}, timeColumn{&s.ExpiresAt})
		if err := r.Scan(dest...); err != nil {
			return false, err
		}
		if s.Hash != "" {
			secrets = append(secrets, s)
		}
		return true, nil
	}
	if _, err := one(ctx, db, "Client", authz.ErrNoClient, scan, clientQuery, id); err != nil {
		return authz.Client{}, err
	}
	client.Secrets = secrets
	return client, nil
}

// Clients is every client by name, without its secrets.
func (db *DB) Clients(ctx context.Context) ([]authz.Client, error) {
	scan := func(r row) (c authz.Client, err error) {
		err = r.Scan(append(clientInto(&c), listColumn{&c.RedirectURIs})...)
		return c, err
	}
	clients, err := all(ctx, db, "Clients", scan, `SELECT `+clientColumns+`, c.redirect_uris FROM `+clientTables)
	slices.SortFunc(clients, func(a, b authz.Client) int { return byName(a.Name, string(a.ID), b.Name, string(b.ID)) })
	return clients, err
}

// AddClient saves a new client with its secrets. team.ErrNoTeam.
func (db *DB) AddClient(ctx context.Context, c authz.Client) error {
	uris, err := list(c.RedirectURIs)
	if err != nil {
		return fmt.Errorf("add client %s: %w", c.ID, err)
	}
	return db.write(ctx, "AddClient", func(t *tx) error {
		var owner *team.ID // NULL for a global client
		if !c.Global() {
			owner = &c.Team.ID
		}
		_, err := t.exec(`INSERT INTO clients (id, name, owner, public, machine, team_id, redirect_uris, scope, created_at, disabled_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			c.ID, c.Name, c.Owner, c.Public, c.Machine, owner, uris, words(c.Scope), millis(c.CreatedAt), millis(c.DisabledAt))
		if db.dialect.violation(err) == foreignKey {
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
		return nil
	})
}

func (t *tx) addSecret(id authz.ClientID, s authz.ClientSecret) error {
	_, err := t.exec(`INSERT INTO client_secrets (client_id, seq, hash, created_at, expires_at)
		SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, CAST($3 AS BIGINT), CAST($4 AS BIGINT) FROM client_secrets WHERE client_id = $1`,
		id, s.Hash, millis(s.CreatedAt), millis(s.ExpiresAt))
	return err
}

// UpdateClient replaces name, redirect URIs and scope. authz.ErrNoClient.
func (db *DB) UpdateClient(ctx context.Context, c authz.Client) error {
	uris, err := list(c.RedirectURIs)
	if err != nil {
		return fmt.Errorf("update client %s: %w", c.ID, err)
	}
	return db.write(ctx, "UpdateClient", func(t *tx) error {
		return t.must(authz.ErrNoClient, `UPDATE clients SET name = $2, redirect_uris = $3, scope = $4 WHERE id = $1`, c.ID, c.Name, uris, words(c.Scope))
	})
}

// lockClient makes whoever else changes the client wait until this unit of work is over. authz.ErrNoClient.
func (t *tx) lockClient(id authz.ClientID) error {
	return t.must(authz.ErrNoClient, `UPDATE clients SET name = name WHERE id = $1`, id)
}

// AddClientSecret adds a secret and keeps the newest of the earlier ones that are alive when it is made. authz.ErrNoClient.
func (db *DB) AddClientSecret(ctx context.Context, id authz.ClientID, s authz.ClientSecret, keep int) error {
	return db.write(ctx, "AddClientSecret", func(t *tx) error {
		if err := t.lockClient(id); err != nil {
			return err
		}
		_, err := t.exec(`DELETE FROM client_secrets WHERE client_id = $1 AND seq NOT IN (
				SELECT seq FROM client_secrets WHERE client_id = $1 AND (expires_at = 0 OR expires_at > $2) ORDER BY seq DESC LIMIT $3)`,
			id, millis(s.CreatedAt), keep)
		if err != nil {
			return err
		}
		return t.addSecret(id, s)
	})
}

// DisableClient ends a client's grants in the same transaction. authz.ErrNoClient.
func (db *DB) DisableClient(ctx context.Context, id authz.ClientID, at time.Time) error {
	return db.write(ctx, "DisableClient", func(t *tx) error {
		if err := t.must(authz.ErrNoClient, `UPDATE clients SET disabled_at = $2 WHERE id = $1`, id, millis(at)); err != nil {
			return err
		}
		_, err := t.exec(`DELETE FROM grants WHERE client_id = $1`, id)
		return err
	})
}

// EnableClient lets a client be connected again and revives nothing. authz.ErrNoClient.
func (db *DB) EnableClient(ctx context.Context, id authz.ClientID) error {
	return db.write(ctx, "EnableClient", func(t *tx) error {
		return t.must(authz.ErrNoClient, `UPDATE clients SET disabled_at = 0 WHERE id = $1`, id)
	})
}

// RemoveClient removes a client; its secrets, blocks and grants go with it by foreign key. authz.ErrNoClient.
func (db *DB) RemoveClient(ctx context.Context, id authz.ClientID) error {
	return db.write(ctx, "RemoveClient", func(t *tx) error {
		return t.must(authz.ErrNoClient, `DELETE FROM clients WHERE id = $1`, id)
	})
}

// PublicRedirectURIs is every redirect URI of every enabled public client, each once, in order.
func (db *DB) PublicRedirectURIs(ctx context.Context) ([]string, error) {
	scan := func(r row) (uris []string, err error) {
		err = r.Scan(listColumn{&uris})
		return uris, err
	}
	lists, err := all(ctx, db, "PublicRedirectURIs", scan, `SELECT c.redirect_uris FROM clients c WHERE c.public AND c.disabled_at = 0`)
	uris := slices.Concat(lists...)
	slices.Sort(uris)
	return slices.Compact(uris), err
}
