package authn

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// maxPasskeys is how many passkeys a person can have.
const maxPasskeys = 20

// ErrTooManyPasskeys means that the person has as many passkeys as anybody can have.
var ErrTooManyPasskeys = errors.New("you have as many passkeys as anybody can have; remove one first")

// ErrNoName means that a passkey has to have a name.
var ErrNoName = errors.New("a passkey needs a name")

// BeginPasskey begins to add a passkey. The device has to ask who holds it when there is no password beside it. ErrNotFresh, ErrTooManyPasskeys.
func (e *Enrolment) BeginPasskey(ctx context.Context, actor team.Actor, user team.User, bound string) (Ceremony, error) {
	have, err := e.change(ctx, actor, user)
	switch {
	case err != nil:
		return Ceremony{}, err
	case len(have.Passkeys) >= maxPasskeys:
		return Ceremony{}, ErrTooManyPasskeys
	case e.auth.party == nil:
		return Ceremony{}, nil
	}
	handle := newHandle()
	if len(have.Passkeys) > 0 {
		handle = have.Passkeys[0].Handle // so that a device that has one replaces it
	}
	holder, err := newHolder(user, handle, have.Passkeys...)
	if err != nil {
		return Ceremony{}, err
	}
	verification := protocol.VerificationPreferred
	if !have.Password {
		verification = protocol.VerificationRequired
	}
	options, session, err := e.auth.party.BeginRegistration(holder,
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: verification,
		}),
		webauthn.WithExclusions(webauthn.Credentials(holder.credentials).CredentialDescriptors()))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin to add a passkey: %w", err)
	}
	return e.auth.ceremony(options.Response, challenge{Bound: token.SecretFrom(bound).Hash(), Handle: handle, User: user.ID, Session: *session})
}

// Added is a passkey that was added.
type Added struct {
	Passkey
	Codes    []string // new recovery codes with the first strong factor; they are shown once
	SignedIn SignedIn // the session of the request's browser, for which the passkey counts; zero when it has ended meanwhile
}

// AddPasskey saves a passkey that a browser has made. ErrNotFresh, ErrBadPasskey, ErrPasskeyTaken, ErrTooManyPasskeys.
func (e *Enrolment) AddPasskey(ctx context.Context, actor team.Actor, user team.User, r PasskeyRequest, name string) (Added, error) {
	have, err := e.change(ctx, actor, user)
	if err != nil {
		return Added{}, err
	}
	if len(have.Passkeys) >= maxPasskeys {
		return Added{}, ErrTooManyPasskeys
	}
	c, err := e.auth.openChallenge(ctx, r)
	if err != nil {
		return Added{}, err
	}
	if c.User != user.ID {
		return Added{}, fmt.Errorf("%w: the challenge is for something else", ErrBadPasskey)
	}
	p, methods, err := e.created(c, user, r.Answer)
	if err != nil {
		return Added{}, err
	}
	p.Name, p.CreatedAt = passkeyName(name), e.auth.rightTime()
	if p.Name == "" {
		p.Name = fmt.Sprintf("Passkey %d", len(have.Passkeys)+1)
	}
	codes, hashes, err := e.firstCodes(ctx, have)
	if err != nil {
		return Added{}, err
	}
	if err := e.auth.store.AddPasskey(ctx, p, hashes); err != nil {
		return Added{}, fmt.Errorf("save a passkey of user %s: %w", user.ID, err)
	}
	s, err := e.strengthen(ctx, user, r.SignInRequest, methods...)
	return Added{p, codes, s}, err
}

// created is the passkey of a browser's answer, and what the answer proves. ErrBadPasskey.
func (e *Enrolment) created(c challenge, user team.User, answer string) (Passkey, []string, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return Passkey{}, nil, fmt.Errorf("%w: %s", ErrBadPasskey, reason(err))
	}
	holder, err := newHolder(user, c.Handle)
	if err != nil {
		return Passkey{}, nil, err
	}
	credential, err := e.auth.party.CreateCredential(holder, c.Session, parsed)
	if err != nil {
		return Passkey{}, nil, fmt.Errorf("%w: %s", ErrBadPasskey, reason(err))
	}
	credential.Attestation = webauthn.CredentialAttestation{} // nobody asks for it again
	text, err := json.Marshal(credential)
	if err != nil {
		return Passkey{}, nil, fmt.Errorf("write a passkey: %w", err)
	}
	return Passkey{
		ID: token.NewID(), User: user.ID, Handle: c.Handle, CredentialID: base64.RawURLEncoding.EncodeToString(credential.ID), Credential: string(text),
		SignCount: credential.Authenticator.SignCount, Synced: credential.Flags.BackupState,
	}, passkeyMethods(parsed.Response.AttestationObject.AuthData.Flags), nil
}

// RenamePasskey gives a passkey another name. ErrNotFresh, ErrNoFactor.
func (e *Enrolment) RenamePasskey(ctx context.Context, actor team.Actor, user team.User, id, name string) error {
	if _, err := e.change(ctx, actor, user); err != nil {
		return err
	}
	name = passkeyName(name)
	if name == "" {
		return ErrNoName
	}
	return e.auth.store.RenamePasskey(ctx, user.ID, id, name)
}

// RemovePasskey removes a passkey, and returns what it was. ErrNotFresh, ErrNoFactor, ErrLastFactor.
func (e *Enrolment) RemovePasskey(ctx context.Context, actor team.Actor, user team.User, id string) (Passkey, error) {
	have, err := e.change(ctx, actor, user)
	if err != nil {
		return Passkey{}, err
	}
	i := slices.IndexFunc(have.Passkeys, func(p Passkey) bool { return p.ID == id })
	if i < 0 {
		return Passkey{}, ErrNoFactor
	}
	return have.Passkeys[i], e.auth.store.RemovePasskey(ctx, user.ID, id, have.Required, e.auth.rightTime())
}
