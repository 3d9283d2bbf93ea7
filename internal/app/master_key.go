package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

const (
	sqliteScheme  = "sqlite:"
	masterKeyFile = "master.key"
)

// masterKey is the configured master key, or else, for SQLite, the one in the file beside the database, which is made when the database has no keys yet.
func (c Config) masterKey(ctx context.Context, keys token.Store) (token.MasterKey, error) {
	if c.MasterKey.Text() != "" {
		return c.MasterKey, nil
	}
	database, isSQLite := strings.CutPrefix(c.DatabaseURL, sqliteScheme)
	if !isSQLite {
		return token.MasterKey{}, errors.New("master_key is required with PostgreSQL, the same on every server: make one with openssl rand -base64 32, " +
			"keep it outside the database, and set GATEHOUSE_MASTER_KEY or GATEHOUSE_MASTER_KEY_FILE")
	}
	path := c.OwnMasterKey()
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

// OwnMasterKey is the file of the master key that was made beside an SQLite database; "" when the configuration names the master key.
func (c Config) OwnMasterKey() string {
	database, isSQLite := strings.CutPrefix(c.DatabaseURL, sqliteScheme)
	if !isSQLite || c.MasterKey.Text() != "" {
		return ""
	}
	return filepath.Join(filepath.Dir(database), masterKeyFile)
}

// ReadMasterKey reads a master key from a file, and refuses the file when others can read it.
func ReadMasterKey(path string) (token.MasterKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return token.MasterKey{}, fmt.Errorf("read the master key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return token.MasterKey{}, fmt.Errorf("other users of this machine can read the master key %s (mode %04o): run chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return token.MasterKey{}, fmt.Errorf("read the master key: %w", err)
	}
	key, err := token.ParseMasterKey(string(text))
	if err != nil {
		return token.MasterKey{}, fmt.Errorf("the master key %s is damaged: %w", path, err)
	}
	return key, nil
}

// makeMasterKey makes the file. Of two processes that start at once, both end up with the first one's key: the link appears whole, or fails.
func makeMasterKey(path string) (token.MasterKey, error) {
	key := token.NewMasterKey()
	draft, err := os.CreateTemp(filepath.Dir(path), masterKeyFile+".*") // mode 0600
	if err != nil {
		return token.MasterKey{}, fmt.Errorf("make the master key: %w", err)
	}
	defer os.Remove(draft.Name())
	_, err = draft.WriteString(key.Text() + "\n")
	// Keys sealed under a master key that a power cut takes away would be lost.
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
