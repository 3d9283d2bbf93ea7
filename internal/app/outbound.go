package app

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"code.dny.dev/ssrf"
)

// outboundTimeout bounds a whole request to an address that a stranger chose.
const outboundTimeout = 10 * time.Second

// outbound is the HTTP client for URLs that applications registered: jwks_uri and backchannel_logout_uri. Strangers chose them, so it keeps away from internal addresses.
// The check is made at the socket, after the name was resolved: a name that leads elsewhere the second time is caught as well. For the same reason there is no proxy,
// which would resolve the name anew, and no redirect is followed.
func outbound(cfg Config) *http.Client {
	allowed := slices.Clone(cfg.InternalNetworks)
	if isLoopbackURL(cfg.PublicURL) {
		allowed = append(allowed, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	var v4, v6 []netip.Prefix
	for _, prefix := range allowed {
		if prefix.Addr().Is4() {
			v4 = append(v4, prefix)
		} else {
			v6 = append(v6, prefix)
		}
	}
	guard := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	dialer := &net.Dialer{Timeout: outboundTimeout / 2, Control: guard.Safe}
	return &http.Client{
		Timeout: outboundTimeout,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    outboundTimeout / 2,
			MaxResponseHeaderBytes: 32 << 10,
			MaxConnsPerHost:        4,
			MaxIdleConns:           20,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
