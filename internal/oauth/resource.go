package oauth

import (
	"net/url"
	"slices"
	"strings"
)

// Bounds of what travels with a pending request and a code.
const (
	maxResources      = 10
	maxResourceLength = 500
)

// parseResource reads resource, which may be repeated (RFC 8707 §2): absolute URIs without a fragment, in the order
// sent, each once. Anything else is invalid_target. The values stay as they were sent; SameResource compares them.
func parseResource(p Params) ([]string, error) {
	var resources []string
	for _, value := range p.values["resource"] {
		if value == "" || slices.Contains(resources, value) {
			continue
		}
		if err := checkResource(value); err != nil {
			return nil, err
		}
		if resources = append(resources, value); len(resources) > maxResources {
			return nil, InvalidTarget.Errorf("resource was sent more than %d times", maxResources)
		}
	}
	return resources, nil
}

func checkResource(value string) error {
	if len(value) > maxResourceLength {
		return InvalidTarget.Errorf("resource is %d bytes long; at most %d are accepted", len(value), maxResourceLength)
	}
	if strings.Contains(value, "#") {
		return InvalidTarget.Errorf("the resource %.100q has a fragment (#...), which RFC 8707 section 2 does not allow", value)
	}
	u, err := url.Parse(value)
	web := err == nil && (u.Scheme == "http" || u.Scheme == "https")
	if err != nil || !u.IsAbs() || web && u.Host == "" || u.Opaque+u.Host+u.Path == "" || strings.ContainsFunc(value, outsideURI) {
		if ascii := ASCIIHost(value); ascii != "" {
			return InvalidTarget.Errorf("the resource has a host in Unicode; send the host in its A-label form: %.200q", ascii)
		}
		return InvalidTarget.Errorf("the resource %.100q is not an absolute URI, such as https://api.example.com", value)
	}
	return nil
}

// SameResource reports whether two URIs name the same resource. Libraries rewrite https://api.example to
// https://API.example/ or to https://api.example:443, so these are equal: scheme and host ignore case, the default port
// may be missing, and an empty path is "/" (RFC 3986 §6.2.2.1, §6.2.3). Everything else is compared byte for byte.
//
// resourceserver compares a token's audience in the same way.
func SameResource(a, b string) bool { return a == b || normalResource(a) == normalResource(b) }

// FindResource is the one of some resources that is the same, in its own spelling, or "" when there is none. One that is
// equal byte for byte comes first.
func FindResource(resource string, among []string) string {
	if slices.Contains(among, resource) {
		return resource
	}
	for _, same := range among {
		if SameResource(resource, same) {
			return same
		}
	}
	return ""
}

// normalResource is the spelling of a resource that SameResource compares.
func normalResource(uri string) string {
	scheme, rest, found := strings.Cut(uri, ":")
	if !found {
		return uri
	}
	scheme = strings.ToLower(scheme)
	after, hierarchical := strings.CutPrefix(rest, "//")
	if !hierarchical {
		return scheme + ":" + rest
	}
	end := len(after)
	if i := strings.IndexAny(after, "/?#"); i >= 0 {
		end = i
	}
	authority, tail := after[:end], after[end:]
	host := strings.LastIndexByte(authority, '@') + 1
	authority = authority[:host] + strings.ToLower(authority[host:])
	if port := defaultPorts[scheme]; port != "" {
		authority = strings.TrimSuffix(authority, port)
		if tail == "" || tail[0] != '/' {
			tail = "/" + tail
		}
	}
	return scheme + "://" + authority + tail
}

var defaultPorts = map[string]string{"http": ":80", "https": ":443"}

// outsideURI reports whether no URI contains r (RFC 3986 §2).
func outsideURI(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }
