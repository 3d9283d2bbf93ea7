package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Restored is what a restore did.
type Restored struct {
	Database string            `json:"database"`
	File     string            `json:"file,omitempty"`
	Kept     string            `json:"kept,omitempty"` // the old database; "" when there was none
	Known    bool              `json:"endings_known"`  // whether the old database could tell what has ended since the backup
	Revived  []operate.Revived `json:"revived"`        // what ended after the backup was made; when that is not known, what was ended instead
	Ended    bool              `json:"ended"`          // it was ended again
}

// ErrNotSQLite means that the database is PostgreSQL's, whose own programs restore it.
var ErrNotSQLite = errors.New("this restores SQLite databases only. Restore a PostgreSQL database with pg_restore into an empty database, or to a point in time with " +
	"your provider's tools. Then end what came back to life: gatehouse restore --end-since TIME")

// Restore puts a backup in the place of the SQLite database of a configuration. Before that, it brings the copy up to date, opens its keys
// with the master key, and finds out what comes back to life. With endSince, that is ended again before anybody can use it.
// Nothing is changed when there is an error.
func Restore(ctx context.Context, cfg config.Config, deps Deps, file string, endSince time.Time) (done Restored, err error) {
	path, isSQLite := cfg.SQLite()
	if !isSQLite {
		return done, ErrNotSQLite
	}
	r, err := store.Restore(ctx, path, file)
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	draft := cfg
	draft.DatabaseURL, deps.Making = "sqlite:"+r.Draft, MakeNever
	// This brings the schema up to date, and opens the keys.
	if err := with(ctx, draft, deps, func(*App) error { return nil }); err != nil {
		return done, fmt.Errorf("restore: the copy cannot be used: %w", err)
	}
	now := time.Now()
	if deps.Now != nil {
		now = deps.Now()
	}
	done = Restored{Database: path, File: file, Ended: !endSince.IsZero()}
	done.Revived, done.Known = r.Revived(ctx, now)
	if done.Revived == nil {
		done.Revived = []operate.Revived{} // for JSON
	}
	if done.Ended {
		err := with(ctx, draft, deps, func(a *App) (err error) {
			if done.Known {
				return a.Operate.End(ctx, team.CommandLine, done.Revived)
			}
			done.Revived, err = a.Operate.EndBefore(ctx, team.CommandLine, endSince)
			return err
		})
		if err != nil {
			return done, fmt.Errorf("restore: %w", err)
		}
	}
	done.Kept, err = r.PutInPlace(now)
	return done, err
}

// with opens a database, does something, and closes it.
func with(ctx context.Context, cfg config.Config, deps Deps, do func(*App) error) (err error) {
	a, err := Open(ctx, cfg, deps)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return do(a)
}
