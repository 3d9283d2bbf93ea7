package browser

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/provider"
)

// A browser keeps 4096 bytes of a cookie, its name included. What is begun at another provider carries the request of an application, which may be
// longer, so it is kept in parts.
const (
	providerCookie     = "provider"
	providerPart       = 3500
	providerParts      = 5
	identityCookieLife = time.Hour
)

// errTooLong means that the application's request is too long to wait for a sign-in at another provider.
var errTooLong = errors.New("the request is too long to wait for a sign-in at another provider")

func providerPartCookie(i int) string { return providerCookie + strconv.Itoa(i) }

// KeepProviderSignIn keeps what was begun at a provider in the browser.
func (p *Pages) KeepProviderSignIn(w http.ResponseWriter, r *http.Request, sealed string) error {
	if len(sealed) > providerPart*providerParts {
		return errTooLong
	}
	for i := range providerParts {
		part := sealed[:min(providerPart, len(sealed))]
		sealed = sealed[len(part):]
		if part != "" || p.Cookie(r, providerPartCookie(i)) != "" {
			p.setCookie(w, providerPartCookie(i), part, provider.CookieLifetime)
		}
	}
	return nil
}

// ProviderSignIn is what was begun at a provider in this browser; "" when there is nothing.
func (p *Pages) ProviderSignIn(r *http.Request) (sealed string) {
	for i := range providerParts {
		sealed += p.Cookie(r, providerPartCookie(i))
	}
	return sealed
}

// ForgetProviderSignIn removes what was begun.
func (p *Pages) ForgetProviderSignIn(w http.ResponseWriter, r *http.Request) {
	_ = p.KeepProviderSignIn(w, r, "") // nothing is never too long
}

// KeepIdentity keeps an identity that waits to be linked; "" removes it.
func (p *Pages) KeepIdentity(w http.ResponseWriter, sealed string) {
	p.setCookie(w, IdentityCookie, sealed, identityCookieLife)
}
