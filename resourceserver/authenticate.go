package resourceserver

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// maxToken bounds the work that a stranger can cause. Real tokens have less than 1 KiB.
const maxToken = 8 << 10

// authenticate returns the verified token of a request, or a *refusal. header is the answer's.
func (g *Guard) authenticate(header http.Header, r *http.Request) (*Token, error) {
	raw, err := credentials(r)
	if g.fapi2 && errors.Is(err, errNoToken) {
		err = errNoBoundToken
	}
	if err != nil {
		return nil, err
	}
	now := g.now()
	token, err := g.verifyOnce(r.Context(), raw, now)
	if err != nil {
		return nil, err
	}
	if err := g.ended.check(r.Context(), token, now); err != nil {
		return nil, err
	}
	return token, g.checkBinding(header, r, raw, token, now)
}

// verifyOnce verifies a token that was not seen before.
func (g *Guard) verifyOnce(ctx context.Context, raw string, now time.Time) (*Token, error) {
	hash := hashToken(raw)
	// The generation is read first. If the keys change meanwhile, the token is remembered as verified with the old ones.
	generation := g.keys.generation(now)
	if token := g.seen.get(hash, generation); token != nil && now.Before(token.Expires.Add(g.leeway)) {
		return token, nil
	}
	token, err := g.verify(ctx, raw, now)
	if err != nil {
		return nil, err
	}
	g.seen.put(hash, generation, token)
	return token, nil
}

// credentials returns the token of the Authorization header. The other two ways of RFC 6750 §2 are not accepted: a token
// in the query ends up in logs, and one in a form changes what a body means.
func credentials(r *http.Request) (string, error) {
	if strings.Contains(r.URL.RawQuery, "access_token") && r.URL.Query().Has("access_token") {
		return "", invalidToken("send the access token in the Authorization header, never in the URL")
	}
	values := r.Header["Authorization"]
	if len(values) > 1 {
		return "", invalidToken("the request has more than one Authorization header")
	}
	if len(values) == 0 {
		return "", errNoToken
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "DPoP") {
		return "", errNoToken
	}
	token = strings.TrimLeft(token, " ")
	if token == "" || len(token) > maxToken || strings.Count(token, ".") != 2 {
		return "", errMalformed
	}
	return token, nil
}

// verify checks a token (RFC 9068 §4). Errors speak of its claims only after its signature was verified.
func (g *Guard) verify(ctx context.Context, raw string, now time.Time) (*Token, error) {
	signed := parseJWT(raw)
	if signed == nil || !slices.Contains(asymmetric, signed.header.Algorithm) {
		return nil, errMalformed // "alg":"none" and HMACs included
	}
	if err := g.checkHeader(signed.header); err != nil {
		return nil, err
	}
	payload, err := g.keys.verify(ctx, signed, now)
	if err != nil {
		return nil, err
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, errMalformed
	}
	if err := g.checkClaims(&c, now); err != nil {
		return nil, err
	}
	return c.token(), nil
}

func (g *Guard) checkHeader(header jwtHeader) error {
	switch {
	case !slices.Contains(g.algs, header.Algorithm):
		return errForeign
	case header.extended():
		return errMalformed
	case !strings.EqualFold(header.Type, "at+jwt") && !strings.EqualFold(header.Type, "application/at+jwt"):
		return invalidToken("this is not an access token: send the access_token of the token response, not the id_token")
	}
	return nil
}

func (g *Guard) checkClaims(c *claims, now time.Time) error {
	switch {
	case c.Issuer != g.issuer:
		return errForeign
	case !g.forThisAPI(c.Audience):
		return invalidToken("the access token is for another API (aud)")
	case c.Expires == nil || c.IssuedAt == nil || c.Subject == "" || c.ClientID == "" || c.ID == "":
		return invalidToken("the access token lacks a claim that RFC 9068 requires")
	case c.TeamID == "":
		// APIs keep data by team id: tokens without one would share the data of the empty id.
		return invalidToken("the access token names no team")
	case c.Confirmation != nil && c.Confirmation.Thumbprint == "":
		return invalidToken("the access token is bound in a way that this API does not understand (cnf)")
	case !now.Before(c.Expires.time().Add(g.leeway)):
		return invalidToken("the access token has expired")
	case c.IssuedAt.time().After(now.Add(g.leeway)), c.NotBefore.time().After(now.Add(g.leeway)):
		return invalidToken("the access token is not valid yet: a clock is wrong")
	}
	return nil
}
