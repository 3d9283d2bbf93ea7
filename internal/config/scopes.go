package config

import (
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"go.yaml.in/yaml/v4"
)

// defaultScopes is the catalogue of the example API.
func defaultScopes() scope.Catalogue {
	return scope.Catalogue{
		{Name: "chatbot:read", Description: "See the team's chatbots", Access: scope.Read},
		{Name: "session:read", Description: "See the team's chat sessions and what was said in them", Access: scope.Read},
		{Name: "chatbot:interact", Description: "Send messages to the team's chatbots", Access: scope.Write},
		{Name: "session:write", Description: "Start chat sessions in the team", Access: scope.Write},
	}
}

// setScopes replaces the catalogue.
func setScopes(c *Config, n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return errors.New("has to be a list of at least one scope with name, description and access")
	}
	var catalogue scope.Catalogue
	for _, item := range n.Content {
		info, err := parseScopeInfo(resolve(item))
		if err != nil {
			return err
		}
		if slices.ContainsFunc(catalogue, func(s scope.Info) bool { return s.Name == info.Name }) {
			return inLine(item, "has %q twice", info.Name)
		}
		catalogue = append(catalogue, info)
	}
	c.Authz.Catalogue = catalogue
	return nil
}

// identityScopes are the scopes of OpenID Connect (Core §5.4, §11). An API cannot define them.
var identityScopes = []string{"openid", "profile", "email", "address", "phone", "offline_access"}

func parseScopeInfo(item *yaml.Node) (scope.Info, error) {
	var info scope.Info
	if item.Kind != yaml.MappingNode {
		return info, inLine(item, "has an entry that is not name, description and access")
	}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, node := item.Content[i], resolve(item.Content[i+1])
		text, err := scalar(node)
		if err != nil {
			return info, err
		}
		switch key.Value {
		case "name":
			info.Name = text
		case "description":
			info.Description = strings.TrimSpace(text)
		case "access":
			info.Access = scope.Access(text)
		default:
			return info, inLine(key, "has an entry with the unknown field %q; an entry has name, description and access", key.Value)
		}
	}
	parsed, err := oauth.ParseScope(info.Name)
	switch {
	case err != nil || len(parsed) != 1:
		return info, inLine(item, "has the name %q; a name is one word of visible ASCII characters without quotes or backslashes", info.Name)
	case slices.Contains(identityScopes, info.Name):
		return info, inLine(item, "has %q, which is not the API's to define: it belongs to OpenID Connect", info.Name)
	case info.Description == "":
		return info, inLine(item, "has %q without a description; the consent page shows it to people", info.Name)
	case info.Access != scope.Read && info.Access != scope.Write:
		return info, inLine(item, "has %q with access %q; it has to be read or write", info.Name, info.Access)
	}
	return info, nil
}

func showScopes(c Config) string {
	var names []string
	for _, s := range c.Authz.Catalogue {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}
