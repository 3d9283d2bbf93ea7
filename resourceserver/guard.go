// Package resourceserver protects a Go API with the access tokens of a Gatehouse server.
//
//	guard, err := resourceserver.New(ctx, "https://id.example.com", resourceserver.Options{})
//	mux.Handle("GET /api/chatbots/", guard.Require("chatbot:read")(http.HandlerFunc(list)))
//
//	func list(w http.ResponseWriter, r *http.Request) {
//		team := resourceserver.FromContext(r.Context()).TeamID
//		…
//
// A request that arrives at the handler has been checked: its token is an access token (RFC 9068) of this issuer, for this
// audience, signed with one of the issuer's current keys, not expired, and has the scopes. What is left to the handler is to
// look only at data of the token's team, and to answer 404 for everything else.
//
// Tokens are verified here, without asking the issuer: a token that was revoked is accepted until it expires, at most the
// issuer's access token lifetime (an hour unless configured).
package resourceserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Options are the settings of a Guard. The zero value of each is its default.
type Options struct {
	Audience        string           // what a token's aud must contain: this API's identifier; the issuer
	Realm           string           // of WWW-Authenticate; the audience
	Algorithms      []string         // accepted signature algorithms (RFC 7518 §3.1), asymmetric ones only: ES256
	MetadataURL     string           // where the issuer's metadata is; the well-known place of RFC 8414 §3.1
	HTTPClient      *http.Client     // for fetching metadata and keys; one with a timeout of 10 s that follows no redirects
	Now             func() time.Time // time.Now
	Leeway          time.Duration    // how far the issuer's clock and ours may differ: 10 s; none when negative
	RefetchInterval time.Duration    // least time between two fetches that unknown keys cause: 30 s
	KeyLifetime     time.Duration    // how long fetched keys are used before they are fetched again in the background: 10 min
	CachedTokens    int              // how many verified tokens are remembered: 10,000; none when negative
	Log             *slog.Logger     // hears of fetches that failed: slog.Default()
	InsecureHTTP    bool             // allows http:// to any host: whoever is on the network path can then make tokens that are accepted
}

// Guard protects handlers. It may be used by any number of goroutines.
type Guard struct {
	issuer   string
	audience string
	realm    string
	now      func() time.Time
	leeway   time.Duration
	keys     *keySource
	algs     []jose.SignatureAlgorithm
	seen     *seenTokens
}

// New is a Guard for the tokens of an issuer, which is its URL exactly as in its metadata and in "iss". The error says which setting is wrong.
//
// Nothing is fetched yet: the issuer's keys are fetched when the first token arrives, so an API may start before its issuer.
// Until they could be fetched once, requests are answered 503. When ctx ends, nothing is fetched any more.
func New(ctx context.Context, issuer string, opts Options) (*Guard, error) {
	if err := checkURL(issuer, opts.InsecureHTTP); err != nil {
		return nil, fmt.Errorf("resourceserver: issuer: %w", err)
	}
	if opts.MetadataURL == "" {
		opts.MetadataURL = wellKnown(issuer)
	} else if err := checkURL(opts.MetadataURL, opts.InsecureHTTP); err != nil {
		return nil, fmt.Errorf("resourceserver: MetadataURL: %w", err)
	}
	opts = opts.withDefaults(issuer)
	if strings.ContainsFunc(opts.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return nil, errors.New(`resourceserver: Realm: only printable ASCII without " and \ can stand in a header`)
	}
	g := &Guard{
		issuer: issuer, audience: opts.Audience, realm: opts.Realm, now: opts.Now, leeway: opts.Leeway,
		keys: newKeySource(ctx, issuer, opts), seen: newSeenTokens(opts.CachedTokens),
	}
	for _, alg := range opts.Algorithms {
		if !slices.Contains(asymmetric, jose.SignatureAlgorithm(alg)) {
			return nil, fmt.Errorf("resourceserver: Algorithms: %q is not one of %v", alg, asymmetric)
		}
		g.algs = append(g.algs, jose.SignatureAlgorithm(alg))
	}
	return g, nil
}

// asymmetric is what may be configured. With an HMAC, everybody who can check a token could make one; "none" is no signature.
var asymmetric = []jose.SignatureAlgorithm{
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.PS256, jose.PS384, jose.PS512, jose.RS256, jose.RS384, jose.RS512,
}

func (o Options) withDefaults(issuer string) Options {
	if o.Audience == "" {
		o.Audience = issuer
	}
	if o.Realm == "" {
		o.Realm = o.Audience
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{string(jose.ES256)}
	}
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Leeway == 0 {
		o.Leeway = 10 * time.Second
	}
	if o.RefetchInterval <= 0 {
		o.RefetchInterval = 30 * time.Second
	}
	if o.KeyLifetime <= 0 {
		o.KeyLifetime = 10 * time.Minute
	}
	if o.CachedTokens == 0 {
		o.CachedTokens = 10_000
	}
	o.Leeway, o.CachedTokens = max(o.Leeway, 0), max(o.CachedTokens, 0)
	return o
}

// Require lets only requests pass whose access token has every one of the scopes; without scopes, any access token does.
// The others are answered here, as RFC 6750 §3 says: 401 for a missing or unacceptable token, 403 for a missing scope, 503 when the issuer's keys cannot be had.
func (g *Guard) Require(scopes ...string) func(http.Handler) http.Handler {
	scopes = slices.Clone(scopes)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, err := g.authenticate(r)
			if err == nil && !token.HasScopes(scopes...) {
				err = insufficientScope(scopes)
			}
			if err != nil {
				g.refuse(w, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, token)))
		})
	}
}

type tokenKey struct{}

// FromContext is the token of a request that Require let pass, and nil for any other. It is shared between requests: do not change it.
func FromContext(ctx context.Context) *Token {
	token, _ := ctx.Value(tokenKey{}).(*Token)
	return token
}
