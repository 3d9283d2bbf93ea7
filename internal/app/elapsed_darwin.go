package app

import (
	"time"

	"golang.org/x/sys/unix"
)

var began = time.Now()

// elapsed is the monotonic clock that goes on while the machine is asleep: on macOS that is CLOCK_MONOTONIC, and not the one of Go.
func elapsed() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		return time.Since(began)
	}
	return time.Duration(at.Nano())
}
