package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Failure is a way in which a database host fails.
type Failure string

// The failures of a primary.
const (
	Killed  Failure = "killed"  // its processes are gone, and new connections are refused
	Stopped Failure = "stopped" // it shut down in order
	Hung    Failure = "hung"    // it accepts connections and never answers
)

// Pair is a primary and a standby. The standby has confirmed each commit before the primary reports it, so a failover loses nothing.
type Pair struct {
	t                testing.TB
	bin              string
	primary, standby *server
}

// NewPair starts a primary and a standby for one test.
func NewPair(t testing.TB) *Pair {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out PostgreSQL")
	}
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	p := &Pair{t: t, bin: bin}
	p.primary, p.standby = p.server(), p.server()
	if err := p.primary.launch(bin); err != nil {
		t.Fatal(err)
	}
	p.await(p.primary)
	p.follow()
	return p
}

// server makes the directory of a server.
func (p *Pair) server() *server {
	p.t.Helper()
	dir, err := os.MkdirTemp(parent(), "gatehouse-pair-")
	if err != nil {
		p.t.Fatal(err)
	}
	s := &server{dir: dir}
	p.t.Cleanup(func() { p.end(s) })
	return s
}

// end ends a server, even one that hangs.
func (p *Pair) end(s *server) {
	p.t.Helper()
	if s.admin != nil {
		s.admin.Close()
	}
	if err := s.discard(); err != nil {
		p.t.Errorf("end PostgreSQL: %v", err)
	}
}

// follow makes the standby.
func (p *Pair) follow() {
	p.t.Helper()
	attributes, err := p.standby.attributes()
	if err != nil {
		p.t.Fatal(err)
	}
	copying := exec.Command(filepath.Join(p.bin, "pg_basebackup"), "-h", p.primary.dir, "-U", "postgres", "-D", filepath.Join(p.standby.dir, "data"),
		"-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
	copying.SysProcAttr, copying.Dir = attributes, "/"
	if output, err := copying.CombinedOutput(); err != nil {
		p.t.Fatalf("pg_basebackup: %v\n%s", err, output)
	}
	if err := p.standby.run(p.bin); err != nil {
		p.t.Fatal(err)
	}
	p.await(p.standby)
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		if _, err := p.primary.admin.Exec(statement); err != nil {
			p.t.Fatal(err)
		}
	}
	p.until(p.primary, "SELECT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync')")
}

func (p *Pair) await(s *server) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.await(ctx); err != nil {
		log, _ := os.ReadFile(s.logFile())
		p.t.Fatalf("start PostgreSQL: %v\n%s", err, log)
	}
}

// until waits until a query of a server is true.
func (p *Pair) until(s *server, query string) {
	p.t.Helper()
	var last error
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
		var reached bool
		if last = s.admin.QueryRow(query).Scan(&reached); last == nil && reached {
			return
		}
	}
	p.t.Fatalf("%s stays false (%v)", query, last)
}

// URL names both servers.
func (p *Pair) URL() string {
	hosts := url.Values{"host": {p.primary.dir + "," + p.standby.dir}, "target_session_attrs": {"read-write"}}
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: hosts.Encode()}
	return u.String()
}

// SQL is the primary.
func (p *Pair) SQL() *sql.DB { return p.primary.admin }

// AskPassword makes the primary ask a role for its password.
func (p *Pair) AskPassword(role string) {
	p.t.Helper()
	name := filepath.Join(p.primary.dir, "data", "pg_hba.conf")
	rules, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, append([]byte("local all "+role+" scram-sha-256\n"), rules...), 0o600)
	}
	if err == nil {
		_, err = p.primary.admin.Exec("SELECT pg_reload_conf()")
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// Fail makes the primary fail.
func (p *Pair) Fail(how Failure) {
	p.t.Helper()
	processes := p.primary.processes()
	if len(processes) == 0 {
		p.t.Fatal("the primary does not run")
	}
	signal := map[Failure]syscall.Signal{Killed: syscall.SIGKILL, Stopped: syscall.SIGINT, Hung: syscall.SIGSTOP}[how]
	if how == Stopped {
		processes = processes[:1] // the postmaster ends the others
	}
	for _, process := range processes {
		if err := syscall.Kill(process, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			p.t.Fatal(err)
		}
	}
}

// Promote makes the standby the primary, and returns when it takes writes.
func (p *Pair) Promote() {
	p.t.Helper()
	if _, err := p.standby.admin.Exec("SELECT pg_promote()"); err != nil {
		p.t.Fatal(err)
	}
	p.until(p.standby, "SELECT NOT pg_is_in_recovery()")
}

// Replace makes a new standby in the place of the primary that failed. The standby that was promoted is the primary from then on.
func (p *Pair) Replace() {
	p.t.Helper()
	p.end(p.primary)
	*p.primary = server{dir: p.primary.dir}
	if err := os.Mkdir(p.primary.dir, 0o700); err != nil {
		p.t.Fatal(err)
	}
	p.primary, p.standby = p.standby, p.primary
	p.follow()
}

// processes is the server's: the postmaster, and then its children.
func (s *server) processes() []int {
	file, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	if err != nil {
		return nil
	}
	first, _, _ := strings.Cut(string(file), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		return nil
	}
	all := []int{postmaster}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		// "PID (NAME) STATE PARENT …"; a name may contain spaces.
		text, _ := os.ReadFile(stat)
		_, after, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(after)
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat))); err == nil && len(fields) > 1 && fields[1] == fmt.Sprint(postmaster) {
			all = append(all, pid)
		}
	}
	return all
}
