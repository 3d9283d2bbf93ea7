package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// The cache is bounded: at most so many clients, and so many signed-in users of a few teams each.
const (
	maxClients   = 10_000
	maxUsers     = 4_000
	maxUserTeams = 8
)

// maxAge is how long something is cached at most, even if the revision has not changed.
const maxAge = time.Minute

// cache holds the clients, which every request needs and hardly any changes, and signed-in users (signed_in_user_cache.go).
//
// It is exact, even if several processes share the database. The field calls this a "read lease with commit wait".
// A process trusts its cache for one lease (50 ms) after it last read the revision, a number in the database that changes
// with everything cached. A change is answered only when more than a lease has passed since its commit. By then every
// process has read the new revision, or will read it before it trusts its cache again:
//
//	process A   |commit|......waits a lease and a quarter......|answers
//	process B  |reads revision 7|..trusts its cache..|reads 8, forgets what changed|
//
// The revision of the users comes with the latest changes, so the end of a session makes others forget that session only.
//
// What it costs: a change of something cached takes 62 ms longer, and all such changes update one row of the database.
// Two things change without a new revision, and are seen after maxAge: what somebody changes by hand, and a grant that a
// database lost together with its latest commits. A machine whose clock stands still while it is suspended may trust old
// entries for the rest of one lease. What does not exist is not cached, so a new client is known at once.
// Source: Gray and Cheriton, "Leases", SOSP 1989.
type cache struct {
	lease time.Duration

	mu       sync.Mutex
	clients  map[oauth.ClientID]client.Client
	users    map[userKey]authz.SignedInUser
	revision revision
	readAt   time.Time // before the revision was read
	emptyAt  time.Time // when the whole cache was last emptied

	// How often each part was emptied, or entries were taken from it. An entry that was read from the database before that must not be
	// added after it.
	clientsEmptied, usersEmptied uint64
}

// revision has one number for changes of clients, which concern users too, and one for other changes of signed-in users.
// So sign-ins and sign-outs do not empty the client cache. The numbers are random: a database that has lost its latest
// commits does not repeat one.
type revision struct {
	clients, users int64
	changes        string // the latest changes of users, the newest first: a line "REVISION KEY\n" each, as change writes them
}

// Keys of changes. changeOfAll empties the whole user cache.
const changeOfAll = "*"

func changeOfSession(id string) string      { return "session:" + id }
func changeOfUser[ID ~string](id ID) string { return "user:" + string(id) }

// maxChanges is how many bytes of changes are kept: some forty of them. A process that has missed more empties its cache.
const maxChanges = 4000

// since is the keys of all changes after a revision; known is false when the list does not go back so far.
func (r revision) since(last int64) (keys map[string]bool, known bool) {
	keys = map[string]bool{}
	for line := range strings.Lines(r.changes) {
		number, key, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if number == strconv.FormatInt(last, 10) {
			return keys, true
		}
		keys[key] = true
	}
	return nil, false
}

// wait is how long a change waits after its commit. It is longer than the lease, because a clock that is being corrected
// runs up to a tenth too fast or too slow.
func (c *cache) wait() time.Duration { return c.lease + c.lease/4 }

// trusted reports whether the cache may be used at now.
func (c *cache) trusted(now time.Time) bool { return now.Sub(c.readAt) < c.lease }

// client is the cached client. When trusted is false, the revision has to be read first. emptied is for putClient.
func (c *cache) client(id oauth.ClientID, now time.Time) (entry client.Client, found bool, emptied uint64, trusted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.trusted(now) {
		return client.Client{}, false, 0, false
	}
	entry, found = c.clients[id]
	return entry, found, c.clientsEmptied, true
}

// putClient caches a client that was read from the database, unless the cache has been emptied since.
func (c *cache) putClient(entry client.Client, emptied uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if emptied == c.clientsEmptied {
		c.clients = put(c.clients, maxClients, entry.ID, entry)
	}
}

// put empties a map that is full: most of what was in it is found again when it is needed.
func put[K comparable, V any](entries map[K]V, most int, key K, value V) map[K]V {
	if entries == nil || len(entries) >= most {
		entries = map[K]V{}
	}
	entries[key] = value
	return entries
}

// setRevision takes in the revision that somebody began to read at a time.
func (c *cache) setRevision(r revision, readAt time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if readAt.Before(c.readAt) {
		return // somebody else has read a newer one
	}
	old := readAt.Sub(c.emptyAt) >= maxAge
	if old {
		c.emptyAt = readAt
	}
	clientsChanged := old || r.clients != c.revision.clients
	if clientsChanged {
		c.clients = nil
		c.clientsEmptied++
	}
	if clientsChanged || r.users != c.revision.users {
		c.usersEmptied++
		changes, known := r.since(c.revision.users)
		if clientsChanged || !known || changes[changeOfAll] {
			c.users = nil
		}
		maps.DeleteFunc(c.users, func(key userKey, u authz.SignedInUser) bool {
			return changes[changeOfSession(key.session)] || changes[changeOfUser(u.Session.User.ID)]
		})
	}
	c.revision, c.readAt = r, readAt
}

// close ends the trust in the cache, so that the next request meets the closed database.
func (c *cache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readAt = time.Time{}
}

// Client is a client with its redirect URIs and its secrets, the oldest first. What it refers to is shared and must not
// be changed. client.ErrNoClient.
func (db *DB) Client(ctx context.Context, id oauth.ClientID) (client.Client, error) {
	// The time of the question, so that one reading of the revision answers it, even from a slow database. It is not
	// db.now: that clock may jump.
	now := time.Now()
	for {
		c, found, emptied, trusted := db.cache.client(id, now)
		if found {
			return c, nil
		}
		if trusted {
			c, err := db.readClient(ctx, id)
			if err == nil {
				db.cache.putClient(c, emptied)
			}
			return c, err
		}
		scan := func(r engine.Row) (v revision, err error) { return v, r.Scan(&v.clients, &v.users, &v.changes) }
		revision, err := engine.One(ctx, db.engine, "Revision", nil, scan, `
			SELECT COALESCE((SELECT revision FROM gh_revisions WHERE name = 'clients'), 0),
				COALESCE((SELECT revision FROM gh_revisions WHERE name = 'users'), 0),
				COALESCE((SELECT changes FROM gh_revisions WHERE name = 'users'), '')`)
		if err != nil {
			return client.Client{}, err
		}
		db.cache.setRevision(revision, now)
	}
}

// changeClients is write for a unit of work that changes clients, and so users too.
func (db *DB) changeClients(ctx context.Context, name string, work func(*tx) error) error {
	return db.revise(ctx, "clients", name, work)
}

// change is write for a unit of work that changes anything else that the cache has of signed-in users. The unit says in
// tx.changed which session or user it changes. If it does not say, the whole user cache is emptied.
func (db *DB) change(ctx context.Context, name string, work func(*tx) error) error {
	return db.revise(ctx, "users", name, work)
}

// revise runs a unit of work and changes the revision with it, and waits until that has reached every process.
// A caller whose change was already made, or who got an error, waits too: another process may not have seen the change yet.
func (db *DB) revise(ctx context.Context, of, name string, work func(*tx) error) error {
	err := db.write(ctx, name, func(t *tx) error {
		if err := work(t); err != nil || !t.Wrote() {
			return err
		}
		revision := rand.Int64()
		_, err := t.Change(`
			INSERT INTO gh_revisions (name, revision, changes) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, changes = SUBSTR(excluded.changes || gh_revisions.changes, 1, $4)`,
			of, revision, fmt.Sprintf("%d %s\n", revision, cmp.Or(t.changed, changeOfAll)), maxChanges)
		return err
	})
	time.Sleep(db.cache.wait()) // also when the caller hangs up: the change has been made
	return err
}
