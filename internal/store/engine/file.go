package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// ErrMoved means that the file of an SQLite database was deleted, or that another one was put in its place. What is written then goes into a
// file that has no name any more.
var ErrMoved = errors.New("the database file was deleted or replaced while the server runs; restart the server when the right file is in place")

// fileCheckEvery is how often readers look whether the file is still there. Commits look each time.
const fileCheckEvery = time.Second

// fileWatch compares the files of an SQLite database with those that were opened. SQLite itself does not notice.
type fileWatch struct {
	files map[string]fs.FileInfo // by path: the database, its log and the index of the log

	mu      sync.Mutex
	checked time.Time
	err     error
}

// watchFiles is called when the files have been opened.
func watchFiles(path string) (*fileWatch, error) {
	w := &fileWatch{files: map[string]fs.FileInfo{}}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			return nil, err
		}
		w.files[path+suffix] = info
	}
	return w, nil
}

// check looks now.
func (w *fileWatch) check() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.look()
	return w.err
}

// recent looks if nobody has lately.
func (w *fileWatch) recent() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.checked) >= fileCheckEvery {
		w.look()
	}
	return w.err
}

func (w *fileWatch) look() {
	w.checked, w.err = time.Now(), nil
	for path, opened := range w.files {
		if now, err := os.Stat(path); err != nil || !os.SameFile(opened, now) {
			w.err = fmt.Errorf("%w: %s", ErrMoved, path)
		}
	}
}
