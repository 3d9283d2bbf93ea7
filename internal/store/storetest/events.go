package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

// events lists events without the names.
func (k *kit) events(f audit.Filter) (list []audit.Event) {
	k.Helper()
	for _, entry := range must[[]audit.Entry](k)(k.db.Events(k.ctx, f)) {
		list = append(list, entry.Event)
	}
	return list
}

// Names are those of today, and nobody's name is shown for another's id.
func testEventsHaveNames(k *kit) {
	k.populate()
	for _, c := range []struct {
		event audit.Event
		want  audit.Entry // without the event
	}{
		{audit.Event{Kind: audit.ConsentGiven, Actor: string(ada.ID), User: string(bob.ID), Team: string(acme.ID), Client: string(global.ID)}, audit.Entry{
			ActorName: ada.Name, ActorEmail: ada.Email, UserName: bob.Name, UserEmail: bob.Email, TeamSlug: acme.Slug, ClientName: global.Name,
		}},
		{audit.Event{Kind: audit.TokenRevoked, Actor: "client:" + string(acmes.ID), User: string(ada.ID)}, audit.Entry{
			ActorName: acmes.Name, UserName: ada.Name, UserEmail: ada.Email,
		}},
		{audit.Event{Kind: audit.SignInFailed}, audit.Entry{}},
		{audit.Event{Kind: audit.SignInFailed, Actor: "command line", User: "u-gone", Team: "t-gone", Client: "c-gone"}, audit.Entry{}},
		{audit.Event{Kind: audit.SignInFailed, Actor: "u-admin:" + string(acmes.ID)}, audit.Entry{}},
	} {
		k.ok(k.db.Record(k.ctx, c.event))
		got := must[[]audit.Entry](k)(k.db.Events(k.ctx, audit.Filter{Limit: 1}))[0]
		got.Event = audit.Event{}
		equal(k, fmt.Sprintf("the names of %+v", c.event), got, c.want)
	}
}

func testEvents(k *kit) {
	record := func(e audit.Event) audit.Event {
		k.Helper()
		k.ok(k.db.Record(k.ctx, e))
		return e
	}
	first := record(audit.Event{
		At: now, Kind: audit.ConsentDenied, Actor: "u-ada", User: "u-ada", Team: "t-acme", Client: "c-global", Grant: "g", Family: "f",
		Address: "192.0.2.1", RequestID: "r-1", Detail: "no, thanks; \"é\"",
	})
	second := record(audit.Event{At: now, Kind: audit.SignInFailed, User: "u-ada"})
	third := record(audit.Event{At: now.Add(time.Second), Kind: audit.ClientAuthFailed, Client: "c-global"})
	events := func(f audit.Filter, want ...audit.Event) []audit.Event {
		k.Helper()
		list := k.events(f)
		got := slices.Clone(list)
		for i := range got {
			got[i].ID = 0
		}
		equal(k, fmt.Sprintf("Events of %+v", f), got, want)
		return list
	}
	all := events(audit.Filter{}, third, second, first)
	if all[0].ID <= all[1].ID || all[1].ID <= all[2].ID {
		k.Fatalf("ids do not grow: %d, %d, %d", all[2].ID, all[1].ID, all[0].ID)
	}
	events(audit.Filter{Team: "t-acme"}, first)
	events(audit.Filter{User: "u-ada"}, second, first)
	events(audit.Filter{Client: "c-global"}, third, first)
	events(audit.Filter{Kind: audit.SignInFailed}, second)
	events(audit.Filter{User: "u-ada", Kind: audit.ConsentDenied, Team: "t-acme", Client: "c-global"}, first)
	events(audit.Filter{User: "u-ada", Client: "c-other"})
	events(audit.Filter{Since: now}, third, second, first)
	events(audit.Filter{Since: now.Add(time.Millisecond)}, third)
	events(audit.Filter{Since: now.Add(2 * time.Second)})
	page := events(audit.Filter{Limit: 2}, third, second)
	events(audit.Filter{Limit: 2, Before: page[1].ID}, first)

	for i := range 120 {
		record(audit.Event{Kind: audit.SignedOut, Detail: fmt.Sprint(i)})
	}
	list := k.events(audit.Filter{Kind: audit.SignedOut})
	equal(k, "events without a limit", len(list), 100)
	equal(k, "the newest", list[0].Detail, "119")
	equal(k, "an event without a time", list[0].At, now)
}

// The context says who acts. A sign-in and a token know it better: the person, and the client.
func testEventsSayWho(k *kit) {
	k.populate()
	ctx := audit.WithOrigin(k.ctx, audit.Origin{Actor: "u-admin", Address: "192.0.2.7", RequestID: "r-7"})
	newest := func() audit.Event {
		k.Helper()
		e := k.events(audit.Filter{Limit: 1})[0]
		e.ID = 0
		return e
	}
	event := func(kind audit.Kind, actor string) audit.Event {
		return audit.Event{At: now, Kind: kind, Actor: actor, Address: "192.0.2.7", RequestID: "r-7"}
	}
	k.ok(k.db.RemoveMember(ctx, acme.ID, bob.ID))
	want := event(audit.MemberRemoved, "u-admin")
	want.Team, want.User = "t-acme", "u-bob"
	equal(k, "RemoveMember's", newest(), want)

	k.ok(k.db.StartSession(ctx, session("s1", ada), ""))
	want = event(audit.SignedIn, "u-ada")
	want.User, want.Detail = "u-ada", "pwd otp"
	equal(k, "StartSession's", newest(), want)

	g := grant("g1", ada, global, acme, "read")
	g = must[authz.Grant](k)(k.db.SaveGrant(ctx, g, false))
	want = event(audit.ConsentGiven, "u-admin")
	want.User, want.Team, want.Client, want.Grant, want.Detail = "u-ada", "t-acme", "c-global", "g1", "read"
	equal(k, "SaveGrant's", newest(), want)

	_, err := k.db.Redeem(ctx, family("f1", g))
	k.ok(err)
	want = event(audit.TokenIssued, "client:c-global")
	want.User, want.Team, want.Client, want.Grant, want.Family, want.Detail = "u-ada", "t-acme", "c-global", "g1", "f1", "read"
	equal(k, "Redeem's", newest(), want)

	_, err = k.db.Rotate(ctx, rotation("f1", global.ID, 0, now))
	k.ok(err)
	want.Kind, want.Detail = audit.TokenRefreshed, ""
	equal(k, "Rotate's", newest(), want)

	_, err = k.db.Redeem(ctx, family("f1", g))
	k.is(err, authz.ErrReplayed)
	want.Kind = audit.CodeReplayed
	equal(k, "a replay's", newest(), want)

	k.ok(k.db.RevokeGrant(ctx, "g1"))
	want = event(audit.GrantRevoked, "u-admin")
	want.User, want.Team, want.Client, want.Grant = "u-ada", "t-acme", "c-global", "g1"
	equal(k, "RevokeGrant's", newest(), want)

	// What happens to a team's client is its admins' business.
	for kind, do := range map[audit.Kind]func() error{
		audit.ClientUpdated:  func() error { return updateClient(ctx, k.db, acmes) },
		audit.ClientDisabled: func() error { return k.db.DisableClient(ctx, acmes.ID, now) },
		audit.ClientEnabled:  func() error { return k.db.EnableClient(ctx, acmes.ID) },
		audit.SecretRotated: func() error {
			return k.db.AddClientSecret(ctx, acmes.ID, client.Secret{Hash: "x", CreatedAt: now}, 1)
		},
	} {
		k.ok(do())
		want := event(kind, "u-admin")
		want.Team, want.Client = "t-acme", "c-acme"
		got := newest()
		got.Detail = ""
		equal(k, "a team client's", got, want)
	}
}

// Two processes append at the same time of the same clock.
func testEventRace(k *kit) {
	k.together(40, func(i int, db *store.DB) {
		for range 10 {
			if err := db.Record(context.WithoutCancel(k.ctx), audit.Event{At: now, Kind: audit.SignedOut, Detail: fmt.Sprint(i)}); err != nil {
				k.Error(err)
			}
		}
	})
	equal(k, "events", k.rows("gh_audit", "1 = 1"), 400)
}
