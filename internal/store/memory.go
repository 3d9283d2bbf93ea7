package store

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// What is remembered is bounded: these many clients, and these many visitors of a few teams each.
const (
	maxClients      = 10_000
	maxVisitors     = 4_000
	maxVisitorTeams = 8
)

// maxAge is how long something is remembered at most, whatever the revision says.
const maxAge = time.Minute

// memory is what a process remembers of its database: the clients, which every request needs and hardly any changes, and visitors. It is exact, also where several processes
// share a database.
//
// A change makes another revision in its transaction (by a random number, so that a database which has lost its latest commits does not repeat one), and is answered more than a
// lease after its commit, to whoever made it and to whoever finds it made. By then every process has looked at the revision, or will before it goes by what it remembers again.
// So what has been answered is true everywhere, without a word between the processes. Only a machine whose clock stood still, because it was suspended meanwhile, goes by what it
// knew for the rest of its lease.
//
// Some things make no other revision: what somebody changes by hand, and the loss of a grant that a database gave and lost with its latest commits. They are true after a minute.
//
// What does not exist is not remembered: a new client is known at once, and nobody can fill the memory with names.
type memory struct {
	lease time.Duration // how long a process goes by what it remembers before it looks at the revision

	mu       sync.Mutex
	clients  map[oauth.ClientID]client.Client
	visitors map[visit]authz.Visitor
	revision revision
	looked   time.Time // before the revision was read
	begun    time.Time // when there was nothing in the memory

	// How often they were forgotten: what was read before a change must not be remembered after it.
	clientsForgotten, visitorsForgotten uint64
}

// revision has one number for changes of clients, which concern visitors too, and one for all others: people come and go all the time, and clients stay.
type revision struct{ clients, visitors int64 }

// visit is a session and the client that sent it.
type visit struct {
	session string
	client  oauth.ClientID
}

// wait is how long after its commit a change is answered: so much more than the lease that a clock which is being corrected, and runs a tenth too fast here or too slow
// elsewhere, does no harm.
func (m *memory) wait() time.Duration { return m.lease + m.lease/4 }

// fresh reports whether at now the memory may be gone by.
func (m *memory) fresh(now time.Time) bool { return now.Sub(m.looked) < m.lease }

// client is a client that is known at now. When fresh is false, the revision has to be looked at first.
func (m *memory) client(id oauth.ClientID, now time.Time) (found client.Client, known bool, generation uint64, fresh bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.fresh(now) {
		return client.Client{}, false, 0, false
	}
	found, known = m.clients[id]
	return found, known, m.clientsForgotten, true
}

func (m *memory) putClient(client client.Client, generation uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if generation == m.clientsForgotten {
		m.clients = put(m.clients, maxClients, client.ID, client)
	}
}

// visitor is a visitor that is known at now. It looks at no revision: whoever asks has just asked for the client.
func (m *memory) visitor(v visit, now time.Time) (visitor authz.Visitor, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fresh(now) {
		visitor, known = m.visitors[v]
	}
	return visitor, known
}

func (m *memory) putVisitor(v visit, visitor authz.Visitor, generation uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if generation == m.visitorsForgotten && len(visitor.Standings) <= maxVisitorTeams {
		m.visitors = put(m.visitors, maxVisitors, v, visitor)
	}
}

// put begins anew when there is no room: most of what is remembered is found again when it is needed.
func put[K comparable, V any](known map[K]V, most int, key K, value V) map[K]V {
	if known == nil || len(known) >= most {
		known = map[K]V{}
	}
	known[key] = value
	return known
}

// at takes in the revision that somebody who began to look at a time has read.
func (m *memory) at(r revision, looked time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if looked.Before(m.looked) {
		return // somebody else has read a newer one
	}
	old := looked.Sub(m.begun) >= maxAge
	if old {
		m.begun = looked
	}
	if old || r.clients != m.revision.clients {
		m.clients = nil
		m.clientsForgotten++
	}
	if old || r != m.revision {
		m.visitors = nil
		m.visitorsForgotten++
	}
	m.revision, m.looked = r, looked
}

// close makes the next who asks look at the database, which is closed.
func (m *memory) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looked = time.Time{}
}

// reading is the generation of a visitor who is read from here on.
func (m *memory) reading() (generation uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.visitorsForgotten
}

// Client is a client with its redirect URIs and its secrets, the oldest first. What it refers to is shared and must not be changed. authz.ErrNoClient.
func (db *DB) Client(ctx context.Context, id oauth.ClientID) (client.Client, error) {
	// Of when the question was asked, so that one look answers it, however long that takes. Not the clock of what is stored: that one may jump.
	now := time.Now()
	for {
		c, known, generation, fresh := db.memory.client(id, now)
		if known {
			return c, nil
		}
		if fresh {
			c, err := db.readClient(ctx, id)
			if err == nil {
				db.memory.putClient(c, generation)
			}
			return c, err
		}
		scan := func(r engine.Row) (v revision, err error) { return v, r.Scan(&v.clients, &v.visitors) }
		revision, err := engine.One(ctx, db.engine, "Revision", nil, scan, `SELECT COALESCE((SELECT revision FROM revisions WHERE name = 'clients'), 0),
			COALESCE((SELECT revision FROM revisions WHERE name = 'visitors'), 0)`)
		if err != nil {
			return client.Client{}, err
		}
		db.memory.at(revision, now)
	}
}

// Visitor is a session and its person's Standings. What it refers to is shared and must not be changed. authn.ErrNoSession.
func (db *DB) Visitor(ctx context.Context, session string, client oauth.ClientID, now time.Time) (authz.Visitor, error) {
	generation := db.memory.reading()
	visitor, err := db.readVisitor(ctx, session, client, now)
	if err == nil {
		db.memory.putVisitor(visit{session, client}, visitor, generation)
	}
	return visitor, err
}

// RememberedVisitor is what Visitor has answered before, if that is known. A grant may have been given or widened since, and a block lifted; nothing else has changed.
func (db *DB) RememberedVisitor(session string, client oauth.ClientID, now time.Time) (visitor authz.Visitor, known bool) {
	visitor, known = db.memory.visitor(visit{session, client}, time.Now())
	return visitor, known && visitor.Session.ExpiresAt.After(now)
}

// change is write for a unit of work that changes something that processes remember of visitors, and changeClients for one that changes clients as well.
func (db *DB) change(ctx context.Context, name string, work func(*tx) error) error {
	return db.revise(ctx, "visitors", name, work)
}

func (db *DB) changeClients(ctx context.Context, name string, work func(*tx) error) error {
	return db.revise(ctx, "clients", name, work)
}

// revise waits also when there was nothing to change, and when nobody knows whether there was: somebody may have made the same change a moment ago, and still be waiting.
func (db *DB) revise(ctx context.Context, number, name string, work func(*tx) error) error {
	err := db.write(ctx, name, func(t *tx) error {
		if err := work(t); err != nil || !t.Wrote() {
			return err
		}
		_, err := t.Change(`INSERT INTO revisions (name, revision) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET revision = excluded.revision`, number, rand.Int64())
		return err
	})
	time.Sleep(db.memory.wait()) // see memory, of this process too; whoever hangs up has made the change all the same
	return err
}
