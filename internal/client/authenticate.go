package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
)

// Authenticator finds out which client sent a request to an endpoint for programs.
type Authenticator struct {
	Clients    Reader
	Assertions AssertionStore
	Refusals   audit.Recorder
	Now        func() time.Time
	WrongClock func(shown time.Time) (right time.Time, wrong bool) // the right time, when what the clock has shown is wrong; nil: it never is
	Issuer     string                                              // the audience of assertions
	Profile    oauth.Profile                                       // clients that do not fit it are refused

	// FetchJWKS fetches the keys of a client that registered a jwks_uri. A stranger chose the URI: the function has to keep away from
	// internal addresses, and to cache. kid is the key that is looked for ("" for any): when the cache does not have it, the client may
	// have a new one. Without the function such clients cannot authenticate.
	FetchJWKS func(ctx context.Context, uri, kid string) (jose.JSONWebKeySet, error)
}

// Authenticate is the client of a request to one of the endpoints that programs call, proved (RFC 6749 §2.3). Everything that can be wrong with it gets the same answer
// after the same work, so that nobody learns which clients exist; only the cause, for the log and the audit trail, differs.
func (a *Authenticator) Authenticate(ctx context.Context, presented oauth.ClientAuthentication) (Client, error) {
	client, err := a.Clients.Client(ctx, oauth.ClientID(presented.ClientID))
	known := err == nil
	if err != nil && !errors.Is(err, ErrNoClient) {
		return Client{}, fmt.Errorf("load a client: %w", err) // its id is any text: it may be a secret in the wrong place
	}
	secret := token.SecretFrom(presented.Secret)
	now := a.Now()
	proved := client.proves(secret, now)
	var cause error
	switch method := client.Method(); {
	case !known:
		cause = errors.New("the client is unknown")
	case !accepts(method, presented):
		// A confidential client that may leave out its secret has none.
		cause = fmt.Errorf("the client is registered for %s and used %s", method, presented.Method)
	case method == oauth.AuthBasic && !proved && a.rightly(now, func(right time.Time) bool { return client.proves(secret, right) }):
		return Client{}, token.ErrWrongClock
	case method == oauth.AuthBasic && !proved:
		cause = errors.New("the client secret is wrong or has expired")
	case !client.DisabledAt.IsZero():
		cause = errors.New("the client is disabled")
	case method == oauth.AuthPrivateKeyJWT:
		if cause, err = a.asserts(ctx, client, presented.Assertion); err != nil {
			return Client{}, err
		}
	}
	if cause != nil {
		// An unknown client is recorded too, without the text that stood for it: not doing so would show in the time the answer takes.
		event := audit.Event{Kind: audit.ClientAuthFailed, Client: string(client.ID), Team: string(client.Team.ID)}
		return Client{}, a.Refusals.Refused(ctx, event, badClient(cause), cause)
	}
	if err := client.Fits(a.Profile); err != nil {
		return Client{}, oauth.UnauthorizedClient.Errorf("%s", err)
	}
	return client, nil
}

// rightly reports whether what the clock has shown is wrong, and the right time proves what that did not.
func (a *Authenticator) rightly(shown time.Time, proves func(right time.Time) bool) bool {
	if a.WrongClock == nil {
		return false
	}
	right, wrong := a.WrongClock(shown)
	return wrong && proves(right)
}

func badClient(cause error) error {
	return oauth.InvalidClient.Because(cause, "the client is unknown or disabled, its secret or assertion is wrong or has expired, or it has to authenticate in another way")
}

// accepts reports whether a request uses a way of authenticating that the client is registered for. Some public clients send their id by
// Basic with an empty password, because RFC 6749 §2.3.1 tells clients to use Basic.
func accepts(registered oauth.AuthMethod, presented oauth.ClientAuthentication) bool {
	switch registered {
	case oauth.AuthNone:
		return presented.Method == oauth.AuthNone || presented.Method == oauth.AuthBasic && presented.Secret == ""
	case oauth.AuthBasic:
		return presented.Method == oauth.AuthBasic || presented.Method == oauth.AuthPost
	}
	return presented.Method == registered
}

// noSecret is a hash that no secret has.
var noSecret = Secret{Hash: token.NewSecret(token.PrefixClientSecret).Hash()}

// proves reports whether the secret is one of the client's live ones. It compares with two hashes, whatever the client has.
func (c Client) proves(secret token.Secret, now time.Time) bool {
	compare := [2]Secret{noSecret, noSecret}
	copy(compare[:], c.Secrets)
	proved := false
	for _, known := range compare {
		matches := secret.Matches(known.Hash)
		alive := known.ExpiresAt.IsZero() || now.Before(known.ExpiresAt)
		proved = proved || matches && alive
	}
	return proved
}

// asserts verifies a client assertion (RFC 7523 §3) and uses it up. cause is why it proves nothing; err is a failure of ours.
func (a *Authenticator) asserts(ctx context.Context, client Client, assertion string) (cause, err error) {
	keys, cause := a.clientKeys(ctx, client, token.AssertionKeyID(assertion, a.Profile.ClientAlgorithms()))
	if cause != nil {
		return cause, nil
	}
	check := token.AssertionCheck{Client: string(client.ID), Issuer: a.Issuer, Keys: keys, Algorithms: a.Profile.ClientAlgorithms(), Now: a.Now()}
	if client.InsecureAssertionAudience {
		check.InsecureAudiences = []string{a.Issuer + oauth.PathToken, strings.TrimSuffix(a.Issuer+oauth.PathToken, "/")}
	}
	verified, cause := check.Verify(assertion)
	if cause != nil {
		if a.rightly(check.Now, func(right time.Time) bool {
			check.Now = right
			_, err := check.Verify(assertion)
			return err == nil
		}) {
			return nil, token.ErrWrongClock
		}
		return fmt.Errorf("the client's assertion: %w", cause), nil
	}
	// Last of all, so that only an assertion that proves something costs a row. A server whose clock is ahead must not forget it while one whose clock is behind
	// would still believe it.
	err = a.Assertions.UseAssertion(ctx, client.ID, verified.ID, verified.Expires.Add(token.ClockLeeway))
	if errors.Is(err, ErrUsed) {
		return err, nil
	}
	if err != nil {
		return nil, fmt.Errorf("use an assertion of client %s: %w", client.ID, err)
	}
	return nil, nil
}

// clientKeys is the client's public keys, as registered or as its jwks_uri has them. kid is the one that is looked for.
func (a *Authenticator) clientKeys(ctx context.Context, client Client, kid string) (jose.JSONWebKeySet, error) {
	if client.JWKS != "" {
		return parseKeys(client.JWKS)
	}
	if a.FetchJWKS == nil {
		return jose.JSONWebKeySet{}, errors.New("the client's keys are at its jwks_uri, and this server fetches none")
	}
	keys, err := a.FetchJWKS(ctx, client.JWKSURI, kid)
	if err != nil {
		return jose.JSONWebKeySet{}, fmt.Errorf("fetch the client's keys: %w", err)
	}
	return keys, nil
}
