package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretFilesThatEverybodyReadsAreNamed: when a server starts, and by the doctor. What the group reads is left alone.
func TestSecretFilesThatEverybodyReadsAreNamed(t *testing.T) {
	for mode, exposed := range map[os.FileMode]bool{0o644: true, 0o602: true, 0o640: false, 0o600: false} {
		cfg := testConfig(t)
		path := filepath.Join(t.TempDir(), "smtp")
		if err := os.WriteFile(path, []byte("smtp://u:hunter2@mail"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		cfg.SecretFiles = []string{path}
		var log bytes.Buffer
		r := start(t, open(t, cfg, Deps{Log: slog.New(slog.NewTextHandler(&log, nil))}))
		r.stop()
		if err := r.wait(t); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "every user of this machine") && strings.Contains(log.String(), path); got != exposed {
			t.Errorf("mode %o: the log names it: %v, want %v", mode, got, exposed)
		}
		said := ""
		for _, f := range found(Doctor(t.Context(), cfg, Deps{}), "permissions") {
			said += f.Found
		}
		if got := strings.Contains(said, path); got != exposed {
			t.Errorf("mode %o: the doctor says %q, names it: %v, want %v", mode, said, got, exposed)
		}
	}
}
