package store_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// doorkeeper stands between a store and PostgreSQL, and decides who gets a connection.
type doorkeeper struct {
	server   string
	password atomic.Pointer[string] // who has another is refused, as PostgreSQL does it; nil: nobody is asked
	refuse   atomic.Pointer[string] // the code of the error that each connection gets
	left     atomic.Int64           // how many of those; negative: no end
	refused  atomic.Int64

	mu   sync.Mutex
	open []net.Conn
}

func newDoorkeeper(t *testing.T, databaseURL string) (d *doorkeeper, through *url.URL) {
	t.Helper()
	through, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "door") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	d = &doorkeeper{server: filepath.Join(through.Query().Get("host"), ".s.PGSQL.5432")}
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); d.hangUp(); os.RemoveAll(dir) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(conn)
		}
	}()
	through.RawQuery = url.Values{"host": {dir}}.Encode()
	return d, through
}

// hangUp ends all connections.
func (d *doorkeeper) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conn := range d.open {
		conn.Close()
	}
	d.open = nil
}

func (d *doorkeeper) serve(conn net.Conn) {
	defer conn.Close()
	d.mu.Lock()
	d.open = append(d.open, conn)
	d.mu.Unlock()
	startup, err := packet(conn)
	if err != nil {
		return
	}
	if code := d.refuse.Load(); code != nil && d.refuses() {
		d.no(conn, *code)
		return
	}
	if password := d.password.Load(); password != nil {
		conn.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3}) // AuthenticationCleartextPassword
		kind := make([]byte, 1)
		if _, err := io.ReadFull(conn, kind); err != nil {
			return
		}
		said, err := packet(conn)
		if err != nil || string(said[4:]) != *password+"\x00" {
			d.no(conn, "28P01")
			return
		}
	}
	server, err := net.Dial("unix", d.server)
	if err != nil {
		return
	}
	defer server.Close()
	server.Write(startup)
	go func() {
		defer server.Close()
		io.Copy(server, conn)
	}()
	io.Copy(conn, server)
}

// refuses reports whether the next connection is refused.
func (d *doorkeeper) refuses() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := d.left.Load()
	if left > 0 {
		d.left.Store(left - 1)
	}
	return left != 0
}

func (d *doorkeeper) no(conn net.Conn, code string) {
	d.refused.Add(1)
	fields := "SFATAL\x00VFATAL\x00C" + code + "\x00Mrefused\x00\x00"
	conn.Write(append([]byte{'E', 0, 0, 0, byte(4 + len(fields))}, fields...))
}

// packet reads a message without its kind: its length, and the rest.
func packet(from io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(head)-4)
	_, err := io.ReadFull(from, rest)
	return append(head, rest...), err
}

// What PostgreSQL refuses for a while is waited for, and then it is 503. What it refuses for good is 503 too, never 500.
func TestRefusedConnections(t *testing.T) {
	units := map[string]func(db *store.DB, id string) error{
		"a unit of work": func(db *store.DB, id string) error {
			return db.AddTeam(t.Context(), team.Team{ID: team.ID(id), Slug: id})
		},
		"a query": func(db *store.DB, id string) error {
			_, err := db.Teams(t.Context())
			return err
		},
		"a batch": func(db *store.DB, id string) error {
			return db.IssueMachine(t.Context(), "m0", now, nil)
		},
	}
	for code, waits := range map[string]bool{
		"53300": true, // too_many_connections
		"57P03": true, // cannot_connect_now: starting up, or shutting down
		"57P01": true, // admin_shutdown
		"08P01": true, // a pooler without room
		"28P01": false, "28000": false, "3D000": false, "42501": false,
	} {
		t.Run(code, func(t *testing.T) {
			d, through := newDoorkeeper(t, pgtest.URL(t))
			db := open(t, through.String())
			oneGrant(t, db)
			addMachines(t, db, 1)
			for name, unit := range units {
				d.hangUp()
				if _, err := db.Teams(t.Context()); err != nil { // finds that the connections have ended, so the unit needs a new one
					t.Fatal(err)
				}
				d.refuse.Store(&code)
				if waits {
					d.left.Store(2)
					d.hangUp()
					if err := unit(db, "a"+code); err != nil {
						t.Errorf("%s, refused twice: %v", name, err)
					}
					if d.left.Load() > 0 {
						t.Errorf("%s was not refused: the test does not test what it says", name)
					}
				}
				d.left.Store(-1)
				d.hangUp()
				if err := unit(db, "b"+code); !errors.Is(err, oauth.TemporarilyUnavailable) {
					t.Errorf("%s, refused: got %v, want temporarily_unavailable", name, err)
				}
				d.refuse.Store(nil)
				if _, err := db.Teams(t.Context()); err != nil {
					t.Errorf("after %s: %v", name, err)
				}
			}
		})
	}
}

// A server waits for a PostgreSQL that is starting.
func TestOpenWaitsForAStartingPostgreSQL(t *testing.T) {
	d, through := newDoorkeeper(t, pgtest.URL(t))
	code := "57P03"
	d.left.Store(3)
	d.refuse.Store(&code)
	open(t, through.String())
	if n := d.refused.Load(); n != 3 {
		t.Errorf("%d connections were refused, want 3", n)
	}
}

// A new password is used as soon as the old one is refused, or when the operator says so.
func TestNewPasswordOfTheDatabase(t *testing.T) {
	d, through := newDoorkeeper(t, pgtest.URL(t))
	with := func(password string) string {
		through.User = url.UserPassword("postgres", password)
		return through.String()
	}
	set := func(password string) { d.password.Store(&password) }
	var file atomic.Pointer[string]
	write := func(password string) { u := with(password); file.Store(&u) }
	write("old")
	set("old")
	db, err := store.Open(t.Context(), with("old"), store.Options{URL: func() (string, error) { return *file.Load(), nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ask := func() error {
		_, err := db.Teams(t.Context())
		return err
	}

	set("new")
	d.hangUp()
	if err := ask(); !errors.Is(err, oauth.TemporarilyUnavailable) || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("while the file has the old password: %v", err)
	}
	write("new")
	if err := ask(); err != nil {
		t.Errorf("the file has the new password: %v", err)
	}

	set("newer")
	d.hangUp()
	if changed, err := db.UseURL(with("newer")); err != nil || !changed {
		t.Errorf("UseURL: %v, %v", changed, err)
	}
	before := d.refused.Load()
	if err := ask(); err != nil || d.refused.Load() != before {
		t.Errorf("after UseURL: %v, refused %d times", err, d.refused.Load()-before)
	}
	if changed, err := db.UseURL(with("newer")); err != nil || changed {
		t.Errorf("the same URL again: %v, %v", changed, err)
	}

	other := *through
	other.Path = "/another"
	if changed, err := db.UseURL(other.String()); err == nil || changed {
		t.Errorf("another database: %v, %v", changed, err)
	} else if strings.Contains(fmt.Sprint(err), "newer") {
		t.Errorf("the error has the password: %v", err)
	}
}
