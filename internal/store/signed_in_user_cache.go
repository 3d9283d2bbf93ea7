package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// userKey is a session and the client that sent it here: the key of a cached user.
type userKey struct {
	session string
	client  oauth.ClientID
}

// user is the cached user. It reads no revision: the caller has just asked for the client, which did.
func (c *cache) user(key userKey, now time.Time) (user authz.SignedInUser, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trusted(now) {
		user, found = c.users[key]
	}
	return user, found
}

// readingUser is for putUser. It is called before a user is read from the database.
func (c *cache) readingUser() (emptied uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.usersEmptied
}

// putUser caches a user, unless the cache has been emptied since readingUser.
func (c *cache) putUser(key userKey, user authz.SignedInUser, emptied uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if emptied == c.usersEmptied && len(user.Teams) <= maxUserTeams {
		c.users = put(c.users, maxUsers, key, user)
	}
}

// SignedInUser is a session and its person's TeamStatuses. What it refers to is shared and must not be changed. authn.ErrNoSession,
// token.ErrWrongClock.
func (db *DB) SignedInUser(ctx context.Context, session string, client oauth.ClientID, now time.Time) (authz.SignedInUser, error) {
	emptied := db.cache.readingUser()
	look := func(now time.Time) (authz.SignedInUser, error) { return db.readSignedInUser(ctx, session, client, now) }
	user, err := unlessExpired(db, authn.ErrNoSession, now, look)
	if err == nil {
		db.cache.putUser(userKey{session, client}, user, emptied)
	}
	return user, err
}

// CachedSignedInUser is what SignedInUser has answered before, if it is cached. Since then a grant may have been given or
// widened, and a block lifted. Nothing else has changed.
func (db *DB) CachedSignedInUser(session string, client oauth.ClientID, now time.Time) (user authz.SignedInUser, known bool) {
	user, known = db.cache.user(userKey{session, client}, time.Now())
	return user, known && user.Session.ExpiresAt.After(now)
}
