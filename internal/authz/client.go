package authz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// allows reports whether the client may use a grant type.
func (c Client) allows(g oauth.GrantType) bool {
	switch g {
	case oauth.GrantAuthorizationCode:
		return !c.Machine
	default:
		return false
	}
}

// authenticate is the client of a token request, proved (RFC 6749 §2.3). Everything that can be wrong with it gets the same answer after the same work,
// so that nobody learns which clients exist; only the cause, for the log, differs.
func (s *Server) authenticate(ctx context.Context, a oauth.ClientAuthentication) (Client, error) {
	client, err := s.store.Client(ctx, ClientID(a.ClientID))
	known := err == nil
	if err != nil && !errors.Is(err, ErrNoClient) {
		return Client{}, fmt.Errorf("load client %q: %w", a.ClientID, err)
	}
	proved := client.proves(token.SecretFrom(a.Secret), s.now())
	var cause error
	switch {
	case !known:
		cause = errors.New("the client is unknown")
	case client.Public != (a.Method == oauth.AuthNone):
		// A confidential client that may leave out its secret has none.
		cause = fmt.Errorf("the client is not registered for %s", a.Method)
	case !client.Public && !proved:
		cause = errors.New("the client secret is wrong or has expired")
	case !client.DisabledAt.IsZero():
		cause = errors.New("the client is disabled")
	default:
		return client, nil
	}
	return Client{}, oauth.InvalidClient.Because(cause, "the client is unknown or disabled, its secret is wrong or has expired, or it has to authenticate in another way")
}

// noSecret is a hash that no secret has.
var noSecret = ClientSecret{Hash: token.NewSecret(token.PrefixClientSecret).Hash()}

// proves reports whether the secret is one of the client's live ones. It compares with two hashes, whatever the client has.
func (c Client) proves(secret token.Secret, now time.Time) bool {
	compare := [2]ClientSecret{noSecret, noSecret}
	copy(compare[:], c.Secrets)
	proved := false
	for _, known := range compare {
		matches := secret.Matches(known.Hash)
		alive := known.ExpiresAt.IsZero() || now.Before(known.ExpiresAt)
		proved = proved || matches && alive
	}
	return proved
}
