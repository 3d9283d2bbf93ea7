package resourceserver

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// maxToken bounds the work that a stranger can cause: real tokens are under 1 KiB.
const maxToken = 8 << 10

// authenticate is the verified token of a request, or a *refusal.
func (g *Guard) authenticate(r *http.Request) (*Token, error) {
	raw, err := bearer(r)
	if err != nil {
		return nil, err
	}
	now := g.now()
	hash := hashToken(raw)
	// The generation is read before the token is verified: if the keys change meanwhile, what is remembered counts as verified with the old ones.
	generation := g.keys.generation(now)
	if token := g.seen.get(hash, generation); token != nil && now.Before(token.Expires.Add(g.leeway)) {
		return token, nil
	}
	token, err := g.verify(r.Context(), raw, now)
	if err != nil {
		return nil, err
	}
	g.seen.put(hash, generation, token)
	return token, nil
}

// bearer is the token of the Authorization header, the only place where one is accepted: of RFC 6750 §2's three ways, one in the
// query ends up in logs and one in the form changes what a body means.
func bearer(r *http.Request) (string, error) {
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
	if !strings.EqualFold(scheme, "Bearer") {
		return "", errNoToken
	}
	token = strings.TrimLeft(token, " ")
	if token == "" || len(token) > maxToken || strings.Count(token, ".") != 2 {
		return "", errMalformed
	}
	return token, nil
}

// verify checks a token as RFC 9068 §4 says. What is said about its claims is said only after its signature was verified.
func (g *Guard) verify(ctx context.Context, raw string, now time.Time) (*Token, error) {
	signed, err := jose.ParseSignedCompact(raw, asymmetric)
	if err != nil {
		return nil, errMalformed // "alg":"none" and HMACs included
	}
	// The decoder overlooks stray bits and line breaks, but one token has one spelling.
	if again, err := signed.CompactSerialize(); err != nil || again != raw {
		return nil, errMalformed
	}
	header := signed.Signatures[0].Protected
	if err := g.checkHeader(header); err != nil {
		return nil, err
	}
	key, err := g.keys.key(ctx, header.KeyID, now)
	if err != nil {
		return nil, err
	}
	if key == nil || key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return nil, errForeign
	}
	payload, err := signed.Verify(key.Key)
	if err != nil {
		return nil, errForeign
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

func (g *Guard) checkHeader(header jose.Header) error {
	if !slices.Contains(g.algs, jose.SignatureAlgorithm(header.Algorithm)) {
		return errForeign
	}
	// RFC 7515 §4.1.11: what is critical and not understood must be refused; we understand nothing beyond the basics.
	if header.ExtraHeaders["crit"] != nil || header.ExtraHeaders["b64"] != nil {
		return errMalformed
	}
	typ, _ := header.ExtraHeaders["typ"].(string)
	if !strings.EqualFold(typ, "at+jwt") && !strings.EqualFold(typ, "application/at+jwt") {
		return invalidToken("this is not an access token: send the access_token of the token response, not the id_token")
	}
	return nil
}

func (g *Guard) checkClaims(c *claims, now time.Time) error {
	switch {
	case c.Issuer != g.issuer:
		return errForeign
	case !slices.Contains(c.Audience, g.audience):
		return invalidToken("the access token is for another API (aud)")
	case c.Expires == nil || c.IssuedAt == nil || c.Subject == "" || c.ClientID == "" || c.ID == "":
		return invalidToken("the access token lacks a claim that RFC 9068 requires")
	case c.TeamID == "":
		// Data is kept by team: without one, tokens of all teams would meet under the empty id.
		return invalidToken("the access token names no team")
	case !now.Before(c.Expires.time().Add(g.leeway)):
		return invalidToken("the access token has expired")
	case c.IssuedAt.time().After(now.Add(g.leeway)), c.NotBefore.time().After(now.Add(g.leeway)):
		return invalidToken("the access token is not valid yet: a clock is wrong")
	}
	return nil
}
