package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// visit is a session and the client that sent it here: the key of a cached visitor.
type visit struct {
	session string
	client  oauth.ClientID
}

// visitor is the cached visitor. It reads no revision: the caller has just asked for the client, which did.
func (c *cache) visitor(v visit, now time.Time) (visitor authz.Visitor, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trusted(now) {
		visitor, found = c.visitors[v]
	}
	return visitor, found
}

// visitorReading is for putVisitor. It is called before a visitor is read from the database.
func (c *cache) visitorReading() (emptied uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.visitorsEmptied
}

// putVisitor caches a visitor, unless the cache has been emptied since visitorReading.
func (c *cache) putVisitor(v visit, visitor authz.Visitor, emptied uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if emptied == c.visitorsEmptied && len(visitor.Standings) <= maxVisitorTeams {
		c.visitors = put(c.visitors, maxVisitors, v, visitor)
	}
}

// Visitor is a session and its person's Standings. What it refers to is shared and must not be changed. authn.ErrNoSession.
func (db *DB) Visitor(ctx context.Context, session string, client oauth.ClientID, now time.Time) (authz.Visitor, error) {
	emptied := db.cache.visitorReading()
	visitor, err := db.readVisitor(ctx, session, client, now)
	if err == nil {
		db.cache.putVisitor(visit{session, client}, visitor, emptied)
	}
	return visitor, err
}

// RememberedVisitor is what Visitor has answered before, if it is cached. Since then a grant may have been given or
// widened, and a block lifted. Nothing else has changed.
func (db *DB) RememberedVisitor(session string, client oauth.ClientID, now time.Time) (visitor authz.Visitor, known bool) {
	visitor, known = db.cache.visitor(visit{session, client}, time.Now())
	return visitor, known && visitor.Session.ExpiresAt.After(now)
}
