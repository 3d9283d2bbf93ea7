package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// happened ends a unit of work: it appends the event, and saves the messages that the outbox's rules have for it.
func (t *tx) happened(e audit.Event) error { return t.happenedWith(e, outbox.Facts{}) }

// happenedWith is happened for an event whose messages depend on more than the event.
func (t *tx) happenedWith(e audit.Event, facts outbox.Facts) error {
	e = t.db.completed(t.Context(), e)
	if err := t.record(e); err != nil {
		return err
	}
	for _, rule := range outbox.For(e.Kind, facts) {
		if err := t.tell(e, rule, facts); err != nil {
			return err
		}
	}
	return nil
}

// record appends an event that is complete.
func (t *tx) record(e audit.Event) error {
	err := t.db.withEventID(e, func(id int64) (free bool, err error) {
		// Counted under a name of its own, so that a method's statements are those of its noun.
		n, err := t.Named("audit").Change(`INSERT INTO gh_audit (id, at, kind, actor, client_id, family_id, address, request_id, detail, user_id, team_id, grant_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`,
			append(eventArgs(id, e), e.User, e.Team, e.Grant)...)
		return n == 1, err
	})
	if err == nil {
		t.kinds = append(t.kinds, e.Kind)
	}
	return err
}

// batch runs a unit of work that is one statement of PostgreSQL and that records its event too. The parameters of the
// event are the statement's last nine, in the order of eventArgs. It tells nobody: it is for the hot path only.
func (db *DB) batch(ctx context.Context, name string, e audit.Event, s engine.Statement) error {
	began := time.Now()
	e = db.completed(ctx, e)
	s.Also = "audit"
	args := s.Args
	return db.withEventID(e, func(id int64) (free bool, err error) {
		s.Args = slices.Concat(args, eventArgs(id, e))
		err = db.engine.Batch(ctx, name, s)
		switch {
		case engine.IsUnique(err):
			return false, nil
		case errors.Is(err, engine.ErrUnknown):
			err = db.lookUp(ctx, began.Add(answerWithin), id, e, err)
		}
		if err == nil || errors.Is(err, errCommitted) {
			db.opts.Happened(e.Kind)
		}
		return true, err
	})
}

// errCommitted means that a unit of work whose commit was in doubt has happened. What it would have returned was lost with the answer.
var errCommitted = errors.New("the unit of work was committed, and its answer was lost")

const (
	// answerWithin leaves a request half a second for everything else: it is answered within five seconds, whatever the database does.
	answerWithin = 4500 * time.Millisecond
	lookUpEvery  = 50 * time.Millisecond
)

// lookUp finds out whether a unit of work has happened whose commit is in doubt: its event has an id that no other attempt has.
// Not finding it is no answer at first, because the old connection may still be committing.
func (db *DB) lookUp(ctx context.Context, until time.Time, id int64, e audit.Event, doubt error) error {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	scan := func(r engine.Row) (n int, err error) { return n, r.Scan(&n) }
	for {
		n, err := engine.One(ctx, db.engine, "LookUp", sql.ErrNoRows, scan,
			`SELECT COUNT(*) FROM gh_audit WHERE id = $1 AND kind = $2 AND client_id = $3 AND family_id = $4`, id, string(e.Kind), e.Client, e.Family)
		if err == nil && n > 0 {
			return errCommitted
		}
		select {
		case <-ctx.Done():
			return doubt
		case <-time.After(lookUpEvery):
		}
	}
}

// completed is an event with its time, and with the actor, address and request of the context where it names none.
func (db *DB) completed(ctx context.Context, e audit.Event) audit.Event {
	if e.At.IsZero() {
		e.At = db.now()
	}
	origin := audit.OriginFrom(ctx)
	e.Actor = cmp.Or(e.Actor, origin.Actor)
	e.Address = cmp.Or(e.Address, origin.Address)
	e.RequestID = cmp.Or(e.RequestID, origin.RequestID)
	return e
}

// eventArgs is an event, except for the person, team and grant that it concerns: the hot path reads these from the database.
func eventArgs(id int64, e audit.Event) []any {
	return []any{id, engine.Millis(e.At), string(e.Kind), e.Actor, e.Client, e.Family, e.Address, e.RequestID, e.Detail}
}

// An event's id is its time in microseconds, followed by eventBits that tell apart events of one microsecond.
const eventBits = 11

// withEventID appends an event under an id that is greater than all others of this process. Another process may give the
// same id in the same microsecond, with a chance of one in two thousand. Then it tries again.
func (db *DB) withEventID(e audit.Event, record func(id int64) (free bool, err error)) error {
	const attempts = 10
	for range attempts {
		if free, err := record(db.nextEventID(firstEventID(e.At))); err != nil || free {
			return err
		}
	}
	return errors.New("store: audit: no event id is free")
}

func (db *DB) nextEventID(least int64) int64 {
	for {
		last := db.lastEvent.Load()
		id := max(last+1, least) + rand.Int64N(1<<eventBits)
		if db.lastEvent.CompareAndSwap(last, id) {
			return id
		}
	}
}

// Record appends an event that belongs to no other unit of work. An event without a time happens now. It tells nobody.
func (db *DB) Record(ctx context.Context, e audit.Event) error {
	return db.write(ctx, "Record", func(t *tx) error { return t.record(db.completed(ctx, e)) })
}

// firstEventID is the smallest id that an event of this time can have.
func firstEventID(at time.Time) int64 { return at.UnixMicro() << eventBits }

// eventDetails reads events with the names of those they name.
const eventDetails = `
SELECT a.id, a.at, a.kind, a.actor, a.user_id, a.team_id, a.client_id, a.grant_id, a.family_id, a.address, a.request_id, a.detail,
	COALESCE(actor.name, acting.name, ''), COALESCE(actor.email, ''), COALESCE(u.name, ''), COALESCE(u.email, ''), COALESCE(t.slug, ''), COALESCE(c.name, '')
FROM gh_audit a
LEFT JOIN gh_users actor ON actor.id = a.actor
LEFT JOIN gh_clients acting ON acting.id = SUBSTR(a.actor, 8) AND a.actor LIKE 'client:%'
LEFT JOIN gh_users u ON u.id = a.user_id
LEFT JOIN gh_teams t ON t.id = a.team_id
LEFT JOIN gh_clients c ON c.id = a.client_id`

// The lists of events. All have the same parameters: $1 team, $2 user, $3 client, $4 kind, $5 the id that comes after
// the page, $6 and $7 since when, as an id and as a time, $8 how many. Each spells out the condition that its index needs:
// a partial index serves only a statement that repeats its condition.
const (
	// Everything in a team: index gh_audit_team.
	eventsOfTeam = eventDetails + `
WHERE a.team_id = $1 AND ($2 = '' OR a.user_id = $2) AND ($3 = '' OR a.client_id = $3) AND ($4 = '' OR a.kind = $4)
	AND a.id < $5 AND a.id >= $6 AND a.at >= $7
ORDER BY a.id DESC LIMIT $8`

	// One kind in a team, which is not a token's: index gh_audit_notable.
	notableEventsOfTeam = eventDetails + `
WHERE a.team_id = $1 AND ($2 = '' OR a.user_id = $2) AND ($3 = '' OR a.client_id = $3) AND a.kind = $4
	AND a.kind NOT IN ('token.issued', 'token.refreshed', 'token.machine')
	AND a.id < $5 AND a.id >= $6 AND a.at >= $7
ORDER BY a.id DESC LIMIT $8`

	// One kind of a person, which is not a token's: index gh_audit_user.
	notableEventsOfUser = eventDetails + `
WHERE ($1 = '' OR a.team_id = $1) AND a.user_id = $2 AND ($3 = '' OR a.client_id = $3) AND a.kind = $4
	AND a.kind NOT IN ('token.issued', 'token.refreshed', 'token.machine')
	AND a.id < $5 AND a.id >= $6 AND a.at >= $7
ORDER BY a.id DESC LIMIT $8`

	// The tokens of a machine client: index gh_audit_machine.
	machineEventsOfClient = eventDetails + `
WHERE ($1 = '' OR a.team_id = $1) AND ($2 = '' OR a.user_id = $2) AND a.client_id = $3 AND a.kind = $4 AND a.kind = 'token.machine'
	AND a.id < $5 AND a.id >= $6 AND a.at >= $7
ORDER BY a.id DESC LIMIT $8`

	// Anything else, which only the command line asks for: read from the newest on until there are enough.
	eventsFromNewest = eventDetails + `
WHERE ($1 = '' OR a.team_id = $1) AND ($2 = '' OR a.user_id = $2) AND ($3 = '' OR a.client_id = $3) AND ($4 = '' OR a.kind = $4)
	AND a.id < $5 AND a.id >= $6 AND a.at >= $7
ORDER BY a.id DESC LIMIT $8`
)

// eventsQuery is the statement whose index serves a filter best.
func eventsQuery(f audit.Filter) string {
	notable := f.Kind != "" && f.Kind.Traits().Notable
	switch {
	case f.Client != "" && f.Kind == audit.MachineToken:
		return machineEventsOfClient
	case f.User != "" && notable:
		return notableEventsOfUser
	case f.Team != "" && notable:
		return notableEventsOfTeam
	case f.Team != "":
		return eventsOfTeam
	}
	return eventsFromNewest
}

// Events is the events that a filter lets through, newest first, with the names of those they name.
func (db *DB) Events(ctx context.Context, f audit.Filter) ([]audit.Entry, error) {
	scan := func(r engine.Row) (e audit.Entry, err error) {
		err = r.Scan(&e.ID, engine.TimeTo(&e.At), &e.Kind, &e.Actor, &e.User, &e.Team, &e.Client, &e.Grant, &e.Family, &e.Address, &e.RequestID, &e.Detail,
			&e.ActorName, &e.ActorEmail, &e.UserName, &e.UserEmail, &e.TeamSlug, &e.ClientName)
		return e, err
	}
	var sinceID int64
	if !f.Since.IsZero() {
		sinceID = firstEventID(f.Since)
	}
	return engine.All(ctx, db.engine, "Events", scan, eventsQuery(f),
		f.Team, f.User, f.Client, string(f.Kind), cmp.Or(f.Before, math.MaxInt64), sinceID, engine.Millis(f.Since), cmp.Or(f.Limit, 100))
}
