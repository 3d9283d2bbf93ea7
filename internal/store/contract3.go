package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// This file is a contract while the second half is being built: each method moves to the file of its noun.

func (db *DB) Rotate(ctx context.Context, r authz.Rotation) (authz.Rotated, error) { panic("contract") }

func (db *DB) Connection(ctx context.Context, id authz.FamilyID, now time.Time) (authz.Connection, error) {
	panic("contract")
}

func (db *DB) EndFamily(ctx context.Context, id authz.FamilyID, client authz.ClientID, at time.Time) (bool, error) {
	panic("contract")
}

func (db *DB) EndToken(ctx context.Context, jti string, client authz.ClientID, at, expires time.Time) error {
	panic("contract")
}

func (db *DB) MachineLive(ctx context.Context, jti string, client authz.ClientID) (authz.Client, error) {
	panic("contract")
}

func (db *DB) Endings(ctx context.Context, now time.Time) ([]authz.Ending, error) { panic("contract") }

func (db *DB) UseAssertion(ctx context.Context, client authz.ClientID, jti string, expires time.Time) error {
	panic("contract")
}

func (db *DB) DueNotices(ctx context.Context, now, retry time.Time, limit int) ([]authz.Notice, error) {
	panic("contract")
}

func (db *DB) Delivered(ctx context.Context, id string) error { panic("contract") }

func (db *DB) ReplaceSealed(ctx context.Context, keys []token.StoredKey) error { panic("contract") }

func (db *DB) Record(ctx context.Context, e audit.Event) error { panic("contract") }

func (db *DB) Events(ctx context.Context, f audit.Filter) ([]audit.Event, error) { panic("contract") }

var _ audit.Store = (*DB)(nil)
