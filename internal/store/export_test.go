package store

import (
	"context"
	"database/sql"
	"errors"
)

// Fail makes a statement or commit fail when at returns an error for its name. nil ends that.
func (db *DB) Fail(at func(statement string) error) { db.engine.Fail(at) }

// GiveUp is a unit of work during which SQLite gives up the whole transaction, as it does on a full disk.
func (db *DB) GiveUp(ctx context.Context) error {
	return db.write(ctx, "GiveUp", func(t *tx) error {
		_, err := t.Change("ROLLBACK")
		return errors.Join(err, errors.New("the disk is full"))
	})
}

// Refuse is a unit of work that adds a team and then fails with err.
func (db *DB) Refuse(ctx context.Context, id string, err error) error {
	return db.write(ctx, "Refuse", func(t *tx) error {
		_, failed := t.Change(`INSERT INTO gh_teams (id, slug, name, created_at) VALUES ($1, $1, '', 0)`, id)
		return errors.Join(failed, err)
	})
}

// Ask is a unit of work that reads one text.
func (db *DB) Ask(ctx context.Context, query string) (answer string, err error) {
	err = db.write(ctx, "Ask", func(t *tx) error { return t.Get([]any{&answer}, query) })
	return answer, err
}

// SQL is a way to look at what is stored.
func (db *DB) SQL() *sql.DB { return db.engine.SQL() }

// Statements is every statement that this SQLite database has prepared. Call it only while nothing writes.
func (db *DB) Statements() []string { return db.engine.Statements() }

// Lists are the statements that must find their rows by an index: the lists that can be narrowed, and the ends of machine clients.
var Lists = map[string]string{
	"eventsOfTeam": eventsOfTeam, "notableEventsOfTeam": notableEventsOfTeam, "notableEventsOfUser": notableEventsOfUser,
	"machineEventsOfClient": machineEventsOfClient, "eventsFromNewest": eventsFromNewest,
	"endMachine": endMachine, "endMachinesOfTeam": endMachinesOfTeam, "endMachineInTeam": endMachineInTeam,
	"teamClients": teamClients, "grantsOfUser": grantsOfUser, "grantsOfClient": grantsOfClient, "grantsOfTeam": grantsOfTeam,
}
