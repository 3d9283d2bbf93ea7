// Package store keeps everything in SQLite or PostgreSQL, with one SQL text for both. It implements the interfaces that authz, authn, team and token declare.
//
// Each exported method is one unit of work: it happens whole or not at all, and has happened durably when it returns.
package store

import "context"

// Options are the settings of a DB.
type Options struct {
	// Observe is called once per statement with its name ("Redeem", …) and once per commit ("commit"), for metrics and for tests that count. May be nil.
	Observe func(statement string)
}

// DB is an open database.
type DB struct {
	// unexported
}

// Open opens a database ("sqlite:PATH" or "postgres://…") and brings its schema up to date under a lock.
func Open(ctx context.Context, url string, opts Options) (*DB, error) { panic("contract") }
