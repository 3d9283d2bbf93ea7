package oauth

// ClientAlgorithms are the algorithms by which clients sign assertions (RFC 7523) and DPoP proofs (RFC 9449), for checks and
// for the metadata. With fapi2 they are those of the FAPI 2.0 Security Profile §5.4.1. Every one has a public half, so
// nothing that a server keeps can make a signature. Ed25519 is RFC 9864's name for EdDSA with the curve Ed25519.
func ClientAlgorithms(fapi2 bool) []string {
	if fapi2 {
		return []string{"ES256", "PS256", "EdDSA", "Ed25519"}
	}
	return []string{"ES256", "PS256", "EdDSA", "Ed25519", "RS256"}
}
