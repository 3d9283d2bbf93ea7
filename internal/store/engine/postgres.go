package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// openLimit is how long opening may take: another process may be changing the schema.
const openLimit = 5 * time.Minute

func (db *DB) openPostgres(ctx context.Context, dsn string) error {
	config, err := pgxpool.ParseConfig(dsn) // its errors leave the password out
	if err != nil {
		return fmt.Errorf("read the database URL: %w", err)
	}
	db.place = config.ConnConfig.Database + " on " + config.ConnConfig.Host
	wrap := func(err error) error { return fmt.Errorf("open database %s: %w", db.place, err) }
	batches, err := divide(dsn, config)
	if err != nil {
		return wrap(err)
	}
	hosts := &hosts{suspect: db.suspect, login: &db.login}
	hosts.configure(config.ConnConfig)
	config.PingTimeout, config.BeforeConnect = pingLimit, hosts.prepare

	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	first, err := db.firstConnection(ctx, config.ConnConfig, hosts)
	if err != nil {
		return wrap(err)
	}
	defer first.Close(ctx)
	if first.pooled {
		// What is prepared on one connection of a pooler is missing on the next.
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if err := db.openPools(ctx, config, batches, first.pooled); err != nil {
		return wrap(errors.Join(err, db.Close()))
	}
	err = db.migratePostgres(ctx, first)
	if err == nil {
		err = db.group.oneTransaction(ctx)
	}
	if err != nil {
		return wrap(errors.Join(err, db.Close()))
	}
	return nil
}

// divide makes a pool's size that of everything else, and returns how many connections are for batches. Together they are pool_max_conns.
func divide(dsn string, config *pgxpool.Config) (batches int32, err error) {
	processors := int32(runtime.GOMAXPROCS(0))
	plain, err := pgx.ParseConfig(dsn)
	if err != nil {
		return 0, err
	}
	if plain.RuntimeParams["pool_max_conns"] == "" {
		return processors, nil // and the pool has its default
	}
	if config.MaxConns < 2 {
		return 0, errors.New("pool_max_conns has to be 2 or more")
	}
	batches = max(1, min(processors, config.MaxConns/3))
	config.MaxConns -= batches
	return batches, nil
}

func (db *DB) openPools(ctx context.Context, config *pgxpool.Config, batches int32, pooled bool) (err error) {
	if db.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return err
	}
	db.handle, db.reads = sql.OpenDB(newSchemaConnector(db.pool)), stdlib.OpenDBFromPool(db.pool)
	db.handle.SetMaxIdleConns(0)
	db.group, err = newPostgresWriter(ctx, db, db.pool, batches, pooled)
	return err
}

// suspect drops all idle connections: one did not answer, or has ended, so the others may lead to a host that is gone. Those in use are dropped
// when they become idle.
func (db *DB) suspect() {
	if db.pool != nil {
		db.pool.Reset()
	}
	if db.group != nil {
		db.group.batches.Reset()
	}
}

// closeLimit is how long Close waits for what is under way. The process ends anyway: a commit that is not answered has been promised to nobody.
const closeLimit = time.Second

func (db *DB) closePostgres() error {
	closed := make(chan error, 1)
	go func() {
		if db.group != nil {
			db.group.close()
		}
		var err error
		if db.handle != nil {
			err = errors.Join(db.handle.Close(), db.reads.Close())
		}
		if db.pool != nil {
			db.pool.Close()
		}
		closed <- err
	}()
	select {
	case err := <-closed:
		return err
	case <-time.After(closeLimit):
		return errors.New("the database did not answer, so its connections were given up")
	}
}

// first is the connection that is made before all others. It finds out what the database is like, and holds the lock for changes of the schema.
type first struct {
	*pgx.Conn
	pooled bool // a pooler stands between: the next transaction may get another connection
	place  place
}

func (db *DB) firstConnection(ctx context.Context, config *pgx.ConnConfig, hosts *hosts) (first, error) {
	config = config.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // prepares nothing
	if err := hosts.prepare(ctx, config); err != nil {
		return first{}, err
	}
	conn, err := db.connectFirst(ctx, config)
	if err != nil {
		return first{}, err
	}
	var process uint32
	var encoding, isolation string
	var p place
	err = conn.QueryRow(ctx, `SELECT pg_backend_pid(), current_setting('server_encoding'), current_setting('default_transaction_isolation'),
		current_user, COALESCE(current_schema(), ''), current_setting('search_path'), COALESCE(has_schema_privilege(current_schema(), 'CREATE'), FALSE)`).
		Scan(&process, &encoding, &isolation, &p.role, &p.schema, &p.searchPath, &p.mayCreate)
	switch {
	case err != nil:
	case isolation != "read committed":
		err = fmt.Errorf("default_transaction_isolation is %q for the role %s; it has to be: ALTER ROLE %s SET default_transaction_isolation = 'read committed'", isolation, p.role, quoted(p.role))
	case encoding != "UTF8":
		err = fmt.Errorf("its encoding is %s, which cannot hold every name; create the database with ENCODING 'UTF8' (and TEMPLATE template0)", encoding)
	}
	if err != nil {
		return first{}, errors.Join(err, conn.Close(ctx))
	}
	return first{conn, process != conn.PgConn().PID(), p}, nil
}

// lockSchema is the key of an advisory lock of PostgreSQL. Only our own processes take it.
const lockSchema = 0x67617465 // "gate"

// locked runs do while no other process changes the schema. The lock belongs to a transaction: a session is not ours behind a pooler.
func (f first) locked(ctx context.Context, do func() error) error {
	tx, err := f.BeginTx(ctx, pgx.TxOptions{BeginQuery: fmt.Sprintf("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = %d",
		schemaLockTimeout.Milliseconds())})
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", lockSchema); err != nil {
		return fmt.Errorf("wait for another process that changes the schema: %w", err)
	}
	return do()
}
