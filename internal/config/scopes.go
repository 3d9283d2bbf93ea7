package config

import (
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/words"
	"go.yaml.in/yaml/v4"
)

// defaultScopes is the catalogue of the example API.
func defaultScopes() scope.Catalogue {
	return scope.Catalogue{
		{Name: "chatbot:read", Description: "See the team's chatbots", Access: scope.Read, Translations: map[string]string{"de": "Die Chatbots des Teams sehen"}},
		{Name: "session:read", Description: "See the team's chat sessions and what was said in them", Access: scope.Read, Translations: map[string]string{"de": "Die Chats des Teams sehen und lesen, was darin geschrieben wurde"}},
		{Name: "chatbot:interact", Description: "Send messages to the team's chatbots", Access: scope.Write, Translations: map[string]string{"de": "Nachrichten an die Chatbots des Teams senden"}},
		{Name: "session:write", Description: "Start chat sessions in the team", Access: scope.Write, Translations: map[string]string{"de": "Chats im Team beginnen"}},
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
		if key.Value == "description" && node.Kind == yaml.MappingNode {
			if err := describe(&info, node); err != nil {
				return info, err
			}
			continue
		}
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

// describe reads a description in several languages. English is the plain one, which is also for languages that are not there.
func describe(info *scope.Info, n *yaml.Node) error {
	info.Translations = map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		text, err := scalar(resolve(n.Content[i+1]))
		if err != nil {
			return err
		}
		text = strings.TrimSpace(text)
		if words.Named(key.Value) == nil {
			return inLine(key, "has a description in the language %q; there are %s", key.Value, strings.Join(words.Codes(), " and "))
		}
		if _, twice := info.Translations[key.Value]; twice || text == "" {
			return inLine(key, "has to have one description in the language %q", key.Value)
		}
		info.Translations[key.Value] = text
	}
	info.Description = info.Translations[words.English.Code()]
	if info.Description == "" {
		return inLine(n, "has a description without English (en), which is for the languages that are not there")
	}
	delete(info.Translations, words.English.Code())
	return nil
}

func showScopes(c Config) string {
	var names []string
	for _, s := range c.Authz.Catalogue {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}
