package app

import (
	"context"
	"time"
)

// failuresSaveEvery is how often requests of clients that failed are saved. Those of the latest seconds are lost in a crash.
const failuresSaveEvery = 5 * time.Second

// saveFailures saves what was gathered.
func (a *App) saveFailures(ctx context.Context) {
	failures, dropped := a.requests.Take()
	if dropped > 0 {
		a.Log.WarnContext(ctx, "failed requests were not noted, because there were too many different ones", "requests", dropped)
	}
	if len(failures) == 0 {
		return
	}
	if err := a.Store.SaveFailures(ctx, failures); err != nil {
		a.failed(ctx, "save failed requests", err)
	}
}
