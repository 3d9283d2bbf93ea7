package store

import (
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

func TestWhatWasReadBeforeAChangeIsNotRememberedAfterIt(t *testing.T) {
	now := time.Now()
	c := cache{lease: time.Hour}
	c.setRevision(revision{clients: 7}, now)
	_, _, generation, _ := c.client("id", now)
	c.setRevision(revision{clients: 8}, now)
	c.putClient(client.Client{ID: "id"}, generation)
	c.putVisitor(visit{"s", "id"}, authz.Visitor{}, generation)
	if client, known, _, fresh := c.client("id", now); known || !fresh {
		t.Errorf("got %+v, known %t, fresh %t; want it unknown", client, known, fresh)
	}
	if _, known := c.visitor(visit{"s", "id"}, now); known {
		t.Error("the visitor is known")
	}
}

func TestNothingIsGoneByLongerThanTheLease(t *testing.T) {
	const lease = 50 * time.Millisecond
	c := cache{lease: lease}
	now := time.Now()
	if _, _, _, fresh := c.client("id", now); fresh {
		t.Error("an empty memory needs no look at the revision")
	}
	c.setRevision(revision{clients: 7}, now)
	_, _, generation, _ := c.client("id", now)
	c.putClient(client.Client{ID: "id"}, generation)
	c.putVisitor(visit{"s", "id"}, authz.Visitor{}, generation)
	c.setRevision(revision{clients: 7}, now.Add(lease/2))
	c.setRevision(revision{clients: 6}, now) // by somebody who is late
	if _, known, _, _ := c.client("id", now.Add(lease)); !known {
		t.Error("it was looked at half a lease ago, and is not known")
	}
	if _, known := c.visitor(visit{"s", "id"}, now.Add(lease)); !known {
		t.Error("it was looked at half a lease ago, and the visitor is not known")
	}
	if _, known := c.visitor(visit{"s", "id"}, now.Add(lease/2+lease)); known {
		t.Error("nobody has looked at the revision for a whole lease, and the visitor is still gone by")
	}
	if _, known, _, fresh := c.client("id", now.Add(lease/2+lease)); known || fresh {
		t.Error("nobody has looked at the revision for a whole lease, and the client is still gone by")
	}
}

// What a database has lost, or what somebody has changed by hand, made no other revision.
func TestNothingIsRememberedForLongerThanAMinute(t *testing.T) {
	c := cache{lease: time.Second}
	begun := time.Now()
	c.setRevision(revision{clients: 7}, begun)
	c.putClient(client.Client{ID: "id"}, c.clientsEmptied)
	c.putVisitor(visit{"s", "id"}, authz.Visitor{}, c.visitorReading())
	for _, tt := range []struct {
		after time.Duration
		known bool
	}{{59 * time.Second, true}, {time.Minute, false}} {
		now := begun.Add(tt.after)
		c.setRevision(revision{clients: 7}, now)
		if _, known, _, _ := c.client("id", now); known != tt.known {
			t.Errorf("after %s the client is known: %t, want %t", tt.after, known, tt.known)
		}
		if _, known := c.visitor(visit{"s", "id"}, now); known != tt.known {
			t.Errorf("after %s the visitor is known: %t, want %t", tt.after, known, tt.known)
		}
	}
}

// A clock that is being corrected runs up to a tenth too fast, or too slow.
func TestAChangeIsWaitedForWhateverClocksDo(t *testing.T) {
	c := cache{lease: 50 * time.Millisecond}
	shortest, longest := float64(c.wait())/1.1, float64(c.lease)/0.9
	if shortest < longest {
		t.Errorf("a change is waited for %s, and gone by what was before it for %s", time.Duration(shortest), time.Duration(longest))
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	var c cache
	c.setRevision(revision{clients: 7}, time.Now())
	for i := range 3*maxClients + 1 {
		c.putClient(client.Client{ID: oauth.ClientID(strconv.Itoa(i))}, c.clientsEmptied)
		c.putVisitor(visit{session: strconv.Itoa(i)}, authz.Visitor{}, c.visitorReading())
	}
	if n := len(c.clients); n > maxClients {
		t.Errorf("%d clients are remembered, want at most %d", n, maxClients)
	}
	if n := len(c.visitors); n > maxVisitors {
		t.Errorf("%d visitors are remembered, want at most %d", n, maxVisitors)
	}
	c = cache{}
	c.putVisitor(visit{}, authz.Visitor{Standings: make([]authz.Standing, maxVisitorTeams+1)}, c.visitorReading())
	if len(c.visitors) > 0 {
		t.Error("somebody who belongs to many teams takes the place of many")
	}
}
