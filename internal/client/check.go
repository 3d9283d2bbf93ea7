package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
)

// check is what must be true of every client. Its errors are sentences for the person who registers it.
func (r *Registry) check(c Client) error {
	if c.Name == "" {
		return errors.New("the application needs a name")
	}
	if err := errors.Join(team.CheckText("the name", c.Name), team.CheckText("the owner", c.Owner)); err != nil {
		return err
	}
	if err := checkKind(c); err != nil {
		return err
	}
	for _, uri := range c.RedirectURIs {
		if err := oauth.CheckRedirectURI(uri, c.Public); err != nil {
			return err // it names the URI
		}
	}
	for _, name := range c.Scope {
		switch known := r.Catalogue.Scope(); {
		case scope.Identity.Contains(name) && c.Machine:
			return fmt.Errorf("the scope %q is about a person, and a machine client acts for none", name)
		case scope.Identity.Contains(name) || known.Contains(name):
		default:
			return fmt.Errorf("the scope %q does not exist; there are: %s", name, known.Union(scope.Identity))
		}
	}
	for _, name := range c.OptionalScope {
		if c.Machine || !c.permits(r.Catalogue, name) {
			return fmt.Errorf("the optional scope %q is not one that the client may ask for on a person's behalf", name)
		}
	}
	if err := checkPKCE(c); err != nil {
		return err
	}
	if err := r.checkRefreshGrace(c); err != nil {
		return err
	}
	if c.InsecureAssertionAudience && c.Method() != oauth.AuthPrivateKeyJWT {
		return errors.New("only a client with keys makes assertions: insecure_assertion_audience means nothing for this one")
	}
	if err := errors.Join(r.checkAudiences(c), checkKeys(c), checkLogout(c), checkInitiateLogin(c), checkAlgorithm(c)); err != nil {
		return err
	}
	return c.Fits(r.Profile)
}

// checkKind checks that the kind of the client, its team and its redirect URIs go together.
func checkKind(c Client) error {
	switch {
	case c.Machine && c.Public:
		return errors.New("a machine client needs a secret: it cannot be public")
	case c.Machine && c.Global():
		return errors.New("a machine client acts in one team: name it")
	case c.Machine && len(c.RedirectURIs) > 0:
		return errors.New("a machine client has no redirect URI: nobody is redirected")
	case c.ResourceServer != "" && c.Public:
		return errors.New("a resource server has to authenticate to introspect tokens: it cannot be public")
	case !c.Machine && c.ResourceServer == "" && len(c.RedirectURIs) == 0:
		return errors.New("the application needs at least one redirect URI")
	}
	return nil
}

// checkPKCE allows requests without PKCE only where the client's authentication protects the code at the token endpoint (RFC 9700 §2.1.1).
func checkPKCE(c Client) error {
	switch {
	case c.PKCERule() == oauth.PKCERequired:
		return nil
	case c.PKCE != oauth.PKCERequired && c.PKCE != oauth.PKCENonce:
		return fmt.Errorf("pkce is %q; there are required and nonce", c.PKCE)
	case c.Public:
		return errors.New("a public client must use PKCE: nothing else protects its codes")
	case !c.MayUse(oauth.GrantAuthorizationCode):
		return errors.New("nobody is redirected to this client, so pkce means nothing for it")
	case c.PKCE == oauth.PKCENonce && !c.permits(nil, oauth.ScopeOpenID):
		return errors.New("a client without PKCE needs the scope openid, because its nonce comes back in the ID token")
	}
	return nil
}

// checkRefreshGrace allows a client a shorter grace than the server's.
func (r *Registry) checkRefreshGrace(c Client) error {
	switch {
	case c.RefreshGrace == 0:
		return nil
	case c.RefreshGrace < time.Second || c.RefreshGrace%time.Second != 0:
		return fmt.Errorf("refresh_grace is %v; it has to be whole seconds, or 0 for the server's", c.RefreshGrace)
	case c.RefreshGrace > r.RefreshGrace:
		return fmt.Errorf("refresh_grace is %v; a client can have less than the server's %v, not more", c.RefreshGrace, r.RefreshGrace)
	case !c.MayUse(oauth.GrantRefreshToken) || c.Method() == oauth.AuthPrivateKeyJWT:
		return errors.New("refresh_grace means nothing for this client: it has no refresh tokens, or they are not replaced when they are used")
	}
	return nil
}

// checkAudiences checks the audiences that the client serves and asks for.
func (r *Registry) checkAudiences(c Client) error {
	for _, audience := range append(slices.Clone(c.Resources), c.ResourceServer) {
		if audience == "" {
			continue
		}
		if err := oauth.CheckASCIIHost("the audience", audience); err != nil {
			return err
		}
		if u, err := url.Parse(audience); err != nil || !u.IsAbs() || u.Opaque+u.Host+u.Path == "" || strings.ContainsFunc(audience, notInURI) {
			return fmt.Errorf("the audience %q is not an absolute URI without a fragment, such as https://api.example.com", audience)
		}
	}
	for i, audience := range c.Resources {
		if audience != r.Audience && oauth.SameResource(audience, r.Audience) {
			return fmt.Errorf("the audience %q is the server's own, %q, which every client may ask for; leave it out", audience, r.Audience)
		}
		if same := oauth.FindResource(audience, c.Resources[:i]); same != "" {
			return fmt.Errorf("the audiences %q and %q are the same resource; register one of them, as its API knows itself", same, audience)
		}
	}
	return nil
}

// notInURI tells what a URI has not: RFC 8707 §2 allows no fragment.
func notInURI(c rune) bool { return c <= ' ' || c > '~' || c == '#' }

// maxJWKSLength is how many bytes of keys a client may register.
const maxJWKSLength = 64 << 10

// checkKeys checks the keys of a client that authenticates by private_key_jwt.
func checkKeys(c Client) error {
	switch {
	case c.JWKS == "" && c.JWKSURI == "":
		return nil
	case c.Public:
		return errors.New("a public client does not authenticate: it has no use for keys")
	case c.JWKS != "" && c.JWKSURI != "":
		return errors.New("give the client's keys or the address where they are, not both")
	case c.JWKSURI != "":
		return checkOutboundURI("jwks_uri", c.JWKSURI)
	case len(c.JWKS) > maxJWKSLength:
		return fmt.Errorf("the client's keys are longer than %d bytes", maxJWKSLength)
	}
	keys, err := parseKeys(c.JWKS)
	if err != nil {
		return err
	}
	if len(keys.Keys) == 0 {
		return errors.New(`the client's keys are empty: a JSON Web Key Set looks like {"keys":[{"kty":"EC",…}]}`)
	}
	for _, key := range keys.Keys {
		// A symmetric key is not public either: somebody who reads the database could authenticate with it.
		if !key.Valid() || !key.IsPublic() {
			return fmt.Errorf("the client's key %q is not a public key; register the public half only", key.KeyID)
		}
	}
	return nil
}

// parseKeys reads a JSON Web Key Set (RFC 7517 §5).
func parseKeys(text string) (jose.JSONWebKeySet, error) {
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		// The parser's own error could quote a private key.
		return jose.JSONWebKeySet{}, errors.New("the client's keys are not a JSON Web Key Set (RFC 7517)")
	}
	return keys, nil
}

// checkLogout checks where a client hears of sign-outs, and where people go after one.
func checkLogout(c Client) error {
	for _, uri := range c.PostLogoutRedirectURIs {
		if err := oauth.CheckRedirectURI(uri, c.Public); err != nil {
			return fmt.Errorf("post-logout redirect URI: %w", err)
		}
	}
	if c.BackchannelLogoutURI == "" {
		return nil
	}
	return checkOutboundURI("back-channel logout URI", c.BackchannelLogoutURI)
}

// checkInitiateLogin checks where people start to sign in: https, on this machine too (OpenID Connect Registration §2). Like a redirect URI, it
// leaves the name iss to us.
func checkInitiateLogin(c Client) error {
	if c.InitiateLoginURI == "" {
		return nil
	}
	if !strings.HasPrefix(c.InitiateLoginURI, "https://") {
		return fmt.Errorf("initiate_login_uri %q must begin with https://", c.InitiateLoginURI)
	}
	if err := oauth.CheckRedirectURI(c.InitiateLoginURI, false); err != nil {
		return fmt.Errorf("initiate_login_uri: %w", err)
	}
	return nil
}

// checkOutboundURI checks an address that this server will call: https, or on this machine, where the caller refuses it unless it is trying things out.
func checkOutboundURI(what, uri string) error {
	if err := oauth.CheckASCIIHost(what, uri); err != nil {
		return err
	}
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.User != nil || strings.ContainsFunc(uri, notInURI) {
		return fmt.Errorf("%s %q is not an absolute https URI without user and fragment", what, uri)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && oauth.IsLoopback(u.Hostname())) {
		return fmt.Errorf("%s %q must be https", what, uri)
	}
	return nil
}

func checkAlgorithm(c Client) error {
	if c.IDTokenAlgorithm != "" && !slices.Contains(token.IDTokenAlgorithms, c.IDTokenAlgorithm) {
		return fmt.Errorf("ID tokens are not signed with %q; there are: %s", c.IDTokenAlgorithm, strings.Join(token.IDTokenAlgorithms, ", "))
	}
	return nil
}
