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
	m := memory{lease: time.Hour}
	m.at(revision{clients: 7}, now)
	_, _, generation, _ := m.client("id", now)
	m.at(revision{clients: 8}, now)
	m.putClient(client.Client{ID: "id"}, generation)
	m.putVisitor(visit{"s", "id"}, authz.Visitor{}, generation)
	if client, known, _, fresh := m.client("id", now); known || !fresh {
		t.Errorf("got %+v, known %t, fresh %t; want it unknown", client, known, fresh)
	}
	if _, known := m.visitor(visit{"s", "id"}, now); known {
		t.Error("the visitor is known")
	}
}

func TestNothingIsGoneByLongerThanTheLease(t *testing.T) {
	const lease = 50 * time.Millisecond
	m := memory{lease: lease}
	now := time.Now()
	if _, _, _, fresh := m.client("id", now); fresh {
		t.Error("an empty memory needs no look at the revision")
	}
	m.at(revision{clients: 7}, now)
	_, _, generation, _ := m.client("id", now)
	m.putClient(client.Client{ID: "id"}, generation)
	m.putVisitor(visit{"s", "id"}, authz.Visitor{}, generation)
	m.at(revision{clients: 7}, now.Add(lease/2))
	m.at(revision{clients: 6}, now) // by somebody who is late
	if _, known, _, _ := m.client("id", now.Add(lease)); !known {
		t.Error("it was looked at half a lease ago, and is not known")
	}
	if _, known := m.visitor(visit{"s", "id"}, now.Add(lease)); !known {
		t.Error("it was looked at half a lease ago, and the visitor is not known")
	}
	if _, known := m.visitor(visit{"s", "id"}, now.Add(lease/2+lease)); known {
		t.Error("nobody has looked at the revision for a whole lease, and the visitor is still gone by")
	}
	if _, known, _, fresh := m.client("id", now.Add(lease/2+lease)); known || fresh {
		t.Error("nobody has looked at the revision for a whole lease, and the client is still gone by")
	}
}

// What a database has lost, or what somebody has changed by hand, made no other revision.
func TestNothingIsRememberedForLongerThanAMinute(t *testing.T) {
	m := memory{lease: time.Second}
	begun := time.Now()
	m.at(revision{clients: 7}, begun)
	m.putClient(client.Client{ID: "id"}, m.clientsForgotten)
	m.putVisitor(visit{"s", "id"}, authz.Visitor{}, m.reading())
	for _, tt := range []struct {
		after time.Duration
		known bool
	}{{59 * time.Second, true}, {time.Minute, false}} {
		now := begun.Add(tt.after)
		m.at(revision{clients: 7}, now)
		if _, known, _, _ := m.client("id", now); known != tt.known {
			t.Errorf("after %s the client is known: %t, want %t", tt.after, known, tt.known)
		}
		if _, known := m.visitor(visit{"s", "id"}, now); known != tt.known {
			t.Errorf("after %s the visitor is known: %t, want %t", tt.after, known, tt.known)
		}
	}
}

// A clock that is being corrected runs up to a tenth too fast, or too slow.
func TestAChangeIsWaitedForWhateverClocksDo(t *testing.T) {
	m := memory{lease: 50 * time.Millisecond}
	shortest, longest := float64(m.wait())/1.1, float64(m.lease)/0.9
	if shortest < longest {
		t.Errorf("a change is waited for %s, and gone by what was before it for %s", time.Duration(shortest), time.Duration(longest))
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	var m memory
	m.at(revision{clients: 7}, time.Now())
	for i := range 3*maxClients + 1 {
		m.putClient(client.Client{ID: oauth.ClientID(strconv.Itoa(i))}, m.clientsForgotten)
		m.putVisitor(visit{session: strconv.Itoa(i)}, authz.Visitor{}, m.reading())
	}
	if n := len(m.clients); n > maxClients {
		t.Errorf("%d clients are remembered, want at most %d", n, maxClients)
	}
	if n := len(m.visitors); n > maxVisitors {
		t.Errorf("%d visitors are remembered, want at most %d", n, maxVisitors)
	}
	m = memory{}
	m.putVisitor(visit{}, authz.Visitor{Standings: make([]authz.Standing, maxVisitorTeams+1)}, m.reading())
	if len(m.visitors) > 0 {
		t.Error("somebody who belongs to many teams takes the place of many")
	}
}
