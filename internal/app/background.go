package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
	"syscall"
	"time"
)

// How often a server does its background tasks. The intervals vary by a tenth, so that servers on one database do not all
// work at the same moment.
const (
	pruneEvery              = time.Minute
	pruneBatch              = 100_000          // rows of each kind before the next kind has its turn
	pruneMargin             = 10 * time.Minute // after the end of its time until something is deleted, because clocks differ and are corrected
	keysReloadEvery         = 30 * time.Second
	certificateRefreshEvery = 10 * time.Second
	idleCheckEvery          = 30 * time.Second
)

// background starts the background tasks. c is nil without TLS.
func (a *App) background(ctx context.Context, wg *sync.WaitGroup, c *certificate) {
	wg.Go(func() { every(ctx, pruneEvery, a.surviving(a.prune)) })
	wg.Go(func() { every(ctx, keysReloadEvery, a.surviving(a.reloadKeys)) })
	wg.Go(func() { every(ctx, keysRotateEvery, a.surviving(a.rotateWhenDue)) })
	wg.Go(func() { every(ctx, deliverEvery, a.surviving(a.deliver)) })
	wg.Go(func() { every(ctx, failuresSaveEvery, a.surviving(a.saveFailures)) })
	wg.Go(func() { every(ctx, sightingsSaveEvery, a.surviving(a.saveSightings)) })
	wg.Go(func() { every(ctx, idleCheckEvery, a.surviving(new(idleness).check)) })
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // before Serve calls ready: from then on the signal does not end the process
	wg.Go(func() {
		defer signal.Stop(hangup)
		a.watchFiles(ctx, hangup, c)
	})
}

// watchFiles reads the certificate again when its files change. On SIGHUP it reads the secrets, the keys and the certificate again.
func (a *App) watchFiles(ctx context.Context, hangup <-chan os.Signal, c *certificate) {
	ticker := time.NewTicker(certificateRefreshEvery)
	defer ticker.Stop()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			asked = true
			a.surviving(a.rereadSecrets)(ctx)
			a.surviving(a.reloadKeys)(ctx)
		case <-ticker.C:
		}
		if c != nil {
			a.surviving(func(ctx context.Context) { a.refreshCertificate(ctx, c, asked) })(ctx)
		}
	}
}

// every calls task at about the interval until ctx ends. The first call comes after the first interval.
func every(ctx context.Context, interval time.Duration, task func(context.Context)) {
	for {
		wait := interval - interval/10 + rand.N(interval/5)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			task(ctx)
		}
	}
}

// surviving is a background task whose panic is logged and counted, where it would otherwise end the process. The task runs again the next time.
func (a *App) surviving(task func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		defer func() {
			if p := recover(); p != nil {
				a.failed(ctx, "panic", fmt.Errorf("%v\n%s", p, debug.Stack()))
			}
		}()
		task(ctx)
	}
}

// prune removes expired rows, until none is left: what ends at a rate of thousands a second has to go at that rate. Requests wait for
// a small unit of work at most. Then it removes the keys that nothing depends on any more.
func (a *App) prune(ctx context.Context) {
	at, agree := a.clockAgrees(ctx)
	if !agree {
		return
	}
	at = at.Add(-pruneMargin) // and not a.now(): the clock may have jumped since it was compared
	for n := pruneBatch; n >= pruneBatch; {
		var err error
		if n, err = a.Store.Prune(ctx, at, pruneBatch); err != nil {
			a.failed(ctx, "prune", err)
			return
		}
		a.metrics.pruned.Add(float64(n))
	}
	n, err := a.Keys.Prune(ctx, at)
	if err != nil {
		a.failed(ctx, "prune", err)
	} else if n > 0 {
		a.Log.InfoContext(ctx, "keys deleted", "keys", n)
	}
}

// idleness gives memory back to the system while the server has nothing to do. Each password check takes about 20 MB for a
// moment, and without this the runtime would keep most of that.
type idleness struct {
	collections uint64 // garbage collections at the last check, without the forced ones
	returned    bool   // memory was given back since the last collection
}

func (i *idleness) check(context.Context) {
	sample := []runtimemetrics.Sample{{Name: "/gc/cycles/automatic:gc-cycles"}}
	runtimemetrics.Read(sample)
	collections := sample[0].Value.Uint64()
	idle := collections == i.collections
	if idle && !i.returned {
		debug.FreeOSMemory()
	}
	i.collections, i.returned = collections, idle
}

func (a *App) refreshCertificate(ctx context.Context, c *certificate, force bool) {
	changed, err := c.refresh(force)
	if err != nil {
		a.failed(ctx, "reload certificate", err)
	} else if changed {
		a.Log.InfoContext(ctx, "certificate reloaded", "file", c.certFile)
	}
}

// failed logs what went wrong in the background, unless the server is stopping.
func (a *App) failed(ctx context.Context, task string, err error) {
	if ctx.Err() != nil {
		return
	}
	a.metrics.failures.WithLabelValues(task).Inc()
	a.Log.ErrorContext(ctx, "background task failed", "task", task, "error", err)
}
