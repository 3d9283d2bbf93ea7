package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
)

// A call is a method on the furnished database, where it finds something to read or to change.
type call struct {
	name string
	do   func(ctx context.Context, db *store.DB) error
	want error // what it answers when nothing fails
}

// events is the event of each unit of work, in the order of writes. Counting, retrying and delivering have none.
var events = map[string]audit.Kind{
	"AddUser": audit.UserAdded, "DisableUser": audit.UserDisabled, "EnableUser": audit.UserEnabled, "RemoveUser": audit.UserRemoved, "RemoveUser, by themselves": audit.TeamRemoved, "VerifyEmail": audit.EmailVerified, "UpdateProfile": audit.ProfileChanged, "SavePicture": audit.ProfileChanged, "RemovePicture": audit.ProfileChanged,
	"AddTeam": audit.TeamAdded, "UpdateTeam": audit.TeamRenamed, "RemoveTeam": audit.TeamRemoved,
	"CreateTeam": audit.TeamAdded, "ChangeMembers": audit.MemberRemoved, "ChangeMembers, a role": audit.MemberRoleChanged,
	"AddMember": audit.MemberAdded, "RemoveMember": audit.MemberRemoved,
	"SetPassword": audit.PasswordSet, "AskSignUp": audit.SignUpAsked, "FinishSignUp": audit.SignedUp, "ForgetPassword": audit.PasswordForgotten, "ResetPassword": audit.PasswordReset,
	"SendAddressLink": audit.EmailChangeAsked, "ProveEmail": audit.EmailVerified, "ChangeEmail": audit.EmailChanged, "UndoEmail": audit.EmailRestored, "SetEmail": audit.EmailSet, "EmptyUnverified": audit.UserEmptied, "StartSession": audit.SignedIn, "EndSession": audit.SignedOut,
	"AddClient": audit.ClientAdded, "UpdateClient": audit.ClientUpdated, "AddClientSecret": audit.SecretRotated,
	"DisableClient": audit.ClientDisabled, "EnableClient": audit.ClientEnabled, "RemoveClient": audit.ClientRemoved,
	"SaveGrant": audit.ConsentGiven, "RevokeGrant": audit.GrantRevoked, "Decide": audit.ClientBlocked, "Decide, unblock": audit.ClientUnblocked, "SetPolicy": audit.PolicyChanged,
	"AskFor": audit.ClientAskedFor, "WithdrawRequest": audit.RequestWithdrawn,
	"Redeem": audit.TokenIssued, "Redeem again": audit.CodeReplayed, "EndReplayed": audit.CodeReplayed, "Burn": audit.CodeRefused,
	"Rotate": audit.TokenRefreshed, "Rotate again": audit.RefreshReplayed, "Rotate, a late retry": audit.RefreshRetried, "EndFamily": audit.TokenRevoked, "EndToken": audit.TokenRevoked, "IssueMachine": audit.MachineToken,
	"AddKeys": audit.KeysRotated, "ReplaceSealed": audit.MasterKeyReplaced, "Record": audit.SignInFailed,
	"Rehash": "", "SaveSightings": "", "RemoveKeys": "", "TrimFamilies": "", "Count": "", "Uncount": "", "UseAssertion": "", "PushRequest": "", "SaveFailures": "", "UseRequest": "", "DueMessages": "", "ExpiredMessages": "", "PutBack": "", "Postpone": "", "Delivered": "",
}

// membership is Ada's in Acme.
var membership = team.Membership{User: ada.ID, Team: acme, Role: team.Admin, CreatedAt: now}

// writes is every unit of work, and more than one of those that have several ways to go.
var writes = []call{
	{"AddUser", func(ctx context.Context, db *store.DB) error {
		return db.AddUser(ctx, team.User{ID: "u-new", Email: "new@example.com"})
	}, nil},
	{"DisableUser", func(ctx context.Context, db *store.DB) error { return db.DisableUser(ctx, ada.ID, now) }, nil},
	{"EnableUser", func(ctx context.Context, db *store.DB) error { return db.EnableUser(ctx, "u-off") }, nil},
	{"RemoveUser", func(ctx context.Context, db *store.DB) error {
		_, err := db.RemoveUser(ctx, ada.ID, now, nil)
		return err
	}, nil},
	{"RemoveUser, by themselves", func(ctx context.Context, db *store.DB) error {
		_, err := db.RemoveUser(ctx, ada.ID, now, func([]team.Orphan) ([]team.ID, error) { return []team.ID{acme.ID}, nil })
		return err
	}, nil},
	{"VerifyEmail", func(ctx context.Context, db *store.DB) error { return db.VerifyEmail(ctx, ada.ID, ada.Email) }, nil},
	{"UpdateProfile", func(ctx context.Context, db *store.DB) error {
		return saveProfile(ctx, db, ada.ID, "Ada", team.Profile{Language: "de"})
	}, nil},
	{"SavePicture", func(ctx context.Context, db *store.DB) error {
		return db.SavePicture(ctx, ada.ID, team.Picture{Name: "new"})
	}, nil},
	{"RemovePicture", func(ctx context.Context, db *store.DB) error { return db.RemovePicture(ctx, ada.ID) }, nil},
	{"AddTeam", func(ctx context.Context, db *store.DB) error {
		return db.AddTeam(ctx, team.Team{ID: "t-new", Slug: "new"})
	}, nil},
	{"UpdateTeam", func(ctx context.Context, db *store.DB) error { return renameTeam(ctx, db, acme.ID, "apex", "Apex") }, nil},
	{"RemoveTeam", func(ctx context.Context, db *store.DB) error { return db.RemoveTeam(ctx, acme.ID, "", nil) }, nil},
	{"AddMember", func(ctx context.Context, db *store.DB) error {
		return db.AddMember(ctx, team.Membership{User: bob.ID, Team: beta, Role: team.Member})
	}, nil},
	{"CreateTeam", func(ctx context.Context, db *store.DB) error {
		return db.CreateTeam(ctx, team.Team{ID: "t-new", Slug: "new"}, ada.ID, 9)
	}, nil},
	{"ChangeMembers", func(ctx context.Context, db *store.DB) error { return changeMember(ctx, db, ada.ID, "") }, nil},
	{"ChangeMembers, a role", func(ctx context.Context, db *store.DB) error {
		return changeMember(ctx, db, ada.ID, team.Developer)
	}, nil},
	{"RemoveMember", func(ctx context.Context, db *store.DB) error { return db.RemoveMember(ctx, acme.ID, ada.ID) }, nil},

	{"SetPassword", func(ctx context.Context, db *store.DB) error { return db.SetPassword(ctx, ada.ID, "new", now) }, nil},
	{"AskSignUp", func(ctx context.Context, db *store.DB) error {
		return db.AskSignUp(ctx, team.NewLink(team.LinkSignUp, "", ada.Email, "", now), team.Newcomer{Name: "Eve"})
	}, nil},
	{"FinishSignUp", func(ctx context.Context, db *store.DB) error {
		return db.FinishSignUp(ctx, "l-sign-up", team.Joined{ID: "u-eve", Name: "Eve", Language: "de"}, now)
	}, nil},
	{"ForgetPassword", func(ctx context.Context, db *store.DB) error {
		return db.ForgetPassword(ctx, team.NewLink(team.LinkReset, "", ada.Email, "", now), version)
	}, nil},
	{"ResetPassword", func(ctx context.Context, db *store.DB) error {
		return db.ResetPassword(ctx, authn.Reset{Link: "l-reset", Hash: "new", At: now, EndConnections: true}, anyReset)
	}, nil},
	{"SendAddressLink", func(ctx context.Context, db *store.DB) error {
		return db.SendAddressLink(ctx, team.NewLink(team.LinkChange, bob.ID, "new@example.com", bob.Email, now))
	}, nil},
	{"ProveEmail", func(ctx context.Context, db *store.DB) error { return db.ProveEmail(ctx, "l-prove", now, anyLink) }, nil},
	{"ChangeEmail", func(ctx context.Context, db *store.DB) error {
		return db.ChangeEmail(ctx, "l-change", now, team.NewLink(team.LinkUndo, "", "", "", now), anyLink)
	}, nil},
	{"UndoEmail", func(ctx context.Context, db *store.DB) error {
		return db.UndoEmail(ctx, authn.Reset{Link: "l-undo", Hash: "new", At: now, EndConnections: true}, now, anyLink)
	}, nil},
	{"SetEmail", func(ctx context.Context, db *store.DB) error {
		return db.SetEmail(ctx, ada.ID, "set@example.com", true, now)
	}, nil},
	{"EmptyUnverified", func(ctx context.Context, db *store.DB) error { return db.EmptyUnverified(ctx, bob.Email, now) }, nil},
	{"Rehash", func(ctx context.Context, db *store.DB) error { return db.Rehash(ctx, ada.ID, "", "new") }, nil},
	{"StartSession", func(ctx context.Context, db *store.DB) error {
		return db.StartSession(ctx, session("s-new", ada), "s1")
	}, nil},
	{"EndSession", func(ctx context.Context, db *store.DB) error { return db.EndSession(ctx, "s1") }, nil},
	{"SaveSightings", func(ctx context.Context, db *store.DB) error {
		return db.SaveSightings(ctx, []authn.Sighting{{Session: "s1", Network: "192.0.2.0/24", At: now.Add(time.Hour)}, {Session: "nothing", At: now}})
	}, nil},
	{"Count", func(ctx context.Context, db *store.DB) error {
		_, err := db.Count(ctx, []limit.Bucket{{Key: "a", Limit: 5, Window: time.Hour}, {Key: "new", Limit: 5, Window: time.Hour}}, now)
		return err
	}, nil},
	{"Uncount", func(ctx context.Context, db *store.DB) error {
		return db.Uncount(ctx, []limit.Bucket{{Key: "a"}, {Key: "b"}}, now)
	}, nil},

	{"AddClient", func(ctx context.Context, db *store.DB) error {
		return db.AddClient(ctx, client.Client{ID: "c-new", Secrets: []client.Secret{{Hash: "x"}, {Hash: "y"}}})
	}, nil},
	{"UpdateClient", func(ctx context.Context, db *store.DB) error {
		return updateClient(ctx, db, client.Client{ID: global.ID, Name: "New"})
	}, nil},
	{"AddClientSecret", func(ctx context.Context, db *store.DB) error {
		return db.AddClientSecret(ctx, global.ID, client.Secret{Hash: "new", CreatedAt: now}, 0)
	}, nil},
	{"DisableClient", func(ctx context.Context, db *store.DB) error { return db.DisableClient(ctx, global.ID, now) }, nil},
	{"EnableClient", func(ctx context.Context, db *store.DB) error { return db.EnableClient(ctx, "c-off") }, nil},
	{"RemoveClient", func(ctx context.Context, db *store.DB) error { return db.RemoveClient(ctx, global.ID) }, nil},

	{"SaveGrant", func(ctx context.Context, db *store.DB) error {
		_, err := db.SaveGrant(ctx, grant("g-new", bob, global, acme, "read"), false)
		return err
	}, nil},
	{"SaveGrant", func(ctx context.Context, db *store.DB) error {
		_, err := db.SaveGrant(ctx, grant("g-new", ada, global, acme, "more"), false)
		return err
	}, nil},
	{"RevokeGrant", func(ctx context.Context, db *store.DB) error { return db.RevokeGrant(ctx, "g1") }, nil},
	{"Redeem", func(ctx context.Context, db *store.DB) error {
		_, err := db.Redeem(ctx, family("f-new", grant("g1", ada, global, acme, "read")))
		return err
	}, nil},
	{"Redeem again", func(ctx context.Context, db *store.DB) error {
		_, err := db.Redeem(ctx, family("f1", grant("g1", ada, global, acme, "read")))
		return err
	}, authz.ErrReplayed},
	{"EndReplayed", func(ctx context.Context, db *store.DB) error {
		_, err := db.EndReplayed(ctx, family("f1", grant("g1", ada, global, acme, "read")))
		return err
	}, nil},
	{"Burn", func(ctx context.Context, db *store.DB) error {
		return db.Burn(ctx, family("f-new", grant("g1", ada, global, acme, "read")))
	}, nil},
	{"TrimFamilies", func(ctx context.Context, db *store.DB) error { return db.TrimFamilies(ctx, "g1", "g", 0) }, nil},
	{"Decide", func(ctx context.Context, db *store.DB) error {
		return block(ctx, db, acme.ID, global.ID, "no")
	}, nil},
	{"Decide, unblock", func(ctx context.Context, db *store.DB) error { return unblock(ctx, db, beta.ID, public.ID) }, nil},
	{"SetPolicy", func(ctx context.Context, db *store.DB) error {
		_, err := db.SetPolicy(ctx, acme.ID, ada.ID, func(govern.Standing) (govern.Change, error) {
			return govern.Change{Policy: govern.Policy{Rule: govern.Nobody}}, nil
		})
		return err
	}, nil},
	{"AskFor", func(ctx context.Context, db *store.DB) error {
		return db.AskFor(ctx, govern.Request{Team: acme.ID, Client: global.ID, User: ada.ID, Scope: oauth.Scope{"read"}, AskedAt: now, ExpiresAt: now.Add(time.Hour)}, 5, 5)
	}, nil},
	{"WithdrawRequest", func(ctx context.Context, db *store.DB) error {
		return db.WithdrawRequest(ctx, acme.ID, global.ID, bob.ID)
	}, nil},

	{"AddKeys", func(ctx context.Context, db *store.DB) error {
		return db.AddKeys(ctx, []token.StoredKey{storedKey("k1", "ES256/2", now), storedKey("k2", "RS256/1", now)})
	}, nil},
	{"RemoveKeys", func(ctx context.Context, db *store.DB) error {
		return db.RemoveKeys(ctx, []string{"k-first", "nothing"})
	}, nil},
	{"ReplaceSealed", func(ctx context.Context, db *store.DB) error {
		key := storedKey("k-first", "ES256/1", now)
		key.Sealed = []byte("resealed")
		return db.ReplaceSealed(ctx, []token.StoredKey{key})
	}, nil},

	{"Rotate", func(ctx context.Context, db *store.DB) error {
		_, err := db.Rotate(ctx, rotation("f1", global.ID, 0, now))
		return err
	}, nil},
	{"Rotate again", func(ctx context.Context, db *store.DB) error {
		_, err := db.Rotate(ctx, rotation("f2", global.ID, 0, now))
		return err
	}, authz.ErrReused},
	{"Rotate, a late retry", func(ctx context.Context, db *store.DB) error {
		_, err := db.Rotate(ctx, lateRotation("f2", 1, now.Add(time.Minute)))
		return err
	}, nil},
	{"EndFamily", func(ctx context.Context, db *store.DB) error {
		_, err := db.EndFamily(ctx, "f1", global.ID, now)
		return err
	}, nil},
	{"IssueMachine", func(ctx context.Context, db *store.DB) error { return db.IssueMachine(ctx, acmes.ID, now, nil) }, nil},
	{"EndToken", func(ctx context.Context, db *store.DB) error { return db.EndToken(ctx, "m.1", acmes.ID, now, later) }, nil},
	{"UseAssertion", func(ctx context.Context, db *store.DB) error { return db.UseAssertion(ctx, global.ID, "jti", later) }, nil},
	{"PushRequest", func(ctx context.Context, db *store.DB) error {
		return db.PushRequest(ctx, authz.PushedRequest{ID: "p-new", Client: global.ID, ExpiresAt: later}, 1)
	}, nil},
	{"SaveFailures", func(ctx context.Context, db *store.DB) error {
		return db.SaveFailures(ctx, []usage.Failure{failed("x", now)})
	}, nil},
	{"UseRequest", func(ctx context.Context, db *store.DB) error { return db.UseRequest(ctx, "r", later) }, nil},
	{"DueMessages", func(ctx context.Context, db *store.DB) error {
		_, err := db.DueMessages(ctx, now, later, 10)
		return err
	}, nil},
	{"Postpone", func(ctx context.Context, db *store.DB) error { return db.Postpone(ctx, logoutNotice, later) }, nil},
	{"ExpiredMessages", func(ctx context.Context, db *store.DB) error {
		_, err := db.ExpiredMessages(ctx, now.Add(100*24*time.Hour), 10)
		return err
	}, nil},
	{"PutBack", func(ctx context.Context, db *store.DB) error { return db.PutBack(ctx, []string{logoutNotice}, later) }, nil},
	{"Delivered", func(ctx context.Context, db *store.DB) error { return db.Delivered(ctx, logoutNotice) }, nil},
	{"Record", func(ctx context.Context, db *store.DB) error {
		return db.Record(ctx, audit.Event{Kind: audit.SignInFailed})
	}, nil},
}

// reads is every method that changes nothing.
var reads = []call{
	{"User", func(ctx context.Context, db *store.DB) error { _, err := db.User(ctx, ada.ID); return err }, nil},
	{"Profile", func(ctx context.Context, db *store.DB) error { _, err := db.Profile(ctx, ada.ID); return err }, nil},
	{"Picture", func(ctx context.Context, db *store.DB) error { _, err := db.Picture(ctx, "first"); return err }, nil},
	{"Kept", func(ctx context.Context, db *store.DB) error { _, err := db.Kept(ctx, ada.ID); return err }, nil},
	{"Leaves", func(ctx context.Context, db *store.DB) error { _, _, err := db.Leaves(ctx, ada.ID); return err }, nil},
	{"UserByEmail", func(ctx context.Context, db *store.DB) error { _, err := db.UserByEmail(ctx, ada.Email); return err }, nil},
	{"Grant", func(ctx context.Context, db *store.DB) error { _, err := db.Grant(ctx, "g1"); return err }, nil},
	{"Users", func(ctx context.Context, db *store.DB) error { _, err := db.Users(ctx); return err }, nil},
	{"TeamBySlug", func(ctx context.Context, db *store.DB) error { _, err := db.TeamBySlug(ctx, acme.Slug); return err }, nil},
	{"Teams", func(ctx context.Context, db *store.DB) error { _, err := db.Teams(ctx); return err }, nil},
	{"Members", func(ctx context.Context, db *store.DB) error { _, err := db.Members(ctx, acme.ID); return err }, nil},
	{"Memberships", func(ctx context.Context, db *store.DB) error { _, err := db.Memberships(ctx, ada.ID); return err }, nil},
	{"Password", func(ctx context.Context, db *store.DB) error { _, _, err := db.Password(ctx, ada.Email); return err }, nil},
	{"Newcomer", func(ctx context.Context, db *store.DB) error { _, err := db.Newcomer(ctx, "l-sign-up"); return err }, nil},
	{"Link", func(ctx context.Context, db *store.DB) error { _, err := db.Link(ctx, "l-reset", now); return err }, nil},
	{"Sessions", func(ctx context.Context, db *store.DB) error { _, err := db.Sessions(ctx, ada.ID, now); return err }, nil},
	{"Session", func(ctx context.Context, db *store.DB) error { _, err := db.Session(ctx, "s1", now); return err }, nil},
	{"Client", func(ctx context.Context, db *store.DB) error { _, err := db.Client(ctx, global.ID); return err }, nil},
	{"Clients", func(ctx context.Context, db *store.DB) error { _, err := db.Clients(ctx); return err }, nil},
	{"PublicRedirectURIs", func(ctx context.Context, db *store.DB) error { _, err := db.PublicRedirectURIs(ctx); return err }, nil},
	{"TeamStatuses", func(ctx context.Context, db *store.DB) error {
		_, err := db.TeamStatuses(ctx, ada.ID, global.ID)
		return err
	}, nil},
	{"SignedInUser", func(ctx context.Context, db *store.DB) error {
		_, err := db.SignedInUser(ctx, "s1", global.ID, now)
		return err
	}, nil},
	{"Grants", func(ctx context.Context, db *store.DB) error {
		for _, filter := range []authz.GrantFilter{{User: ada.ID}, {Team: acme.ID}, {Client: global.ID}, {User: ada.ID, Team: acme.ID, Client: global.ID}} {
			if _, err := db.Grants(ctx, filter); err != nil {
				return err
			}
		}
		return nil
	}, nil},
	{"Rows", func(ctx context.Context, db *store.DB) error { _, err := db.Rows(ctx, beta.ID); return err }, nil},
	{"Policy", func(ctx context.Context, db *store.DB) error { _, err := db.Policy(ctx, beta.ID); return err }, nil},
	{"Uses", func(ctx context.Context, db *store.DB) error { _, err := db.Uses(ctx, acme.ID); return err }, nil},
	{"Asked", func(ctx context.Context, db *store.DB) error {
		if _, err := db.Asked(ctx, beta.ID, global.ID, ada.ID, now); err != govern.ErrNoRequest {
			return err
		}
		return nil
	}, nil},
	{"Requests", func(ctx context.Context, db *store.DB) error { _, err := db.Requests(ctx, beta.ID, now); return err }, nil},
	{"Keys", func(ctx context.Context, db *store.DB) error { _, err := db.Keys(ctx); return err }, nil},
	{"SubjectDetail", func(ctx context.Context, db *store.DB) error {
		_, err := db.SubjectDetail(ctx, ada.ID, acme.ID)
		return err
	}, nil},
	{"Connection", func(ctx context.Context, db *store.DB) error { _, err := db.Connection(ctx, "f1", now); return err }, nil},
	{"MachineLive", func(ctx context.Context, db *store.DB) error {
		_, err := db.MachineLive(ctx, "m.1", acmes.ID, now)
		return err
	}, nil},
	{"TeamClients", func(ctx context.Context, db *store.DB) error { _, err := db.TeamClients(ctx, acme.ID); return err }, nil},
	{"Failures", func(ctx context.Context, db *store.DB) error {
		_, err := db.Failures(ctx, string(global.ID))
		return err
	}, nil},
	{"PushedRequest", func(ctx context.Context, db *store.DB) error {
		if _, _, err := db.PushedRequest(ctx, "r"); !errors.Is(err, authz.ErrNoRequest) {
			return err
		}
		return nil
	}, nil},
	{"RequestUsed", func(ctx context.Context, db *store.DB) error { _, err := db.RequestUsed(ctx, "r"); return err }, nil},
	{"Endings", func(ctx context.Context, db *store.DB) error { _, err := db.Endings(ctx, now); return err }, nil},
	{"Events", func(ctx context.Context, db *store.DB) error {
		for _, filter := range []audit.Filter{
			{},
			{Team: "x"},
			{User: "x"},
			{Client: "x"},
			{Kind: "x"},
			{Since: now},
			{Before: 1},
			{Team: "x", User: "x", Client: "x", Kind: "x", Since: now, Before: 1},
		} {
			if _, err := db.Events(ctx, filter); err != nil {
				return err
			}
		}
		return nil
	}, nil},
}
