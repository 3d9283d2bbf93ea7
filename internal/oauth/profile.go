package oauth

import (
	"fmt"
	"time"
)

// Profile is a set of rules, stricter than OAuth's own, that the whole server keeps for every client.
type Profile string

// The profiles.
const (
	ProfileNone  Profile = ""
	ProfileFAPI2 Profile = "fapi2" // the FAPI 2.0 Security Profile: with private_key_jwt and DPoP, without mutual TLS
)

// FAPI2CodeLifetime is the longest that a code may live under ProfileFAPI2 (§5.3.2.1).
const FAPI2CodeLifetime = time.Minute

// ParseProfile reads the name of a profile, as the configuration has it.
func ParseProfile(text string) (Profile, error) {
	switch text {
	case "none":
		return ProfileNone, nil
	case string(ProfileFAPI2):
		return ProfileFAPI2, nil
	}
	return ProfileNone, fmt.Errorf("is %q; it has to be none or fapi2", text)
}

// String is what ParseProfile reads.
func (p Profile) String() string {
	if p == ProfileNone {
		return "none"
	}
	return string(p)
}

// FAPI2 reports whether the FAPI 2.0 Security Profile has to be kept.
func (p Profile) FAPI2() bool { return p == ProfileFAPI2 }

// ClientAlgorithms are the algorithms by which clients sign assertions (RFC 7523) and DPoP proofs (RFC 9449), for checks and
// for the metadata. Every one has a public half, so nothing that a server keeps can make a signature. Ed25519 is RFC 9864's
// name for EdDSA with the curve Ed25519.
func (p Profile) ClientAlgorithms() []string {
	permitted := []string{"ES256", "PS256", "EdDSA", "Ed25519"} // FAPI 2.0 Security Profile §5.4.1
	if p.FAPI2() {
		return permitted
	}
	return append(permitted, "RS256")
}

// AuthMethods are the ways in which clients may authenticate where they have to prove who they are.
func (p Profile) AuthMethods() []AuthMethod {
	if p.FAPI2() {
		return []AuthMethod{AuthPrivateKeyJWT} // §5.3.2.1
	}
	return []AuthMethod{AuthBasic, AuthPost, AuthPrivateKeyJWT}
}
