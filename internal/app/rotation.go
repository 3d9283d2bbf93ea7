package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

const (
	// keyPublish is how long a new key is published before it signs. It is much longer than servers need to notice the key
	// (keysReloadEvery), and than APIs cache the key set.
	keyPublish = time.Hour
	// keyMargin is added to the lifetime of what a key signed, because clocks differ.
	keyMargin = 10 * time.Minute

	keysRotateEvery = 10 * time.Minute // how often servers look whether it is time
)

// ErrKeysWaiting means that there are new keys which do not sign yet.
var ErrKeysWaiting = errors.New("new keys are waiting to take over already")

// RotateKeys gives every key a successor, which signs after an hour. ErrKeysWaiting when there are successors already.
//
// It reads the keys again first, so that a second server finds the successors that the first one made. When two servers
// rotate at the same moment, the store lets one of them win.
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

// keyOverlap is how long old and new keys are valid together. A key is valid until everything that it signed or sealed has
// expired.
func (a *App) keyOverlap() token.RotationOverlap {
	cfg := a.Config.Authz
	return token.RotationOverlap{
		Publish: keyPublish,
		Retire:  max(cfg.AccessTokenLifetime, cfg.RequestLifetime, cfg.CodeLifetime) + keyMargin,
		Refresh: max(cfg.Refresh.Absolute, team.LongestLink) + keyMargin,
	}
}

// rotateWhenDue rotates the keys when a key has signed for the whole interval. It reads the keys again before it does so,
// because another server may have been first.
func (a *App) rotateWhenDue(ctx context.Context) {
	if !a.rotationDue() {
		return
	}
	if _, agree := a.clockAgrees(ctx); !agree {
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

// rotationDue reports whether it is time to publish the successor of a key, as far as this server knows.
func (a *App) rotationDue() bool {
	interval, now := a.Config.KeyRotationInterval, a.now()
	return interval > 0 && slices.ContainsFunc(a.Keys.Keys(), func(k token.KeyInfo) bool {
		return k.State == "current" && k.Use != token.UseKeep && !now.Before(k.SignsFrom.Add(interval-keyPublish))
	})
}
