// Package scope is the catalogue of scopes: their names, their words on the consent page, and whether they read or write.
//
// Which of them a client may ask for is the client's business: see package client.
package scope

import (
	"cmp"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Access tells scopes that read from scopes that write.
type Access string

// What a scope lets an application do.
const (
	Read  Access = "read"
	Write Access = "write"
)

// Info is one scope of the catalogue, in plain words.
type Info struct {
	Name        string `yaml:"name"`        // "chatbot:read"
	Description string `yaml:"description"` // "See the team's chatbots", as the consent page says it
	Access      Access `yaml:"access"`
	// Translations are the description in other languages, by their code: "de".
	Translations map[string]string `yaml:"-"`
}

// In is the description in a language; the plain one when there is none in that language.
func (i Info) In(language *words.Catalogue) string {
	if key := identityWords + i.Name; Identity.Contains(i.Name) && language.Has(key) {
		return language.Text(key)
	}
	return cmp.Or(i.Translations[language.Code()], i.Description)
}

// Catalogue is every API scope there is, in the order in which pages show them.
type Catalogue []Info

// Scope is the names of the catalogue's scopes.
func (c Catalogue) Scope() oauth.Scope {
	names := make(oauth.Scope, len(c))
	for i, info := range c {
		names[i] = info.Name
	}
	return names
}

// Contains reports whether the catalogue has a scope of this name.
func (c Catalogue) Contains(name string) bool {
	return slices.ContainsFunc(c, func(info Info) bool { return info.Name == name })
}

// Describe is the entries for the named scopes: the identity scopes first, then the catalogue's in its order. A name that is in neither is left out.
func (c Catalogue) Describe(names oauth.Scope) []Info {
	return slices.DeleteFunc(slices.Concat(identity, c), func(info Info) bool { return !names.Contains(info.Name) })
}

// identityWords begins the keys of the descriptions of the scopes about the person.
const identityWords = "scope."

// identity is the scopes about the person (OpenID Connect Core §5.4, §11), as the consent page says them.
var identity = Catalogue{
	{Name: oauth.ScopeOpenID, Description: words.English.Text(identityWords + oauth.ScopeOpenID), Access: Read},
	{Name: oauth.ScopeProfile, Description: words.English.Text(identityWords + oauth.ScopeProfile), Access: Read},
	{Name: oauth.ScopeEmail, Description: words.English.Text(identityWords + oauth.ScopeEmail), Access: Read},
	{Name: oauth.ScopeOfflineAccess, Description: words.English.Text(identityWords + oauth.ScopeOfflineAccess), Access: Read},
}

// Identity is the names of the scopes about the person. A client gets them only when it asks for them by name.
var Identity = identity.Scope()
