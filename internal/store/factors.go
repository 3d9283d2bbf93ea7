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

// passkeyInto scans a passkey. The statements that use it list the columns in this order.
func passkeyInto(p *authn.Passkey) []any {
	return []any{&p.ID, &p.User, &p.Handle, &p.CredentialID, &p.Credential, &p.Name, &p.SignCount, &p.Synced, engine.TimeTo(&p.CreatedAt), engine.TimeTo(&p.UsedAt)}
}

// Factors is everything by which a person can sign in; nothing for a person who does not exist.
func (db *DB) Factors(ctx context.Context, user team.UserID) (f authn.Factors, err error) {
	scan := func(r engine.Row) (f authn.Factors, err error) {
		err = r.Scan(&f.Password, &f.Required, &f.App.Secret, &f.App.Step, engine.TimeTo(&f.App.CreatedAt), engine.TimeTo(&f.App.UsedAt))
		return f, err
	}
	f, err = engine.One(ctx, db.engine, "Factors", errNobody, scan, `
		SELECT u.password_hash <> '',
			EXISTS (SELECT 1 FROM gh_memberships m JOIN gh_teams t ON t.id = m.team_id WHERE m.user_id = u.id AND t.require_second_factor),
			COALESCE(a.secret, ''), COALESCE(a.step, 0), COALESCE(a.created_at, 0), COALESCE(a.used_at, 0)
		FROM gh_users u
		LEFT JOIN gh_apps a ON a.user_id = u.id
		WHERE u.id = $1`, user)
	if errors.Is(err, errNobody) {
		return authn.Factors{}, nil
	}
	if err != nil {
		return authn.Factors{}, err
	}
	code := func(r engine.Row) (hash string, err error) {
		return hash, r.Scan(&hash, engine.TimeTo(&f.Recovery.MadeAt))
	}
	f.Recovery.Hashes, err = engine.All(ctx, db.engine, "Factors", code,
		`SELECT hash, created_at FROM gh_recovery_codes WHERE user_id = $1 AND used_at = 0 ORDER BY hash`, user)
	if err != nil {
		return authn.Factors{}, err
	}
	passkey := func(r engine.Row) (p authn.Passkey, err error) { return p, r.Scan(passkeyInto(&p)...) }
	f.Passkeys, err = engine.All(ctx, db.engine, "Factors", passkey, `
		SELECT id, user_id, handle, credential_id, credential, name, sign_count, synced, created_at, used_at
		FROM gh_passkeys WHERE user_id = $1 ORDER BY created_at, id`, user)
	return f, err
}

var errNobody = errors.New("store: nobody")

// SetApp saves an authenticator app in place of another one, and recovery codes if there are any.
func (db *DB) SetApp(ctx context.Context, user team.UserID, app authn.App, codes []string) error {
	return db.write(ctx, "SetApp", func(t *tx) error {
		if _, _, err := t.lockUser(user); err != nil {
			return err
		}
		_, err := t.Change(`
			INSERT INTO gh_apps (user_id, secret, step, created_at, used_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, step = excluded.step, created_at = excluded.created_at, used_at = excluded.used_at`,
			user, app.Secret, app.Step, engine.Millis(app.CreatedAt), engine.Millis(app.UsedAt))
		if err != nil {
			return err
		}
		if err := t.setRecoveryCodes(user, codes, app.CreatedAt); err != nil {
			return err
		}
		return t.happened(audit.Event{At: app.CreatedAt, Kind: audit.AppAdded, User: string(user)})
	})
}

// UseCode notes that the code of a step was used: one statement decides. authn.ErrWrongCode.
func (db *DB) UseCode(ctx context.Context, user team.UserID, app authn.App, at time.Time) error {
	return db.write(ctx, "UseCode", func(t *tx) error {
		return t.MustChange(authn.ErrWrongCode, `UPDATE gh_apps SET step = $3, used_at = $4 WHERE user_id = $1 AND secret = $2 AND step < $3`,
			user, app.Secret, app.Step, engine.Millis(at))
	})
}

// RemoveApp removes the authenticator app. authn.ErrNoFactor, authn.ErrLastFactor.
func (db *DB) RemoveApp(ctx context.Context, user team.UserID, required bool, at time.Time) error {
	return db.write(ctx, "RemoveApp", func(t *tx) error {
		if _, _, err := t.lockUser(user); err != nil {
			return err
		}
		if err := t.MustChange(authn.ErrNoFactor, `DELETE FROM gh_apps WHERE user_id = $1`, user); err != nil {
			return err
		}
		if err := t.checkLeft(user, required); err != nil {
			return err
		}
		return t.happened(audit.Event{At: at, Kind: audit.AppRemoved, User: string(user)})
	})
}

// checkLeft looks at what is left after a strong factor was removed: without any, the recovery codes go too. authn.ErrLastFactor when one has to be left.
func (t *tx) checkLeft(user team.UserID, required bool) error {
	var left, teams int
	err := t.Get([]any{&left, &teams}, `
		SELECT (SELECT COUNT(*) FROM gh_apps WHERE user_id = $1) + (SELECT COUNT(*) FROM gh_passkeys WHERE user_id = $1),
			(SELECT COUNT(*) FROM gh_memberships m JOIN gh_teams t ON t.id = m.team_id WHERE m.user_id = $1 AND t.require_second_factor)`, user)
	switch {
	case err != nil:
		return err
	case left > 0:
		return nil
	case required || teams > 0:
		return authn.ErrLastFactor
	}
	_, err = t.Change(`DELETE FROM gh_recovery_codes WHERE user_id = $1`, user)
	return err
}

// SetRecoveryCodes replaces the recovery codes. team.ErrNoUser.
func (db *DB) SetRecoveryCodes(ctx context.Context, user team.UserID, hashes []string, at time.Time) error {
	return db.write(ctx, "SetRecoveryCodes", func(t *tx) error {
		if _, _, err := t.lockUser(user); err != nil {
			return err
		}
		return t.setRecoveryCodes(user, hashes, at)
	})
}

// setRecoveryCodes replaces the recovery codes; without new ones, the old ones stay.
func (t *tx) setRecoveryCodes(user team.UserID, hashes []string, at time.Time) error {
	if len(hashes) == 0 {
		return nil
	}
	if _, err := t.Change(`DELETE FROM gh_recovery_codes WHERE user_id = $1`, user); err != nil {
		return err
	}
	for _, hash := range hashes {
		if _, err := t.Change(`INSERT INTO gh_recovery_codes (user_id, hash, created_at) VALUES ($1, $2, $3)`, user, hash, engine.Millis(at)); err != nil {
			return err
		}
	}
	return t.happened(audit.Event{At: at, Kind: audit.RecoveryCodesMade, User: string(user)})
}

// UseRecoveryCode uses up a recovery code: one statement decides. authn.ErrWrongCode.
func (db *DB) UseRecoveryCode(ctx context.Context, user team.UserID, hash string, at time.Time) error {
	return db.write(ctx, "UseRecoveryCode", func(t *tx) error {
		err := t.MustChange(authn.ErrWrongCode, `UPDATE gh_recovery_codes SET used_at = $3 WHERE user_id = $1 AND hash = $2 AND used_at = 0`,
			user, hash, engine.Millis(at))
		if err != nil {
			return err
		}
		return t.happened(audit.Event{At: at, Kind: audit.RecoveryCodeUsed, Actor: string(user), User: string(user)})
	})
}

// AddPasskey saves a passkey, and recovery codes if there are any. authn.ErrPasskeyTaken.
func (db *DB) AddPasskey(ctx context.Context, p authn.Passkey, codes []string) error {
	return db.write(ctx, "AddPasskey", func(t *tx) error {
		if _, _, err := t.lockUser(p.User); err != nil {
			return err
		}
		_, err := t.Change(`
			INSERT INTO gh_passkeys (id, user_id, handle, credential_id, credential, name, sign_count, synced, created_at, used_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			p.ID, p.User, p.Handle, p.CredentialID, p.Credential, p.Name, int64(p.SignCount), p.Synced, engine.Millis(p.CreatedAt), engine.Millis(p.UsedAt))
		if engine.IsUnique(err) {
			return authn.ErrPasskeyTaken
		}
		if err != nil {
			return err
		}
		if err := t.setRecoveryCodes(p.User, codes, p.CreatedAt); err != nil {
			return err
		}
		return t.happened(audit.Event{At: p.CreatedAt, Kind: audit.PasskeyAdded, User: string(p.User), Detail: p.Name})
	})
}

// PasskeyOwner is a passkey by its credential id, with its person. authn.ErrNoFactor.
func (db *DB) PasskeyOwner(ctx context.Context, credentialID string) (authn.Passkey, team.User, error) {
	type owned struct {
		passkey authn.Passkey
		user    team.User
	}
	scan := func(r engine.Row) (o owned, err error) {
		err = r.Scan(append(passkeyInto(&o.passkey), userInto(&o.user)...)...)
		return o, err
	}
	o, err := engine.One(ctx, db.engine, "PasskeyOwner", authn.ErrNoFactor, scan, `
		SELECT p.id, p.user_id, p.handle, p.credential_id, p.credential, p.name, p.sign_count, p.synced, p.created_at, p.used_at,
			u.id, u.email, u.name, u.operator, u.email_verified, u.created_at, u.disabled_at
		FROM gh_passkeys p
		JOIN gh_users u ON u.id = p.user_id
		WHERE p.credential_id = $1`, credentialID)
	return o.passkey, o.user, err
}

// UsePasskey saves what a sign-in has changed of a passkey: one statement decides. A counter that does not grow is recorded in a second unit.
// authn.ErrCloned, authn.ErrNoFactor.
func (db *DB) UsePasskey(ctx context.Context, p authn.Passkey, at time.Time) error {
	err := db.write(ctx, "UsePasskey", func(t *tx) error {
		n, err := t.Change(`
			UPDATE gh_passkeys SET sign_count = $2, synced = $3, credential = $4, used_at = $5
			WHERE id = $1 AND (sign_count < $2 OR sign_count = 0 AND $2 = 0)`, p.ID, int64(p.SignCount), p.Synced, p.Credential, engine.Millis(at))
		if err != nil || n > 0 {
			return err
		}
		var there int
		if err := t.Get([]any{&there}, `SELECT COUNT(*) FROM gh_passkeys WHERE id = $1`, p.ID); err != nil {
			return err
		}
		if there == 0 {
			return authn.ErrNoFactor
		}
		return authn.ErrCloned
	})
	if !errors.Is(err, authn.ErrCloned) {
		return err
	}
	recorded := db.write(ctx, "UsePasskey", func(t *tx) error {
		return t.happened(audit.Event{At: at, Kind: audit.PasskeyCloned, User: string(p.User), Detail: p.Name})
	})
	return errors.Join(err, recorded)
}

// RenamePasskey gives the person's passkey another name. authn.ErrNoFactor.
func (db *DB) RenamePasskey(ctx context.Context, user team.UserID, id, name string) error {
	return db.write(ctx, "RenamePasskey", func(t *tx) error {
		if err := t.MustChange(authn.ErrNoFactor, `UPDATE gh_passkeys SET name = $3 WHERE id = $2 AND user_id = $1`, user, id, name); err != nil {
			return err
		}
		return t.happened(audit.Event{Kind: audit.PasskeyRenamed, User: string(user), Detail: name})
	})
}

// RemovePasskey removes the person's passkey. authn.ErrNoFactor, authn.ErrLastFactor.
func (db *DB) RemovePasskey(ctx context.Context, user team.UserID, id string, required bool, at time.Time) error {
	return db.write(ctx, "RemovePasskey", func(t *tx) error {
		if _, _, err := t.lockUser(user); err != nil {
			return err
		}
		var name string
		err := t.ChangeGet([]any{&name}, `DELETE FROM gh_passkeys WHERE id = $2 AND user_id = $1 RETURNING name`, user, id)
		if isNoRows(err) {
			return authn.ErrNoFactor
		}
		if err != nil {
			return err
		}
		if err := t.checkLeft(user, required); err != nil {
			return err
		}
		return t.happened(audit.Event{At: at, Kind: audit.PasskeyRemoved, User: string(user), Detail: name})
	})
}

// ResetFactors removes all factors of a person but the password, and ends their sessions. The clients that asked for it are told. team.ErrNoUser.
func (db *DB) ResetFactors(ctx context.Context, user team.UserID, at time.Time) error {
	return db.change(ctx, "ResetFactors", func(t *tx) error {
		t.changed = changeOfUser(user)
		if _, _, err := t.lockUser(user); err != nil {
			return err
		}
		for _, remove := range []string{
			`DELETE FROM gh_apps WHERE user_id = $1`, `DELETE FROM gh_passkeys WHERE user_id = $1`, `DELETE FROM gh_recovery_codes WHERE user_id = $1`,
			`DELETE FROM gh_sessions WHERE user_id = $1`,
		} {
			if _, err := t.Change(remove, user); err != nil {
				return err
			}
		}
		return t.happened(audit.Event{At: at, Kind: audit.FactorsReset, User: string(user)})
	})
}
