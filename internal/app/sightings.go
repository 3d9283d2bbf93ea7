package app

import (
	"context"
	"time"
)

// sightingsSaveEvery is how often is saved which sessions were used.
const sightingsSaveEvery = time.Minute

// saveSightings saves when sessions were last seen. A server whose clock is wrong would tell people wrong times.
func (a *App) saveSightings(ctx context.Context) {
	if !a.clockRight(ctx) {
		return
	}
	if err := a.Authn.SaveSightings(ctx); err != nil {
		a.failed(ctx, "save when sessions were seen", err)
	}
}
