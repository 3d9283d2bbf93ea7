// Package pgtest gives each test a PostgreSQL database of its own, on a server that the test binary starts when it first
// needs one.
//
// The server listens on a Unix socket in a temporary directory and nowhere else. It ends, and its files go, when the test binary ends, however that
// ends: a shell waits for the end of a pipe whose other end only the test binary holds.
package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/gatehouse-auth/gatehouse/internal/store"
)

// template is the database that every test's is a copy of, its schema up to date.
const template = "template_gatehouse"

var (
	start    = sync.OnceValues(startServer)
	copying  sync.Mutex // PostgreSQL copies one template for one at a time
	database atomic.Int64
)

// URL is an empty database with the current schema, for this test alone; it is dropped when the test ends.
// The test fails when PostgreSQL's server programs are not installed. With go test -short it is skipped: make test-fast runs on SQLite only.
func URL(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out PostgreSQL")
	}
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", database.Add(1))
	if err := s.copy(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop database %s: %v", name, err)
		}
	})
	return s.url(name)
}

// Empty is a database of its own without a schema, made with options of CREATE DATABASE.
func Empty(t testing.TB, options string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out PostgreSQL")
	}
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", database.Add(1))
	if _, err := s.admin.Exec("CREATE DATABASE " + name + " TEMPLATE template0 " + options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop database %s: %v", name, err)
		}
	})
	return s.url(name)
}

type server struct {
	dir     string
	admin   *sql.DB
	alive   *os.File // closing it ends the server; the end of the process closes it
	watcher *exec.Cmd
}

func (s *server) url(name string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + name, RawQuery: url.Values{"host": {s.dir}}.Encode()}
	return u.String()
}

func (s *server) copy(name string) error {
	copying.Lock()
	defer copying.Unlock()
	if _, err := s.admin.Exec("CREATE DATABASE " + name + " TEMPLATE " + template + ""); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

func startServer() (*server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent(), "gatehouse-pgtest-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if err := s.launch(bin); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), s.discard())
	}
	if err := s.prepare(); err != nil {
		log, _ := os.ReadFile(s.logFile())
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w\n%s", err, log), s.discard())
	}
	return s, nil
}

// parent is where the server's directory is made: in memory, if there is room. Copying a database there takes a twentieth of
// the time.
// It is not $TMPDIR: the path of a Unix socket must be short, and postgres, who is not root, must get there.
func parent() string {
	const memory, room = "/dev/shm", 2 << 30
	var free syscall.Statfs_t
	if err := syscall.Statfs(memory, &free); err == nil && free.Bavail*uint64(free.Bsize) >= room {
		return memory
	}
	return "/tmp"
}

// discard ends what has been started, and removes its directory.
func (s *server) discard() error {
	if s.alive == nil {
		return os.RemoveAll(s.dir)
	}
	return errors.Join(s.alive.Close(), s.watcher.Wait())
}

func (s *server) logFile() string { return filepath.Join(s.dir, "log") }

// programs is the directory of the newest server programs there are.
func programs() (string, error) {
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	if len(installed) > 0 {
		newest := slices.MaxFunc(installed, func(a, b string) int { return version(a) - version(b) })
		return filepath.Dir(newest), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errors.New("PostgreSQL's server programs (initdb, postgres) are not installed; scripts/setup installs what the tests need")
}

// watch runs the server until its standard input ends, and cleans up. The data is worth nothing then, so the server is killed.
// A server that a test has suspended must go on first, or it would not notice.
const watch = `"$1/postgres" -D "$2/data" -c listen_addresses= -c unix_socket_directories="$2" -c max_connections=600 \
	-c fsync=off -c full_page_writes=off -c max_wal_size=128MB -c autovacuum=off >"$2/log" 2>&1 &
server=$!
read -r nothing
kill -QUIT $server
kill -CONT $server $(pgrep -P $server)
wait $server
rm -rf "$2"
true`

// launch starts a new server.
func (s *server) launch(bin string) error {
	attributes, err := s.attributes()
	if err != nil {
		return err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(s.dir, "data"), "-U", "postgres", "-A", "trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.SysProcAttr, initdb.Dir = attributes, "/"
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	return s.run(bin)
}

// attributes are those of the server's programs. The server's directory becomes theirs.
func (s *server) attributes() (*syscall.SysProcAttr, error) {
	attributes := &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is for the test binary
	if os.Getuid() != 0 {
		return attributes, nil
	}
	credential, err := postgresUser() // PostgreSQL refuses to run as root
	if err != nil {
		return nil, err
	}
	attributes.Credential = credential
	return attributes, os.Chown(s.dir, int(credential.Uid), int(credential.Gid))
}

// run starts a server on the data in its directory.
func (s *server) run(bin string) error { return s.watch(watch, bin, s.dir) }

// watch runs a shell script with arguments, which runs a program until its standard input ends.
func (s *server) watch(script string, arguments ...string) error {
	attributes, err := s.attributes()
	if err != nil {
		return err
	}
	ours, theirs, err := pipe()
	if err != nil {
		return err
	}
	defer theirs.Close()
	s.watcher = exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, arguments...)...)
	s.watcher.SysProcAttr, s.watcher.Dir, s.watcher.Stdin = attributes, "/", theirs
	s.alive = ours
	return s.watcher.Start()
}

// pipe returns the end that we hold first.
func pipe() (ours, theirs *os.File, err error) {
	theirs, ours, err = os.Pipe()
	return ours, theirs, err
}

func postgresUser() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no other user for it: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// await waits for the server to answer.
func (s *server) await(ctx context.Context) (err error) {
	if s.admin, err = sql.Open("pgx", s.url("postgres")); err != nil {
		return err
	}
	s.admin.SetMaxIdleConns(1)
	for s.admin.PingContext(ctx) != nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", s.admin.Ping())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// prepare waits for the server to answer and makes the template.
func (s *server) prepare() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.await(ctx); err != nil {
		return err
	}
	// In a locale that sorts "a" before "B", so that a test fails when an order or an index depends on it.
	if _, err := s.admin.ExecContext(ctx, "CREATE DATABASE "+template+" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"); err != nil {
		return err
	}
	db, err := store.Open(ctx, s.url(template), store.Options{})
	if err != nil {
		return err
	}
	return db.Close()
}
