package store

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

func TestEntryReadBeforeAChangeIsNotCached(t *testing.T) {
	now := time.Now()
	c := cache{lease: time.Hour}
	c.setRevision(revision{clients: 7}, now)
	_, _, emptied, _ := c.client("id", now)
	c.setRevision(revision{clients: 8}, now)
	c.putClient(client.Client{ID: "id"}, emptied)
	c.putUser(userKey{"s", "id"}, authz.SignedInUser{}, emptied)
	if got, cached, _, trusted := c.client("id", now); cached || !trusted {
		t.Errorf("got %+v, cached %t, trusted %t; want a trusted cache without the client", got, cached, trusted)
	}
	if _, cached := c.user(userKey{"s", "id"}, now); cached {
		t.Error("the user is cached")
	}
}

func TestCacheIsNotTrustedLongerThanTheLease(t *testing.T) {
	const lease = 50 * time.Millisecond
	c := cache{lease: lease}
	now := time.Now()
	if _, _, _, trusted := c.client("id", now); trusted {
		t.Error("an empty cache is trusted")
	}
	c.setRevision(revision{clients: 7}, now)
	_, _, emptied, _ := c.client("id", now)
	c.putClient(client.Client{ID: "id"}, emptied)
	c.putUser(userKey{"s", "id"}, authz.SignedInUser{}, emptied)
	c.setRevision(revision{clients: 7}, now.Add(lease/2))
	c.setRevision(revision{clients: 6}, now) // read earlier, and answered later
	if _, cached, _, _ := c.client("id", now.Add(lease)); !cached {
		t.Error("the revision was read half a lease ago, and the client is not cached")
	}
	if _, cached := c.user(userKey{"s", "id"}, now.Add(lease)); !cached {
		t.Error("the revision was read half a lease ago, and the user is not cached")
	}
	if _, cached := c.user(userKey{"s", "id"}, now.Add(lease/2+lease)); cached {
		t.Error("the user is trusted a whole lease after the revision was read")
	}
	if _, cached, _, trusted := c.client("id", now.Add(lease/2+lease)); cached || trusted {
		t.Error("the client is trusted a whole lease after the revision was read")
	}
}

// The revision says nothing of changes that were made by hand, or that the database has lost.
func TestNothingIsCachedLongerThanAMinute(t *testing.T) {
	c := cache{lease: time.Second}
	started := time.Now()
	c.setRevision(revision{clients: 7}, started)
	c.putClient(client.Client{ID: "id"}, c.clientsEmptied)
	c.putUser(userKey{"s", "id"}, authz.SignedInUser{}, c.readingUser())
	for _, tt := range []struct {
		after  time.Duration
		cached bool
	}{{59 * time.Second, true}, {time.Minute, false}} {
		now := started.Add(tt.after)
		c.setRevision(revision{clients: 7}, now)
		if _, cached, _, _ := c.client("id", now); cached != tt.cached {
			t.Errorf("after %s the client is cached: %t, want %t", tt.after, cached, tt.cached)
		}
		if _, cached := c.user(userKey{"s", "id"}, now); cached != tt.cached {
			t.Errorf("after %s the user is cached: %t, want %t", tt.after, cached, tt.cached)
		}
	}
}

// A clock that is being corrected runs up to a tenth too fast, or too slow.
func TestChangeWaitsLongerThanAnyLease(t *testing.T) {
	c := cache{lease: 50 * time.Millisecond}
	shortest, longest := float64(c.wait())/1.1, float64(c.lease)/0.9
	if shortest < longest {
		t.Errorf("a change waits %s, and a process may trust its cache for %s", time.Duration(shortest), time.Duration(longest))
	}
}

// A revision says what has changed since those before it. What it does not say may be anything.
func TestChangeRemovesOnlyWhatItConcerns(t *testing.T) {
	user := func(session string, id team.UserID) (userKey, authz.SignedInUser) {
		return userKey{session, "client"}, authz.SignedInUser{Session: authn.Session{ID: session, User: team.User{ID: id}}}
	}
	for name, tt := range map[string]struct {
		revision revision
		left     string
	}{
		"nothing":               {revision{users: 7}, "s1 s2 s3"},
		"a session":             {revision{users: 8, changes: "8 session:s1\n7 *\n"}, "s2 s3"},
		"a user":                {revision{users: 8, changes: "8 user:ada\n7 *\n"}, "s3"},
		"two changes":           {revision{users: 9, changes: "9 session:s3\n8 session:s1\n7 *\n6 user:ada\n"}, "s2"},
		"everybody":             {revision{users: 9, changes: "9 session:s3\n8 *\n7 session:s1\n"}, ""},
		"changes that are lost": {revision{users: 9, changes: "9 session:s3\n8 session:s1\n"}, ""},
		"the end cut off":       {revision{users: 9, changes: "9 session:s3\n8 session:s1\n7"}, "s2"},
		"no list":               {revision{users: 9}, ""},
		"a client":              {revision{clients: 1, users: 7, changes: "7 *\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			c := cache{lease: time.Hour}
			c.setRevision(revision{users: 7}, now)
			for session, id := range map[string]team.UserID{"s1": "ada", "s2": "ada", "s3": "bob"} {
				key, u := user(session, id)
				c.putUser(key, u, c.readingUser())
			}
			c.setRevision(tt.revision, now.Add(time.Second))
			var left []string
			for key := range c.users {
				left = append(left, key.session)
			}
			slices.Sort(left)
			if got := strings.Join(left, " "); got != tt.left {
				t.Errorf("the cache has the sessions %q, want %q", got, tt.left)
			}
		})
	}
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	c.setRevision(revision{clients: 7}, time.Now())
	for i := range 3*maxClients + 1 {
		c.putClient(client.Client{ID: oauth.ClientID(strconv.Itoa(i))}, c.clientsEmptied)
		c.putUser(userKey{session: strconv.Itoa(i)}, authz.SignedInUser{}, c.readingUser())
	}
	if n := len(c.clients); n > maxClients {
		t.Errorf("%d clients are cached, want at most %d", n, maxClients)
	}
	if n := len(c.users); n > maxUsers {
		t.Errorf("%d users are cached, want at most %d", n, maxUsers)
	}
	c = cache{}
	c.putUser(userKey{}, authz.SignedInUser{Teams: make([]authz.TeamStatus, maxUserTeams+1)}, c.readingUser())
	if len(c.users) > 0 {
		t.Error("a user of many teams takes the place of many users")
	}
}
