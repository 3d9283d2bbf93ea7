package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Fits is why the client cannot be used under the server's profile, or nil: a sentence for the people who registered it. What
// every client has to do anyway (PKCE) or only has to do when it asks (PAR, DPoP) is checked when it asks.
func (c Client) Fits(profile oauth.Profile) error {
	if !profile.FAPI2() {
		return nil
	}
	loosened := c.Loosened()
	switch {
	case c.Public:
		return errors.New("this server keeps the profile fapi2, which allows no public client: register one with keys (private_key_jwt) instead")
	case c.Method() != oauth.AuthPrivateKeyJWT:
		return errors.New("this server keeps the profile fapi2: the client has to authenticate by private_key_jwt, so register its keys (jwks or jwks_uri)")
	case len(loosened) > 0:
		return fmt.Errorf("this server keeps the profile fapi2, which does not allow the setting %s of this client", strings.Join(loosened, ", "))
	case c.IDTokenAlgorithm != "" && c.IDTokenAlgorithm != token.ES256:
		return fmt.Errorf("this server keeps the profile fapi2, which does not allow ID tokens signed with %s; there is ES256", c.IDTokenAlgorithm)
	case c.JWKS == "":
		return nil // what is at its jwks_uri may change
	}
	keys, err := parseKeys(c.JWKS)
	if err != nil {
		return err
	}
	if algorithms := profile.ClientAlgorithms(); !token.CanSignAssertions(keys, algorithms) {
		return fmt.Errorf("this server keeps the profile fapi2: one of the client's keys has to be for %s; a key that names another alg, or is too short, is for none of them", strings.Join(algorithms, ", "))
	}
	return nil
}
