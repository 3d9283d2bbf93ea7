package store

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// identityInto scans an identity. The statements that use it list the columns in this order.
func identityInto(i *authn.Identity) []any {
	return []any{&i.ID, &i.User, &i.Issuer, &i.Subject, &i.Provider, &i.Email, engine.TimeTo(&i.LinkedAt), engine.TimeTo(&i.UsedAt)}
}

func scanIdentity(r engine.Row) (i authn.Identity, err error) {
	err = r.Scan(identityInto(&i)...)
	return i, err
}

// scanLinked scans an identity with its person and their password hash.
func scanLinked(r engine.Row) (l authn.Linked, err error) {
	err = r.Scan(append(append(identityInto(&l.Identity), userInto(&l.Person)...), &l.Hash)...)
	return l, err
}

// Identity is found by issuer and subject, with its person. authn.ErrNoIdentity.
func (db *DB) Identity(ctx context.Context, issuer, subject string) (authn.Linked, error) {
	return engine.One(ctx, db.engine, "Identity", authn.ErrNoIdentity, scanLinked, `
		SELECT i.id, i.user_id, i.issuer, i.subject, i.provider, i.email, i.linked_at, i.used_at,
			u.id, u.email, u.name, u.operator, u.email_verified, u.created_at, u.disabled_at, u.password_hash
		FROM gh_identities i
		JOIN gh_users u ON u.id = i.user_id
		WHERE i.issuer = $1 AND i.subject = $2`, issuer, subject)
}

// UseIdentity notes that a person has signed in with an identity.
func (db *DB) UseIdentity(ctx context.Context, id string, at time.Time) error {
	return db.write(ctx, "UseIdentity", func(t *tx) error {
		_, err := t.Change(`UPDATE gh_identities SET used_at = $2 WHERE id = $1 AND used_at < $2`, id, engine.Millis(at))
		return err
	})
}

// Identities is a person's, in the order in which they were linked.
func (db *DB) Identities(ctx context.Context, user team.UserID) ([]authn.Identity, error) {
	return engine.All(ctx, db.engine, "Identities", scanIdentity, `
		SELECT id, user_id, issuer, subject, provider, email, linked_at, used_at FROM gh_identities WHERE user_id = $1 ORDER BY linked_at, id`, user)
}

// OnlyIdentities is the people who can sign in by identities alone, each identity with its person.
func (db *DB) OnlyIdentities(ctx context.Context) ([]authn.Linked, error) {
	return engine.All(ctx, db.engine, "OnlyIdentities", scanLinked, `
		SELECT i.id, i.user_id, i.issuer, i.subject, i.provider, i.email, i.linked_at, i.used_at,
			u.id, u.email, u.name, u.operator, u.email_verified, u.created_at, u.disabled_at, u.password_hash
		FROM gh_identities i
		JOIN gh_users u ON u.id = i.user_id
		WHERE u.password_hash = '' AND u.disabled_at = 0 AND NOT EXISTS (SELECT 1 FROM gh_passkeys p WHERE p.user_id = u.id)
		ORDER BY u.email, i.linked_at, i.id`)
}

func (t *tx) saveIdentity(i authn.Identity) error {
	_, err := t.Change(`INSERT INTO gh_identities (id, user_id, issuer, subject, provider, email, linked_at, used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		i.ID, i.User, i.Issuer, i.Subject, i.Provider, i.Email, engine.Millis(i.LinkedAt), engine.Millis(i.UsedAt))
	if engine.IsUnique(err) {
		return authn.ErrIdentityTaken
	}
	return err
}

// LinkIdentity saves an identity of an existing person, and empties the account first when the identity proves an address that was not proven.
// authn.ErrIdentityTaken, team.ErrNoUser, or what check says.
func (db *DB) LinkIdentity(ctx context.Context, i authn.Identity, proves bool, check func(team.User) error) error {
	return db.change(ctx, "LinkIdentity", func(t *tx) error {
		t.changed = changeOfUser(i.User)
		u, _, err := t.lockUser(i.User)
		if err != nil {
			return err
		}
		if err := check(u); err != nil {
			return err
		}
		if proves && !u.EmailVerified {
			if err := t.emptyUnproven(u.ID, i.LinkedAt); err != nil {
				return err
			}
			if _, err := t.Change(`UPDATE gh_users SET email_verified = TRUE WHERE id = $1`, u.ID); err != nil {
				return err
			}
		}
		if err := t.saveIdentity(i); err != nil {
			return err
		}
		return t.happened(audit.Event{At: i.LinkedAt, Kind: audit.IdentityLinked, Actor: string(i.User), User: string(i.User), Detail: i.Provider})
	})
}

// emptyUnproven removes everything by which somebody can be in an account whose address was not proven: somebody else may have made the account, to
// be in it already when the owner of the address comes ("pre-hijacking").
func (t *tx) emptyUnproven(user team.UserID, at time.Time) error {
	if err := t.emptyAccount(user); err != nil {
		return err
	}
	if _, err := t.Change(`UPDATE gh_users SET password_hash = '' WHERE id = $1`, user); err != nil {
		return err
	}
	// Before the grants end: their families say which clients to tell.
	if err := t.happened(audit.Event{At: at, Kind: audit.UserEmptied, Actor: string(user), User: string(user)}); err != nil {
		return err
	}
	return t.endGrants(at, endGrantsOfUser, user)
}

// AddUserWith saves a new person with an identity. team.ErrUserTaken, authn.ErrIdentityTaken.
func (db *DB) AddUserWith(ctx context.Context, u team.User, i authn.Identity) error {
	return db.write(ctx, "AddUserWith", func(t *tx) error {
		if err := t.addUser(u); err != nil {
			return err
		}
		if err := t.saveIdentity(i); err != nil {
			return err
		}
		if err := t.happened(audit.Event{At: u.CreatedAt, Kind: audit.UserAdded, Actor: string(u.ID), User: string(u.ID), Detail: i.Provider}); err != nil {
			return err
		}
		return t.happened(audit.Event{At: i.LinkedAt, Kind: audit.IdentityLinked, Actor: string(u.ID), User: string(u.ID), Detail: i.Provider})
	})
}

// Unlink removes an identity of a person. authn.ErrNoIdentity, or what check says of the ways in which the person can sign in.
func (db *DB) Unlink(ctx context.Context, user team.UserID, id string, at time.Time, check func(authn.Ways) error) error {
	return db.write(ctx, "Unlink", func(t *tx) error {
		_, hash, err := t.lockUser(user)
		if errors.Is(err, team.ErrNoUser) {
			return authn.ErrNoIdentity
		}
		if err != nil {
			return err
		}
		ways := authn.Ways{Password: hash != ""}
		if err := t.Get([]any{&ways.Passkeys}, `SELECT COUNT(*) FROM gh_passkeys WHERE user_id = $1`, user); err != nil {
			return err
		}
		if ways.Identities, err = t.identities(user); err != nil {
			return err
		}
		if err := check(ways); err != nil {
			return err
		}
		var provider string
		err = t.ChangeGet([]any{&provider}, `DELETE FROM gh_identities WHERE id = $1 AND user_id = $2 RETURNING provider`, id, user)
		if isNoRows(err) {
			return authn.ErrNoIdentity
		}
		if err != nil {
			return err
		}
		return t.happened(audit.Event{At: at, Kind: audit.IdentityUnlinked, User: string(user), Detail: provider})
	})
}

// identities is a person's. A unit of work reads one row at a time; there are few.
func (t *tx) identities(user team.UserID) (list []authn.Identity, err error) {
	for last := ""; ; {
		var i authn.Identity
		err := t.Get(identityInto(&i), `
			SELECT id, user_id, issuer, subject, provider, email, linked_at, used_at FROM gh_identities WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT 1`, user, last)
		if isNoRows(err) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list, last = append(list, i), i.ID
	}
}
