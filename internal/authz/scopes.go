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

// identity is the scopes about the person (OpenID Connect Core §5.4, §11), as the consent page says them. A client gets them only when it asks for them by name.
var identity = Catalogue{
	{Name: oauth.ScopeOpenID, Description: "Sign you in and recognise you by an identifier", Access: Read},
	{Name: oauth.ScopeProfile, Description: "See your name", Access: Read},
	{Name: oauth.ScopeEmail, Description: "See your e-mail address", Access: Read},
	{Name: oauth.ScopeOfflineAccess, Description: "Stay connected while you are away", Access: Read},
}

var identityScope = identity.Scope()

// describe is the entries for scope: the identity scopes, then the catalogue's in its order.
func (c Catalogue) describe(scope oauth.Scope) []ScopeInfo {
	return slices.DeleteFunc(slices.Concat(identity, c), func(info ScopeInfo) bool { return !scope.Contains(info.Name) })
}

// allowed is every API scope that the client may ask for.
func (c Catalogue) allowed(client Client) oauth.Scope {
	all := c.Scope()
	if len(client.Scope) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(name string) bool { return !client.Scope.Contains(name) })
}

// permits reports whether the client may ask for a scope by name: an API scope that it is allowed or, unless it acts for itself, an identity scope. A client's Scope is a
// ceiling for what it may do with a team's data; it restricts the identity scopes only when it names some of them.
func (c Catalogue) permits(client Client, name string) bool {
	if identityScope.Contains(name) {
		return !client.Machine && (client.Scope.Contains(name) || !slices.ContainsFunc(client.Scope, identityScope.Contains))
	}
	return c.contains(name) && (len(client.Scope) == 0 || client.Scope.Contains(name))
}

func (c Catalogue) contains(name string) bool {
	return slices.ContainsFunc(c, func(info ScopeInfo) bool { return info.Name == name })
}

// permitted is what of a scope the client may ask for, in its order.
func (c Catalogue) permitted(client Client, scope oauth.Scope) oauth.Scope {
	return slices.DeleteFunc(slices.Clone(scope), func(name string) bool { return !c.permits(client, name) })
}

// resolve is the scope of a request: what was asked for, or, when nothing was, all API scopes that the client is allowed (RFC 6749 §3.3).
// It is invalid_scope, naming the first value, when one does not exist or is not for this client.
func (c Catalogue) resolve(client Client, asked oauth.Scope) (oauth.Scope, error) {
	if len(asked) == 0 {
		asked = c.allowed(client)
	}
	if len(asked) == 0 {
		return nil, oauth.InvalidScope.Errorf("no API scope that exists here is allowed to this client, so it has to say which scope it asks for; or ask the server's operator")
	}
	for _, name := range asked {
		switch {
		case c.permits(client, name):
		case client.Machine && identityScope.Contains(name):
			return nil, oauth.InvalidScope.Errorf("the scope '%s' is about a person, and this client acts for none", name)
		case c.contains(name), identityScope.Contains(name):
			return nil, oauth.InvalidScope.Errorf("the scope '%s' is not allowed to this client", name)
		default:
			return nil, oauth.InvalidScope.Errorf("the scope '%s' does not exist; the metadata's scopes_supported lists those that do", name)
		}
	}
	return asked, nil
}

// Catalogue is the API scopes there are.
func (s *Server) Catalogue() Catalogue { return slices.Clone(s.opts.Catalogue) }

// Describe is what a scope allows, in the words of the consent page: the identity scopes, then the catalogue's in its order. What is in neither any more is left out.
func (s *Server) Describe(scope oauth.Scope) []ScopeInfo { return s.opts.Catalogue.describe(scope) }
