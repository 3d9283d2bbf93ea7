package webtest

import (
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/provider/providertest"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web"
)

// Provides starts another server of the house, at which people can sign in with a provider. change may alter its settings.
func (h *House) Provides(p *providertest.Provider, id string, change func(*provider.Settings), more ...provider.Settings) {
	h.Helper()
	s := provider.Settings{
		ID: id, Name: "Sign-in of " + id, Issuer: p.Issuer, ClientID: providertest.ClientID, Secret: token.SecretFrom(providertest.ClientSecret),
	}
	if change != nil {
		change(&s)
	}
	s, err := s.Check()
	h.OK(err)
	h.Server = h.Serve(func(parts *web.Parts) {
		parts.Providers = provider.New(append([]provider.Settings{s}, more...), provider.Options{PublicURL: parts.Issuer, ThisMachine: true, Keys: h.Keys, Now: h.Clock.Now})
		h.Directory.Providers = parts.Providers.ForTeams()
		signIn := authn.Defaults()
		signIn.InsecureFastHashing, signIn.Issuers = true, parts.Providers.Issuers()
		parts.Authn = authn.New(h.DB, h.Keys, h.Clock.Now, signIn)
	})
}

// BeginWith presses a provider's button, and returns where the browser is sent.
func (b *Browser) BeginWith(id string, form url.Values) *Answer {
	b.Helper()
	return b.Post(provider.Path(id), form)
}

// Arrive is the browser's way through a provider, which agrees at once, and back to us.
func (a *Answer) Arrive(p *providertest.Provider) *Answer {
	a.Helper()
	there, err := url.Parse(a.Location())
	a.OK(err)
	if a.Status != 303 || !strings.HasPrefix(a.Location(), p.Issuer+"/authorize?") {
		a.Fatalf("the browser is sent to %s (status %d)", a.Location(), a.Status)
	}
	return a.Browser.Get(p.Authorize(there.Query()))
}

// SignInAt signs in with a provider.
func (b *Browser) SignInAt(p *providertest.Provider, id string, form url.Values) *Answer {
	b.Helper()
	return b.BeginWith(id, form).Arrive(p)
}
