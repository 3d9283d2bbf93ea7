package store

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
)

// clientLease is how long a process goes by the clients that it knows before it looks whether one has changed. It is the same for all processes on a database.
const clientLease = 50 * time.Millisecond

// maxClients bounds the memory that clients take.
const maxClients = 10_000

// clientCache remembers clients, which every request needs and hardly any changes, and it is exact, also where several processes share a database.
// A change makes another revision in its transaction (a random one, so that a database which has lost its latest commits does not repeat one), and is answered a clientLease after its commit. By then every process has looked at the revision, or will
// before it goes by a client again. So what has been answered is true everywhere, without a word between the processes. Only a machine whose clock stood still, because
// it was suspended meanwhile, goes by what it knew for the rest of its lease.
//
// Clients that do not exist are not remembered: a new one is known at once, and nobody can fill the cache with names.
type clientCache struct {
	mu         sync.Mutex
	known      map[authz.ClientID]authz.Client
	generation uint64 // of known: what was read before a change must not be remembered after it
	revision   int64
	looked     time.Time // before the revision was read
}

// get is a client that is known at now. When fresh is false, the revision has to be looked at first.
func (c *clientCache) get(id authz.ClientID, now time.Time) (client authz.Client, known bool, generation uint64, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.looked) >= clientLease {
		return authz.Client{}, false, 0, false
	}
	client, known = c.known[id]
	return client, known, c.generation, true
}

func (c *clientCache) put(client authz.Client, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if c.known == nil || len(c.known) >= maxClients {
		c.known = map[authz.ClientID]authz.Client{}
	}
	c.known[client.ID] = client
}

// at takes in the revision that somebody who began to look at a time has read.
func (c *clientCache) at(revision int64, looked time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if looked.Before(c.looked) {
		return // somebody else has read a newer one
	}
	if revision != c.revision {
		c.forget()
	}
	c.revision, c.looked = revision, looked
}

// changed forgets all clients: a change has been committed here.
func (c *clientCache) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
}

// close makes the next who asks look at the database, which is closed.
func (c *clientCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = time.Time{}
}

func (c *clientCache) forget() {
	c.known = nil
	c.generation++
}

// Client is a client with its redirect URIs and its secrets, the oldest first. What it refers to is shared and must not be changed. authz.ErrNoClient.
func (db *DB) Client(ctx context.Context, id authz.ClientID) (authz.Client, error) {
	// Of when the question was asked, so that one look answers it, however long that takes. Not the clock of what is stored: that one may jump.
	now := time.Now()
	for {
		client, known, generation, fresh := db.clients.get(id, now)
		if known {
			return client, nil
		}
		if fresh {
			client, err := db.readClient(ctx, id)
			if err == nil {
				db.clients.put(client, generation)
			}
			return client, err
		}
		scan := func(r row) (revision int64, err error) { return revision, r.Scan(&revision) }
		revision, err := one(ctx, db, "Revision", nil, scan, `SELECT COALESCE(MAX(revision), 0) FROM revisions WHERE name = 'clients'`)
		if err != nil {
			return authz.Client{}, err
		}
		db.clients.at(revision, now)
	}
}

// changeClients is write for a unit of work that changes clients, or the teams that they belong to.
func (db *DB) changeClients(ctx context.Context, name string, work unit) error {
	err := db.write(ctx, name, func(t *tx) error {
		if err := work(t); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO revisions (name, revision) VALUES ('clients', $1) ON CONFLICT (name) DO UPDATE SET revision = excluded.revision`, rand.Int64())
		return err
	})
	if err != nil {
		return err
	}
	db.clients.changed()
	time.Sleep(clientLease) // see clientCache; whoever hangs up has changed the client all the same
	return nil
}
