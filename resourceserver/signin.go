package resourceserver

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The levels of a Gatehouse server, for SignIn.ACR and in Token.ACR. A higher level has everything that a lower one has.
const (
	OneFactor         = "urn:gatehouse:aal1" // a password, or a passkey that did not ask who holds the device
	TwoFactors        = "urn:gatehouse:aal2" // two factors, as AAL2 of NIST SP 800-63B-4 wants
	PhishingResistant = "urn:gatehouse:phr"  // two factors, and one of them is a passkey
)

var levels = []string{OneFactor, TwoFactors, PhishingResistant}

// SignIn is how recent and how strong a token's sign-in must be (RFC 9470).
type SignIn struct {
	MaxAge time.Duration // how long ago the person may have signed in, in whole seconds; any time when zero
	ACR    []string      // the accepted ways of signing in, such as TwoFactors; a level accepts the higher ones too. Any when empty
}

// RequireFresh is Require for actions that need a recent or strong sign-in. Other tokens are answered 401
// insufficient_user_authentication with max_age and acr_values, which the application puts into a new authorization request
// (RFC 9470 §3, §4). A machine's token never passes, because no person signed in.
func (g *Guard) RequireFresh(needs SignIn, scopes ...string) func(http.Handler) http.Handler {
	needs.ACR = slices.Clone(needs.ACR)
	for _, acr := range needs.ACR {
		if strings.ContainsFunc(acr, outsideHeader) {
			panic(fmt.Sprintf("resourceserver: the ACR %q cannot stand in a header", acr))
		}
	}
	return g.require(scopes, func(t *Token, now time.Time) error {
		if needs.met(t, now, g.leeway) {
			return nil
		}
		return &refusal{
			status: http.StatusUnauthorized, code: "insufficient_user_authentication", signIn: &needs,
			description: "this needs a sign-in that is more recent or stronger: ask for authorization again with these max_age and acr_values",
		}
	})
}

func (s *SignIn) met(t *Token, now time.Time, leeway time.Duration) bool {
	if len(s.ACR) > 0 && !s.accepts(t.ACR) {
		return false
	}
	if s.MaxAge <= 0 {
		return !t.AuthTime.IsZero()
	}
	age := now.Sub(t.AuthTime)
	return -leeway <= age && age <= s.MaxAge+leeway // a sign-in that is still to come was made by a wrong clock
}

// accepts reports whether a way of signing in is one that is accepted, or a higher level than one.
func (s *SignIn) accepts(acr string) bool {
	level := slices.Index(levels, acr)
	return slices.ContainsFunc(s.ACR, func(accepted string) bool {
		least := slices.Index(levels, accepted)
		return accepted == acr || least >= 0 && level >= least
	})
}

// parameters are those of the challenge (RFC 9470 §3).
func (s *SignIn) parameters() string {
	text := ""
	if s.MaxAge > 0 {
		text = `, max_age="` + strconv.Itoa(int(s.MaxAge/time.Second)) + `"`
	}
	if len(s.ACR) > 0 {
		text += `, acr_values="` + strings.Join(s.ACR, " ") + `"`
	}
	return text
}
