//go:build !linux

package engine

import "syscall"

// limitUnacknowledged is for Linux. Elsewhere keep-alive and the deadline of each statement have to do.
func limitUnacknowledged(string, string, syscall.RawConn) error { return nil }
