// Package authn knows who is at the browser: passwords, sessions, and the limits on guessing.
//
// It does not know what a person may do (team) nor what applications ask for (authz).
package authn

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/words"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Session is one browser's sign-in, with the time and the method of it.
type Session struct {
	ID        string // the hash of the cookie's secret
	Public    string // random, see SID; "" in sessions of before it was kept
	User      team.User
	AuthTime  time.Time
	Methods   []string // amr values of RFC 8176, e.g. "pwd"
	Provider  string   // the id of the provider at which the person signed in; "" when that was here
	ExpiresAt time.Time
	Device    Device // saved with a new session, and read only where sessions are listed
}

// Store keeps password hashes, sessions and counters of failures. Each method is one unit of work.
type Store interface {
	limit.Store
	team.Links
	FactorStore
	IdentityStore
	AddressStore

	// Password is a person and their password hash; team.ErrNoUser when there is no such person, an empty hash when they have no password.
	Password(ctx context.Context, email string) (u team.User, hash string, err error)
	// SetPassword replaces the password hash and ends the person's sessions in the same transaction. team.ErrNoUser.
	SetPassword(ctx context.Context, user team.UserID, hash string, at time.Time) error
	// ForgetPassword saves a reset link for an address in place of earlier ones, and the mail with it. It does the same work for every address: link
	// has an address, and the store adds the account that can sign in with it, if there is one, and what version says of its password hash.
	ForgetPassword(ctx context.Context, link team.Link, version func(hash string) string) error
	// ResetPassword uses a reset link, once, as Reset says. check gets what was read under the lock and decides; it must be pure: it may run twice.
	// The error is what check says, or that of the link.
	ResetPassword(ctx context.Context, r Reset, check func(link team.Link, u team.User, hash string) error) error
	// Rehash replaces the hash from by another hash of the same password. It signs nobody out. When the hash is no longer
	// from, because the password was changed meanwhile, it does nothing, and that is no error.
	Rehash(ctx context.Context, user team.UserID, from, to string) error
	// StartSession saves a session and ends the one it replaces (replaces may be empty). If that is alive and the same person's, its
	// Public stays. ErrSignInFailed when the person has been disabled meanwhile.
	StartSession(ctx context.Context, s Session, replaces string) error
	// Session is a session with its user, read fresh. ErrNoSession when it is unknown, expired at now, or the user is disabled.
	Session(ctx context.Context, id string, now time.Time) (Session, error)
	// Sessions are a person's sessions that are alive at now, with their devices.
	Sessions(ctx context.Context, user team.UserID, now time.Time) ([]Session, error)
	// SaveSightings saves when sessions were last seen, and from where; not when that was saved less than SightingInterval before.
	SaveSightings(ctx context.Context, seen []Sighting) error
	// EndSession ends a session. It is no error when there is no such session.
	EndSession(ctx context.Context, id string) error
}

// Errors that callers tell apart.
var (
	ErrNoSession    = errors.New("not signed in")
	ErrSignInFailed = errors.New("the e-mail or the password is wrong") // the same for an unknown e-mail, a wrong password and a disabled person
)

// WeakPasswordError says what to do about a password that is too easy to guess, or that cannot be used.
type WeakPasswordError struct {
	Words string // the key of the advice in package words, which may have the argument "count"
	Count int
}

func (e *WeakPasswordError) Error() string { return words.English.Text(e.Words, "count", e.Count) }

// Options are the settings of an Authenticator. Defaults has their defaults; a zero is a zero.
type Options struct {
	SessionLifetime     time.Duration
	PublicURL           string   // of the server, for passkeys; without it there are none
	ServerName          string   // as authenticator apps and passkeys show it
	RelatedOrigins      []string // other origins whose pages may use the passkeys of this server
	RequireSecondFactor Require
	PasswordMinLength   int      // characters; 0 is 15, or 8 where everybody has to have a second factor
	Issuers             []string // of the other providers at which people can sign in
	FailuresPerPair     int      // per account and address, in 15 minutes
	FailuresPerAddress  int      // per address, in 15 minutes
	FailuresPerAccount  int      // per account from browsers that it has not signed in from, in an hour
	ResetsPerAddress    int      // requests for a reset link per network address, in an hour
	SignUpsPerAddress   int      // requests to sign up per network address, in an hour
	MailsPerMailbox     int      // mails that anybody can cause, per e-mail address, in an hour
	ConcurrentHashes    int      // argon2id at once; 0 is the number of processors, or half of them where the process may not use all
	InsecureFastHashing bool     // for tests only: makes passwords cheap to guess if the database leaks
}

// Defaults is the options of an Authenticator that is told nothing.
func Defaults() Options {
	return Options{
		SessionLifetime:     14 * 24 * time.Hour,
		ServerName:          "Gatehouse",
		RequireSecondFactor: RequireOff,
		FailuresPerPair:     10,
		FailuresPerAddress:  50,
		FailuresPerAccount:  100,
		ResetsPerAddress:    20,
		SignUpsPerAddress:   20,
		MailsPerMailbox:     5,
	}
}

// Limited reports whether this process may use fewer processors than the machine has, because of a quota or GOMAXPROCS.
func Limited() bool { return runtime.GOMAXPROCS(0) < runtime.NumCPU() }

func concurrentHashes(processors int, limited bool) int {
	if limited {
		return max(1, processors/2)
	}
	return processors
}

// Authenticator signs people in and out. It is safe for concurrent use.
type Authenticator struct {
	store    Store
	keys     *token.Keyring
	clock    func() time.Time
	opts     Options
	hasher   *hasher
	failures limit.Limiter
	party    *webauthn.WebAuthn // nil: no passkeys
	seen     sightings
}

// New is an Authenticator. keys seals the cookie by which a browser is recognised, and hides the names of counters.
func New(store Store, keys *token.Keyring, now func() time.Time, opts Options) *Authenticator {
	opts.ConcurrentHashes = cmp.Or(opts.ConcurrentHashes, concurrentHashes(runtime.GOMAXPROCS(0), Limited()))
	cost := standardCost
	if opts.InsecureFastHashing {
		cost = insecureCost
	}
	a := &Authenticator{store: store, keys: keys, clock: now, opts: opts, hasher: newHasher(cost, opts.ConcurrentHashes)}
	a.party = newRelyingParty(opts.PublicURL, opts.ServerName, opts.RelatedOrigins)
	a.failures = limit.Limiter{Store: store, Now: a.rightTime, MAC: keys.LimitMAC}
	return a
}

// ConcurrentHashes is how many passwords are hashed at once, at most.
func (a *Authenticator) ConcurrentHashes() int { return a.hasher.pool.size }

// rightTime is now by the right clock, for what is kept. A counter of failures that a clock ahead has made would refuse people for long.
func (a *Authenticator) rightTime() time.Time {
	now := a.now()
	if right, wrong := a.keys.RightTime(now); wrong {
		return right.UTC().Truncate(time.Millisecond)
	}
	return now
}

// now is the time to the millisecond, as the store keeps it, so that a returned value equals the stored one.
func (a *Authenticator) now() time.Time { return a.clock().UTC().Truncate(time.Millisecond) }
