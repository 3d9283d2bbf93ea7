package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A migration that has landed may have run on somebody's database, and it does not run there again. So it is never edited: a
// change is a new migration. The list of checksums only grows.
func TestLandedMigrationsAreNeverEdited(t *testing.T) {
	const folder = "migrations"
	list, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	landed := map[string]string{}
	for line := range strings.Lines(string(list)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		landed[name] = sum
	}
	for _, pattern := range []string{"*.sql", "unprefixed/*.sql"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no migrations in %s: %v", pattern, err)
		}
		for _, file := range files {
			name := filepath.ToSlash(strings.TrimPrefix(file, folder+string(filepath.Separator)))
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(text)
			switch want, listed := landed[name]; {
			case !listed:
				t.Errorf("%s is new: when it is finished, run (cd internal/store/migrations && sha256sum %s >> SHA256SUMS)", name, name)
			case want != hex.EncodeToString(sum[:]):
				t.Errorf("%s was edited after it had landed; undo that, and write a new migration", name)
			}
			delete(landed, name)
		}
	}
	for name := range landed {
		t.Errorf("%s has landed, and is gone", name)
	}
}
