package config

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/plaintext"
)

// ReadPrivateFile reads a file of text with a secret in it, and refuses it when other users of this machine can read or change it.
func ReadPrivateFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := Exposed(path, info); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return cleaned(path, content)
}

// readFile reads a file of text.
func readFile(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return cleaned(path, content)
}

func cleaned(path string, content []byte) ([]byte, error) {
	s, err := plaintext.Clean(content)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return []byte(s), nil
}

// secret notes a file that holds a secret.
func (l *loader) secret(path string) {
	if !slices.Contains(l.config.SecretFiles, path) {
		l.config.SecretFiles = append(l.config.SecretFiles, path)
	}
}

// secret reports whether a value of the setting has a secret in it.
func (s *setting) secret(said string) bool {
	_, address, _ := strings.Cut(said, "://")
	user, _, hasUser := strings.Cut(address, "@")
	switch s.name {
	case "master_key":
		return true
	case "database_url", "smtp_url":
		return hasUser && strings.Contains(user, ":") || strings.Contains(address, "password=")
	}
	return false
}

// OpenToAll returns those of the files that every user of this machine can read or change. Unlike Exposed it leaves the group out: a
// service usually reads files of root by its group, and Kubernetes mounts secrets for one.
func OpenToAll(paths []string) (open []string) {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o006 != 0 {
			open = append(open, path)
		}
	}
	return open
}

// Exposed is the error of a file that other users of this machine can read or change, and nil for one that they cannot. What is no
// regular file, such as a pipe, has no lasting content.
func Exposed(path string, info os.FileInfo) error {
	const others = 0o077
	mode := info.Mode()
	if runtime.GOOS == "windows" || !mode.IsRegular() || mode.Perm()&others == 0 {
		return nil // Windows has other permissions than these
	}
	return fmt.Errorf("other users of this machine can read %s (mode %04o): run chmod %o %s", path, mode.Perm(), mode.Perm()&^others, path)
}
