package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Databases is what a measured Gatehouse can keep its data in.
var Databases = []string{"sqlite", "postgres"}

// database is what one Gatehouse keeps its data in, as its owner sees it.
type database interface {
	url() string
	prepare() []string // what makes the rows that follow fast to add; it is on one connection with them
	series(count int) string
	indexes(ctx context.Context) (drop, create []string, err error) // those that are not a table's own
	settle(ctx context.Context) error                               // after so many rows, until it is as if they had come one by one
	run(ctx context.Context, statements []string) error
	ask(ctx context.Context, query string) ([]string, error) // the only column
	tables() string                                          // the query for their names
	size() (int64, error)                                    // bytes on the disk
	cpu() (time.Duration, error)                             // of processes of its own
	stop() error
}

// openDatabase is the database of a Gatehouse, without what an earlier one left in it, unless keep.
func (h house) openDatabase(ctx context.Context, kind, name string, keep bool) (database, error) {
	switch kind {
	case "", "sqlite":
		d := sqliteFile(h.path(name + ".db"))
		if keep {
			return d, nil
		}
		return d, d.remove()
	case "postgres":
		return startPostgres(ctx, h.path(name+"-postgres"), keep)
	}
	return nil, fmt.Errorf("there is no database %q; there are %s", kind, strings.Join(Databases, " and "))
}

// rowCounts is how many rows each table has.
func rowCounts(ctx context.Context, d database) (map[string]int, error) {
	names, err := d.ask(ctx, d.tables())
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, name := range names {
		n, err := d.ask(ctx, "SELECT count(*) FROM "+name)
		if err != nil || len(n) != 1 {
			return nil, errors.Join(fmt.Errorf("count the rows of %s", name), err)
		}
		if counts[name], err = strconv.Atoi(n[0]); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// removeAll removes files, if they are there.
func removeAll(paths ...string) error {
	var problems []error
	for _, path := range paths {
		problems = append(problems, os.RemoveAll(path))
	}
	return errors.Join(problems...)
}
