package resourceserver

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
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

// maxNonceLifetime is the longest that a nonce may work.
const maxNonceLifetime = time.Hour

// The errors of CheckProof that need their own answer. Every other error says what is wrong with the proof, in words that
// may stand in the error_description of an invalid_dpop_proof.
var (
	ErrNoProof    = errors.New("the request has no DPoP proof")
	ErrProofNonce = errors.New("the DPoP proof needs the nonce of the DPoP-Nonce header") // use_dpop_nonce (RFC 9449 §8)

	errProofUsed = errors.New("the DPoP proof was used before (jti): each request needs one of its own")
)

// ProofAlgorithms are the algorithms of DPoP proofs, for dpop_signing_alg_values_supported (RFC 9449 §5.1).
func ProofAlgorithms() []string { return []string{"ES256", "Ed25519", "EdDSA", "PS256", "RS256"} }

// fapi2Algorithms are those of them that the FAPI 2.0 Security Profile allows (§5.4.1).
func fapi2Algorithms() []string { return []string{"ES256", "Ed25519", "EdDSA", "PS256"} }

// ed25519Algorithm is RFC 9864's name for EdDSA with Ed25519, which is the only curve accepted here. go-jose lacks it.
const ed25519Algorithm jose.SignatureAlgorithm = "Ed25519"

// ProofCheck is what a request's DPoP proof is compared with (RFC 9449 §4.3).
type ProofCheck struct {
	// URL is where the request was sent, as its client knows it: from the configuration and the path, never from the Host
	// header, which would let a proof that was made for another server pass. Query and fragment are ignored.
	URL         string
	AccessToken string   // the token that comes with the proof and is hashed in ath; "" at a token endpoint
	Key         string   // the thumbprint of the key that the proof must have; "" for any
	Algorithms  []string // which of ProofAlgorithms are accepted; all of them when empty
	RefuseAhead bool     // refuses an iat that is more than Window ahead of Now, even if a nonce tells the time (FAPI 2.0 Security Profile §5.3.2.1)

	// Nonce says when a nonce was made and from when on it is refused: at most an hour later. The zero times mean that it
	// is not ours, or has expired. Nil: no nonce is needed.
	//
	// A proof with a nonce of ours was made after it. So the nonce's time counts, and iat is not compared with our clock:
	// a client whose clock is wrong can use DPoP nevertheless (RFC 9449 §11.1).
	Nonce func(nonce string) (made, until time.Time)

	Replays *ProofReplays // remembers proofs, so that each works once; nil: a proof works until it is too old
	Party   string        // whose share of Replays the proof takes; "" means the one that all share who have no name
	Window  time.Duration // without a nonce, how far iat may be from Now, either way; a minute when zero
	Now     time.Time     // time.Now() when zero
}

// CheckProof verifies the DPoP proof of a request (RFC 9449 §4.3) and returns the thumbprint of its key (RFC 7638), the
// jkt that tokens are bound to. With Replays, the proof works once; it is remembered only when everything else is right.
func CheckProof(r *http.Request, c ProofCheck) (thumbprint string, err error) {
	values := r.Header["Dpop"] // as net/http spells it
	switch {
	case len(values) == 0:
		return "", ErrNoProof
	case len(values) > 1:
		return "", errors.New("the request has more than one DPoP header")
	}
	c = c.withDefaults()
	signed, err := c.parse(values[0])
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
	if len(c.Algorithms) == 0 {
		c.Algorithms = ProofAlgorithms()
	}
	return c
}

// parse reads a proof and checks its header. Its signature is not verified yet. go-jose refuses a jwk that is private, a
// secret, or an RSA key of more than 4096 bits, which would be slow to verify with.
func (c ProofCheck) parse(raw string) (*jose.JSONWebSignature, error) {
	if len(raw) > maxToken {
		return nil, errors.New("the DPoP proof is too long")
	}
	var algorithms []jose.SignatureAlgorithm
	for _, name := range c.Algorithms {
		if slices.Contains(ProofAlgorithms(), name) {
			algorithms = append(algorithms, jose.SignatureAlgorithm(name))
		}
	}
	signed, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return nil, errors.New("the DPoP proof is no JWT that is signed with " + strings.Join(c.Algorithms, ", ") + " and has its public key as jwk")
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

// verifyProof returns the payload if the signature is the key's.
func verifyProof(signed *jose.JSONWebSignature, raw string, key any) ([]byte, bool) {
	signature := signed.Signatures[0]
	if public, ok := key.(*rsa.PublicKey); ok && public.N.BitLen() < minRSABits {
		return nil, false
	}
	if signature.Protected.Algorithm == string(ed25519Algorithm) {
		public, ok := key.(ed25519.PublicKey)
		input := raw[:strings.LastIndexByte(raw, '.')] // RFC 7515 §5.2
		return signed.UnsafePayloadWithoutVerification(), ok && len(public) == ed25519.PublicKeySize && ed25519.Verify(public, []byte(input), signature.Signature)
	}
	payload, err := signed.Verify(key)
	return payload, err == nil
}

const minRSABits = 2048 // RFC 7518 §3.3

// proofClaims is the payload of a proof (RFC 9449 §4.2).
type proofClaims struct {
	ID         string       `json:"jti"`
	Method     string       `json:"htm"`
	URL        string       `json:"htu"`
	IssuedAt   *numericDate `json:"iat"`
	AccessHash string       `json:"ath"`
	Nonce      string       `json:"nonce"`
}

// check is steps 7 to 12 of RFC 9449 §4.3. Replays are checked last, so a proof that is refused for another reason is not
// used up.
func (c ProofCheck) check(method, thumbprint string, claims *proofClaims) error {
	asked, ok := normalURL(c.URL)
	proved, okToo := normalURL(claims.URL)
	use := proofUse{party: c.Party, name: thumbprint + " " + claims.ID, at: claims.IssuedAt.time(), nonce: c.Nonce != nil}
	use.until = use.at.Add(c.Window)
	if c.Nonce != nil && claims.Nonce != "" {
		use.at, use.until = c.Nonce(claims.Nonce)
		if use.until.Sub(use.at) > maxNonceLifetime {
			use.until = use.at.Add(maxNonceLifetime)
		}
	}
	switch {
	case claims.ID == "" || claims.Method == "" || claims.URL == "" || claims.IssuedAt == nil:
		return errors.New("the DPoP proof lacks one of jti, htm, htu and iat")
	case claims.Method != method:
		return errors.New("the DPoP proof is for another HTTP method (htm)")
	case !ok || !okToo || asked != proved:
		return errors.New("the DPoP proof is for another URL (htu)")
	case c.Nonce != nil && (claims.Nonce == "" || !c.Now.Before(use.until)):
		return ErrProofNonce
	case c.Nonce == nil && claims.IssuedAt.time().Sub(c.Now).Abs() > c.Window, c.RefuseAhead && claims.IssuedAt.time().Sub(c.Now) > c.Window:
		return errors.New("the DPoP proof is too old, or a clock is wrong (iat)")
	case c.AccessToken != "" && claims.AccessHash != accessHash(c.AccessToken):
		return errors.New("the DPoP proof is for another access token (ath)")
	case c.Key != "" && thumbprint != c.Key:
		return errors.New("the DPoP proof was made with another key than the token is bound to")
	case c.Replays != nil:
		return c.Replays.use(use, c.Now)
	}
	return nil
}

// accessHash is ath (RFC 9449 §4.2).
func accessHash(token string) string {
	hash := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// normalURL is a URL without query and fragment, normalised by RFC 3986 §6.2.2 and §6.2.3. URLs that are equal then name the
// same place.
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

// unreserved reports whether a character means the same with and without its escape (RFC 3986 §2.3).
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || slices.Contains([]byte("-._~"), c)
}
