package resourceserver

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// metadata is a protected resource's metadata (RFC 9728 §2).
type metadata struct {
	Resource               string   `json:"resource"`
	AuthorizationServers   []string `json:"authorization_servers"`
	ScopesSupported        []string `json:"scopes_supported,omitempty"`
	BearerMethodsSupported []string `json:"bearer_methods_supported"`
	ResourceName           string   `json:"resource_name,omitempty"`
	ResourceDocumentation  string   `json:"resource_documentation,omitempty"`
	DPoPAlgorithms         []string `json:"dpop_signing_alg_values_supported,omitempty"`
	DPoPRequired           bool     `json:"dpop_bound_access_tokens_required,omitempty"`
}

// metadataPath is inserted between a resource's host and path (RFC 9728 §3.1).
const metadataPath = "/.well-known/oauth-protected-resource"

// MetadataPath is the path for Metadata: /.well-known/oauth-protected-resource, followed by the path of Options.Resource if
// it has one (RFC 9728 §3.1).
func (g *Guard) MetadataPath() string {
	u, err := url.Parse(g.resource)
	if err != nil || u.Host == "" || u.Path == "/" {
		return metadataPath
	}
	return metadataPath + u.EscapedPath()
}

// Metadata tells applications about this API (RFC 9728): whose tokens it accepts, and which scopes there are, namely those of
// every Require so far. From now on, refusals name the metadata's URL, so an application needs to know only the API's URL.
//
//	mux.Handle("GET "+guard.MetadataPath(), guard.Metadata())
func (g *Guard) Metadata() http.Handler {
	if g.origin != "" {
		at := originOf(g.origin) + g.MetadataPath()
		g.announced.Store(&at)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Cache-Control", "public, max-age=300")
		header.Set("X-Content-Type-Options", "nosniff")
		json.NewEncoder(w).Encode(g.describe())
	})
}

func (g *Guard) describe() metadata {
	m := metadata{
		Resource: g.resource, AuthorizationServers: []string{g.issuer}, BearerMethodsSupported: []string{"header"},
		ResourceName: g.name, ResourceDocumentation: g.documentation,
	}
	if g.origin != "" {
		m.DPoPAlgorithms, m.DPoPRequired = g.proofs, g.fapi2
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	m.ScopesSupported = slices.Clone(g.scopes)
	return m
}

// note remembers the scopes that a handler needs, for the metadata.
func (g *Guard) note(scopes []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.scopes = append(g.scopes, scopes...)
	slices.Sort(g.scopes)
	g.scopes = slices.Compact(g.scopes)
}

// originOf is the scheme and host of a URL; "" when it has none.
func originOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// outsideHeader reports whether a character cannot stand in a quoted string of a header.
func outsideHeader(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\`, r) }
