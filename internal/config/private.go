package config

import (
	"fmt"
	"io"
	"os"
	"runtime"
)

// ReadPrivateFile reads a file with a secret in it, and refuses it when other users of this machine can read or change it.
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
	return io.ReadAll(file)
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
