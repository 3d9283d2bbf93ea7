package store

import (
	"context"
	"errors"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
)

// rotateQuery is the compare-and-swap: it changes the family if the presented generation is the newest, and all that justifies it is alive.
// Its row is what everyone waits for who refreshes or ends it. The table keeps its name here: SQLite's RETURNING knows no other.
var rotateQuery = `UPDATE families SET generation = generation + 1, rotated_at = $4,
		token_dead_at = CASE WHEN token_dead_at < $5 THEN $5 ELSE token_dead_at END,
		expires_at = CASE WHEN created_at + $7 < $6 THEN created_at + $7 ELSE $6 END
	WHERE id = $1 AND generation = $3 AND ended_at = 0 AND expires_at > $4 AND dpop_key = $8
		AND EXISTS (SELECT 1 FROM ` + liveTables + ` WHERE g.id = families.grant_id AND g.client_id = $2 AND ` + isLive + `)
	RETURNING ` + strings.ReplaceAll(familyColumns, "f.", "families.") + `, ` + liveOf("families.grant_id")

// errRetried ends a unit of work that has nothing to write.
var errRetried = errors.New("retried")

// Rotate uses a refresh token. authz.ErrReused when it is too old: its family is ended then. authz.ErrNoFamily or authz.ErrNotLive otherwise.
// The happy path is one statement, its record and one commit; a retry writes nothing.
func (db *DB) Rotate(ctx context.Context, r authz.Rotation) (rotated authz.Rotated, err error) {
	var reused bool
	err = db.write(ctx, "Rotate", func(t *tx) error {
		rotated, reused = authz.Rotated{Family: authz.Family{Client: r.Client}}, false
		f, live := &rotated.Family, &rotated.Live
		dest := append(familyInto(f), append(userInto(&live.User), teamInto(&live.Team)...)...)
		// A retry within the grace gets an access token too, and is not written down.
		err := t.get(dest, rotateQuery, r.Family, r.Client, r.Generation, millis(r.At), millis(r.TokenDeadAt.Add(r.Grace)),
			millis(r.At.Add(r.Idle)), r.Absolute.Milliseconds(), r.DPoPKey)
		if isNoRows(err) {
			reused, err = t.notRotated(r, &rotated)
			return err
		}
		if err != nil {
			return err
		}
		return t.audit(audit.Event{
			At: r.At, Kind: audit.TokenRefreshed, Actor: actor(r.Client), User: string(live.User.ID), Team: string(live.Team.ID),
			Client: string(r.Client), Grant: string(f.Grant), Family: string(f.ID),
		})
	})
	switch {
	case errors.Is(err, errRetried):
		return rotated, nil
	case err != nil:
		return authz.Rotated{}, err
	case reused:
		return authz.Rotated{}, authz.ErrReused
	}
	return rotated, nil
}

// notRotated finds out why the swap changed nothing. In a statement of its own it sees what those have committed for whom the swap waited.
// Of a family that lives and is this client's and key's, the generation only grows: what is too old now stays so, and ending it needs no lock.
func (t *tx) notRotated(r authz.Rotation, rotated *authz.Rotated) (reused bool, err error) {
	f, live := &rotated.Family, &rotated.Live
	var alive bool
	dest := append(familyInto(f), append(userInto(&live.User), teamInto(&live.Team)...)...)
	err = t.get(append(dest, &f.Client, &alive), `SELECT `+familyColumns+`, `+userColumns+`, `+teamColumns+`, g.client_id, `+isLive+`
		FROM `+liveTables+` JOIN families f ON f.grant_id = g.id WHERE f.id = $1`, r.Family)
	switch {
	case isNoRows(err):
		return false, authz.ErrNoFamily
	case err != nil:
		return false, err
	case f.Client != r.Client || f.DPoPKey != r.DPoPKey: // not theirs to end
		return false, authz.ErrNoFamily
	case !f.EndedAt.IsZero() || !f.ExpiresAt.After(r.At):
		return false, authz.ErrNoFamily
	case !alive:
		return false, authz.ErrNotLive
	case r.Generation >= f.Generation: // of a later time than this database, which is an older one restored
		return false, authz.ErrNoFamily
	case r.Generation == f.Generation-1 && !r.At.After(f.RotatedAt.Add(r.Grace)):
		rotated.Retry = true
		return false, errRetried
	}
	e, ended, err := t.endFamily(r.Family, r.Client, r.At)
	if err != nil {
		return false, err
	}
	if !ended { // meanwhile, by another
		return false, authz.ErrNoFamily
	}
	e.Kind, e.Actor, e.Detail = audit.RefreshReplayed, actor(r.Client), "an old refresh token was used, so the connection was ended"
	if err := t.audit(e); err != nil {
		return false, err
	}
	return true, t.mail("mail.replayed", live.User.ID, r.Client, live.Team.ID, r.At)
}
