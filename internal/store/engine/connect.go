package engine

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// How a connection to PostgreSQL deals with a host that is silent.
const (
	// connectLimit is for each host of the URL, unless connect_timeout is there.
	connectLimit = 1500 * time.Millisecond
	// pingLimit is for the question whether a connection still works that was idle for a second.
	pingLimit = 500 * time.Millisecond
	// cancelLimit is for the request to cancel a statement, and again for the end of its connection. Until then it has its place in the pool.
	cancelLimit = 250 * time.Millisecond
	// keepAlive is how often an idle connection is checked. After three failures it is closed.
	keepAlive = 2 * time.Second
)

// hosts makes connections to PostgreSQL. Of several hosts, the one that did not answer last is tried last.
type hosts struct {
	suspect func() // is called when a connection did not answer in time
	login   *login
	silent  atomic.Pointer[string]
}

// configure sets what all connections have in common.
func (h *hosts) configure(c *pgx.ConnConfig) {
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectLimit
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "gatehouse" // for pg_stat_activity
	}
	// A server that takes no writes is of no use. Of several hosts it finds the primary.
	c.ValidateConnect = takesWrites
	closes := c.OnPgError
	c.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		return err.Code != readOnly && closes(conn, err) // false closes the connection: another host may be the primary now
	}
}

// prepare gives the connection that is about to be made a dialer of its own, and the order of hosts.
func (h *hosts) prepare(_ context.Context, c *pgx.ConnConfig) error {
	h.login.apply(c)
	h.order(c)
	d := &dialer{
		Dialer: net.Dialer{
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: keepAlive, Count: 3},
			Control:         limitUnacknowledged,
		},
		limit: c.ConnectTimeout, lookup: c.LookupFunc, names: map[string]string{},
	}
	c.DialFunc, c.LookupFunc = d.dial, d.look
	first := address(c.Host, c.Port)
	c.AfterConnect = func(context.Context, *pgconn.PgConn) error {
		d.connected = true
		if d.host != first {
			h.silent.Store(&first)
		}
		return nil
	}
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return silenceWatcher{&pgconn.DeadlineContextWatcherHandler{Conn: conn.Conn()}, func() {
			h.silent.Store(&d.host)
			h.suspect()
		}}
	}
	return nil
}

// order puts the host that was silent behind the others.
func (h *hosts) order(c *pgx.ConnConfig) {
	silent := h.silent.Load()
	if silent == nil || len(c.Fallbacks) == 0 {
		return
	}
	all := slices.Concat([]*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}, c.Fallbacks)
	slices.SortStableFunc(all, func(a, b *pgconn.FallbackConfig) int {
		last := func(f *pgconn.FallbackConfig) int {
			if address(f.Host, f.Port) == *silent {
				return 1
			}
			return 0
		}
		return last(a) - last(b)
	})
	c.Host, c.Port, c.TLSConfig, c.Fallbacks = all[0].Host, all[0].Port, all[0].TLSConfig, all[1:]
}

// address names a host of the URL.
func address(host string, port uint16) string {
	_, name := pgconn.NetworkAddress(host, port)
	return name
}

// silenceWatcher ends an operation whose deadline has passed.
type silenceWatcher struct {
	*pgconn.DeadlineContextWatcherHandler
	suspect func()
}

func (w silenceWatcher) HandleCancel(ctx context.Context) {
	w.DeadlineContextWatcherHandler.HandleCancel(ctx)
	w.suspect()
}

// dialer opens the sockets of one connection: first its own, and then one for each request to cancel a statement.
type dialer struct {
	net.Dialer
	limit     time.Duration // of a look-up
	lookup    pgconn.LookupFunc
	names     map[string]string // IP address → the host of the URL
	host      string            // the address that was dialled last
	connected bool
}

// look resolves a name. The resolver has no limit of its own.
func (d *dialer) look(ctx context.Context, host string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	found, err := d.lookup(ctx, host)
	for _, ip := range found {
		d.names[ip] = host
	}
	return found, err
}

func (d *dialer) dial(ctx context.Context, network, to string) (net.Conn, error) {
	if d.connected {
		return d.dialToCancel(ctx, network, to)
	}
	d.host = to
	if ip, port, err := net.SplitHostPort(to); err == nil && isTCP(network) {
		d.host = net.JoinHostPort(cmp.Or(d.names[ip], ip), port)
	}
	conn, err := d.DialContext(ctx, network, to)
	if err != nil {
		return nil, err
	}
	return impatientConn{conn}, nil
}

func (d *dialer) dialToCancel(ctx context.Context, network, to string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cancelLimit)
	defer cancel()
	conn, err := d.DialContext(ctx, network, to)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(cancelLimit))
}

// impatientConn shortens deadlines. pgx sets one only to end a connection: it would wait for a silent host for 15 seconds.
type impatientConn struct{ net.Conn }

func (c impatientConn) SetDeadline(at time.Time) error {
	if soon := time.Now().Add(cancelLimit); at.After(soon) {
		at = soon
	}
	return c.Conn.SetDeadline(at)
}

func isTCP(network string) bool { return strings.HasPrefix(network, "tcp") }
