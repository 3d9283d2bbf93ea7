package app

import (
	"time"

	"golang.org/x/sys/unix"
)

var began = time.Now()

// elapsed is the monotonic clock that goes on while the machine is suspended: otherwise the time after that would look like a jump.
func elapsed() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &at); err != nil {
		return time.Since(began)
	}
	return time.Duration(at.Nano())
}
