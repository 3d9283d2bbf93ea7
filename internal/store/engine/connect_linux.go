package engine

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unacknowledgedLimit is how long a host may leave what was sent unacknowledged. Keep-alive does not begin while something is.
const unacknowledgedLimit = 5 * time.Second

// limitUnacknowledged sets TCP_USER_TIMEOUT (RFC 5482).
func limitUnacknowledged(network, _ string, raw syscall.RawConn) error {
	if !isTCP(network) {
		return nil
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledgedLimit.Milliseconds()))
	})
	return errors.Join(err, failed)
}
