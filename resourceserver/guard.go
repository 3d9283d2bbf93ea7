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
// audience, signed with one of the issuer's current keys, not expired, and has the scopes. The handler has to use only data
// of the token's team, and to answer 404 for everything else.
//
// Tokens are verified locally, without asking the issuer about each. The issuer publishes a signed list of what has ended
// (ended_tokens_uri in its metadata). It is fetched every two seconds while requests come, so a revoked token is refused
// everywhere within Options.RevocationBound. When the list cannot be fetched for longer than that, requests are answered
// 503. An issuer may publish no such list; then its tokens live until they expire, unless Options.RequireEndedList is set.
//
// Tokens that are bound to a key (DPoP, RFC 9449) are accepted only with a proof of that key.
package resourceserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Options are the settings of a Guard. The zero value of each is its default.
type Options struct {
	Audience        string           // what a token's aud must contain, compared as a URL; the issuer
	Realm           string           // of WWW-Authenticate; Audience
	Algorithms      []string         // accepted signature algorithms (RFC 7518 §3.1), asymmetric ones only: ES256
	MetadataURL     string           // where the issuer's metadata is; the well-known place of RFC 8414 §3.1
	HTTPClient      *http.Client     // for fetching metadata and keys; one with a timeout of 10 s that follows no redirects
	Now             func() time.Time // time.Now
	Leeway          time.Duration    // how far the issuer's clock and ours may differ: 10 s; none when negative
	RefetchInterval time.Duration    // least time between two fetches that unknown keys cause: 30 s
	KeyLifetime     time.Duration    // how long fetched keys are used before they are fetched again in the background: 10 min
	RevocationBound time.Duration    // how long a token may be accepted after its grant has ended: 5 s; at least 2 s
	CachedTokens    int              // how many verified tokens are remembered: 10,000; none when negative
	Log             *slog.Logger     // hears of fetches that failed: slog.Default()
	Name            string           // of this API, for people (RFC 9728 §2); may be empty
	Documentation   string           // the URL of this API's documentation; may be empty

	// PublicURL is the part of this API's URL that requests do not tell: scheme, host, and the part of the path that a proxy
	// takes away. By default it is the audience's scheme and host. DPoP needs it.
	PublicURL string
	// Resource is the URL by which clients know this API (RFC 9728 §1.2). Metadata names it, and it may stand in aud instead
	// of Audience. By default it is Audience if that is at PublicURL's origin, else PublicURL.
	Resource string
	// NonceKey makes DPoP proofs need a nonce: a proof that was made in advance then works for five minutes at most, and the
	// client's clock does not matter. It has at least 32 random bytes, the same in all replicas.
	NonceKey []byte
	// FAPI2 keeps the FAPI 2.0 Security Profile, as an issuer with "profile: fapi2" does: bearer tokens are refused, and DPoP
	// proofs signed with RS256 too.
	FAPI2 bool
	// InsecureHTTP allows http:// to any host: an attacker on the network path can then make tokens that are accepted.
	InsecureHTTP bool

	// RequireEndedList answers 503 when the issuer publishes no list of what has ended. Without it, a warning is logged and
	// revoked tokens are accepted until they expire.
	RequireEndedList bool
	// InsecureStaleRevocation accepts requests while the list of what has ended cannot be fetched: a revoked token is
	// accepted meanwhile, until it expires.
	InsecureStaleRevocation bool
}

// Guard protects handlers. It may be used by any number of goroutines.
type Guard struct {
	issuer   string
	audience string
	resource string
	realm    string
	now      func() time.Time
	leeway   time.Duration
	keys     *keySource
	algs     []jose.SignatureAlgorithm
	seen     *seenTokens
	ended    *endedSource

	origin  string // what comes before the path of a request's URL; "" when it is not known, and then there is no DPoP
	nonces  nonces
	replays ProofReplays
	proofs  []string // the algorithms of DPoP proofs
	fapi2   bool

	name, documentation string
	announced           atomic.Pointer[string] // the URL of the metadata, once it is served

	mu     sync.Mutex
	scopes []string // of every Require, sorted
}

// New is a Guard for the tokens of an issuer: its URL exactly as in its metadata and in "iss". The error says which setting is
// wrong.
//
// Nothing is fetched yet. The issuer's keys are fetched when the first token arrives, so an API may start before its issuer.
// Until then, requests are answered 503. When ctx ends, nothing more is fetched.
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
	if err := opts.check(); err != nil {
		return nil, fmt.Errorf("resourceserver: %w", err)
	}
	g := &Guard{
		issuer: issuer, audience: opts.Audience, resource: opts.Resource, realm: opts.Realm, now: opts.Now, leeway: opts.Leeway,
		keys: newKeySource(ctx, issuer, opts), seen: newSeenTokens(opts.CachedTokens),
		origin: opts.PublicURL, nonces: slices.Clone(opts.NonceKey), name: opts.Name, documentation: opts.Documentation,
		proofs: ProofAlgorithms(), fapi2: opts.FAPI2,
	}
	if g.fapi2 {
		g.proofs = fapi2Algorithms()
	}
	for _, alg := range opts.Algorithms {
		g.algs = append(g.algs, jose.SignatureAlgorithm(alg))
	}
	g.ended = newEndedSource(ctx, issuer, opts, g.algs, g.keys)
	return g, nil
}

// check says which setting cannot work.
func (o Options) check() error {
	for _, alg := range o.Algorithms {
		if !slices.Contains(asymmetric, jose.SignatureAlgorithm(alg)) {
			return fmt.Errorf("the option Algorithms: %q is not one of %v", alg, asymmetric)
		}
	}
	notFAPI2 := func(alg string) bool { return !slices.Contains([]string{"ES256", "PS256", "EdDSA"}, alg) }
	switch {
	case o.FAPI2 && slices.ContainsFunc(o.Algorithms, notFAPI2):
		return errors.New("the options FAPI2 and Algorithms: FAPI 2.0 allows only ES256, PS256 and EdDSA")
	case o.FAPI2 && o.PublicURL == "":
		return errors.New("the option PublicURL: FAPI2 needs it, because every request has a DPoP proof that names its URL")
	case strings.ContainsFunc(o.Realm, outsideHeader):
		return errors.New(`the option Realm: only printable ASCII without " and \ can stand in a header`)
	case o.RevocationBound < leastBound:
		return fmt.Errorf("the option RevocationBound: %v is too short; the issuer's list may be a second old, and asking takes time: at least %v", o.RevocationBound, leastBound)
	case o.PublicURL != "" && originOf(o.PublicURL) == "", strings.ContainsFunc(o.PublicURL, outsideHeader):
		return fmt.Errorf("the option PublicURL: %q is not a URL of http or https", o.PublicURL)
	case strings.ContainsFunc(o.Resource, outsideHeader) || strings.Contains(o.Resource, "#"):
		return fmt.Errorf("the option Resource: %q is not a URL without a fragment", o.Resource)
	case o.RequireEndedList && o.InsecureStaleRevocation:
		return errors.New("the options RequireEndedList and InsecureStaleRevocation contradict each other")
	case len(o.NonceKey) > 0 && len(o.NonceKey) < 32:
		return errors.New("NonceKey: at least 32 bytes are needed")
	}
	return nil
}

// asymmetric are the algorithms that may be configured. With an HMAC, every API that checks tokens could make them.
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
	if o.RevocationBound == 0 {
		o.RevocationBound = 5 * time.Second
	}
	if o.PublicURL == "" {
		o.PublicURL = originOf(o.Audience)
	}
	o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	if o.Resource == "" {
		// A client refuses metadata that names another resource than the one that it asked for (RFC 9728 §3.3).
		if o.Resource = o.Audience; o.PublicURL != "" && originOf(o.Audience) != originOf(o.PublicURL) {
			o.Resource = o.PublicURL
		}
	}
	if o.CachedTokens == 0 {
		o.CachedTokens = 10_000
	}
	o.Leeway, o.CachedTokens = max(o.Leeway, 0), max(o.CachedTokens, 0)
	return o
}

// Require lets a request pass if its access token has every one of the scopes; without scopes, any access token passes.
// All other requests are answered here (RFC 6750 §3): 401 for a missing or unacceptable token, 403 for a missing scope, 503
// when the issuer's keys, or its list of what has ended, cannot be fetched.
//
// A token that was seen before costs one allocation: the copy of the request and its context.
func (g *Guard) Require(scopes ...string) func(http.Handler) http.Handler {
	return g.require(scopes, nil)
}

// require is Require with one more check of the token, which may be nil.
func (g *Guard) require(scopes []string, also func(*Token, time.Time) error) func(http.Handler) http.Handler {
	scopes = slices.Clone(scopes)
	g.note(scopes)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, err := g.authenticate(w.Header(), r)
			if err == nil && !token.HasScopes(scopes...) {
				err = insufficientScope(scopes)
			}
			if err == nil && also != nil {
				err = also(token, g.now())
			}
			if err != nil {
				g.refuse(w, r, err)
				return
			}
			next.ServeHTTP(w, withToken(r, token))
		})
	}
}

type tokenKey struct{}

// verifiedRequest holds a request and its context in one allocation.
type verifiedRequest struct {
	context.Context // of the request before
	token           *Token
	request         http.Request
}

// Value finds the token, and what the context before had.
func (v *verifiedRequest) Value(key any) any {
	if key == (tokenKey{}) {
		return v.token
	}
	return v.Context.Value(key)
}

// withToken is the request with the token in its context.
func withToken(r *http.Request, token *Token) *http.Request {
	v := &verifiedRequest{Context: r.Context(), token: token}
	v.request = *r.WithContext(v)
	return &v.request
}

// FromContext is the token of a request that passed Require, and nil for any other. Requests share it: do not change it.
func FromContext(ctx context.Context) *Token {
	token, _ := ctx.Value(tokenKey{}).(*Token)
	return token
}
