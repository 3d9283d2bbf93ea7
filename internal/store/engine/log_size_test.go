package engine

import (
	"os"
	"strings"
	"testing"
)

// A reader that takes long keeps the write-ahead log from being used again, so it grows. After that it gets small again.
func TestLogIsBoundedAfterAPeak(t *testing.T) {
	db := openSQLite(t)
	size := func() int64 {
		info, err := os.Stat(db.place + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	reader, err := db.reads.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	read := func(query string) {
		t.Helper()
		if _, err := reader.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	read(`BEGIN DEFERRED`)
	read(`SELECT COUNT(*) FROM things`)
	for i := range 3 {
		if err := insert(t, db, strings.Repeat("x", logLimit/2)+strings.Repeat("y", i)); err != nil {
			t.Fatal(err)
		}
	}
	peak := size()
	read(`ROLLBACK`)
	for _, id := range []string{"a", "b", "c"} {
		if err := insert(t, db, id); err != nil {
			t.Fatal(err)
		}
	}
	if got := size(); peak <= logLimit || got > logLimit {
		t.Errorf("the log had %d bytes, and has %d; the limit is %d", peak, got, logLimit)
	}
}
