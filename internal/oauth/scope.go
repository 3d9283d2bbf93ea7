package oauth

// Scope is a list of scope values without repetition, in the order given (RFC 6749 §3.3).
type Scope []string

// ParseScope splits a scope parameter. It is invalid_scope, naming the value, when one is not a scope-token of RFC 6749 §3.3.
// An empty string is an empty Scope.
func ParseScope(s string) (Scope, error) { panic("contract") }

// String joins the values with spaces, as on the wire.
func (s Scope) String() string { panic("contract") }

// Contains reports whether value is in s.
func (s Scope) Contains(value string) bool { panic("contract") }

// Covers reports whether every value of other is in s.
func (s Scope) Covers(other Scope) bool { panic("contract") }

// Union is s followed by the values of other that s lacks. Neither is changed.
func (s Scope) Union(other Scope) Scope { panic("contract") }

// Minus is the values of s that are not in other.
func (s Scope) Minus(other Scope) Scope { panic("contract") }
