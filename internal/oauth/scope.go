package oauth

import (
	"slices"
	"strings"
)

// Scope is a list of scope values without repetition, in the order given (RFC 6749 §3.3).
type Scope []string

// Identity scopes (OpenID Connect Core §5.4, §11). They are granted only when asked for by name.
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopeOfflineAccess = "offline_access"
)

// ParseScope splits a scope parameter. A value that is not a scope-token of RFC 6749 §3.3 is invalid_scope, which names it.
// An empty string is an empty Scope. Extra spaces are ignored, but nothing except spaces is invalid_scope: a scope that was
// sent must never count as omitted, because that asks for everything.
func ParseScope(s string) (Scope, error) {
	var scope Scope
	seen := make(map[string]bool)
	for value := range strings.SplitSeq(s, " ") {
		if value == "" || seen[value] {
			continue
		}
		if !isScopeToken(value) {
			return nil, InvalidScope.Errorf("the scope value %.100q has characters that no scope value has; separate values by single spaces", value)
		}
		seen[value] = true
		scope = append(scope, value)
	}
	if s != "" && scope == nil {
		return nil, InvalidScope.Errorf("scope has spaces and no value")
	}
	return scope, nil
}

// isScopeToken reports whether s is printable ASCII without space, quotation mark and backslash (RFC 6749 §3.3).
func isScopeToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// String joins the values with spaces, as on the wire.
func (s Scope) String() string { return strings.Join(s, " ") }

// Contains reports whether value is in s.
func (s Scope) Contains(value string) bool { return slices.Contains(s, value) }

// Covers reports whether every value of other is in s.
func (s Scope) Covers(other Scope) bool { return len(other.Minus(s)) == 0 }

// CoversText is Covers of a scope as it is on the wire.
func (s Scope) CoversText(other string) bool {
	for value := range strings.SplitSeq(other, " ") {
		if value != "" && !s.Contains(value) {
			return false
		}
	}
	return true
}

// Union is s followed by the values of other that s lacks. Neither is changed.
func (s Scope) Union(other Scope) Scope { return slices.Concat(s, other.Minus(s)) }

// Minus is the values of s that are not in other.
func (s Scope) Minus(other Scope) Scope {
	var rest Scope
	for _, value := range s {
		if !other.Contains(value) {
			rest = append(rest, value)
		}
	}
	return rest
}
