package provider

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/picture"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"golang.org/x/net/idna"
)

// Settings is one provider of the configuration.
type Settings struct {
	ID       string // in our URLs, and in the database
	Issuer   string
	ClientID string
	Secret   token.Secret    // empty for a public client
	Name     string          // on pages
	Icon     picture.Picture // on its button, drawn anew; the zero Picture for none
	Scopes   []string        // besides openid

	// Domains are those of which the provider decides who has an address. For such an address, email_verified counts here.
	Domains []string
	// SignUp makes an account for a person who has none, and an address in one of Domains.
	SignUp bool

	// TrustedAMR and TrustedACR are the values of amr and acr by which the provider says that it asked for two factors. They count here too.
	TrustedAMR []string
	TrustedACR []string

	// InternalNetworks are those that the provider's URLs may lead to.
	InternalNetworks []netip.Prefix
}

// DefaultScopes are asked for when a provider names none.
var DefaultScopes = []string{"email", "profile"}

var slug = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)

const maxID = 32

// Check puts settings in their normal form. Its errors go on after the provider's name: "has …". They never repeat the secret.
func (s Settings) Check() (Settings, error) {
	if len(s.ID) > maxID || !slug.MatchString(s.ID) {
		return s, fmt.Errorf("has the id %q; an id is 1 to %d of a-z, 0-9 and single inner hyphens, because it is a part of URLs", s.ID, maxID)
	}
	if err := checkIssuer(s.Issuer); err != nil {
		return s, err
	}
	if s.ClientID == "" || strings.ContainsAny(s.ClientID, " \t\r\n") {
		return s, errors.New("has no client_id; the provider gives one when you register Gatehouse there")
	}
	if s.Name = strings.TrimSpace(s.Name); s.Name == "" || len(s.Name) > 60 || team.CheckText("the name", s.Name) != nil {
		return s, errors.New("has no name of 1 to 60 visible characters; the button on the sign-in page shows it")
	}
	if s.Scopes == nil {
		s.Scopes = DefaultScopes
	}
	s.Scopes = slices.DeleteFunc(slices.Clone(s.Scopes), func(scope string) bool { return scope == "openid" })
	for _, scope := range s.Scopes {
		if parsed, err := oauth.ParseScope(scope); err != nil || len(parsed) != 1 {
			return s, fmt.Errorf("has the scope %q; a scope is one word", scope)
		}
	}
	domains := slices.Clone(s.Domains)
	for i, domain := range domains {
		ascii, err := idna.Lookup.ToASCII(strings.ToLower(strings.TrimPrefix(domain, "@")))
		if err != nil || !strings.Contains(ascii, ".") {
			return s, fmt.Errorf("has the domain %q; it has to be the part of an address after the @, such as example.com", domain)
		}
		domains[i] = ascii
	}
	s.Domains = domains
	if s.SignUp && len(s.Domains) == 0 {
		return s, errors.New("has sign_up without domains; an account is made at once only for an address that the provider decides about. Others prove theirs at /signup/ (setting sign_up), and link the provider then")
	}
	return s, nil
}

// checkIssuer accepts an issuer that names one place: https, or http on this machine.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Contains(issuer, "#"):
		return fmt.Errorf("has the issuer %q; it has to be a URL such as https://login.example.com, exactly as the provider writes it in its discovery document", issuer)
	case u.Scheme != "https" && !(u.Scheme == "http" && oauth.IsLoopback(u.Hostname())):
		return fmt.Errorf("has the issuer %q; it has to begin with https://", issuer)
	case strings.ContainsAny(issuer, "{}"), strings.EqualFold(u.Hostname(), "login.microsoftonline.com") && manyTenants(u.Path):
		// The tokens of every tenant would be accepted, and anybody can make a tenant.
		return fmt.Errorf("has the issuer %q, which stands for every tenant; name one tenant (https://login.microsoftonline.com/TENANT-ID/v2.0), and configure one provider for each", issuer)
	}
	return nil
}

func manyTenants(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(path), "/"), "/")
	return first == "common" || first == "organizations" || first == "consumers" || first == ""
}

// authoritative reports whether the provider decides who has an address.
func (s Settings) authoritative(email string) bool {
	_, domain, _ := strings.Cut(team.NormalizeEmail(email), "@")
	return domain != "" && slices.Contains(s.Domains, domain)
}
