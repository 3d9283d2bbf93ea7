package webtest

import (
	"time"
)

// AuthorizeLater is authorize a minute after the sign-in.
func (b *Browser) AuthorizeLater(client App, changes ...string) *Answer {
	b.Clock.Advance(time.Minute)
	return b.Authorize(client, changes...)
}
