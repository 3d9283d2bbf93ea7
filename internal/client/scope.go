package client

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
)

// Allowed is every API scope that the client may ask for.
func (c Client) Allowed(catalogue scope.Catalogue) oauth.Scope {
	all := catalogue.Scope()
	if len(c.Scope) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(name string) bool { return !c.Scope.Contains(name) })
}

// permits reports whether the client may ask for a scope by name. A client's Scope is a ceiling for what it may do with a team's data:
// it restricts the identity scopes only when it names some of them. A client that acts for itself has no identity scopes.
func (c Client) permits(catalogue scope.Catalogue, name string) bool {
	if scope.Identity.Contains(name) {
		return !c.Machine && (c.Scope.Contains(name) || !slices.ContainsFunc(c.Scope, scope.Identity.Contains))
	}
	return catalogue.Contains(name) && (len(c.Scope) == 0 || c.Scope.Contains(name))
}

// Permitted is the part of a scope that the client may ask for, in its order.
func (c Client) Permitted(catalogue scope.Catalogue, names oauth.Scope) oauth.Scope {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !c.permits(catalogue, name) })
}

// ResolveScope is the scope of a request: what was asked for or, when nothing was, all API scopes that the client is allowed (RFC 6749 §3.3).
// The error is invalid_scope; it names the first value that does not exist or is not for this client.
func (c Client) ResolveScope(catalogue scope.Catalogue, asked oauth.Scope) (oauth.Scope, error) {
	if len(asked) == 0 {
		asked = c.Allowed(catalogue)
	}
	if len(asked) == 0 {
		return nil, oauth.InvalidScope.Errorf("no API scope that exists here is allowed to this client, so it has to say which scope it asks for; or ask the server's operator")
	}
	for _, name := range asked {
		switch {
		case c.permits(catalogue, name):
		case c.Machine && scope.Identity.Contains(name):
			return nil, oauth.InvalidScope.Errorf("the scope '%s' is about a person, and this client acts for none", name)
		case catalogue.Contains(name), scope.Identity.Contains(name):
			return nil, oauth.InvalidScope.Errorf("the scope '%s' is not allowed to this client", name)
		default:
			return nil, oauth.InvalidScope.Errorf("the scope '%s' does not exist; the metadata's scopes_supported lists those that do", name)
		}
	}
	return asked, nil
}
