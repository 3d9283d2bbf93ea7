package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

const (
	// keyPublish is how long a new key is published before it signs: much longer than servers take to notice it (keysReloadEvery) and than APIs keep the key set.
	keyPublish = time.Hour
	// keyMargin is added to the life of what a key signed, for clocks that differ.
	keyMargin = 10 * time.Minute

	keysRotateEvery = 10 * time.Minute // how often servers look whether it is time
)

// ErrKeysWaiting means that new keys are waiting to take over already.
var ErrKeysWaiting = errors.New("new keys are waiting to take over already")

// RotateKeys gives every key a successor, which signs after an hour. ErrKeysWaiting when there is one that waits.
// The keys are read again first: of two servers that find it is time, the second finds the successors of the first, and of two that do so at the same moment the store lets one win.
func (a *App) RotateKeys(ctx context.Context) error {
	if err := a.Keys.Reload(ctx); err != nil {
		return err
	}
	for _, k := range a.Keys.Keys() {
		if k.State == "next" {
			return ErrKeysWaiting
		}
	}
	return a.Keys.Rotate(ctx, a.keyOverlap())
}

// keyOverlap is how long keys live beside each other. A key is believed until the longest-lived of what it signed or sealed has expired.
func (a *App) keyOverlap() token.RotationOverlap {
	cfg := a.Config.Authz
	return token.RotationOverlap{
		Publish: keyPublish,
		Retire:  max(cfg.AccessTokenLifetime, cfg.RequestLifetime, cfg.CodeLifetime) + keyMargin,
		Refresh: cfg.RefreshAbsoluteLifetime + keyMargin,
	}
}

// rotateWhenDue rotates the keys when the oldest that signs has done so for the interval. The keys are read again before that is believed: another server may have been first.
func (a *App) rotateWhenDue(ctx context.Context) {
	if !a.rotationDue() {
		return
	}
	a.reloadKeys(ctx)
	if !a.rotationDue() {
		return
	}
	switch err := a.RotateKeys(ctx); {
	case errors.Is(err, ErrKeysWaiting):
	case err != nil:
		a.failed(ctx, "rotate keys", err)
	default:
		a.Log.InfoContext(ctx, "keys rotated", "signing_from", a.now().Add(keyPublish).UTC())
	}
}

// rotationDue reports whether, as far as this server knows, a key has signed long enough for its successor to be published.
func (a *App) rotationDue() bool {
	interval, now := a.Config.KeyRotationInterval, a.now()
	return interval > 0 && slices.ContainsFunc(a.Keys.Keys(), func(k token.KeyInfo) bool {
		return k.State == "current" && !now.Before(k.SignsFrom.Add(interval-keyPublish))
	})
}
