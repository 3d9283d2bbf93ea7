package webtest

import (
	"github.com/gatehouse-auth/gatehouse/internal/authn"
)

// Remembered makes the server know who is at a browser, where they stand and that they agreed, without asking the database.
func (b *Browser) Remembered(client App, changes ...string) {
	b.Helper()
	for range 100 {
		b.Authorize(client, changes...).WantCode(client.RedirectURI)
		if _, known := b.DB.RememberedVisitor(authn.SessionID(b.SessionOf()), client.ID, b.Clock.Now()); known {
			return
		}
	}
	b.Fatal("whoever comes again and again is never remembered")
}
