package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// An event's id is its time in microseconds and a number that tells those of one microsecond apart. It is never less than eventID of the event's time.
const eventBits = 11

// eventID is the smallest id that an event of this time can have.
func eventID(at time.Time) int64 { return at.UnixMicro() << eventBits }

// nextEventID is the id of an event: greater than every other that this process has given, and hardly ever one that another process gives.
func (db *DB) nextEventID(at time.Time) int64 {
	for {
		last := db.lastEvent.Load()
		id := max(last+1, eventID(at)) + rand.Int64N(1<<eventBits)
		if db.lastEvent.CompareAndSwap(last, id) {
			return id
		}
	}
}

// audit appends an event to what this unit of work does. Who is behind it is what the context says, unless the event knows better.
func (t *tx) audit(e audit.Event) error {
	origin := audit.OriginFrom(t.Context())
	if e.At.IsZero() {
		e.At = t.db.now()
	}
	// Of a name of its own, so that counting a method's statements counts those of its domain.
	named := t.Named("audit")
	const attempts = 10 // each has one chance in two thousand to meet the id of another process in the same microsecond
	for range attempts {
		n, err := named.Change(`INSERT INTO audit (id, at, kind, actor, user_id, team_id, client_id, grant_id, family_id, address, request_id, detail)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`,
			t.db.nextEventID(e.At), engine.Millis(e.At), e.Kind, cmp.Or(e.Actor, origin.Actor), e.User, e.Team, e.Client, e.Grant, e.Family,
			cmp.Or(e.Address, origin.Address), cmp.Or(e.RequestID, origin.RequestID), e.Detail)
		if err != nil || n == 1 {
			return err
		}
	}
	return errors.New("store: audit: no id is free")
}

// Record appends an event that belongs to no other unit of work. One without a time happens now.
func (db *DB) Record(ctx context.Context, e audit.Event) error {
	return db.write(ctx, "Record", func(t *tx) error { return t.audit(e) })
}

// Events is the events that a filter lets through, the newest first.
func (db *DB) Events(ctx context.Context, f audit.Filter) ([]audit.Event, error) {
	scan := func(r engine.Row) (e audit.Event, err error) {
		err = r.Scan(&e.ID, engine.TimeTo(&e.At), &e.Kind, &e.Actor, &e.User, &e.Team, &e.Client, &e.Grant, &e.Family, &e.Address, &e.RequestID, &e.Detail)
		return e, err
	}
	where, args := eventConditions(f)
	args = append(args, cmp.Or(f.Limit, 100))
	return engine.All(ctx, db.engine, "Events", scan, `SELECT id, at, kind, actor, user_id, team_id, client_id, grant_id, family_id, address, request_id, detail
		FROM audit`+where+fmt.Sprintf(" ORDER BY id DESC LIMIT $%d", len(args)), args...)
}

// The conditions of the partial indices: databases use one only where they find it spelled the same.
const (
	notRoutine   = `kind NOT IN ('token.issued', 'token.refreshed', 'token.machine')`
	machineToken = `kind = 'token.machine'`
)

// eventConditions spells out only what narrows, so that what pages ask for can use its index. What only the command line asks for is looked for from the newest on.
func eventConditions(f audit.Filter) (where string, args []any) {
	var conditions []string
	narrow := func(condition string, value any) {
		args = append(args, value)
		conditions = append(conditions, fmt.Sprintf("%s $%d", condition, len(args)))
	}
	for _, equal := range []struct{ column, value string }{
		{"team_id", f.Team}, {"user_id", f.User}, {"client_id", f.Client}, {"kind", string(f.Kind)},
	} {
		if equal.value != "" {
			narrow(equal.column+" =", equal.value)
		}
	}
	switch f.Kind {
	case "", audit.TokenIssued, audit.TokenRefreshed:
	case audit.MachineToken:
		conditions = append(conditions, machineToken)
	default:
		conditions = append(conditions, notRoutine)
	}
	if !f.Since.IsZero() {
		narrow("id >=", eventID(f.Since)) // for the index
		narrow("at >=", engine.Millis(f.Since))
	}
	if f.Before != 0 {
		narrow("id <", f.Before)
	}
	if len(conditions) > 0 {
		where = " WHERE " + strings.Join(conditions, " AND ")
	}
	return where, args
}
