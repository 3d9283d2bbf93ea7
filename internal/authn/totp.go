package authn

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238: HMAC with SHA-1, which authenticator apps implement
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The parameters of RFC 6238 that authenticator apps know: SHA-1, six digits, thirty seconds.
const (
	codeDigits    = 6
	codeModulus   = 1_000_000
	codeStep      = 30 // seconds
	codeDrift     = 1  // steps before and after now whose code counts
	appSecretSize = 20 // bytes, RFC 4226 §4 R6
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

func newAppSecret() []byte {
	secret := make([]byte, appSecretSize)
	rand.Read(secret) // never fails
	return secret
}

// appCode is the code of a step (RFC 4226 §5.3).
func appCode(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	binary.Write(mac, binary.BigEndian, step) // a hash never fails
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", codeDigits, number%codeModulus)
}

func stepAt(now time.Time) int64 { return now.Unix() / codeStep }

// matchCode is the step whose code this is, among those around now that are later than last; false when there is none.
func matchCode(secret []byte, code string, last int64, now time.Time) (step int64, ok bool) {
	for candidate := stepAt(now) - codeDrift; candidate <= stepAt(now)+codeDrift; candidate++ {
		same := subtle.ConstantTimeCompare([]byte(appCode(secret, candidate)), []byte(code)) == 1
		if same && candidate > last && !ok {
			step, ok = candidate, true
		}
	}
	return step, ok
}

// appURI is what an authenticator app reads from the QR code.
func appURI(secret []byte, issuer, account string) string {
	// Some apps do not read a plus as a space.
	escaped := func(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
	return "otpauth://totp/" + escaped(issuer) + ":" + escaped(account) + "?secret=" + base32Text.EncodeToString(secret) + "&issuer=" + escaped(issuer)
}
