package oauth

// CheckRedirectURI reports why uri cannot be registered, or nil: it must be absolute, without fragment, wildcard, userinfo or white
// space; https, or http to a loopback address (RFC 8252 §7.3), or for a public client also http://localhost and a private-use scheme with a dot in it
// (RFC 8252 §7.1). The error is a sentence for the person who registers.
func CheckRedirectURI(uri string, public bool) error { panic("contract") }

// MatchRedirectURI reports whether received is the registered URI, byte for byte (RFC 9700 §2.1). The one exception is the port of a
// loopback redirect: http://127.0.0.1, http://[::1] and, for public clients, http://localhost (RFC 8252 §7.3).
func MatchRedirectURI(registered, received string, public bool) bool { panic("contract") }

// RedirectOrigin is the scheme, host and port of a registered redirect URI as a CSP source, e.g. "https://app.example:8443", or "scheme:" for a private-use scheme.
func RedirectOrigin(uri string) string { panic("contract") }
