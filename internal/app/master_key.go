package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// needsMasterKey is the error of a configuration that has to name a master key, and does not.
func needsMasterKey(cfg config.Config) error {
	if _, isSQLite := cfg.SQLite(); isSQLite || cfg.MasterKey.Text() != "" {
		return nil
	}
	return errors.New("master_key is required with PostgreSQL, the same on every server: make one with (umask 077; openssl rand -base64 32 > master.key), " +
		"keep it outside the database, and set GATEHOUSE_MASTER_KEY or GATEHOUSE_MASTER_KEY_FILE")
}

// masterKey is the configured master key. Without one, for SQLite, it is the key in the file beside the database, which is
// made while the database has no keys yet.
func masterKey(ctx context.Context, cfg config.Config, keys token.Store) (token.MasterKey, error) {
	if cfg.MasterKey.Text() != "" {
		return cfg.MasterKey, nil
	}
	database, _ := cfg.SQLite()
	path := cfg.OwnMasterKey()
	key, err := ReadMasterKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	stored, err := keys.Keys(ctx)
	if err != nil {
		return token.MasterKey{}, fmt.Errorf("look for keys in the database: %w", err)
	}
	if len(stored) > 0 {
		return token.MasterKey{}, fmt.Errorf("the master key %s is missing, and the keys in %s cannot be opened without it: bring the file back from a backup", path, database)
	}
	return makeMasterKey(path)
}

// ReadMasterKey reads a master key from a file, and refuses the file when others can read it.
func ReadMasterKey(path string) (token.MasterKey, error) {
	text, err := config.ReadPrivateFile(path)
	if err != nil {
		return token.MasterKey{}, fmt.Errorf("read the master key: %w", err)
	}
	key, err := token.ParseMasterKey(string(text))
	if err != nil {
		return token.MasterKey{}, fmt.Errorf("the master key %s is damaged: %w", path, err)
	}
	return key, nil
}

// makeMasterKey makes the file. The link appears whole or fails, so of two processes that start at once both get the key of
// the first.
func makeMasterKey(path string) (token.MasterKey, error) {
	key := token.NewMasterKey()
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return token.MasterKey{}, fmt.Errorf("make the master key: %w", err)
	}
	defer os.Remove(draft.Name())
	_, err = draft.WriteString(key.Text() + "\n")
	// If a power cut took the master key away, the keys that it sealed would be lost.
	if err := errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return token.MasterKey{}, fmt.Errorf("make the master key: %w", err)
	}
	err = os.Link(draft.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return ReadMasterKey(path)
	}
	if err != nil {
		return token.MasterKey{}, fmt.Errorf("make the master key: %w", err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return token.MasterKey{}, fmt.Errorf("make the master key: %w", err)
	}
	return key, nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
