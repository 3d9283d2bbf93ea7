package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postgres is a PostgreSQL server for one Gatehouse alone. It listens on a Unix socket in a folder of its own and nowhere else.
type postgres struct {
	*process
	bin, dir, socket string
	as               *syscall.Credential // nil for who we are
}

// postgresSettings are those of a small server that loses nothing. The first three are PostgreSQL's own, said again because everything depends on them.
var postgresSettings = []string{
	"fsync=on", "synchronous_commit=on", "full_page_writes=on",
	"listen_addresses=", "max_connections=200", "shared_buffers=512MB", "max_wal_size=8GB",
}

// startPostgres starts a server on the data in dir, or on new data. The newest programs that are installed are used.
func startPostgres(ctx context.Context, dir string, keep bool) (_ *postgres, err error) {
	d := &postgres{dir: dir}
	if d.bin, err = postgresPrograms(); err != nil {
		return nil, err
	}
	if !keep {
		if err := removeAll(dir); err != nil {
			return nil, err
		}
	}
	// The path of a Unix socket must be short, and the user that PostgreSQL runs as must be able to open it.
	if d.socket, err = os.MkdirTemp("/tmp", "gatehouse-bench-pg-"); err != nil {
		return nil, err
	}
	if err := d.launch(ctx); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w\n%s", err, log), d.stop())
	}
	return d, nil
}

// postgresPrograms is the folder of the newest server programs.
func postgresPrograms() (string, error) {
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(installed) == 0 {
		return "", errors.Join(err, errors.New("PostgreSQL's server programs are not installed; scripts/setup installs them"))
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return filepath.Dir(slices.MaxFunc(installed, func(a, b string) int { return version(a) - version(b) })), nil
}

func (d *postgres) launch(ctx context.Context) error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		var err error
		if d.as, err = postgresUser(); err != nil {
			return err
		}
		for _, dir := range []string{d.dir, d.socket} {
			if err := os.Chown(dir, int(d.as.Uid), int(d.as.Gid)); err != nil {
				return err
			}
		}
	}
	_, err := os.Stat(d.data("PG_VERSION"))
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		if err := d.initialise(ctx); err != nil {
			return err
		}
	}
	if err := d.serve(ctx); err != nil {
		return err
	}
	if fresh {
		_, err = d.psql(ctx, "postgres", "CREATE DATABASE gatehouse;")
		return err
	}
	return nil
}

func (d *postgres) data(name string) string { return filepath.Join(d.dir, "data", name) }

func (d *postgres) initialise(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, "initdb"), "-D", d.data(""), "-U", "postgres", "-A", "trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: d.as}, "/"
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, text)
	}
	return nil
}

// serve starts the server and waits until it answers.
func (d *postgres) serve(ctx context.Context) error {
	args := []string{"-D", d.data(""), "-c", "unix_socket_directories=" + d.socket}
	for _, setting := range postgresSettings {
		args = append(args, "-c", setting)
	}
	log, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(d.bin, "postgres"), args...)
	// Killed without a chance to tell its children, it would leave them behind for a while.
	cmd.SysProcAttr, cmd.Dir, cmd.Stderr = &syscall.SysProcAttr{Credential: d.as, Pdeathsig: syscall.SIGQUIT}, "/", log
	if d.process, err = startProcess(cmd); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if _, err := d.psql(ctx, "postgres", "SELECT 1;"); err == nil {
			return nil
		}
		select {
		case err := <-d.ended:
			d.ended <- err
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return errors.New("it does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
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
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// stop ends the server, and does not wait for those who are still connected.
func (d *postgres) stop() error {
	var err error
	if d.process != nil {
		err = d.stopBy(syscall.SIGINT)
	}
	return errors.Join(err, os.RemoveAll(d.socket))
}

func (d *postgres) url() string {
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/gatehouse", RawQuery: url.Values{"host": {d.socket}}.Encode()}).String()
}

// psql runs a script, and returns the lines of the answer.
func (d *postgres) psql(ctx context.Context, name, script string) ([]string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", d.socket, "-U", "postgres", "-d", name)
	cmd.Stdin, cmd.SysProcAttr = strings.NewReader(script), dieWithParent()
	var problem strings.Builder
	cmd.Stderr = &problem
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("psql: %w: %s", err, problem.String())
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' }), nil
}

func (d *postgres) run(ctx context.Context, statements []string) error {
	_, err := d.psql(ctx, "gatehouse", strings.Join(statements, ";\n")+";")
	return err
}

func (d *postgres) ask(ctx context.Context, query string) ([]string, error) {
	return d.psql(ctx, "gatehouse", query+";")
}

// prepare leaves out the checks of foreign keys, and the waits for the disk.
func (*postgres) prepare() []string {
	return []string{"SET session_replication_role = replica", "SET synchronous_commit = off", "SET maintenance_work_mem = '1GB'"}
}

func (*postgres) series(count int) string {
	return fmt.Sprintf("WITH s(n) AS (SELECT generate_series(0::bigint, %d))", count-1)
}

func (d *postgres) indexes(ctx context.Context) (drop, create []string, err error) {
	const made = ` FROM pg_indexes i WHERE schemaname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname) ORDER BY indexname`
	if drop, err = d.ask(ctx, "SELECT 'DROP INDEX ' || indexname"+made); err != nil {
		return nil, nil, err
	}
	create, err = d.ask(ctx, "SELECT indexdef"+made)
	return drop, create, err
}

// settle does what autovacuum and the checkpointer would have done by now.
func (d *postgres) settle(ctx context.Context) error {
	return d.run(ctx, []string{"VACUUM ANALYZE", "CHECKPOINT"})
}

func (*postgres) tables() string {
	return "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
}

func (d *postgres) size() (total int64, err error) {
	err = filepath.WalkDir(d.data("base"), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return ignoreMissing(err)
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return ignoreMissing(err) // a file that has just been removed
	})
	return total, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// cpu is the processor time of the server and of all its children, those that have ended included.
func (d *postgres) cpu() (time.Duration, error) {
	for range 10 {
		before, err := readStat(d.cmd.Process.Pid)
		if err != nil {
			return 0, err
		}
		children, err := childrenCPU(d.cmd.Process.Pid)
		if err != nil {
			return 0, err
		}
		after, err := readStat(d.cmd.Process.Pid)
		// A child that ended in between is counted with the others, or as one that has ended, or twice.
		if err != nil || after.ended == before.ended {
			return after.own + after.ended + children, err
		}
	}
	return 0, errors.New("the processes of PostgreSQL come and go too fast to be counted")
}
