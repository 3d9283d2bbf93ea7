package app

import (
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"go.yaml.in/yaml/v4"
)

// defaultScopes is the catalogue of the example API.
func defaultScopes() authz.Catalogue {
	return authz.Catalogue{
		{Name: "chatbot:read", Description: "See the team's chatbots", Access: authz.Read},
		{Name: "session:read", Description: "See the team's chat sessions and what was said in them", Access: authz.Read},
		{Name: "chatbot:interact", Description: "Send messages to the team's chatbots", Access: authz.Write},
		{Name: "session:write", Description: "Start chat sessions in the team", Access: authz.Write},
	}
}

// setScopes replaces the catalogue.
func setScopes(c *Config, n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return errors.New("has to be a list of at least one scope with name, description and access")
	}
	var catalogue authz.Catalogue
	for _, item := range n.Content {
		scope, err := parseScopeInfo(resolve(item))
		if err != nil {
			return err
		}
		if slices.ContainsFunc(catalogue, func(s authz.ScopeInfo) bool { return s.Name == scope.Name }) {
			return inLine(item, "has %q twice", scope.Name)
		}
		catalogue = append(catalogue, scope)
	}
	c.Scopes = catalogue
	return nil
}

// identityScopes are the standard's own (OpenID Connect Core §5.4, §11); an API cannot redefine them.
var identityScopes = []string{"openid", "profile", "email", "address", "phone", "offline_access"}

func parseScopeInfo(item *yaml.Node) (authz.ScopeInfo, error) {
	var scope authz.ScopeInfo
	if item.Kind != yaml.MappingNode {
		return scope, inLine(item, "has an entry that is not name, description and access")
	}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, node := item.Content[i], resolve(item.Content[i+1])
		text, err := scalar(node)
		if err != nil {
			return scope, err
		}
		switch key.Value {
		case "name":
			scope.Name = text
		case "description":
			scope.Description = strings.TrimSpace(text)
		case "access":
			scope.Access = authz.Access(text)
		default:
			return scope, inLine(key, "has an entry with the unknown field %q; an entry has name, description and access", key.Value)
		}
	}
	parsed, err := oauth.ParseScope(scope.Name)
	switch {
	case err != nil || len(parsed) != 1:
		return scope, inLine(item, "has the name %q; a name is one word of visible ASCII characters without quotes or backslashes", scope.Name)
	case slices.Contains(identityScopes, scope.Name):
		return scope, inLine(item, "has %q, which is not the API's to define: it belongs to OpenID Connect", scope.Name)
	case scope.Description == "":
		return scope, inLine(item, "has %q without a description; the consent page shows it to people", scope.Name)
	case scope.Access != authz.Read && scope.Access != authz.Write:
		return scope, inLine(item, "has %q with access %q; it has to be read or write", scope.Name, scope.Access)
	}
	return scope, nil
}

func showScopes(c Config) string {
	var names []string
	for _, s := range c.Scopes {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}
