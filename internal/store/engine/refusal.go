package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// refusalPause is the first wait before another attempt to connect, after PostgreSQL refused one. It doubles.
	refusalPause = 50 * time.Millisecond
	// startRefused is how long Open waits for a PostgreSQL that is starting or has too many connections.
	startRefused = 30 * time.Second
	// rereadEvery is how often the database URL is read again at most, while PostgreSQL refuses the password.
	rereadEvery = 100 * time.Millisecond
)

// refusedForAWhile reports that PostgreSQL, or a pooler, refused a connection for a reason that passes: too many connections, starting up,
// shutting down, a pooler without a server.
func refusedForAWhile(err error) bool {
	code := postgresCode(err)
	return connecting(err) && len(code) == 5 && slices.Contains([]string{"08", "53", "57"}, code[:2])
}

// refusedLogin reports that PostgreSQL refused the user or the password.
func refusedLogin(err error) bool {
	code := postgresCode(err)
	return connecting(err) && len(code) == 5 && code[:2] == "28"
}

func connecting(err error) bool {
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok
}

// acquire takes a connection. While PostgreSQL refuses to make one, it tries again, with the new password if there is one, but not longer than
// half of the time that ctx has, so that a request with two statements is answered in time. Its error means that nothing was sent.
func (db *DB) acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		half, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
		ctx = half
	}
	var refused error
	for pause := refusalPause; ; pause *= 2 {
		conn, err := pool.Acquire(ctx)
		if err == nil {
			return conn, nil
		}
		if refused == nil || connecting(err) { // the end of ctx is not why
			refused = err
		}
		if refusedLogin(err) && db.login.reread(ctx, db) {
			continue
		}
		if !refusedForAWhile(err) && !refusedLogin(err) {
			return nil, fmt.Errorf("%w: %w", errNotStarted, refused)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errNotStarted, refused)
		case <-time.After(pause + rand.N(pause)):
		}
	}
}

// login is what connections log in with. It can change while the database is open.
type login struct {
	mu     sync.Mutex
	config *pgx.ConnConfig // nil: that of the pool
	last   time.Time       // of reread
}

// apply gives a connection that is about to be made the user, the password and the certificates of today.
func (l *login) apply(c *pgx.ConnConfig) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.config != nil {
		c.User, c.Password, c.TLSConfig, c.Fallbacks = l.config.User, l.config.Password, l.config.TLSConfig, l.config.Fallbacks
	}
}

// reread asks for the database URL again, and reports whether the user or password has changed since ctx's caller used it.
func (l *login) reread(ctx context.Context, db *DB) bool {
	l.mu.Lock()
	soon := time.Since(l.last) < rereadEvery
	if !soon {
		l.last = time.Now()
	}
	l.mu.Unlock()
	if soon || db.opts.URL == nil {
		return false
	}
	url, err := db.opts.URL()
	if err == nil {
		var changed bool
		if changed, err = db.UseURL(url); changed {
			db.opts.Log.InfoContext(ctx, "the new password of the database is used", "database", db.place)
			return true
		}
	}
	if err != nil {
		db.opts.Log.WarnContext(ctx, "the database refuses the password, and the new one cannot be read", "error", err)
	}
	return false
}

// UseURL makes later connections log in as a URL says: with its user, password and certificates. It reports whether the user or the password is new.
// All else has to be as it was.
func (db *DB) UseURL(url string) (changed bool, err error) {
	if !db.PostgreSQL() {
		if url != db.url {
			return false, errOtherDatabase
		}
		return false, nil
	}
	parsed, err := pgxpool.ParseConfig(url)
	if err != nil {
		return false, fmt.Errorf("read the database URL: %w", err)
	}
	config, was := parsed.ConnConfig, db.pool.Config().ConnConfig
	if config.Database != was.Database || !slices.Equal(addresses(config), addresses(was)) {
		return false, errOtherDatabase
	}
	db.login.mu.Lock()
	if db.login.config != nil {
		was = db.login.config
	}
	changed = config.User != was.User || config.Password != was.Password
	db.login.config = config
	db.login.mu.Unlock()
	if changed {
		db.suspect() // connections of the old user
	}
	return changed, nil
}

var errOtherDatabase = errors.New("database_url names another database now: restart the server to use it")

func addresses(c *pgx.ConnConfig) []string {
	all := []string{address(c.Host, c.Port)}
	for _, f := range c.Fallbacks {
		all = append(all, address(f.Host, f.Port))
	}
	return all
}

// connectFirst connects, and waits for a PostgreSQL that says that it will take connections soon.
func (db *DB) connectFirst(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	began := time.Now()
	for pause := refusalPause; ; pause = min(2*pause, time.Second) {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err == nil || !refusedForAWhile(err) || time.Since(began) > startRefused {
			return conn, err
		}
		if pause == refusalPause {
			db.opts.Log.WarnContext(ctx, "the database takes no connections yet; waiting for it", "database", db.place, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}
