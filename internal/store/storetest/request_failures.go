package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
)

// failed is one failure of the global client, which had authenticated.
func failed(cause string, at time.Time) usage.Failure {
	return usage.Failure{
		Client: string(global.ID), Proven: true, Endpoint: "/o/token/", Code: "invalid_grant", Description: "the code", Cause: cause, AuthMethod: "client_secret_basic",
		Network: "192.0.2.0/24", RequestID: "R1", First: at, Last: at, Count: 1,
	}
}

func testRequestFailures(k *kit) {
	k.populate()
	kept := func() []usage.Failure {
		k.Helper()
		return must[[]usage.Failure](k)(k.db.Failures(k.ctx, string(global.ID)))
	}
	save := func(failures ...usage.Failure) {
		k.Helper()
		k.ok(k.db.SaveFailures(k.ctx, failures))
	}
	f, other := failed("the code has expired", now), failed("the code was used", now.Add(time.Second))
	stranger := f
	stranger.Client = "nobody"
	save(f, other, stranger)
	equal(k, "failures", kept(), []usage.Failure{other, f})
	equal(k, "rows", k.rows("gh_request_failures", "TRUE"), 2)

	// The same again is counted, with the latest request.
	again := f
	again.First, again.Last, again.Count, again.RequestID, again.Network = now.Add(time.Hour), now.Add(time.Hour), 3, "R2", "198.51.100.0/24"
	save(again)
	again.First, again.Count = now, 4
	equal(k, "failures", kept(), []usage.Failure{again, other})

	// What anybody may have sent is a row of its own, and pushes nothing out that the client did.
	anybody := f
	anybody.Proven = false
	flood := []usage.Failure{anybody}
	for i := range usage.KeptPerClient + 50 {
		one := failed(fmt.Sprint("cause ", i), now.Add(time.Duration(i)*time.Minute))
		one.Proven = false
		flood = append(flood, one)
	}
	save(flood...)
	equal(k, "failures that anybody may have sent", k.rows("gh_request_failures", "proven = $1", false), usage.KeptPerClient)
	equal(k, "failures of the client", k.rows("gh_request_failures", "proven = $1", true), 2)
	if latest := kept()[0]; latest.Cause != fmt.Sprint("cause ", usage.KeptPerClient+49) {
		k.Errorf("the latest is %+v", latest)
	}
	if slices.ContainsFunc(kept(), func(f usage.Failure) bool { return f.Cause == "cause 49" }) {
		k.Errorf("one that is older than the latest %d is kept", usage.KeptPerClient)
	}

	// They go when their time is over, and with their client.
	must[int](k)(k.db.Prune(k.ctx, now.Add(usage.Kept+time.Second), 1000))
	if got := kept(); got[len(got)-1].Last.Before(now.Add(2 * time.Second)) {
		k.Errorf("one that is %s old is kept", usage.Kept)
	}
	k.ok(k.db.RemoveClient(k.ctx, global.ID))
	equal(k, "failures of a client that was removed", len(kept()), 0)
}

// testRequestFailuresRace saves the same failures on two processes at once.
func testRequestFailuresRace(k *kit) {
	k.populate()
	var gathered usage.Failures
	for i := range 50 {
		gathered.Add(failed(fmt.Sprint("cause ", i), now))
	}
	failures, _ := gathered.Take()
	var wg sync.WaitGroup
	for _, db := range []*store.DB{k.db, k.second()} {
		for range 4 {
			wg.Go(func() {
				if err := db.SaveFailures(k.ctx, failures); err != nil {
					k.Error(err)
				}
			})
		}
	}
	wg.Wait()
	equal(k, "rows", k.rows("gh_request_failures", "TRUE"), 50)
	equal(k, "rows that count all eight", k.rows("gh_request_failures", "happened = 8"), 50)
}
