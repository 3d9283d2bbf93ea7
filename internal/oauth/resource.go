package oauth

import (
	"net/url"
	"slices"
	"strings"
)

// Bounds of what travels with a pending request and a code.
const (
	maxResources      = 10
	maxResourceLength = 500
)

// parseResource reads resource, which may be repeated (RFC 8707 §2): absolute URIs without a fragment, in the order sent, each once. It is invalid_target otherwise.
// Nothing is normalised: the values are compared with registered ones, character for character.
func parseResource(p Params) ([]string, error) {
	var resources []string
	for _, value := range p.values["resource"] {
		if value == "" || slices.Contains(resources, value) {
			continue
		}
		if err := checkResource(value); err != nil {
			return nil, err
		}
		if resources = append(resources, value); len(resources) > maxResources {
			return nil, InvalidTarget.Errorf("resource was sent more than %d times", maxResources)
		}
	}
	return resources, nil
}

func checkResource(value string) error {
	if len(value) > maxResourceLength {
		return InvalidTarget.Errorf("resource is %d bytes long; at most %d are accepted", len(value), maxResourceLength)
	}
	if strings.Contains(value, "#") {
		return InvalidTarget.Errorf("the resource %.100q has a fragment (#...), which RFC 8707 section 2 does not allow", value)
	}
	u, err := url.Parse(value)
	web := err == nil && (u.Scheme == "http" || u.Scheme == "https")
	if err != nil || !u.IsAbs() || web && u.Host == "" || u.Opaque+u.Host+u.Path == "" || strings.ContainsFunc(value, outsideURI) {
		return InvalidTarget.Errorf("the resource %.100q is not an absolute URI, such as https://api.example.com", value)
	}
	return nil
}

// outsideURI tells what no URI contains (RFC 3986 §2).
func outsideURI(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }
