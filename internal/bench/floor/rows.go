package main

import (
	"context"
	"database/sql"
	"net/url"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// rows is the table of connections. All writes go through one goroutine, which commits whatever is waiting together.
type rows struct {
	db       *sql.DB
	conn     *sql.Conn
	add      *sql.Stmt
	rotate   *sql.Stmt
	begin    *sql.Stmt
	commit   *sql.Stmt
	rollback *sql.Stmt

	writes  chan *write
	stopped chan struct{} // closed when the goroutine has ended
}

// write is one statement on its way to a commit.
type write struct {
	stmt    *sql.Stmt
	args    []any
	changed int64 // rows
	err     error
	done    chan struct{} // closed once the commit is durable, or has failed
}

const (
	schema = "CREATE TABLE IF NOT EXISTS families (id TEXT PRIMARY KEY, generation INTEGER NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID"

	// A code's own id is the row's, so that a code is good once.
	addRow    = "INSERT INTO families (id, generation, created_at) VALUES (?, 0, ?) ON CONFLICT DO NOTHING"
	rotateRow = "UPDATE families SET generation = generation + 1 WHERE id = ? AND generation = ?"
)

func openRows(ctx context.Context, path string) (*rows, error) {
	query := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, err
	}
	r := &rows{db: db, writes: make(chan *write), stopped: make(chan struct{})}
	if err := r.prepare(ctx); err != nil {
		db.Close()
		return nil, err
	}
	go r.loop()
	return r, nil
}

func (r *rows) prepare(ctx context.Context) (err error) {
	if r.conn, err = r.db.Conn(ctx); err != nil {
		return err
	}
	if _, err := r.conn.ExecContext(ctx, schema); err != nil {
		return err
	}
	for _, s := range []struct {
		stmt  **sql.Stmt
		query string
	}{{&r.add, addRow}, {&r.rotate, rotateRow}, {&r.begin, "BEGIN IMMEDIATE"}, {&r.commit, "COMMIT"}, {&r.rollback, "ROLLBACK"}} {
		if *s.stmt, err = r.conn.PrepareContext(ctx, s.query); err != nil {
			return err
		}
	}
	return nil
}

// do returns when the statement is durable, and reports whether it changed a row.
func (r *rows) do(stmt *sql.Stmt, args ...any) (bool, error) {
	w := &write{stmt: stmt, args: args, done: make(chan struct{})}
	r.writes <- w
	<-w.done
	return w.changed == 1, w.err
}

func (r *rows) loop() {
	defer close(r.stopped)
	for first := range r.writes {
		batch := []*write{first}
		for waiting := true; waiting && len(batch) < 128; {
			select {
			case w, open := <-r.writes:
				if waiting = open; open {
					batch = append(batch, w)
				}
			default:
				waiting = false
			}
		}
		err := r.commitAll(batch)
		for _, w := range batch {
			if err != nil {
				w.err = err
			}
			close(w.done)
		}
	}
}

func (r *rows) commitAll(batch []*write) error {
	if _, err := r.begin.Exec(); err != nil {
		return err
	}
	for _, w := range batch {
		result, err := w.stmt.Exec(w.args...)
		if err == nil {
			w.changed, err = result.RowsAffected()
		}
		if err != nil {
			r.rollback.Exec()
			return err
		}
	}
	_, err := r.commit.Exec()
	return err
}

// close must come after the last do.
func (r *rows) close() error {
	close(r.writes)
	<-r.stopped
	return r.db.Close()
}
