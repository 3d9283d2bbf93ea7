package storetest

import (
	"errors"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// logoutNotice is the id of the notice that Bob has signed out.
var logoutNotice = "backchannel_logout/c-listens/" + authn.Session{ID: "s-bob"}.SID()

// furnish fills a database so that every write finds something to change.
func (k *kit) furnish() {
	k.Helper()
	k.populate()
	k.ok(k.db.AddUser(k.ctx, team.User{ID: "u-off", Email: "off@example.com", DisabledAt: now}))
	k.ok(k.db.SavePicture(k.ctx, ada.ID, team.Picture{Name: "first"}))
	k.ok(k.db.AddClient(k.ctx, client.Client{ID: "c-off", Name: "off", DisabledAt: now}))
	g := k.granted("g1", ada, global, acme, "read")
	k.redeemed("f1", g)
	k.redeemed("f2", g)
	k.rotated(rotation("f2", global.ID, 0, now))
	k.rotated(rotation("f2", global.ID, 1, now))
	listener := client.Client{ID: "c-listens", Name: "listens", BackchannelLogoutURI: "https://listener.example/logout"}
	k.ok(k.db.AddClient(k.ctx, listener))
	heard := family("f-bob", k.granted("g-bob", bob, listener, acme, "openid"))
	heard.SessionID = authn.Session{ID: "s-bob"}.SID()
	_, err := k.db.Redeem(k.ctx, heard)
	k.ok(err)
	k.ok(k.db.StartSession(k.ctx, session("s-bob", bob), ""))
	k.ok(k.db.EndSession(k.ctx, "s-bob"))
	k.ok(k.db.AddKeys(k.ctx, []token.StoredKey{storedKey("k-first", "ES256/1", now)}))
	k.ok(k.db.StartSession(k.ctx, session("s1", ada), ""))
	k.forgotten("l-reset", ada.Email)
	k.askedToSignUp("l-sign-up", "someone@example.com")
	for id, kind := range map[team.LinkID]team.LinkKind{"l-prove": team.LinkProve, "l-change": team.LinkChange, "l-undo": team.LinkUndo} {
		link := team.NewLink(kind, bob.ID, string(kind)+"@example.com", bob.Email, now)
		link.ID = id
		k.ok(k.db.SendAddressLink(k.ctx, link))
	}
	_, err = k.db.Count(k.ctx, []limit.Bucket{{Key: "a", Limit: 5, Window: time.Hour}, {Key: "b", Limit: 5, Window: time.Hour}}, now)
	k.ok(err)
	k.ok(block(k.ctx, k.db, beta.ID, public.ID, "no"))
	k.ok(k.db.AskFor(k.ctx, govern.Request{Team: acme.ID, Client: global.ID, User: bob.ID, Scope: oauth.Scope{"read"}, AskedAt: now, ExpiresAt: later}, 5, 5))
	k.furnishFactors()
	k.furnishInvitations()
}

// testFailures fails each statement and the commit of each unit of work in turn. Nothing of the unit may remain. Then it lets
// the unit happen. A unit that runs again after its nth step has failed fails at its nth step again.
func testFailures(k *kit) {
	k.allMethodsAreNamed()
	errInjected := errors.New("injected")
	for _, w := range slices.Concat(writes, factorWrites, invitationWrites) {
		k := k.empty()
		k.furnish()
		before, recorded := k.dump(), k.rows("gh_audit", "1 = 1")
		for n := int64(1); ; n++ {
			var seen atomic.Int64
			k.h.Fail(k.db, func(string) error {
				if step := seen.Add(1); step == n || step == 2*n {
					return errInjected
				}
				return nil
			})
			err := w.do(k.ctx, k.db)
			k.h.Fail(k.db, nil)
			if !errors.Is(err, errInjected) {
				k.is(err, w.want)
				if n < 3 {
					k.Fatalf("%s: only %d of its steps could fail; want a statement and a commit at least", w.name, n-1)
				}
				break
			}
			if diff := k.dump(); diff != before {
				k.Fatalf("%s failed at step %d and left a trace.\nbefore:\n%s\nafter:\n%s", w.name, n, before, diff)
			}
		}
		if k.dump() == before {
			k.Fatalf("%s changed nothing, so its failures show nothing", w.name)
		}
		kind, named := events[w.name]
		if !named {
			kind, named = factorEvents[w.name]
		}
		if !named {
			kind, named = invitationEvents[w.name]
		}
		if !named {
			k.Fatalf("%s is not among the events", w.name)
		}
		if kind != "" {
			recorded++
			equal(k, "the newest event after "+w.name, k.events(audit.Filter{Limit: 1})[0].Kind, kind)
		}
		if w.name == "AddUserWith" || w.name == "RemoveUser, by themselves" { // which records two events
			recorded++
		}
		equal(k, "events after "+w.name, k.rows("gh_audit", "1 = 1"), recorded)
		k.done()
	}
}

// testReads fails each reading method, which must say so, and then lets it happen.
func testReads(k *kit) {
	k.furnish()
	errInjected := errors.New("injected")
	for _, r := range slices.Concat(reads, factorReads, invitationReads) {
		k.h.Fail(k.db, func(string) error { return errInjected })
		k.is(r.do(k.ctx, k.db), errInjected)
		k.h.Fail(k.db, nil)
		before := k.dump()
		k.ok(r.do(k.ctx, k.db))
		if k.dump() != before {
			k.Fatalf("%s changed something", r.name)
		}
	}
	k.done()
}

func (k *kit) done() {
	if k.h.Done != nil {
		k.h.Done(k.db)
	}
}

// empty is a kit with an empty database: this one, wiped, where making another costs more.
func (k *kit) empty() *kit {
	k.Helper()
	if k.h.Waiting != nil {
		k.wipe()
		return k
	}
	other := &kit{T: k.T, h: k.h, url: k.h.URL(k.T), ctx: k.ctx, count: &counter{}, lease: k.lease}
	other.db = other.open()
	return other
}

// allMethodsAreNamed keeps the tables above complete.
func (k *kit) allMethodsAreNamed() {
	k.Helper()
	named := map[string]bool{}
	for _, c := range slices.Concat(reads, writes, factorReads, factorWrites, invitationReads, invitationWrites) {
		named[c.name] = true
	}
	for _, declared := range []reflect.Type{
		reflect.TypeFor[Store](),
	} {
		for method := range declared.Methods() {
			outs := method.Type.NumOut()
			canFail := outs > 0 && method.Type.Out(outs-1) == reflect.TypeFor[error]()
			if canFail && !named[method.Name] {
				k.Errorf("%s.%s is not tested for failures", declared, method.Name)
			}
		}
	}
}
