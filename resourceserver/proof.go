package resourceserver

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// proofWindow is how far a proof's iat may be from now, either way, unless a ProofCheck says otherwise.
const proofWindow = time.Minute

// The errors of CheckProof that call for an answer of their own. Every other one says what is wrong with the proof, in words
// that may stand in the error_description of an invalid_dpop_proof.
var (
	ErrNoProof    = errors.New("the request has no DPoP proof")
	ErrProofNonce = errors.New("the DPoP proof needs the nonce of the DPoP-Nonce header") // use_dpop_nonce (RFC 9449 §8)
)

// ProofAlgorithms is how a DPoP proof may be signed: what goes into dpop_signing_alg_values_supported (RFC 9449 §5.1).
func ProofAlgorithms() []string { return []string{"ES256", "Ed25519", "EdDSA", "RS256"} }

// ed25519Algorithm is what RFC 9864 calls EdDSA with Ed25519, the only curve that EdDSA is used with here. go-jose does not know the name.
const ed25519Algorithm jose.SignatureAlgorithm = "Ed25519"

var proofAlgorithms = []jose.SignatureAlgorithm{jose.ES256, ed25519Algorithm, jose.EdDSA, jose.RS256}

// ProofCheck is what a request's DPoP proof is held against (RFC 9449 §4.3).
type ProofCheck struct {
	// URL is where the request was sent, as its client knows it: from the configuration and the path, never from the Host header, which
	// would let a proof that was made for another server pass. A query and a fragment do not count.
	URL         string
	AccessToken string                  // the token that comes with the proof and is hashed in ath; "" at a token endpoint
	Key         string                  // the thumbprint of the only key that will do; "" for any
	Nonce       func(nonce string) bool // reports whether a nonce is one of ours and still good; nil when none is asked for
	Replays     *ProofReplays           // remembers proofs, so that each works once; nil: a proof works until its time is over
	Window      time.Duration           // how far iat may be from Now, either way; a minute when zero
	Now         time.Time               // time.Now() when zero
}

// CheckProof verifies the DPoP proof of a request (RFC 9449 §4.3) and returns the thumbprint of its key (RFC 7638), which is the jkt that
// tokens are bound to. The proof works once, if Replays is set; what it is remembered by is kept only when everything else is in order.
func CheckProof(r *http.Request, c ProofCheck) (thumbprint string, err error) {
	values := r.Header["Dpop"] // as net/http spells it
	switch {
	case len(values) == 0:
		return "", ErrNoProof
	case len(values) > 1:
		return "", errors.New("the request has more than one DPoP header")
	}
	c = c.withDefaults()
	signed, err := parseProof(values[0])
	if err != nil {
		return "", err
	}
	key := signed.Signatures[0].Protected.JSONWebKey
	payload, ok := verifyProof(signed, values[0], key.Key)
	if !ok {
		return "", errors.New("the signature of the DPoP proof does not fit its jwk")
	}
	hash, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", errors.New("the jwk of the DPoP proof has no thumbprint")
	}
	thumbprint = base64.RawURLEncoding.EncodeToString(hash)
	var claims proofClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", errors.New("the claims of the DPoP proof are malformed")
	}
	if err := c.check(r.Method, thumbprint, &claims); err != nil {
		return "", err
	}
	return thumbprint, nil
}

func (c ProofCheck) withDefaults() ProofCheck {
	if c.Window <= 0 {
		c.Window = proofWindow
	}
	if c.Now.IsZero() {
		c.Now = time.Now()
	}
	return c
}

// parseProof is a proof whose header is in order; its signature is not verified yet. go-jose refuses a jwk that is private, a
// secret, or an RSA key of more than 4096 bits, which would cost much to verify with.
func parseProof(raw string) (*jose.JSONWebSignature, error) {
	if len(raw) > maxToken {
		return nil, errors.New("the DPoP proof is too long")
	}
	signed, err := jose.ParseSignedCompact(raw, proofAlgorithms)
	if err != nil {
		return nil, errors.New("the DPoP proof is no JWT that is signed with " + strings.Join(ProofAlgorithms(), ", ") + " and has its public key as jwk")
	}
	header := signed.Signatures[0].Protected
	typ, _ := header.ExtraHeaders["typ"].(string)
	switch {
	case !strings.EqualFold(typ, "dpop+jwt"):
		return nil, errors.New("the typ of the DPoP proof is not dpop+jwt")
	case header.ExtraHeaders["crit"] != nil || header.ExtraHeaders["b64"] != nil: // RFC 7515 §4.1.11
		return nil, errors.New("the DPoP proof has critical headers, none of which is understood")
	case header.JSONWebKey == nil:
		return nil, errors.New("the DPoP proof lacks its public key (jwk)")
	}
	return signed, nil
}

// verifyProof is the payload of a proof whose signature fits the key.
func verifyProof(signed *jose.JSONWebSignature, raw string, key any) ([]byte, bool) {
	if signature := signed.Signatures[0]; signature.Protected.Algorithm == string(ed25519Algorithm) {
		public, ok := key.(ed25519.PublicKey)
		input := raw[:strings.LastIndexByte(raw, '.')] // RFC 7515 §5.2
		return signed.UnsafePayloadWithoutVerification(), ok && len(public) == ed25519.PublicKeySize && ed25519.Verify(public, []byte(input), signature.Signature)
	}
	payload, err := signed.Verify(key)
	return payload, err == nil
}

// proofClaims is the payload of a proof (RFC 9449 §4.2).
type proofClaims struct {
	ID         string       `json:"jti"`
	Method     string       `json:"htm"`
	URL        string       `json:"htu"`
	IssuedAt   *numericDate `json:"iat"`
	AccessHash string       `json:"ath"`
	Nonce      string       `json:"nonce"`
}

// check is steps 7 to 12 of RFC 9449 §4.3. Replays come last: a proof that is refused for something else is not used up.
func (c ProofCheck) check(method, thumbprint string, claims *proofClaims) error {
	asked, ok := normalURL(c.URL)
	proved, okToo := normalURL(claims.URL)
	switch {
	case claims.ID == "" || claims.Method == "" || claims.URL == "" || claims.IssuedAt == nil:
		return errors.New("the DPoP proof lacks one of jti, htm, htu and iat")
	case claims.Method != method:
		return errors.New("the DPoP proof is for another HTTP method (htm)")
	case !ok || !okToo || asked != proved:
		return errors.New("the DPoP proof is for another URL (htu)")
	case c.Nonce != nil && (claims.Nonce == "" || !c.Nonce(claims.Nonce)):
		return ErrProofNonce
	case claims.IssuedAt.time().Sub(c.Now).Abs() > c.Window:
		return errors.New("the DPoP proof is too old, or a clock is wrong (iat)")
	case c.AccessToken != "" && claims.AccessHash != accessHash(c.AccessToken):
		return errors.New("the DPoP proof is for another access token (ath)")
	case c.Key != "" && thumbprint != c.Key:
		return errors.New("the DPoP proof was made with another key than the token is bound to")
	case c.Replays != nil && !c.Replays.use(thumbprint+" "+claims.ID, c.Now, 2*c.Window):
		return errors.New("the DPoP proof was used before (jti): each request needs one of its own")
	}
	return nil
}

// accessHash is ath (RFC 9449 §4.2).
func accessHash(token string) string {
	hash := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// normalURL is a URL without query and fragment, normalised as RFC 3986 §6.2.2 and §6.2.3 say: what is equal means the same place.
func normalURL(text string) (string, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return "", false
	}
	path := normalEscapes(u.EscapedPath())
	if u.Path, err = url.PathUnescape(path); err != nil {
		return "", false
	}
	u.RawPath, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = path, "", false, "", ""
	u = u.ResolveReference(u) // takes out dot segments
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	if path = u.EscapedPath(); path == "" {
		path = "/"
	}
	return u.Scheme + "://" + host + path, u.Scheme == "http" || u.Scheme == "https"
}

// normalEscapes writes each %xx in capitals, and as itself where it stands for an unreserved character.
func normalEscapes(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		escape := strings.ToUpper(path[i : i+3])
		if plain, err := url.PathUnescape(escape); err == nil && unreserved(plain[0]) {
			escape = plain
		}
		b.WriteString(escape)
		i += 2
	}
	return b.String()
}

// unreserved tells the characters that mean the same with and without their escape (RFC 3986 §2.3).
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || slices.Contains([]byte("-._~"), c)
}
