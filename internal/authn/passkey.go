package authn

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

const (
	challengeLifetime = 5 * time.Minute
	handleSize        = 64       // bytes, the most that WebAuthn §5.4.3 allows
	maxChallenge      = 16 << 10 // bytes of a sealed challenge
	maxAnswer         = 48 << 10 // bytes of what a browser says about a passkey
)

// newRelyingParty is the settings of WebAuthn for a server at a URL; nil where browsers have no passkeys, which is where the host is an IP address.
// The origins of related hosts may use the same passkeys.
func newRelyingParty(publicURL, name string, related []string) *webauthn.WebAuthn {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return nil
	}
	party, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: name, RPOrigins: append([]string{u.Scheme + "://" + u.Host}, related...),
		AttestationPreference: protocol.PreferNoAttestation,
		// A browser may return what nobody asked for; nothing of it is used.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
		Timeouts: webauthn.TimeoutsConfig{
			Login:        webauthn.TimeoutConfig{Timeout: challengeLifetime, TimeoutUVD: challengeLifetime},
			Registration: webauthn.TimeoutConfig{Timeout: challengeLifetime, TimeoutUVD: challengeLifetime},
		},
	})
	if err != nil {
		return nil
	}
	return party
}

// HasPasskeys reports whether people can use passkeys at this server.
func (a *Authenticator) HasPasskeys() bool { return a.party != nil }

// PasskeyHost is the host that passkeys are for, the RP ID; "" when people cannot use them.
func (a *Authenticator) PasskeyHost() string {
	if a.party == nil {
		return ""
	}
	return a.party.Config.RPID
}

// Ceremony is what a page hands to the browser's passkeys.
type Ceremony struct {
	Options string // JSON, for navigator.credentials
	Sealed  string // the challenge, which the form sends back
}

// challenge is the content of a sealed challenge.
type challenge struct {
	ID      string               `json:"id"`
	Bound   string               `json:"bound"`          // the hash of the browser's secret
	Handle  string               `json:"handle"`         // of a new passkey; "" when somebody signs in
	User    team.UserID          `json:"user,omitempty"` // whose new passkey it is
	Session webauthn.SessionData `json:"session"`
}

// AskPasskey begins a sign-in with a passkey. It does not know yet whose. Nothing is stored. bound is the secret that binds the challenge to the browser; verify
// says that the device has to ask who holds it.
func (a *Authenticator) AskPasskey(bound string, verify bool) (Ceremony, error) {
	if a.party == nil || bound == "" {
		return Ceremony{}, nil
	}
	verification := protocol.VerificationPreferred
	if verify {
		verification = protocol.VerificationRequired
	}
	options, session, err := a.party.BeginDiscoverableLogin(webauthn.WithUserVerification(verification))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin a sign-in with a passkey: %w", err)
	}
	return a.ceremony(options.Response, challenge{Bound: token.SecretFrom(bound).Hash(), Session: *session})
}

func (a *Authenticator) ceremony(options any, c challenge) (Ceremony, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, fmt.Errorf("write the options of a passkey: %w", err)
	}
	c.ID = token.NewID()
	sealed, err := a.keys.Seal(token.PurposeChallenge, c, challengeLifetime)
	if err != nil {
		return Ceremony{}, fmt.Errorf("seal a challenge: %w", err)
	}
	return Ceremony{Options: string(text), Sealed: sealed}, nil
}

// PasskeyRequest is what a browser says about a passkey.
type PasskeyRequest struct {
	FactorRequest        // Attempt and ID are "" when the sign-in begins with the passkey
	Challenge     string // sealed
	Answer        string // JSON of navigator.credentials
	Bound         string // the browser's secret
}

// openChallenge opens a challenge, which must be this browser's, and uses it up. ErrBadPasskey.
func (a *Authenticator) openChallenge(ctx context.Context, r PasskeyRequest) (c challenge, err error) {
	if a.party == nil || len(r.Challenge) > maxChallenge || len(r.Answer) > maxAnswer {
		return challenge{}, ErrBadPasskey
	}
	err = a.keys.Open(token.PurposeChallenge, r.Challenge, &c)
	switch {
	case errors.Is(err, token.ErrWrongClock):
		return challenge{}, err
	case err != nil, r.Bound == "", !token.SecretFrom(r.Bound).Matches(c.Bound):
		return challenge{}, fmt.Errorf("%w: the challenge has expired, or is another browser's", ErrBadPasskey)
	}
	// A challenge works once. The counters of failures are a bounded set that all servers share.
	err = a.failures.Count(ctx, limit.Bucket{Key: a.failures.Key("challenge", c.ID), Limit: 1, Window: challengeLifetime})
	if throttled(err) {
		return challenge{}, fmt.Errorf("%w: the challenge was used before", ErrBadPasskey)
	}
	return c, err
}

// SignInWithPasskey signs in with a passkey, or goes on with an attempt by one. The error is *PendingError, ErrBadPasskey, ErrCloned, ErrNoAttempt,
// *limit.ThrottledError, or a failure of the store.
func (a *Authenticator) SignInWithPasskey(ctx context.Context, r PasskeyRequest) (SignedIn, error) {
	failures := a.failures.PerNetwork("passkey", r.Address, a.opts.FailuresPerAddress, addressWindow)
	if err := a.failures.Count(ctx, failures...); err != nil {
		return SignedIn{}, err
	}
	signedIn, err := a.signInWithPasskey(ctx, r)
	if errors.Is(err, ErrBadPasskey) || errors.Is(err, ErrCloned) {
		return SignedIn{}, err
	}
	if unErr := a.failures.Uncount(context.WithoutCancel(ctx), failures...); unErr != nil {
		return SignedIn{}, unErr
	}
	return signedIn, err
}

func (a *Authenticator) signInWithPasskey(ctx context.Context, r PasskeyRequest) (SignedIn, error) {
	c, err := a.openChallenge(ctx, r)
	if err != nil {
		return SignedIn{}, err
	}
	passkey, user, methods, err := a.assert(ctx, c, r.Answer)
	if err != nil {
		return SignedIn{}, err
	}
	attempt, err := a.attemptFor(ctx, user, r.FactorRequest)
	if err != nil {
		return SignedIn{}, err
	}
	p, have, err := a.current(ctx, attempt)
	if err != nil {
		return SignedIn{}, ErrBadPasskey
	}
	p.browser = a.openBrowser(r.Browser)
	if err := a.store.UsePasskey(ctx, passkey, a.rightTime()); errors.Is(err, ErrNoFactor) {
		return SignedIn{}, ErrBadPasskey
	} else if err != nil {
		return SignedIn{}, err
	}
	return a.advance(ctx, attempt.proves(methods...), p, have, r.SignInRequest)
}

// attemptFor is the attempt that a passkey of a user goes on with. ErrNoAttempt when that is another person's, or not what the page was about.
func (a *Authenticator) attemptFor(ctx context.Context, user team.User, r FactorRequest) (Attempt, error) {
	if r.ID != "" {
		attempt, err := a.openAttempt(r.Attempt)
		if err == nil && attempt.ID != r.ID {
			err = ErrNoAttempt
		}
		if err == nil && attempt.User != user.ID {
			err = ErrBadPasskey
		}
		return attempt, err
	}
	return a.attempt(ctx, user)
}

// assert checks a browser's answer: it returns the passkey with its new state, whose it is, and what it proves. ErrBadPasskey.
func (a *Authenticator) assert(ctx context.Context, c challenge, answer string) (Passkey, team.User, []string, error) {
	var (
		passkey Passkey
		owner   team.User
		failed  error
	)
	refused := func(err error) (Passkey, team.User, []string, error) {
		if failed != nil {
			return Passkey{}, team.User{}, nil, failed
		}
		return Passkey{}, team.User{}, nil, fmt.Errorf("%w: %s", ErrBadPasskey, reason(err))
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return refused(err)
	}
	find := func(id, handle []byte) (webauthn.User, error) {
		var err error
		passkey, owner, err = a.store.PasskeyOwner(ctx, base64.RawURLEncoding.EncodeToString(id))
		if err != nil && !errors.Is(err, ErrNoFactor) {
			failed = fmt.Errorf("load a passkey: %w", err)
		}
		if err != nil {
			return nil, err
		}
		return newHolder(owner, passkey.Handle, passkey)
	}
	_, credential, err := a.party.ValidatePasskeyLogin(find, c.Session, parsed)
	if err != nil {
		return refused(err)
	}
	flags := parsed.Response.AuthenticatorData.Flags
	passkey.SignCount, passkey.Synced = parsed.Response.AuthenticatorData.Counter, flags.HasBackupState()
	credential.Authenticator.CloneWarning = false // the store decides, and remembers
	text, err := json.Marshal(credential)
	if err != nil {
		return Passkey{}, team.User{}, nil, fmt.Errorf("write a passkey: %w", err)
	}
	passkey.Credential = string(text)
	return passkey, owner, passkeyMethods(flags), nil
}

// passkeyMethods is what the use of a passkey proves.
func passkeyMethods(flags protocol.AuthenticatorFlags) []string {
	methods := []string{MethodHardware, MethodPresence}
	if flags.HasBackupEligible() {
		methods[0] = MethodSoftware
	}
	if flags.HasUserVerified() {
		methods = append(methods, MethodMFA)
	}
	return methods
}

// reason is why the library refuses an answer, for the log. It does not quote what was received.
func reason(err error) string {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return e.Type + ": " + e.Details
	}
	return "refused"
}

// holder is a person as the library wants them.
type holder struct {
	handle      []byte
	user        team.User
	credentials []webauthn.Credential
}

func newHolder(user team.User, handle string, passkeys ...Passkey) (holder, error) {
	raw, err := base64.RawURLEncoding.DecodeString(handle)
	if err != nil {
		return holder{}, fmt.Errorf("read the handle of user %s: %w", user.ID, err)
	}
	h := holder{handle: raw, user: user}
	for _, p := range passkeys {
		var c webauthn.Credential
		if err := json.Unmarshal([]byte(p.Credential), &c); err != nil {
			return holder{}, fmt.Errorf("read passkey %s: %w", p.ID, err)
		}
		h.credentials = append(h.credentials, c)
	}
	return h, nil
}

func (h holder) WebAuthnID() []byte                         { return h.handle }
func (h holder) WebAuthnName() string                       { return h.user.Email }
func (h holder) WebAuthnDisplayName() string                { return h.user.Name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.credentials }

func newHandle() string {
	handle := make([]byte, handleSize)
	rand.Read(handle) // never fails
	return base64.RawURLEncoding.EncodeToString(handle)
}
