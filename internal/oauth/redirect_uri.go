package oauth

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// maxRedirectURILength is how many bytes a redirect URI may have.
const maxRedirectURILength = 2000

// responseParams are the parameters of an authorization response. If a redirect URI had one of them, the response would be
// ambiguous.
var responseParams = []string{"code", "state", "iss", "error", "error_description", "error_uri", "access_token", "id_token"}

// CheckRedirectURI reports why uri cannot be registered, or nil. It must be absolute, without fragment, wildcard, userinfo,
// white space or a parameter of the response. It must be https, or http to 127.0.0.1, [::1] or localhost (RFC 8252 §7.3), or
// for a public client a private-use scheme with a dot in it (RFC 8252 §7.1). The error is a sentence for the person who
// registers.
func CheckRedirectURI(uri string, public bool) error {
	if uri == "" {
		return errors.New("the redirect URI is empty")
	}
	if len(uri) > maxRedirectURILength {
		return fmt.Errorf("the redirect URI is %d bytes long; at most %d are allowed", len(uri), maxRedirectURILength)
	}
	if err := CheckASCIIHost("the redirect URI", uri); err != nil {
		return err
	}
	if err := checkCharacters(uri); err != nil {
		return err
	}
	u, err := url.Parse(uri)
	if err != nil {
		return fmt.Errorf("the redirect URI %q cannot be read as a URI", uri)
	}
	if u.User != nil {
		return fmt.Errorf("the redirect URI %q has a user name before the @; leave it out", uri)
	}
	if err := checkTarget(uri, u, public); err != nil {
		return err
	}
	return checkQuery(uri, u.RawQuery)
}

// checkCharacters refuses what browsers and servers are known to read in more than one way (RFC 3986 §2).
func checkCharacters(uri string) error {
	for _, c := range uri {
		switch {
		case c == '#':
			return fmt.Errorf("the redirect URI %q has a fragment (#…), which RFC 6749 §3.1.2 does not allow", uri)
		case c == '*':
			return fmt.Errorf("the redirect URI %q has a *; there are no wildcards, so register each URI", uri)
		case c <= ' ' || c > '~' || strings.ContainsRune("\"<>\\^`{|}", c):
			return fmt.Errorf("the redirect URI %q has the character %q, which must be percent-encoded", uri, c)
		}
	}
	return nil
}

// CheckASCIIHost reports a URI whose host is in Unicode, and names the A-label form. what is the first words of the error.
func CheckASCIIHost(what, uri string) error {
	ascii := ASCIIHost(uri)
	if ascii == "" {
		return nil
	}
	unicode := strings.TrimLeftFunc(uri, func(r rune) bool { return r <= '~' })
	return fmt.Errorf("%s %q has the character %q in its host; give the host in its A-label form: %q", what, uri, []rune(unicode)[0], ascii)
}

// ASCIIHost is a URI with its host in A-label form (RFC 5890 §2.3.2.1); "" when its host is in this form already, or has none.
func ASCIIHost(uri string) string {
	scheme, rest, ok := strings.Cut(uri, "://")
	end := strings.IndexAny(rest, "/?:")
	if end < 0 {
		end = len(rest)
	}
	host, err := idna.Lookup.ToASCII(rest[:end])
	isASCII := !strings.ContainsFunc(rest[:end], func(r rune) bool { return r > '~' })
	if !ok || err != nil || isASCII {
		return ""
	}
	return scheme + "://" + host + rest[end:]
}

// checkTarget checks the scheme and the host.
func checkTarget(uri string, u *url.URL, public bool) error {
	switch {
	case u.Scheme == "":
		return fmt.Errorf("the redirect URI %q is not absolute; begin with https://", uri)
	case u.Scheme == "https":
		return checkHost(uri, u)
	case u.Scheme == "http":
		if host := u.Hostname(); host != "127.0.0.1" && host != "::1" && host != "localhost" {
			return fmt.Errorf("the redirect URI %q must use https; http is for 127.0.0.1, [::1] and localhost only", uri)
		}
		return checkHost(uri, u)
	case !strings.Contains(u.Scheme, "."):
		return fmt.Errorf("the redirect URI %q must use https; a scheme of your own must have a dot in it, such as com.example.app", uri)
	case !public:
		return fmt.Errorf("the redirect URI %q must use https; only public clients may have a scheme of their own", uri)
	}
	return nil
}

// checkHost accepts host names, addresses and ports that every program reads in the same way, and that are safe in a
// Content-Security-Policy.
func checkHost(uri string, u *url.URL) error {
	rest, ok := strings.CutPrefix(uri[len(u.Scheme):], "://")
	if !ok || u.Hostname() == "" {
		return fmt.Errorf("the redirect URI %q has no host after %s://", uri, u.Scheme)
	}
	// url.Parse decodes escapes in a host, so the text that was checked would not be the one that is registered.
	if !strings.HasPrefix(rest, u.Host) {
		return fmt.Errorf("the redirect URI %q has a percent-encoded host", uri)
	}
	if !strings.HasPrefix(u.Host, "[") { // an IPv6 address was checked by url.Parse
		for label := range strings.SplitSeq(u.Hostname(), ".") {
			if label == "" || strings.ContainsFunc(label, func(r rune) bool { return !isAlphanumeric(r) && r != '-' && r != '_' }) {
				return fmt.Errorf("the redirect URI %q has a bad host name", uri)
			}
		}
	}
	if port := u.Port(); strings.HasSuffix(u.Host, ":") || port != "" && !isPort(port) {
		return fmt.Errorf("the redirect URI %q has a bad port", uri)
	}
	return nil
}

func checkQuery(uri, query string) error {
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if _, err2 := url.QueryUnescape(value); err != nil || err2 != nil {
			return fmt.Errorf("the redirect URI %q has a %% in its query that is not followed by two hexadecimal digits", uri)
		}
		if slices.Contains(responseParams, name) {
			return fmt.Errorf("the redirect URI %q has a parameter %q of its own; that name belongs to the answer", uri, name)
		}
	}
	return nil
}

// MatchRedirectURI reports whether received is the registered URI, byte for byte (RFC 9700 §2.1). The one exception is the
// port of a loopback redirect: http://127.0.0.1, http://[::1] and, for public clients, http://localhost (RFC 8252 §7.3).
func MatchRedirectURI(registered, received string, public bool) bool {
	if registered == received {
		return true
	}
	for _, host := range []string{"http://127.0.0.1", "http://[::1]", "http://localhost"} {
		if host == "http://localhost" && !public {
			continue
		}
		want, ok1 := afterPort(registered, host)
		got, ok2 := afterPort(received, host)
		if ok1 && ok2 && want == got {
			return true
		}
	}
	return false
}

// afterPort is the rest of a loopback URI after scheme, host and the optional port. Nothing is normalised.
func afterPort(uri, host string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(uri, host)
	if !ok {
		return "", false
	}
	if port, found := strings.CutPrefix(rest, ":"); found {
		rest = strings.TrimLeft(port, "0123456789")
		if !isPort(port[:len(port)-len(rest)]) {
			return "", false
		}
	}
	// Anything else would still be part of the authority: "http://127.0.0.1.example.com", "http://127.0.0.1:80@example.com".
	return rest, rest == "" || rest[0] == '/' || rest[0] == '?'
}

// isPort reports whether digits are a port.
func isPort(digits string) bool {
	n, err := strconv.ParseUint(digits, 10, 16)
	return err == nil && n > 0 && digits[0] != '0'
}

// RedirectOrigin is the scheme, host and port of a registered redirect URI, e.g. "https://app.example:8443", or "scheme:" for
// a private-use scheme. It is "" for a URI that CheckRedirectURI refuses, so it is safe in a page or a header.
func RedirectOrigin(uri string) string {
	if CheckRedirectURI(uri, true) != nil {
		return ""
	}
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		return u.Scheme + "://" + u.Host
	}
	return u.Scheme + ":"
}

// SameRedirectPlace reports whether two registered redirect URIs lead to the same place as far as a person can tell: the same RedirectOrigin,
// or two programs on the person's device, whose ports mean nothing (RFC 8252 §7.3).
func SameRedirectPlace(a, b string) bool {
	a, b = RedirectOrigin(a), RedirectOrigin(b)
	return a == b && a != "" || onLoopback(a) && onLoopback(b)
}

// onLoopback reports whether an origin is on the person's device.
func onLoopback(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Scheme == "http" && IsLoopback(u.Hostname())
}
