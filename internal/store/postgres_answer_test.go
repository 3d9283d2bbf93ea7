package store_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// lossyProxy stands between a store and PostgreSQL. When armed, it lets PostgreSQL finish the next request that has the marker in it,
// and then loses the answer.
type lossyProxy struct {
	dir, server string
	marker      atomic.Pointer[[]byte]
	instead     []byte // what the store receives instead of the answer, before the connection closes
	lost        atomic.Int32
}

// poolerError is what a pooler says when the server behind it died: an error of PostgreSQL with a class that says nothing about the commit.
var poolerError = func() []byte {
	fields := "SFATAL\x00VFATAL\x00C08006\x00Mserver conn crashed?\x00\x00"
	return append([]byte{'E', 0, 0, 0, byte(4 + len(fields))}, fields...)
}()

func newLossyProxy(t *testing.T, databaseURL string, instead []byte) (p *lossyProxy, through string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	port := query.Get("port")
	if port == "" {
		port = "5432"
	}
	dir, err := os.MkdirTemp("", "proxy") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	p = &lossyProxy{dir: dir, server: filepath.Join(query.Get("host"), ".s.PGSQL."+port), instead: instead}
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL."+port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); os.RemoveAll(dir) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	return p, u.String()
}

func (p *lossyProxy) lose(marker string) { m := []byte(marker); p.marker.Store(&m) }

// loseAnswer is lose for a simple query, which needs no Sync.
func (p *lossyProxy) loseAnswer(query string) {
	p.lose("Q\x00\x00\x00" + string(rune(len(query)+5)) + query + "\x00")
}

func (p *lossyProxy) serve(conn net.Conn) {
	defer conn.Close()
	server, err := net.Dial("unix", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	var losing atomic.Bool
	go func() {
		defer server.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buffer)
			if n > 0 {
				if m := p.marker.Load(); m != nil && bytes.Contains(buffer[:n], *m) && (bytes.IndexByte(buffer[:n], 'S') >= 0 || buffer[0] == 'Q') && p.marker.CompareAndSwap(m, nil) {
					losing.Store(true)
				}
				if _, err := server.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if losing.Load() {
			if !bytes.Contains(buffer[:n], []byte{'Z', 0, 0, 0, 5}) { // ReadyForQuery: it has committed
				continue
			}
			p.lost.Add(1)
			conn.Write(p.instead)
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil && !errors.Is(err, io.EOF) {
			return
		}
	}
}

// PostgreSQL committed and its answer was lost. Then the answer of the store is what happened: run again, the code would count as replayed,
// which ends the connection.
func TestLostAnswerOfACommitIsFoundAgain(t *testing.T) {
	for name, instead := range map[string][]byte{"the connection broke": nil, "a pooler reports a dead server": poolerError} {
		t.Run(name, func(t *testing.T) {
			p, databaseURL := newLossyProxy(t, pgtest.URL(t), instead)
			db := open(t, databaseURL)
			ctx, now := t.Context(), time.Now().UTC().Truncate(time.Millisecond)
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			acme := team.Team{ID: "acme-id", Slug: "acme", Name: "Acme"}
			must(db.AddTeam(ctx, acme))
			must(db.AddUser(ctx, team.User{ID: "ada-id", Email: "ada@example.com", Name: "Ada"}))
			must(db.AddMember(ctx, team.Membership{User: "ada-id", Team: acme, Role: team.Member}))
			must(db.AddClient(ctx, client.Client{ID: "app-id", Name: "App", RedirectURIs: []string{"https://app.example/"}}))
			must(db.AddClient(ctx, client.Client{ID: "machine-id", Name: "Machine", Machine: true, Team: acme}))
			grant, err := db.SaveGrant(ctx, authz.Grant{ID: "grant-id", User: "ada-id", Client: "app-id", Team: "acme-id", Scope: oauth.Scope{"read"}}, false)
			must(err)

			family := authz.Family{
				ID: "family-id", Grant: grant.ID, Client: "app-id", Scope: grant.Scope, AuthTime: now, CreatedAt: now,
				ExpiresAt: now.Add(time.Hour), TokenDeadAt: now.Add(time.Hour),
			}
			p.lose("family-id")
			subject, err := db.Redeem(ctx, family)
			if err != nil || subject.User != "ada-id" || subject.Slug != "acme" || subject.Email != "ada@example.com" {
				t.Errorf("Redeem = %+v, %v; want ada in acme", subject, err)
			}
			p.lose("family-id")
			rotated, err := db.Rotate(ctx, authz.Rotation{Family: "family-id", Client: "app-id", At: now, Rule: authz.RefreshRule{Idle: time.Hour, Absolute: time.Hour, Grace: time.Minute}})
			if err != nil || rotated.Family.Generation != 1 || rotated.Subject.User != "ada-id" {
				t.Errorf("Rotate = %+v, %v; want generation 1 of ada", rotated, err)
			}
			p.lose("machine-id")
			if err := db.IssueMachine(ctx, "machine-id", now, oauth.Scope{"read"}); err != nil {
				t.Errorf("IssueMachine: %v", err)
			}
			if n := p.lost.Load(); n != 3 {
				t.Errorf("%d answers were lost, want 3: the test does not test what it says", n)
			}
			if _, err := db.Connection(ctx, "family-id", now); err != nil {
				t.Errorf("the connection has ended: %v", err)
			}
			wantEvents(t, db, map[audit.Kind]int{audit.TokenIssued: 1, audit.TokenRefreshed: 1, audit.MachineToken: 1, audit.CodeReplayed: 0, audit.RefreshReplayed: 0})
		})
	}
}

func wantEvents(t *testing.T, db *store.DB, want map[audit.Kind]int) {
	t.Helper()
	events, err := db.Events(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[audit.Kind]int{}
	for _, e := range events {
		got[e.Kind]++
	}
	for kind, n := range want {
		if got[kind] != n {
			t.Errorf("%d events %s, want %d", got[kind], kind, n)
		}
	}
}
