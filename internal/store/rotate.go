package store

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// rotation is the compare-and-swap: it changes the family if the presented generation is the newest, and all that justifies it is alive.
// Its row is what everyone waits for who refreshes or ends it.
var rotation = newChain(8, `SELECT `+ofLive+`, f.scope, f.auth_time, f.created_at, f.token_dead_at, f.nonce, f.methods, f.session_id, f.resource, `+liveColumns+`
	FROM `+liveTables+` JOIN families f ON f.grant_id = g.id
	WHERE f.id = $1 AND g.client_id = $2 AND f.generation = $3 AND f.ended_at = 0 AND f.expires_at > $4 AND f.dpop_key = $8 AND `+isLive,
	`UPDATE families SET generation = families.generation + 1, rotated_at = $4,
		token_dead_at = CASE WHEN families.token_dead_at < $5 THEN $5 ELSE families.token_dead_at END,
		expires_at = CASE WHEN families.created_at + $7 < $6 THEN families.created_at + $7 ELSE $6 END FROM live
	WHERE families.id = $1 AND families.generation = $3 AND families.ended_at = 0 AND families.expires_at > $4`)

// errRetried ends a unit of work that has nothing to write.
var errRetried = errors.New("retried")

// Rotate uses a refresh token. authz.ErrReused when it is too old: its family is ended then. authz.ErrNoFamily or authz.ErrNotLive otherwise.
// A retry writes nothing.
func (db *DB) Rotate(ctx context.Context, r authz.Rotation) (rotated authz.Rotated, err error) {
	f, live := &rotated.Family, &rotated.Live
	f.ID, f.Client, f.Generation, f.RotatedAt, f.DPoPKey = r.Family, r.Client, r.Generation+1, r.At, r.DPoPKey
	dest := []any{engine.WordsTo(&f.Scope), engine.TimeTo(&f.AuthTime), engine.TimeTo(&f.CreatedAt), engine.TimeTo(&f.TokenDeadAt), &f.Nonce, engine.WordsTo(&f.Methods), &f.SessionID, engine.WordsTo(&f.Resource)}
	tokenDeadAt := r.TokenDeadAt.Add(r.Grace) // a retry within the grace gets an access token too, and is not written down
	err = db.once(ctx, "Rotate", rotation, audit.Event{
		At: r.At, Kind: audit.TokenRefreshed, Actor: actor(r.Client), Client: string(r.Client), Family: string(r.Family),
	}, &f.Grant, live, append(dest, liveInto(live)...),
		r.Family, r.Client, r.Generation, engine.Millis(r.At), engine.Millis(tokenDeadAt), engine.Millis(r.At.Add(r.Idle)), r.Absolute.Milliseconds(), r.DPoPKey)
	if isNoRows(err) {
		return db.notRotated(ctx, r)
	}
	if err != nil {
		return authz.Rotated{}, err
	}
	f.TokenDeadAt = latest(f.TokenDeadAt, tokenDeadAt)
	f.ExpiresAt = earliest(r.At.Add(r.Idle), f.CreatedAt.Add(r.Absolute))
	return rotated, nil
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// notRotated is the answer to a refresh token that changed nothing, or why there is none.
func (db *DB) notRotated(ctx context.Context, r authz.Rotation) (rotated authz.Rotated, err error) {
	var reused bool
	err = db.write(ctx, "Rotate", func(t *tx) (err error) {
		rotated = authz.Rotated{Family: authz.Family{Client: r.Client}}
		reused, err = t.notRotated(r, &rotated)
		return err
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
	dest := append(familyInto(f), append(liveInto(live), &live.User, &live.Team, &f.Client, &alive)...)
	err = t.Get(dest, `SELECT `+familyColumns+`, `+liveColumns+`, g.user_id, g.team_id, g.client_id, `+isLive+`
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
	return true, t.mail("mail.replayed", live.User, r.Client, live.Team, r.At)
}
