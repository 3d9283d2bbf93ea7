// Package storetest is the definition of a store: what every method does, what it refuses, what ends with what, who wins a
// race, and that a unit of work that fails leaves no trace. It runs on each database.
package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Harness is how the tests reach into a store.
type Harness struct {
	URL  func(t testing.TB) string                           // an empty database for one test
	Fail func(db *store.DB, at func(statement string) error) // makes a statement or commit fail when at returns an error for its name
	SQL  func(db *store.DB) *sql.DB                          // to look at what is stored

	// Waiting reports whether a unit of work waits for a lock. nil where units of work do not overlap.
	Waiting func(db *sql.DB) bool
	// Done is called with each database on which a method has run to its end. May be nil.
	Done func(db *store.DB)
}

// Run checks a store against its definition.
func Run(t *testing.T, h Harness) {
	tests := []struct {
		name string
		test func(*kit)
	}{
		{"Users", testUsers},
		{"DisableUser", testDisableUser},
		{"RemoveUser", testRemoveUser},
		{"CloseAccount", testCloseAccount},
		{"VerifyEmail", testVerifyEmail},
		{"Profiles", testProfiles},
		{"ProfileChangesAreNotLost", testProfileChanges},
		{"Teams", testTeams},
		{"RemoveTeam", testRemoveTeam},
		{"FormerSlugs", testFormerSlugs},
		{"Members", testMembers},
		{"RemoveMember", testRemoveMember},
		{"CreateTeam", testCreateTeam},
		{"ChangeMembers", testChangeMembers},
		{"ChangeMembersReads", testStanding},
		{"Passwords", testPasswords},
		{"ForgetPassword", testForgetPassword},
		{"ResetPassword", testResetPassword},
		{"Identities", testIdentities},
		{"EmptiedAccount", testEmptiedAccount},
		{"RequiredProvider", testRequiredProvider},
		{"LinkIsUsedOnce", testLinkRace},
		{"SignUp", testSignUp},
		{"UndoEmail", testUndoEmail},
		{"Invitations", testInvitations},
		{"InvitationsRefuse", testInvitationsRefuse},
		{"InvitationIsAcceptedOnce", testInvitationRace},
		{"Sessions", testSessions},
		{"Factors", testFactors},
		{"LastFactor", testLastFactor},
		{"FactorRaces", testFactorRaces},
		{"Sightings", testSightings},
		{"Throttle", testThrottle},
		{"Clients", testClients},
		{"ChangesAreNotLost", testChangesAreNotLost},
		{"PanicIsOneUnitsError", testPanicIsOneUnitsError},
		{"ClientSecrets", testClientSecrets},
		{"ClientsEverywhere", testClientsEverywhere},
		{"SignedInUsersAreCached", testSignedInUsersAreCached},
		{"ChangedUsersLeaveTheCache", testChangedUsersLeaveTheCache},
		{"AnsweredChangesAreTrueInEveryProcess", testAnsweredChangesAreTrueInEveryProcess},
		{"ReadsBegunBeforeAChangeAreNotCached", testReadsBegunBeforeAChange},
		{"SignOutsDoNotEmptyTheClientCache", testSignOutsKeepClients},
		{"SignOutsKeepOtherUsers", testSignOutsKeepOtherUsers},
		{"CallersWithNothingToChangeWaitToo", testNothingToChange},
		{"DisableClient", testDisableClient},
		{"RemoveClient", testRemoveClient},
		{"PublicRedirectURIs", testPublicRedirectURIs},
		{"SaveGrant", testSaveGrant},
		{"SaveGrantRefuses", testSaveGrantRefuses},
		{"Grants", testGrants},
		{"RevokeGrant", testRevokeGrant},
		{"TeamStatuses", testTeamStatuses},
		{"SignedInUser", testSignedInUser},
		{"Blocks", testBlocks},
		{"Policies", testPolicies},
		{"Ceilings", testCeilings},
		{"PoliciesAndVerdictsAgree", testVerdicts},
		{"PolicyRaces", testPolicyRaces},
		{"StrictPolicy", testStrictPolicy},
		{"ApplicationRequests", testApplicationRequests},
		{"TeamClients", testTeamClients},
		{"Redeem", testRedeem},
		{"RedeemCosts", testRedeemCosts},
		{"RedeemRefuses", testRedeemRefuses},
		{"Burn", testBurn},
		{"TrimFamilies", testTrimFamilies},
		{"TrimFamilies counts the living", testTrimCountsTheLiving},
		{"TrimFamilies lets go of all that are too many", testTrimLetsGoOfAll},
		{"Rotate", testRotate},
		{"RotateRefuses", testRotateRefuses},
		{"RotateReuseEndsTheFamily", testRotateReuse},
		{"RotateCosts", testRotateCosts},
		{"KeptTokenStaysTheNewest", testKeptToken},
		{"RetryWhenClocksDiffer", testRetryWhenClocksDiffer},
		{"LateRetry", testLateRetry},
		{"WrongClock", testWrongClock},
		{"ClockBehindEndsNothing", testClockBehindEndsNothing},
		{"SixtyFourRetryLateOneSuccessor", testLateRetryRace},
		{"RefreshingAddsNoRow", testRefreshingAddsNoRow},
		{"Connection", testConnection},
		{"EndFamily", testEndFamily},
		{"EndingsOfGrants", testEndingsOfGrants},
		{"EndingsOfNobodyElse", testEndingsOfNobodyElse},
		{"EndingsOfMachines", testEndingsOfMachines},
		{"EndingsWhenClocksDiffer", testEndingsWhenClocksDiffer},
		{"IssueMachine", testIssueMachine},
		{"IssueMachineCosts", testIssueMachineCosts},
		{"EndToken", testEndToken},
		{"UseAssertion", testUseAssertion},
		{"EndReplayed", testEndReplayed},
		{"PushRequest", testPushRequest},
		{"UseRequest", testUseRequest},
		{"Mail", testMail},
		{"BackchannelLogout", testBackchannelLogout},
		{"EndOfMembershipIsTold", testEndOfMembershipIsTold},
		{"EndOfASessionIsTold", testEndOfASessionIsTold},
		{"ExpiryOfASessionIsTold", testExpiryOfASessionIsTold},
		{"DueMessages", testDueMessages},
		{"MessageDestinations", testMessageDestinations},
		{"Events", testEvents},
		{"EventsHaveNames", testEventsHaveNames},
		{"EventsSayWho", testEventsSayWho},
		{"Keys", testKeys},
		{"ReplaceSealed", testReplaceSealed},
		{"EmptyUnverified", testEmptyUnverified},
		{"RequestFailures", testRequestFailures},
		{"RequestFailuresOfTwoProcesses", testRequestFailuresRace},
		{"Prune", testPrune},
		{"PruneCounters", testPruneCounters},
		{"PruneSkipsWhatAnotherPrunes", testPruneSkips},
		{"KeptUntil", testKeptUntil},
		{"EndedFamilyIsKept", testEndedFamilyIsKept},
		{"TimesAtTheirBound", testTimesAtTheirBound},
		{"FieldsAreNotLost", testFields},
		{"FieldsOfConnectionsAreNotLost", testFieldsOfConnections},
		{"Ready", testReady},
		{"Inspect", testInspect},
		{"FiftyRedeemOneWins", testRedeemRace},
		{"SixtyFourRefreshOneSuccessor", testRefreshStorm},
		{"NoRefreshAfterTheEnd", testNoRefreshAfterTheEnd},
		{"NoMachineTokenAfterTheEnd", testNoMachineTokenAfterTheEnd},
		{"MachinesShareCommits", testMachineRace},
		{"NoticesGoToOne", testNoticeRace},
		{"RequestIsUsedOnce", testRequestRace},
		{"AssertionWorksOnce", testAssertionRace},
		{"EventsOfTwoProcesses", testEventRace},
		{"ConsentsAddUp", testConsentRace},
		{"OneAdminIsLeft", testLastAdminRace},
		{"NothingOutlivesItsEnd", testEndRaces},
		{"LimitHoldsUnderRace", testThrottleRace},
		{"SlotsGoToOne", testKeyRace},
		{"Interleavings", testInterleavings},
		{"Reads", testReads},
		{"FailureLeavesNoTrace", testFailures},
		{"Cancelled", testCancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := h.URL(t)
			k := &kit{T: t, h: h, url: url, ctx: t.Context(), count: &counter{}, lease: time.Millisecond}
			k.db = k.open()
			tt.test(k)
		})
	}
}

// A kit is one test with its database. Its check methods end the test.
type kit struct {
	*testing.T
	h     Harness
	url   string
	ctx   context.Context
	db    *store.DB
	count *counter
	other *store.DB     // see second
	lease time.Duration // so short that hardly anything is cached, and nobody waits

	filler int // see filled
}

// open opens the test's database once more, as another process would. It is always now there.
func (k *kit) open() *store.DB {
	k.Helper()
	return k.openAt(func() time.Time { return now })
}

// behind is how far the clock of the second process is behind that of the first.
const behind = 15 * time.Second

// at is what a process takes for the current time.
func (k *kit) at(db *store.DB) time.Time {
	if db == k.other {
		return now.Add(-behind)
	}
	return now
}

// openAt is open with a clock.
func (k *kit) openAt(clock func() time.Time) *store.DB {
	k.Helper()
	db, err := store.Open(k.ctx, k.url, store.Options{Observe: k.count.add, Now: clock, Lease: k.lease})
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() {
		if err := db.Close(); err != nil {
			k.Error(err)
		}
	})
	return db
}

func (k *kit) ok(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

func (k *kit) is(err, want error) {
	k.Helper()
	if !errors.Is(err, want) {
		k.Fatalf("got the error %v, want %v", err, want)
	}
}

func equal[T any](k *kit, what string, got, want T) {
	k.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		k.Fatalf("%s is not as expected (-want +got):\n%s", what, diff)
	}
}

// must unwraps what a reading method returned.
func must[T any](k *kit) func(T, error) T {
	return func(v T, err error) T {
		k.Helper()
		k.ok(err)
		return v
	}
}

// statements is how many statements a unit of work sends that consists of n. On PostgreSQL they are one, together with the
// event and the commit.
func (k *kit) statements(n int) int {
	if k.h.Waiting != nil {
		return 1
	}
	return n
}

// rows counts the rows of a table for which a condition holds.
func (k *kit) rows(table, condition string, args ...any) int {
	k.Helper()
	var n int
	k.ok(k.h.SQL(k.db).QueryRowContext(k.ctx, "SELECT COUNT(*) FROM "+table+" WHERE "+condition, args...).Scan(&n))
	return n
}

var tables = []string{
	"gh_users", "gh_teams", "gh_memberships", "gh_clients", "gh_client_secrets", "gh_team_applications", "gh_application_requests", "gh_grants", "gh_families", "gh_sessions", "gh_throttle", "gh_keyring",
	"gh_apps", "gh_recovery_codes", "gh_passkeys", "gh_endings", "gh_assertions", "gh_pushed_requests", "gh_used_requests", "gh_request_failures", "gh_links", "gh_notices", "gh_audit", "gh_invitations", "gh_former_slugs", "gh_identities",
}

// dump is everything that is stored.
func (k *kit) dump() string {
	k.Helper()
	var lines []string
	for _, table := range tables {
		rows, err := k.h.SQL(k.db).QueryContext(k.ctx, "SELECT * FROM "+table)
		k.ok(err)
		columns, err := rows.Columns()
		k.ok(err)
		for rows.Next() {
			values := make([]any, len(columns))
			dest := make([]any, len(columns))
			for i := range values {
				dest[i] = &values[i]
			}
			k.ok(rows.Scan(dest...))
			lines = append(lines, fmt.Sprint(table, values))
		}
		k.ok(rows.Err())
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// now is when everything happens; later is when all of it has expired.
var (
	now   = time.Date(2030, 4, 5, 6, 7, 8, 9_000_000, time.UTC)
	later = now.Add(1000 * time.Hour)
)

// The people, teams and applications of the tests. Ada is admin of Acme and a member of Beta; Bob is a member of Acme.
var (
	ada  = team.User{ID: "u-ada", Email: "ada@example.com", Name: "Ada", Operator: true, EmailVerified: true, CreatedAt: now}
	bob  = team.User{ID: "u-bob", Email: "bob@example.com", Name: "Bob", CreatedAt: now, Operator: true}
	acme = team.Team{ID: "t-acme", Slug: "acme", Name: "Acme", CreatedAt: now}
	beta = team.Team{ID: "t-beta", Slug: "beta", Name: "Beta", CreatedAt: now}

	global = client.Client{
		ID: "c-global", Name: "Global", Owner: "The makers", Scope: oauth.Scope{"read", "write"}, CreatedAt: now,
		RedirectURIs: []string{"https://z.example/cb?b=1&a=2", "https://a.example/cb"},
		Secrets:      []client.Secret{{Hash: "hash-1", CreatedAt: now}},
	}
	acmes  = client.Client{ID: "c-acme", Name: "Acme's own", Machine: true, Team: acme, CreatedAt: now}
	public = client.Client{ID: "c-public", Name: "public", Public: true, CreatedAt: now, RedirectURIs: []string{"https://spa.example/", "https://a.example/cb"}}
)

// populate saves them.
func (k *kit) populate() {
	k.Helper()
	for _, u := range []team.User{bob, ada} {
		k.ok(k.db.AddUser(k.ctx, u))
	}
	for _, t := range []team.Team{beta, acme} {
		k.ok(k.db.AddTeam(k.ctx, t))
	}
	for _, m := range []team.Membership{
		{User: ada.ID, Team: acme, Role: team.Admin, CreatedAt: now},
		{User: ada.ID, Team: beta, Role: team.Member, CreatedAt: now},
		{User: bob.ID, Team: acme, Role: team.Member, CreatedAt: now},
	} {
		k.ok(k.db.AddMember(k.ctx, m))
	}
	for _, c := range []client.Client{public, global, acmes} {
		k.ok(k.db.AddClient(k.ctx, c))
	}
}

// grant is a grant that may be saved.
func grant(id string, u team.User, c client.Client, t team.Team, scope ...string) authz.Grant {
	return authz.Grant{ID: authz.GrantID(id), User: u.ID, Client: c.ID, Team: t.ID, Scope: scope, CreatedAt: now, UpdatedAt: now}
}

// granted saves a grant.
func (k *kit) granted(id string, u team.User, c client.Client, t team.Team, scope ...string) authz.Grant {
	k.Helper()
	return must[authz.Grant](k)(k.db.SaveGrant(k.ctx, grant(id, u, c, t, scope...), false))
}

// family is the family of a code that was issued under a grant.
func family(id string, g authz.Grant) authz.Family {
	return authz.Family{
		ID: authz.FamilyID(id), Grant: g.ID, Client: g.Client, Scope: g.Scope,
		AuthTime: now.Add(-time.Hour), CreatedAt: now, ExpiresAt: now.Add(time.Hour), TokenDeadAt: now.Add(30 * time.Minute),
		Nonce: "n-0S6_WzA2Mj ÿ", Methods: []string{"pwd", "otp"}, SessionID: "sid-1", Resource: []string{"https://api.example/", "urn:x"},
	}
}

// redeemed redeems a code.
func (k *kit) redeemed(id string, g authz.Grant) {
	k.Helper()
	_, err := k.db.Redeem(k.ctx, family(id, g))
	k.ok(err)
}

// Store is everything that a store has to be. Each domain package declares its part.
type Store interface {
	team.People
	team.Teams
	team.Links
	team.Newcomers
	team.Invitations
	authn.Store
	client.Store
	client.AssertionStore
	govern.Store
	authz.GrantStore
	authz.FamilyStore
	authz.MachineStore
	authz.RequestStore
	outbox.Store
	token.Store
	audit.Store
}

var _ Store = (*store.DB)(nil)

// Stores is a database as an authz.Server takes it.
func Stores(db *store.DB) authz.Stores {
	return authz.Stores{Clients: db, Assertions: db, Grants: db, Families: db, Machines: db, Requests: db, Factors: db}
}
