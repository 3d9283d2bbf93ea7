package store

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
)

func TestWhatWasReadBeforeAChangeIsNotRememberedAfterIt(t *testing.T) {
	now := time.Now()
	for name, change := range map[string]func(*clientCache){
		"here":      func(c *clientCache) { c.changed() },
		"elsewhere": func(c *clientCache) { c.at(8, now) },
	} {
		var c clientCache
		c.at(7, now)
		_, _, generation, _ := c.get("id", now)
		change(&c)
		c.put(authz.Client{ID: "id"}, generation)
		if client, known, _, fresh := c.get("id", now); known || !fresh {
			t.Errorf("changed %s: got %+v, known %t, fresh %t; want it unknown", name, client, known, fresh)
		}
	}
}

func TestAClientIsNotGoneByLongerThanTheLease(t *testing.T) {
	var c clientCache
	now := time.Now()
	if _, _, _, fresh := c.get("id", now); fresh {
		t.Error("an empty cache needs no look at the revision")
	}
	c.at(7, now)
	_, _, generation, _ := c.get("id", now)
	c.put(authz.Client{ID: "id"}, generation)
	c.at(7, now.Add(clientLease/2))
	c.at(6, now) // by somebody who is late
	if _, known, _, _ := c.get("id", now.Add(clientLease)); !known {
		t.Error("it was looked at half a lease ago, and is not known")
	}
	if _, known, _, fresh := c.get("id", now.Add(clientLease/2+clientLease)); known || fresh {
		t.Error("nobody has looked at the revision for a whole lease, and the client is still gone by")
	}
}

func TestClientsAreRememberedInBounds(t *testing.T) {
	var c clientCache
	c.at(7, time.Now())
	for i := range 3*maxClients + 1 {
		c.put(authz.Client{ID: authz.ClientID(string(rune(i)))}, c.generation)
	}
	if n := len(c.known); n > maxClients {
		t.Errorf("%d clients are remembered, want at most %d", n, maxClients)
	}
}
