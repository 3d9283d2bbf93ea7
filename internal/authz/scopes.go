package authz

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// Access tells scopes that read from scopes that write.
type Access string

// What a scope lets an application do.
const (
	Read  Access = "read"
	Write Access = "write"
)

// ScopeInfo is one scope of the catalogue, in plain words.
type ScopeInfo struct {
	Name        string `yaml:"name"`        // "chatbot:read"
	Description string `yaml:"description"` // "See the team's chatbots", as the consent page says it
	Access      Access `yaml:"access"`
}

// Catalogue is every API scope there is, in the order in which pages show them.
type Catalogue []ScopeInfo

// Scope is the names of the catalogue's scopes.
func (c Catalogue) Scope() oauth.Scope {
	scope := make(oauth.Scope, len(c))
	for i, info := range c {
		scope[i] = info.Name
	}
	return scope
}

// describe is the catalogue's entries for scope, in the catalogue's order.
func (c Catalogue) describe(scope oauth.Scope) []ScopeInfo {
	return slices.DeleteFunc(slices.Clone(c), func(info ScopeInfo) bool { return !scope.Contains(info.Name) })
}

// allowed is every API scope that the client may ask for.
func (c Catalogue) allowed(client Client) oauth.Scope {
	all := c.Scope()
	if len(client.Scope) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(name string) bool { return !client.Scope.Contains(name) })
}

// resolve is the scope of a request: what was asked for, or, when nothing was, all that the client is allowed (RFC 6749 §3.3).
// It is invalid_scope, naming the first value, when one does not exist or is not for this client.
func (c Catalogue) resolve(client Client, asked oauth.Scope) (oauth.Scope, error) {
	allowed := c.allowed(client)
	if len(asked) == 0 {
		asked = allowed
	}
	if len(asked) == 0 {
		return nil, oauth.InvalidScope.Errorf("no scope that exists here is allowed to this client; ask the server's operator")
	}
	for _, name := range asked {
		switch {
		case allowed.Contains(name):
		case c.Scope().Contains(name):
			return nil, oauth.InvalidScope.Errorf("the scope '%s' is not allowed to this client", name)
		default:
			return nil, oauth.InvalidScope.Errorf("the scope '%s' does not exist; the metadata's scopes_supported lists those that do", name)
		}
	}
	return asked, nil
}

// Catalogue is the API scopes there are.
func (s *Server) Catalogue() Catalogue { return slices.Clone(s.opts.Catalogue) }
