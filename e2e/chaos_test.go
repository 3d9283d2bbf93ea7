package e2e_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
)

var (
	chaosFor   = flag.Duration("chaos", 0, "how long TestChaos goes on disturbing the servers (default: every fault once)")
	chaosPause = flag.Duration("chaos-pause", 0, "how long each client of TestChaos waits between two requests, so that a long run leaves the machine to others")
)

// slowestInChaos is the longest that an answer may take. The promise is five seconds on a machine that is not busy with other tests.
const slowestInChaos = 15 * time.Second

// TestChaos disturbs two servers under load, with one fault after the other. No connection is lost, every request is answered, with 503 at
// worst, and SIGTERM ends the servers.
func TestChaos(t *testing.T) {
	pair := pgtest.NewPair(t)
	clock := newSteppedClock(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &chaos{failover: &failover{t: t, pair: pair}, clock: clock, secret: filepath.Join(t.TempDir(), "database_url")}
	c.admin = c.connection()
	c.sql("CREATE ROLE gatehouse LOGIN SUPERUSER PASSWORD 'first'")
	pair.AskPassword("gatehouse")
	c.writePassword("first")
	// One access token is used all the time, so it has to live as long as the test.
	settings := []string{masterKey, "GATEHOUSE_SHUTDOWN_TIMEOUT=10s", "GATEHOUSE_ACCESS_TOKEN_LIFETIME=24h", "GATEHOUSE_DATABASE_URL_FILE=" + c.secret}
	in, wrong := install(t, "", settings...), install(t, "", append(settings, clockFile+"="+clock.file)...)
	wrong.serve = self
	c.in, c.failover = in, newFailoverOn(t, pair, in, wrong)
	c.pause = *chaosPause
	c.silentReceiver()

	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	load := c.load(ctx)
	faults := []struct {
		name string
		do   func()
	}{
		{"a clock 100 s ahead", func() { c.wrongClock(100 * time.Second) }},
		{"a clock 40 days ahead", func() { c.wrongClock(40 * 24 * time.Hour) }},
		{"a clock 40 days behind", func() { c.wrongClock(-40 * 24 * time.Hour) }},
		{"a log that nobody reads", c.stalledLog},
		{"locked tables", c.lockedTables},
		{"a database that refuses sign-ins", c.refusedConnections},
		{"another password", c.changedPassword},
		{"receivers that do not answer", c.signOuts},
	}
	for began := time.Now(); ; {
		for _, fault := range faults {
			if !t.Failed() {
				c.slowest = 0
				c.await(c.answered.Load() + 50)
				fault.do()
				after := c.untilAnswered(time.Now())
				t.Logf("%s: every kind of request is answered again %s after it; the slowest answer took %s", fault.name, after, c.worst())
			}
		}
		if t.Failed() || time.Since(began) >= *chaosFor {
			break
		}
	}
	stop()
	load.Wait()
	c.check()
	c.finish()
	c.end()
}

// chaos is two servers under load, the first with a clock that can be stepped.
type chaos struct {
	*failover
	in        *installation
	clock     steppedClock
	admin     *sql.Conn // to the database
	secret    string    // the file with the database's URL
	passwords int       // that there were after the first
}

func (c *chaos) connection() *sql.Conn {
	c.t.Helper()
	conn, err := c.pair.SQL().Conn(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	return conn
}

func (c *chaos) sql(statement string) {
	c.t.Helper()
	if _, err := c.admin.ExecContext(c.t.Context(), statement); err != nil {
		c.t.Fatalf("%s: %v", statement, err)
	}
}

// await waits until the servers have given so many answers that are not 503.
func (c *chaos) await(answers int64) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); c.answered.Load() < answers && !c.t.Failed(); {
		if time.Now().After(deadline) {
			c.t.Fatalf("%d answers after %s, not %d", c.answered.Load(), patience, answers)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// worst is the slowest answer since the fault began.
func (c *chaos) worst() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slowest > slowestInChaos {
		c.t.Errorf("an answer took %s", c.slowest)
	}
	return c.slowest.Round(time.Millisecond)
}

// during is how long a fault goes on: long enough for each kind of request to meet it.
const during = 2 * time.Second

// wrongClock steps the clock of one server, and back.
func (c *chaos) wrongClock(ahead time.Duration) {
	c.t.Helper()
	c.clock.step(ahead)
	<-time.After(during)
	c.clock.step(0)
}

// stalledLog stops to read the log of one server.
func (c *chaos) stalledLog() {
	p := c.processes[0]
	p.reading.Lock()
	defer p.reading.Unlock()
	c.await(c.answered.Load() + 500) // more lines than a pipe holds
}

// lockedTables locks what every request needs.
func (c *chaos) lockedTables() {
	c.t.Helper()
	c.sql("BEGIN")
	c.sql("LOCK TABLE gh_families, gh_grants, gh_audit IN ACCESS EXCLUSIVE MODE")
	<-time.After(during)
	c.sql("ROLLBACK")
}

// refusedConnections ends every connection of the servers, and lets them not sign in.
func (c *chaos) refusedConnections() {
	c.t.Helper()
	c.sql("ALTER ROLE gatehouse NOLOGIN")
	c.endConnections()
	<-time.After(during)
	c.sql("ALTER ROLE gatehouse LOGIN")
}

// changedPassword gives the servers' role another password, and tells them a moment later.
func (c *chaos) changedPassword() {
	c.t.Helper()
	c.passwords++
	password := fmt.Sprint("another", c.passwords)
	c.sql("ALTER ROLE gatehouse PASSWORD '" + password + "'")
	c.endConnections()
	<-time.After(during)
	c.writePassword(password)
}

func (c *chaos) endConnections() {
	c.t.Helper()
	c.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gatehouse'")
}

// writePassword writes the file from which the servers read the database's URL.
func (c *chaos) writePassword(password string) {
	c.t.Helper()
	u, err := url.Parse(c.pair.URL())
	if err != nil {
		c.t.Fatal(err)
	}
	u.User = url.UserPassword("gatehouse", password)
	if err := os.WriteFile(c.secret, []byte(u.String()+"\n"), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// silentReceiver registers an address for back-channel logouts that takes connections and never answers.
func (c *chaos) silentReceiver() {
	c.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { listener.Close() })
	c.in.cli("", nil, "client", "update", c.app.id, "--backchannel-logout-uri", "http://"+listener.Addr().String()+"/logout")
}

// signOuts signs people out. Each sign-out makes the server send a back-channel logout to the silent receiver.
func (c *chaos) signOuts() {
	c.t.Helper()
	for range 8 {
		ann := c.processes[1].person(c.t)
		if code := parameter(ann.connect(c.url()), "code"); code == "" {
			c.t.Fatal("there is no code")
		}
		if response := ann.send(http.MethodPost, installedURL+"/logout/", url.Values{}); response.StatusCode >= http.StatusBadRequest {
			c.t.Fatalf("sign-out is answered with %s", response.Status)
		}
	}
}

// end asks the servers to shut down while requests come in.
func (c *chaos) end() {
	c.t.Helper()
	for _, p := range c.processes {
		began := time.Now()
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			c.t.Fatal(err)
		}
		<-p.drained
		if err := p.cmd.Wait(); err != nil {
			c.t.Errorf("after SIGTERM: %v\n%s", err, p.tail())
		}
		if took := time.Since(began); took > slowestInChaos {
			c.t.Errorf("a server ended %s after SIGTERM", took)
		}
	}
}
