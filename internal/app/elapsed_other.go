//go:build !linux && !darwin

package app

import "time"

var began = time.Now()

// elapsed is the monotonic clock of Go. On some systems it stops while the machine is suspended.
func elapsed() time.Duration { return time.Since(began) }
