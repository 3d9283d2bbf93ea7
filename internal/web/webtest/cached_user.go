package webtest

import (
	"github.com/gatehouse-auth/gatehouse/internal/authn"
)

// Cached fills the server's cache with the user of a browser: their teams, and their consent to a client.
func (b *Browser) Cached(client App, changes ...string) {
	b.Helper()
	for range 100 {
		b.Authorize(client, changes...).WantCode(client.RedirectURI)
		if _, known := b.DB.CachedSignedInUser(authn.SessionID(b.SessionOf()), client.ID, b.Clock.Now()); known {
			return
		}
	}
	b.Fatal("the user of a browser that comes 100 times is never cached")
}
