package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrate brings the schema up to date. Several processes may do so at once on one database.
func (db *DB) migrate(ctx context.Context, dialect goose.Dialect) error {
	postgres := dialect == goose.DialectPostgres
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	if postgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // asks once a second, for five minutes
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, db.handle, db.opts.Migrations, options...)
	if err != nil {
		return err
	}
	// SQLite has no lock that outlives a transaction. Each migration is one transaction together with its version, so of two processes
	// one succeeds and the other fails without a trace, and finds less to do when it tries again.
	const attempts = 40
	for attempt := 1; ; attempt++ {
		before, _ := provider.GetDBVersion(ctx)
		err := up(ctx, provider)
		if err == nil || postgres || attempt == attempts || ctx.Err() != nil {
			return err
		}
		after, check := provider.GetDBVersion(ctx)
		if check == nil && after == before && !isTransient(err) { // nobody else did it
			return err
		}
		select { // SQLite does not wait for a lock that would be an upgrade of one that is held
		case <-ctx.Done():
		case <-time.After(rand.N(time.Duration(attempt) * 5 * time.Millisecond)):
		}
	}
}

func up(ctx context.Context, provider *goose.Provider) error {
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current > known {
		return fmt.Errorf("the database has schema %d, made by a newer release; this one knows schemas up to %d", current, known)
	}
	return nil
}
