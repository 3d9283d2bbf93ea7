// Package flight loads a value that many callers ask for at once: one load at a time, bounded, with the last good value for when it fails.
//
// No lock is held during a load, so a database that does not answer piles up nobody: a caller waits at most Bound, or until its context ends.
package flight

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Value is a value that is loaded when it is asked for and the last one is too old. Set its fields before the first Get.
type Value[T any] struct {
	Load  func(ctx context.Context) (T, error)
	Now   func() time.Time
	Fresh time.Duration // how old a value may be that is returned without a load
	Keep  time.Duration // how old a value may be that is returned because a load failed
	Bound time.Duration // how long a load may take; when zero, 3 s, in which a database that is silent is given up

	group singleflight.Group

	mu     sync.Mutex
	last   T
	loaded time.Time // zero: never
	failed time.Time // when the last load failed; zero when it did not
	err    error     // of the last load
}

// Get is the value. After a load that failed, no other begins for as long as a value is fresh: until then callers get the last good value,
// or the error.
func (v *Value[T]) Get(ctx context.Context) (T, error) {
	if last, err, known := v.known(); known {
		return last, err
	}
	done := v.group.DoChan("", func() (any, error) {
		if last, err, known := v.known(); known { // somebody has just loaded it
			return last, err
		}
		return v.load(ctx)
	})
	select {
	case result := <-done:
		if result.Err != nil {
			var none T
			return none, result.Err
		}
		return result.Val.(T), nil
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// known is what can be answered without a load.
func (v *Value[T]) known() (last T, err error, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.Now()
	switch {
	case !v.loaded.IsZero() && within(now, v.loaded, v.Fresh):
		return v.last, nil, true
	case !v.failed.IsZero() && within(now, v.failed, v.Fresh):
		last, err = v.lastGood(now, v.err)
		return last, err, true
	}
	return last, nil, false
}

// within reports whether at is at most d ago. A time in the future is not: the clock was set back.
func within(now, at time.Time, d time.Duration) bool {
	age := now.Sub(at)
	return age >= 0 && age < d
}

func (v *Value[T]) lastGood(now time.Time, err error) (T, error) {
	if !v.loaded.IsZero() && within(now, v.loaded, v.Keep) {
		return v.last, nil
	}
	var none T
	return none, err
}

// load loads the value for everybody who waits, so it does not end with the caller that began it.
func (v *Value[T]) load(ctx context.Context) (T, error) {
	bound := v.Bound
	if bound == 0 {
		bound = 3 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
	defer cancel()
	value, err := v.bounded(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.Now()
	if err != nil {
		v.failed, v.err = now, err
		return v.lastGood(now, err)
	}
	v.last, v.loaded, v.failed, v.err = value, now, time.Time{}, nil
	return value, nil
}

// errSlow means that Load did not return within the bound.
var errSlow = errors.New("no answer within the bound")

// bounded returns when ctx ends, even where Load does not.
func (v *Value[T]) bounded(ctx context.Context) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("panic while loading: %v\n%s", p, debug.Stack())
			}
			done <- r
		}()
		r.value, r.err = v.Load(ctx)
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, errSlow
	}
}
