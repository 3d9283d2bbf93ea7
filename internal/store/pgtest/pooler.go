package pgtest

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// poolerProgram is Debian's PgBouncer.
const poolerProgram = "/usr/sbin/pgbouncer"

// poolerSettings make a pooler that gives each transaction the connection that is free. It keeps no prepared statements, and resets no session.
const poolerSettings = `[databases]
* = host=%[1]s user=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = %[2]s
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 1000
server_reset_query =
`

// watchPooler runs the pooler until its standard input ends.
const watchPooler = `"$1" -q "$2/pgbouncer.ini" >"$2/log" 2>&1 &
pooler=$!
read -r nothing
kill -KILL $pooler
wait $pooler
rm -rf "$2"
true`

var (
	startPooler = sync.OnceValues(newPooler)
	pooler      server // it ends when nothing refers to it any more
)

// PoolerURL is URL behind PgBouncer in transaction mode.
func PoolerURL(t testing.TB) string {
	t.Helper()
	direct, err := url.Parse(URL(t))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := startPooler()
	if err != nil {
		t.Fatal(err)
	}
	direct.RawQuery = url.Values{"host": {dir}, "port": {"6432"}}.Encode()
	return direct.String()
}

// newPooler starts a pooler before the server of all tests, and returns the directory of its socket.
func newPooler() (dir string, err error) {
	s, err := start()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(poolerProgram); err != nil {
		return "", errors.New("PgBouncer is not installed; scripts/setup installs what the tests need")
	}
	if dir, err = os.MkdirTemp(parent(), "gatehouse-pooler-"); err != nil {
		return "", err
	}
	pooler.dir = dir
	if err := os.WriteFile(filepath.Join(dir, "pgbouncer.ini"), fmt.Appendf(nil, poolerSettings, s.dir, dir), 0o644); err != nil {
		return "", err
	}
	if err := pooler.watch(watchPooler, poolerProgram, dir); err != nil {
		return "", err
	}
	db, err := sql.Open("pgx", fmt.Sprintf("postgres://postgres@/postgres?host=%s&port=6432&default_query_exec_mode=exec", dir))
	if err != nil {
		return "", err
	}
	defer db.Close()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if err := db.Ping(); err == nil {
			return dir, nil
		} else if time.Since(began) > time.Minute {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return "", fmt.Errorf("start PgBouncer: %w\n%s", err, log)
		}
	}
}
