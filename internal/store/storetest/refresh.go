package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

const grace = 10 * time.Second

// rotation is the use of a refresh token: an access token for 30 minutes, idle after two hours, over after ten, and no late retry.
func rotation(id authz.FamilyID, client oauth.ClientID, generation int64, at time.Time) authz.Rotation {
	return authz.Rotation{
		Family: id, Client: client, Generation: generation, At: at, TokenDeadAt: at.Add(30*time.Minute + grace),
		Rule: authz.RefreshRule{Idle: 2 * time.Hour, Absolute: 10 * time.Hour, Grace: grace},
	}
}

// rotated uses a refresh token that is good. The answer's family is as it is stored then.
func (k *kit) rotated(r authz.Rotation) authz.Rotated {
	k.Helper()
	return k.rotatedOn(k.db, r)
}

func (k *kit) rotatedOn(db *store.DB, r authz.Rotation) authz.Rotated {
	k.Helper()
	answer := must[authz.Rotated](k)(db.Rotate(k.ctx, r))
	stored := must[authz.Connection](k)(db.Connection(k.ctx, r.Family, r.At)).Family
	equal(k, "the family of the answer", completed(answer.Family, stored), stored)
	answer.Family = stored
	return answer
}

// completed is a family with what the answer to a refresh is without (authz.Rotated).
func completed(f, stored authz.Family) authz.Family {
	f.CreatedAt = stored.CreatedAt
	f.RotatedAt, f.TokenDeadAt, f.LateRetryAt, f.LateRetryGeneration = stored.RotatedAt, stored.TokenDeadAt, stored.LateRetryAt, stored.LateRetryGeneration
	return f
}

// connected is a family of Ada's grant of the global client in Acme.
func (k *kit) connected() authz.Family {
	k.Helper()
	k.populate()
	f := family("f1", k.granted("g1", ada, global, acme, "openid", "read"))
	_, err := k.db.Redeem(k.ctx, f)
	k.ok(err)
	return f
}

func testRotate(k *kit) {
	f := k.connected()
	at := now.Add(time.Minute)
	first := k.rotated(rotation(f.ID, f.Client, 0, at))
	f.Generation, f.RotatedAt, f.UsedAt, f.ExpiresAt, f.TokenDeadAt = 1, at, at, at.Add(2*time.Hour), at.Add(30*time.Minute+grace)
	subject := subject(ada, acme)
	equal(k, "Rotate", first, authz.Rotated{Family: f, Subject: subject})

	// The same generation within the grace: the same successor, however often, and nothing is written.
	before := k.dump()
	for _, retry := range []time.Time{at, at.Add(grace), at.Add(-time.Second)} { // another process's clock may be behind
		equal(k, "a retry", k.rotated(rotation(f.ID, f.Client, 0, retry)), authz.Rotated{Family: f, Subject: subject, Retry: true})
	}
	equal(k, "everything after retries", k.dump(), before)

	// A token that dies before an earlier one does not shorten what is known; and nothing outlasts the absolute expiry.
	at = now.Add(9 * time.Hour)
	for generation := range int64(4) {
		k.rotated(rotation(f.ID, f.Client, generation+1, now.Add(time.Duration(generation+1)*119*time.Minute)))
	}
	short := rotation(f.ID, f.Client, 5, at)
	short.TokenDeadAt = at
	last := k.rotated(short)
	equal(k, "the absolute expiry", last.Family.ExpiresAt, now.Add(10*time.Hour))
	equal(k, "TokenDeadAt", last.Family.TokenDeadAt, at)
	earlier := rotation(f.ID, f.Client, 6, at)
	earlier.TokenDeadAt = at.Add(-time.Hour)
	equal(k, "TokenDeadAt of a shorter token", k.rotated(earlier).Family.TokenDeadAt, at)
}

func testRotateRefuses(k *kit) {
	f := k.connected()
	bound := family("f-bound", authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope})
	bound.DPoPKey = "thumbprint"
	_, err := k.db.Redeem(k.ctx, bound)
	k.ok(err)
	k.ok(k.db.Burn(k.ctx, family("f-burnt", authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope})))
	k.rotated(rotation(f.ID, f.Client, 0, now))
	k.rotated(rotation(f.ID, f.Client, 1, now))

	key := func(r authz.Rotation, thumbprint string) authz.Rotation {
		r.DPoPKey = thumbprint
		return r
	}
	before := k.dump()
	for name, r := range map[string]authz.Rotation{
		"unknown":                   rotation("nothing", f.Client, 0, now),
		"another client's":          rotation(f.ID, public.ID, 2, now),
		"another client's old one":  rotation(f.ID, public.ID, 0, now.Add(time.Minute)),
		"another's, a moment ago":   rotation(f.ID, public.ID, 1, now),
		"another key, a moment ago": key(rotation(f.ID, f.Client, 1, now), "another"),
		"of a later time":           rotation(f.ID, f.Client, 3, now),
		"expired":                   rotation(f.ID, f.Client, 2, now.Add(2*time.Hour)),
		"old, of an expired family": rotation(f.ID, f.Client, 0, now.Add(2*time.Hour)),
		"of a burnt code":           rotation("f-burnt", f.Client, 0, now),
		"without its key":           rotation("f-bound", f.Client, 0, now),
		"with another key":          key(rotation("f-bound", f.Client, 0, now), "another"),
		"with a key it has not":     key(rotation(f.ID, f.Client, 2, now), "thumbprint"),
		"old, with another key":     key(rotation(f.ID, f.Client, 0, now.Add(time.Minute)), "another"),
	} {
		if _, err := k.db.Rotate(k.ctx, r); !errors.Is(err, authz.ErrNoFamily) {
			k.Errorf("a refresh token %s: got the error %v, want ErrNoFamily", name, err)
		}
	}
	equal(k, "everything after refusals", k.dump(), before)
	k.rotated(key(rotation("f-bound", f.Client, 0, now), "thumbprint"))

	ended := must[bool](k)(k.db.EndFamily(k.ctx, f.ID, f.Client, now))
	equal(k, "ended", ended, true)
	for generation := range int64(4) {
		_, err := k.db.Rotate(k.ctx, rotation(f.ID, f.Client, generation, now))
		k.is(err, authz.ErrNoFamily)
	}
}

func testRotateReuse(k *kit) {
	f := k.connected()
	at := now.Add(time.Minute)
	k.rotated(rotation(f.ID, f.Client, 0, at))
	late := at.Add(grace + time.Millisecond)
	_, err := k.db.Rotate(k.ctx, rotation(f.ID, f.Client, 0, late))
	k.is(err, authz.ErrReused)
	equal(k, "the family", k.rows("gh_families", "id = 'f1' AND ended_at = $1 AND generation = 1", late.UnixMilli()), 1)
	equal(k, "Endings", must[[]authz.Ending](k)(k.db.Endings(k.ctx, late)), []authz.Ending{
		{Kind: "family", ID: "f1", At: late, Expires: at.Add(30*time.Minute + grace)},
	})
	equal(k, "the notice", k.rows("gh_notices", "kind = 'mail.replayed' AND user_id = 'u-ada' AND client_id = 'c-global' AND team_id = 't-acme'"), 1)
	event := k.events(audit.Filter{Kind: audit.RefreshReplayed})[0]
	event.ID, event.Detail = 0, ""
	equal(k, "the event", event, audit.Event{
		At: late, Kind: audit.RefreshReplayed, Actor: "client:c-global", User: "u-ada", Team: "t-acme", Client: "c-global", Grant: "g1", Family: "f1",
	})
	_, err = k.db.Rotate(k.ctx, rotation(f.ID, f.Client, 1, late))
	k.is(err, authz.ErrNoFamily)
	_, err = k.db.Connection(k.ctx, f.ID, late)
	k.is(err, authz.ErrNoFamily)

	// One that is older than the predecessor is too old, however fresh.
	k.redeemed("f2", authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope})
	k.rotated(rotation("f2", f.Client, 0, at))
	k.rotated(rotation("f2", f.Client, 1, at))
	_, err = k.db.Rotate(k.ctx, rotation("f2", f.Client, 0, at))
	k.is(err, authz.ErrReused)
}

// A refresh costs one look, one change, its record and one commit; a retry commits nothing.
func testRotateCosts(k *kit) {
	f := k.connected()
	k.count.reset()
	k.rotated(rotation(f.ID, f.Client, 0, now))
	equal(k, "statements", k.count.get("Rotate"), k.statements(2))
	equal(k, "records", k.count.get("audit"), 1)
	equal(k, "commits", k.count.get("commit"), 1)
	k.count.reset()
	k.rotated(rotation(f.ID, f.Client, 0, now))
	equal(k, "statements of a retry", k.count.get("Rotate"), 2)
	equal(k, "records and commits of a retry", k.count.get("audit")+k.count.get("commit"), 0)
	k.count.reset()
	must[authz.Connection](k)(k.db.Connection(k.ctx, f.ID, now))
	equal(k, "statements of Connection", k.count.get("Connection"), 1)
}

// A connection is one row, even after thousands of refreshes.
func testRefreshingAddsNoRow(k *kit) {
	f := k.connected()
	const connections, refreshes = 30, 100
	for i := range connections {
		k.redeemed(fmt.Sprintf("many-%d", i), authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope})
	}
	count := func() (rows []int) {
		for _, table := range tables {
			if table != "gh_audit" { // which has its own time
				rows = append(rows, k.rows(table, "1 = 1"))
			}
		}
		return rows
	}
	before := count()
	k.together(connections, func(i int, db *store.DB) {
		for generation := range int64(refreshes) {
			if _, err := db.Rotate(k.ctx, rotation(authz.FamilyID(fmt.Sprintf("many-%d", i)), f.Client, generation, now)); err != nil {
				k.Error(err)
				return
			}
		}
	})
	equal(k, "rows of each table", count(), before)
	equal(k, "families refreshed", k.rows("gh_families", "generation = $1", refreshes), connections)
}

func testConnection(k *kit) {
	f := k.connected()
	want := authz.Connection{Family: f, Subject: subject(ada, acme)}
	last := f.ExpiresAt.Add(-time.Millisecond)
	equal(k, "Connection", must[authz.Connection](k)(k.db.Connection(k.ctx, f.ID, last)), want)
	_, err := k.db.Connection(k.ctx, f.ID, f.ExpiresAt)
	k.is(err, authz.ErrNoFamily)
	_, err = k.db.Connection(k.ctx, "nothing", now)
	k.is(err, authz.ErrNoFamily)

	k.ok(renameTeam(k.ctx, k.db, acme.ID, "apex", "Apex"))
	want.Subject.Slug = "apex"
	equal(k, "Connection after a rename", must[authz.Connection](k)(k.db.Connection(k.ctx, f.ID, now)), want)
	k.ok(k.db.RemoveMember(k.ctx, acme.ID, ada.ID))
	_, err = k.db.Connection(k.ctx, f.ID, now)
	k.is(err, authz.ErrNoFamily)
}

func testRefreshStorm(k *kit) {
	f := k.connected()
	for generation := range int64(5) {
		k.count.reset()
		var swapped atomic.Int64
		k.together(64, func(_ int, db *store.DB) {
			switch got, err := db.Rotate(k.ctx, rotation(f.ID, f.Client, generation, now)); {
			case err != nil:
				k.Error(err)
			case got.Family.Generation != generation+1 || got.Subject.User != ada.ID || got.Family.Scope.String() != f.Scope.String():
				k.Errorf("got %+v, want the one successor", got)
			case !got.Retry:
				swapped.Add(1)
			}
		})
		equal(k, "callers who made the successor", swapped.Load(), 1)
		equal(k, "commits", k.count.get("commit"), 1)
		equal(k, "the family", k.rows("gh_families", "id = 'f1' AND ended_at = 0 AND generation = $1", generation+1), 1)
	}
	equal(k, "events", k.rows("gh_audit", "kind = 'token.refreshed'"), 5)
}

// testNoRefreshAfterTheEnd refreshes four connections without a pause, on both handles, while their grant ends: what begins after the end has returned
// is refused, and what was issued until then is told to those who would believe it.
func testNoRefreshAfterTheEnd(k *kit) {
	k.populate()
	for name, end := range map[string]func(db *store.DB) error{
		"RemoveMember": func(db *store.DB) error { return db.RemoveMember(k.ctx, acme.ID, ada.ID) },
		"RevokeGrant":  func(db *store.DB) error { return db.RevokeGrant(k.ctx, "RevokeGrant") },
		"DisableUser":  func(db *store.DB) error { return db.DisableUser(k.ctx, ada.ID, k.at(db)) },
	} {
		g := k.granted(name, ada, global, acme, "read")
		for i := range 5 {
			k.redeemed(fmt.Sprint(name, i), g)
		}
		var over atomic.Bool
		var lastDeath atomic.Int64
		started := make(chan struct{})
		begin := sync.OnceFunc(func() { close(started) })
		k.together(5, func(i int, db *store.DB) {
			if i == 1 { // on the second process
				<-started
				if err := end(db); err != nil {
					k.Error(err)
				}
				over.Store(true)
				return
			}
			defer begin()
			for generation := int64(0); ; generation++ {
				after := over.Load()
				got, err := db.Rotate(k.ctx, rotation(authz.FamilyID(fmt.Sprint(name, i)), global.ID, generation, now.Add(time.Duration(generation)*time.Millisecond)))
				if err != nil {
					if !errors.Is(err, authz.ErrNoFamily) {
						k.Errorf("%s: %v", name, err)
					}
					return
				}
				if after {
					k.Errorf("%s had returned, and a refresh succeeded", name)
					return
				}
				raise(&lastDeath, got.Family.TokenDeadAt.UnixMilli())
				begin()
			}
		})
		equal(k, "endings of "+name, k.rows("gh_endings", "kind = 'grant' AND id = $1 AND expires_at >= $2", name, lastDeath.Load()), 1)
		if name == "RemoveMember" {
			k.ok(k.db.AddMember(k.ctx, membership))
		}
		k.ok(k.db.EnableUser(k.ctx, ada.ID))
		_, err := k.db.Rotate(k.ctx, rotation(authz.FamilyID(name+"2"), global.ID, 0, now)) // neither rejoining nor enabling revives anything
		k.is(err, authz.ErrNoFamily)
	}
}
