package resourceserver

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SignIn is how recent and how strong a token's sign-in must be (RFC 9470).
type SignIn struct {
	MaxAge time.Duration // how long ago the person may have signed in, in whole seconds; any time when zero
	ACR    []string      // the accepted ways of signing in; any when empty
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
	if len(s.ACR) > 0 && !slices.Contains(s.ACR, t.ACR) {
		return false
	}
	if s.MaxAge <= 0 {
		return !t.AuthTime.IsZero()
	}
	age := now.Sub(t.AuthTime)
	return -leeway <= age && age <= s.MaxAge+leeway // a sign-in that is still to come was made by a wrong clock
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
