package app

import (
	"runtime/debug"
)

// spareHeap is how many bytes the heap may grow before live data counts. About 10 MB are live, and the runtime collects
// garbage when the heap is twice that, which under load is many times a second. Other settings are worse: a higher GOGC
// multiplies the 20 MB of a password check, and with a memory limit the runtime would collect all the time once more is live.
//
// An allocation of this size counts as live, so it raises the limit. Nobody writes to it, so it takes no memory.
const spareHeap = 32 << 20

// reserveHeap returns the allocation, to be kept alive while requests are answered. It is nil when the operator has set GOGC
// or GOMEMLIMIT.
func reserveHeap(env func(string) string) []byte {
	// Memory that starting needed is given back first. Otherwise it would stay until the heap has grown.
	debug.FreeOSMemory()
	if env("GOGC") != "" || env("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, spareHeap)
}
