package authn

import "slices"

// The methods of a sign-in, the amr values of RFC 8176. A sign-in with two factors has MethodMFA, whatever they were: a recovery code has no
// value of its own.
const (
	MethodPassword = "pwd"
	MethodCode     = "otp"
	MethodHardware = "hwk"  // a passkey that stays on one device
	MethodSoftware = "swk"  // a passkey that is synced
	MethodPresence = "user" // somebody touched the device
	MethodMFA      = "mfa"
	// MethodFederated is a sign-in at another provider. RFC 8176 has no value for it; Microsoft Entra ID uses this one.
	MethodFederated = "fed"
)

// Level is how strong a sign-in is. A higher level has everything that a lower one has.
type Level int

// The levels. The zero Level asks for nothing.
const (
	OneFactor         Level = iota + 1
	TwoFactors              // NIST SP 800-63B-4 calls it AAL2
	PhishingResistant       // two factors, and one of them is a passkey
)

// acrs are the names of the levels in acr and acr_values, from the lowest.
var acrs = []string{"urn:gatehouse:aal1", "urn:gatehouse:aal2", "urn:gatehouse:phr"}

// ACR is the authentication context class of the level (OpenID Connect Core §2, acr); "" for the zero Level.
func (l Level) ACR() string {
	if l < OneFactor || l > PhishingResistant {
		return ""
	}
	return acrs[l-1]
}

// LevelNamed is the level with a name of ACR; 0 for any other name.
func LevelNamed(acr string) Level { return Level(slices.Index(acrs, acr) + 1) }

// ACRValues are the names of the levels up to this one, from the lowest.
func (l Level) ACRValues() []string { return slices.Clone(acrs[:l]) }

// LevelOf is the level of a sign-in by these methods; 0 when there are none.
func LevelOf(methods []string) Level {
	switch {
	case len(methods) == 0:
		return 0
	case !slices.Contains(methods, MethodMFA):
		return OneFactor
	case hasPasskey(methods):
		return PhishingResistant
	}
	return TwoFactors
}

// Level is how strong the sign-in was.
func (s Session) Level() Level { return LevelOf(s.Methods) }

func hasPasskey(methods []string) bool {
	return slices.Contains(methods, MethodHardware) || slices.Contains(methods, MethodSoftware)
}

// order is how methods are listed.
var order = []string{MethodFederated, MethodPassword, MethodCode, MethodHardware, MethodSoftware, MethodPresence, MethodMFA}

// with is the methods and some more.
func with(methods []string, more ...string) []string {
	var all []string
	for _, method := range order {
		if slices.Contains(methods, method) || slices.Contains(more, method) {
			all = append(all, method)
		}
	}
	return all
}
