package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/picture"
	"github.com/gatehouse-auth/gatehouse/internal/plaintext"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"go.yaml.in/yaml/v4"
)

// maxProviders is how many buttons a sign-in page can have and still be one.
const maxProviders = 20

const providersDoc = `OpenID Connect providers at which people can sign in. Each has: ` + "`id`" + ` (a part of URLs and of the database, so it must not change), ` + "`name`" + ` (on the button), ` +
	"`issuer`" + `, ` + "`client_id`" + `, and where they are wanted: ` + "`client_secret_file`" + ` (read again on SIGHUP), ` + "`icon`" + ` (a file with a PNG, JPEG, GIF or WebP; without it, the button shows an initial), ` + "`domains`" + `, ` + "`sign_up`" + `, ` +
	"`scopes`" + ` (email and profile when left out), ` + "`trusted_amr`" + ` and ` + "`trusted_acr`" + `, ` + "`internal_networks`" + `.
Register ` + "`{public_url}/login/provider/{id}/callback/`" + ` there as the redirect URI; ` + "`gatehouse doctor`" + ` prints it and tries the provider.
` + "`domains`" + ` lists the domains in which the provider alone gives out addresses. Only for these its email_verified counts here, and only then an existing account is linked without a question. Name no domain in which others can get addresses (gmail.com).
` + "`sign_up: true`" + ` makes an account for a person who has none and an address in ` + "`domains`" + `; others prove their address at /signup/ where ` + "`sign_up`" + ` of the server allows it, and link the provider then. ` + "`trusted_amr`" + ` and ` + "`trusted_acr`" + ` are the values of amr and acr by which the provider says that it asked for two factors; then a second factor is not asked for here. ` +
	"`internal_networks`" + ` are those that the provider's own URLs may lead to.`

// setProviders replaces the providers. Its errors never repeat a client secret.
func setProviders(c *Config, n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return errors.New("has to be a list of providers, each with id, name, issuer and client_id")
	}
	if len(n.Content) > maxProviders {
		return fmt.Errorf("has %d providers; %d is the most", len(n.Content), maxProviders)
	}
	var providers []provider.Settings
	for _, item := range n.Content {
		s, secretFile, err := parseProvider(resolve(item))
		if err != nil {
			return err
		}
		for _, other := range providers {
			switch {
			case other.ID == s.ID:
				return inLine(item, "has the id %q twice", s.ID)
			case other.Issuer == s.Issuer:
				return inLine(item, "has the issuer %q twice; a person is known by the issuer, so it can have one provider only", s.Issuer)
			case other.Name == s.Name:
				return inLine(item, "has the name %q twice; people could not tell the buttons apart", s.Name)
			}
		}
		providers = append(providers, s)
		if secretFile != "" && !slices.Contains(c.SecretFiles, secretFile) {
			c.SecretFiles = append(c.SecretFiles, secretFile)
		}
	}
	c.Providers = providers
	return nil
}

func parseProvider(item *yaml.Node) (s provider.Settings, secretFile string, err error) {
	if item.Kind != yaml.MappingNode {
		return s, "", inLine(item, "has an entry that is not id, name, issuer, client_id and so on")
	}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, node := item.Content[i], resolve(item.Content[i+1])
		if key.Value == "client_secret_file" {
			if secretFile, err = scalar(node); err == nil {
				s.Secret, err = readClientSecret(secretFile)
			}
		} else {
			err = setProviderField(&s, key.Value, node)
		}
		if _, ok := errors.AsType[*lineError](err); err != nil && !ok {
			err = inLine(key, "%w", err)
		}
		if err != nil {
			return s, "", err
		}
	}
	if s, err = s.Check(); err != nil {
		return s, "", inLine(item, "%w", err)
	}
	return s, secretFile, nil
}

func setProviderField(s *provider.Settings, field string, node *yaml.Node) (err error) {
	switch field {
	case "id":
		s.ID, err = scalar(node)
	case "name":
		s.Name, err = scalar(node)
	case "issuer":
		s.Issuer, err = scalar(node)
	case "client_id":
		s.ClientID, err = scalar(node)
	case "icon":
		var path string
		if path, err = scalar(node); err == nil {
			s.Icon, err = readIcon(path)
		}
	case "sign_up":
		var text string
		if text, err = scalar(node); err == nil && text != "true" && text != "false" {
			err = inLine(node, "has sign_up %q; it has to be true or false", text)
		}
		s.SignUp = text == "true"
	case "scopes":
		s.Scopes, err = wordList(node)
	case "domains":
		s.Domains, err = wordList(node)
	case "trusted_amr":
		s.TrustedAMR, err = wordList(node)
	case "trusted_acr":
		s.TrustedACR, err = wordList(node)
	case "internal_networks":
		s.InternalNetworks, err = parsePrefixes(node)
	case "client_secret":
		err = errors.New("has a client_secret; put it in a file of its own, and name that with client_secret_file")
	default:
		err = fmt.Errorf("has a provider with the unknown field %q%s", field, suggestion(field, providerFields))
	}
	return err
}

var providerFields = []string{
	"id", "name", "issuer", "client_id", "client_secret_file", "icon", "domains", "sign_up", "scopes", "trusted_amr", "trusted_acr", "internal_networks",
}

// readClientSecret is the client secret in a file, without white space around it.
func readClientSecret(path string) (token.Secret, error) {
	content, err := readFile(path)
	if err != nil {
		return token.Secret{}, fmt.Errorf("has a client_secret_file that cannot be read: %w", err)
	}
	secret, err := plaintext.Line([]byte(strings.TrimSpace(string(content))))
	if err != nil {
		return token.Secret{}, fmt.Errorf("has the client_secret_file %s, which %w", path, err)
	}
	if secret == "" {
		return token.Secret{}, fmt.Errorf("has the client_secret_file %s, which is empty", path)
	}
	return token.SecretFrom(secret), nil
}

// readIcon is the picture in a file, drawn anew.
func readIcon(path string) (picture.Picture, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return picture.Picture{}, fmt.Errorf("has an icon that cannot be read: %w. It is a file here; pictures of other servers are not loaded", err)
	}
	icon, err := picture.Square(context.Background(), content)
	if err != nil {
		return picture.Picture{}, fmt.Errorf("has the icon %s: %w", path, err)
	}
	return icon, nil
}

// wordList takes a list of words, or one text with commas or spaces between them.
func wordList(n *yaml.Node) (list []string, err error) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	list = []string{}
	for _, item := range items {
		text, err := scalar(resolve(item))
		if err != nil {
			return nil, err
		}
		list = append(list, strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return list, nil
}

func showProviders(c Config) string {
	var ids []string
	for _, p := range c.Providers {
		ids = append(ids, p.ID)
	}
	return strings.Join(ids, ", ")
}
