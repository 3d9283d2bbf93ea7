package resourceserver

import "strings"

// forThisAPI reports whether a token's aud names this API: by its audience, or by the URL at which clients know it.
func (g *Guard) forThisAPI(aud []string) bool {
	for _, name := range aud {
		if name == g.audience || name == g.resource {
			return true
		}
	}
	for _, name := range aud {
		if name = normalResource(name); name == normalResource(g.audience) || name == normalResource(g.resource) {
			return true
		}
	}
	return false
}

// normalResource is one spelling for all URIs that name the same resource. The authorization server compares resource
// parameters in the same way: scheme and host ignore case, the default port may be missing, and an empty path is "/"
// (RFC 3986 §6.2.2.1, §6.2.3). Everything else counts byte for byte.
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
		authority = strings.TrimSuffix(authority, ":"+port)
		if tail == "" || tail[0] != '/' {
			tail = "/" + tail
		}
	}
	return scheme + "://" + authority + tail
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}
