package oauth

import (
	"net/netip"
	"strings"
)

// IsLoopback reports whether a host name or address, without a port, can only mean this machine: localhost, a name
// below it (RFC 6761 §6.3), or a loopback address. It resolves nothing.
//
// Redirect URIs have a narrower rule of their own: CheckRedirectURI and MatchRedirectURI name three spellings.
func IsLoopback(host string) bool {
	host = strings.ToLower(host)
	address, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && address.IsLoopback()
}
