package authn

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Factors is everything by which a person can sign in.
type Factors struct {
	Password bool
	App      App
	Recovery Recovery
	Passkeys []Passkey // the oldest first
	Required bool      // a team of theirs requires a second factor
}

// App is an authenticator app (RFC 6238). The zero App is none.
type App struct {
	Secret    string // sealed
	Step      int64  // of the last code that was used
	CreatedAt time.Time
	UsedAt    time.Time // zero: not yet, except for the code that enrolled it
}

// Recovery is the recovery codes that are left.
type Recovery struct {
	Hashes []string // argon2id with one salt
	MadeAt time.Time
}

// Passkey is a credential of WebAuthn.
type Passkey struct {
	ID           string
	User         team.UserID
	Handle       string // user.id, base64url
	CredentialID string // base64url
	Credential   string // public key and what belongs to it, as the library writes it
	Name         string
	SignCount    uint32
	Synced       bool // it is backed up, so it may be on several devices
	CreatedAt    time.Time
	UsedAt       time.Time // zero: not yet
}

// HasApp reports whether an authenticator app is set up.
func (f Factors) HasApp() bool { return f.App.Secret != "" }

// Strong reports whether the person has a second factor of their own. Recovery codes only stand in for one.
func (f Factors) Strong() bool { return f.HasApp() || len(f.Passkeys) > 0 }

// Reach is the strongest level that the person can sign in with.
func (f Factors) Reach() Level {
	switch {
	case len(f.Passkeys) > 0:
		return PhishingResistant
	case f.HasApp():
		return TwoFactors
	}
	return OneFactor
}

// FactorStore keeps factors. Each method is one unit of work.
type FactorStore interface {
	// Factors is what a person has; nothing for a person who does not exist.
	Factors(ctx context.Context, user team.UserID) (Factors, error)
	// SetApp saves an authenticator app in place of another one. codes are the hashes of the recovery codes; without any, those that are there stay.
	SetApp(ctx context.Context, user team.UserID, app App, codes []string) error
	// UseCode notes that the code of a step was used. ErrWrongCode when this or a later one was used before, or the app is another one.
	UseCode(ctx context.Context, user team.UserID, app App, at time.Time) error
	// RemoveApp removes the authenticator app; ErrLastFactor when it is the last strong factor and required says that there has to be one, or a team
	// of the person does. With the last strong factor the recovery codes go. ErrNoFactor.
	RemoveApp(ctx context.Context, user team.UserID, required bool, at time.Time) error
	// SetRecoveryCodes replaces the recovery codes.
	SetRecoveryCodes(ctx context.Context, user team.UserID, hashes []string, at time.Time) error
	// UseRecoveryCode uses up a code. ErrWrongCode when there is no such code any more.
	UseRecoveryCode(ctx context.Context, user team.UserID, hash string, at time.Time) error
	// AddPasskey saves a passkey, with recovery codes as SetApp. ErrPasskeyTaken when somebody has it already.
	AddPasskey(ctx context.Context, p Passkey, codes []string) error
	// PasskeyOwner is a passkey by its credential id, with its person. ErrNoFactor.
	PasskeyOwner(ctx context.Context, credentialID string) (Passkey, team.User, error)
	// UsePasskey saves what a sign-in has changed of a passkey. ErrCloned when the count does not grow, which is recorded. ErrNoFactor when it was
	// removed meanwhile.
	UsePasskey(ctx context.Context, p Passkey, at time.Time) error
	// RenamePasskey gives the person's passkey another name. ErrNoFactor.
	RenamePasskey(ctx context.Context, user team.UserID, id, name string) error
	// RemovePasskey is RemoveApp for a passkey.
	RemovePasskey(ctx context.Context, user team.UserID, id string, required bool, at time.Time) error
	// ResetFactors removes all factors but the password, and ends the person's sessions. team.ErrNoUser.
	ResetFactors(ctx context.Context, user team.UserID, at time.Time) error
}

// Errors about factors that callers tell apart.
var (
	ErrNoAttempt    = errors.New("no sign-in waits at this browser")
	ErrWrongCode    = errors.New("the code is wrong, or was used before")
	ErrNotFresh     = errors.New("sign in again first: this needs a sign-in of the last ten minutes")
	ErrNoFactor     = errors.New("there is no such factor")
	ErrLastFactor   = errors.New("this is the last second factor, and one is required: add another one first")
	ErrPasskeyTaken = errors.New("this passkey is registered already")
	ErrCloned       = errors.New("the counter of the passkey did not grow: there may be a copy of it")
	ErrBadPasskey   = errors.New("the passkey's answer is not valid")
)
