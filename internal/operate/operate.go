// Package operate is what the operator asks of a server: a backup of its database, what comes back to life when one is restored, and
// whether anything is wrong (doctor).
//
// What changes people, teams or applications is in their packages.
package operate

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Store is what the operator asks of the database.
type Store interface {
	// Backup writes a copy of the database into a new file that only its owner can read, and verifies it.
	Backup(ctx context.Context, path string) error
	// SchemaVersion is the version of the schema.
	SchemaVersion(ctx context.Context) (int64, error)
	// Inspect reads what the doctor wants to know.
	Inspect(ctx context.Context, now time.Time) (Inspection, error)
	// EndRevived ends what came back to life with a backup. What has ended already is no error.
	EndRevived(ctx context.Context, v Revived) error
	// LivingBefore is every connection and session that was made before a time.
	LivingBefore(ctx context.Context, at time.Time) ([]Revived, error)
}

// Service answers the operator.
type Service struct {
	Store               Store
	RequireSecondFactor authn.Require // the setting
}

// Backup is a copy of a database.
type Backup struct {
	File   string `json:"file"` // its absolute path
	Schema int64  `json:"schema"`
}

// Backup copies the database into a new file. team.ErrForbidden, os.ErrExist.
func (s *Service) Backup(ctx context.Context, actor team.Actor, path string) (Backup, error) {
	if err := team.May(actor, team.OperateServer, team.On{}); err != nil {
		return Backup{}, err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return Backup{}, err
	}
	if err := s.Store.Backup(ctx, path); err != nil {
		return Backup{}, err
	}
	schema, err := s.Store.SchemaVersion(ctx)
	if err != nil {
		return Backup{}, fmt.Errorf("read the schema's version: %w", err)
	}
	return Backup{File: path, Schema: schema}, nil
}
