package storetest

import (
	"fmt"
	"reflect"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// filled is a value of which every field differs from its zero value, and from every other field. A field of a kind that
// filler does not know ends the test, so that a new field cannot be forgotten.
func filled[T any](k *kit) (v T) {
	k.Helper()
	k.filler++
	fill(k, reflect.ValueOf(&v).Elem(), reflect.TypeFor[T]().String())
	return v
}

func fill(k *kit, v reflect.Value, path string) {
	k.Helper()
	k.filler++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(now.Add(time.Duration(k.filler) * time.Millisecond)))
	case v.Type() == reflect.TypeFor[time.Duration]():
		v.Set(reflect.ValueOf(time.Duration(k.filler) * time.Millisecond))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("v", k.filler))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(k.filler))
	case v.CanUint():
		v.SetUint(uint64(k.filler%250) + 1)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(k, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(k, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	default:
		k.Fatalf("%s: fill knows no %s", path, v.Type())
	}
}

// withOneTrue is a copy of a value for each of its bool fields, in which only that field is true: two bools that are
// filled cannot be told apart.
func withOneTrue[T any](v T) (list []T) {
	fields := reflect.TypeFor[T]()
	for i := range fields.NumField() {
		if fields.Field(i).Type.Kind() != reflect.Bool {
			continue
		}
		one := v
		for j := range fields.NumField() {
			if fields.Field(j).Type.Kind() == reflect.Bool {
				reflect.ValueOf(&one).Elem().Field(j).SetBool(i == j)
			}
		}
		list = append(list, one)
	}
	return list
}

// isFilled fails for each field that has its zero value.
func (k *kit) isFilled(what any) {
	k.Helper()
	v := reflect.ValueOf(what)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			k.Errorf("%s.%s is lost", v.Type(), v.Type().Field(i).Name)
		}
	}
}

// testFields saves each type with every field filled and reads it back: none is lost, and none lands in another's place.
func testFields(k *kit) {
	for i, u := range withOneTrue(filled[team.User](k)) {
		u.ID, u.Email = team.UserID(fmt.Sprint("user-", i)), fmt.Sprint(i, "@example.com")
		k.ok(k.db.AddUser(k.ctx, u))
		equal(k, "User", must[team.User](k)(k.db.User(k.ctx, u.ID)), u)
	}
	person, owner := filled[team.User](k), filled[team.Team](k)
	k.ok(k.db.AddUser(k.ctx, person))
	equal(k, "User", must[team.User](k)(k.db.User(k.ctx, person.ID)), person)
	k.ok(k.db.AddTeam(k.ctx, owner))
	equal(k, "Team", must[team.Team](k)(k.db.TeamBySlug(k.ctx, owner.Slug)), owner)

	member := filled[team.Membership](k)
	member.User, member.Team = person.ID, owner
	k.ok(k.db.AddMember(k.ctx, member))
	equal(k, "Memberships", must[[]team.Membership](k)(k.db.Memberships(k.ctx, person.ID)), []team.Membership{member})
	equal(k, "Members", must[[]team.Person](k)(k.db.Members(k.ctx, owner.ID)), []team.Person{{User: person, Role: member.Role, CreatedAt: member.CreatedAt}})

	k.clientFields(owner)
	c := filled[client.Client](k)
	c.Team = owner
	k.ok(k.db.AddClient(k.ctx, c))
	k.ok(k.db.EnableClient(k.ctx, c.ID))
	c.DisabledAt, c.RedirectURIs, c.Secrets = time.Time{}, nil, nil
	equal(k, "MachineLive", must[client.Client](k)(k.db.MachineLive(k.ctx, "jti", c.ID, now)), c)

	key := filled[token.StoredKey](k)
	k.ok(k.db.AddKeys(k.ctx, []token.StoredKey{key}))
	equal(k, "Keys", must[[]token.StoredKey](k)(k.db.Keys(k.ctx)), []token.StoredKey{key})

	event := filled[audit.Event](k)
	k.ok(k.db.Record(k.ctx, event))
	got := k.events(audit.Filter{Kind: event.Kind})[0]
	event.ID = got.ID // the database's own
	equal(k, "Events", got, event)

	row := filled[govern.Row](k)
	_, err := k.db.Decide(k.ctx, owner.ID, c.ID, row.By, func(team.Role, govern.Row) (govern.Row, error) { return row, nil })
	k.ok(err)
	row.Team, row.Client, row.At = owner.ID, c.ID, k.at(k.db)
	equal(k, "Rows", must[[]govern.Row](k)(k.db.Rows(k.ctx, owner.ID)), []govern.Row{row})
	k.ok(block(k.ctx, k.db, owner.ID, c.ID, "no"))
	for _, e := range must[[]authz.Ending](k)(k.db.Endings(k.ctx, now)) { // of the machine client
		k.isFilled(e)
	}
}

// clientFields adds, reads, lists and updates clients of a team.
func (k *kit) clientFields(owner team.Team) {
	k.Helper()
	for _, c := range append(withOneTrue(filled[client.Client](k)), filled[client.Client](k)) {
		c.ID, c.Team = oauth.ClientID(fmt.Sprint("client-", k.filler)), owner
		k.ok(k.db.AddClient(k.ctx, c))
		equal(k, "Client", must[client.Client](k)(k.db.Client(k.ctx, c.ID)), c)
		equal(k, "Clients", must[[]client.Client](k)(k.db.Clients(k.ctx)), []client.Client{listed(c)})
		for _, changed := range append(withOneTrue(filled[client.Client](k)), filled[client.Client](k)) {
			changed.ID, changed.Owner, changed.Public, changed.Machine, changed.Team = c.ID, c.Owner, c.Public, c.Machine, c.Team
			changed.Secrets, changed.CreatedAt, changed.DisabledAt = c.Secrets, c.CreatedAt, c.DisabledAt
			k.ok(updateClient(k.ctx, k.db, changed))
			equal(k, "the updated client", must[client.Client](k)(k.db.Client(k.ctx, c.ID)), changed)
		}
		k.ok(k.db.RemoveClient(k.ctx, c.ID))
	}
}

// testFieldsOfConnections is testFields for what only a living person can have.
func testFieldsOfConnections(k *kit) {
	k.populate()
	s := filled[authn.Session](k)
	s.User = ada
	k.ok(k.db.StartSession(k.ctx, s, ""))
	equal(k, "Sessions", must[[]authn.Session](k)(k.db.Sessions(k.ctx, ada.ID, now)), []authn.Session{s})
	s.Device = authn.Device{} // read only where sessions are listed
	equal(k, "Session", must[authn.Session](k)(k.db.Session(k.ctx, s.ID, now)), s)

	c := filled[client.Client](k)
	c.Team, c.DisabledAt = team.Team{}, time.Time{}
	k.ok(k.db.AddClient(k.ctx, c))
	g := filled[authz.Grant](k)
	g.User, g.Team, g.Client = ada.ID, acme.ID, c.ID
	g.SuspendedAt = time.Time{} // consent is never suspended
	equal(k, "the saved grant", must[authz.Grant](k)(k.db.SaveGrant(k.ctx, g, false)), g)
	saved := g
	g.Seen = authz.Seen{} // read only where a consent page may follow

	f := filled[authz.Family](k)
	f.Grant, f.Client, f.Scope, f.SessionID = g.ID, c.ID, g.Scope, s.SID()
	f.ExpiresAt, f.TokenDeadAt = now.Add(time.Hour), now.Add(time.Hour)
	f.Generation, f.RotatedAt, f.UsedAt, f.EndedAt, f.LateRetryAt, f.LateRetryGeneration = 0, time.Time{}, time.Time{}, time.Time{}, time.Time{}, 0 // a code begins with none of them
	redeemed := must[authz.Subject](k)(k.db.Redeem(k.ctx, f))
	k.isFilled(redeemed)
	equal(k, "Connection", must[authz.Connection](k)(k.db.Connection(k.ctx, f.ID, now)), authz.Connection{Family: f, Subject: redeemed})
	r := rotation(f.ID, c.ID, 0, now.Add(time.Minute))
	r.DPoPKey = f.DPoPKey
	rotated := k.rotated(r)
	equal(k, "Subject", rotated.Subject, redeemed)
	retry := k.rotated(r)
	rotated.Retry = true
	equal(k, "a retry", retry, rotated)
	r.At, r.Rule.LateRetry = r.At.Add(time.Hour), time.Hour
	k.rotated(r)
	r.Generation++
	rotated = k.rotated(r)
	rotated.Family.EndedAt = now // of a living family only this is zero
	k.isFilled(rotated.Family)

	details := must[[]authz.GrantDetail](k)(k.db.Grants(k.ctx, authz.GrantFilter{Client: c.ID}))
	c.RedirectURIs, c.Secrets = nil, nil
	equal(k, "Grants", details, []authz.GrantDetail{{Grant: g, User: ada, Client: c, Team: acme, LastUsed: r.At}})
	user := must[authz.SignedInUser](k)(k.db.SignedInUser(k.ctx, s.ID, c.ID, now))
	equal(k, "SignedInUser", user.Session, s)
	equal(k, "the user's grant", user.Teams[0].Grant, &saved)
	equal(k, "TeamStatuses", must[[]authz.TeamStatus](k)(k.db.TeamStatuses(k.ctx, ada.ID, c.ID)), user.Teams)

	for _, n := range k.due(later, later.Add(time.Hour)) {
		k.Fatalf("the notice %+v is due after its time", n)
	}
	for _, n := range k.due(now.Add(time.Hour), later) { // of the connection
		n.SessionID, n.TeamName, n.Applications = "of no sign-in", "read at delivery", []string{"read at delivery"}
		n.Link, n.Email, n.Language = "of no link", "read at delivery", "of somebody who is there"
		k.isFilled(n)
	}
}
