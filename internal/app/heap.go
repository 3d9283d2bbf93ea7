package app

import (
	"runtime/debug"
)

// spareHeap is how far the heap may grow, in bytes, before what is alive counts. What is alive is about 10 MB, and the runtime collects garbage when the heap is twice
// that: many times a second under load. A higher GOGC would multiply the 20 MB of a password check as well, and a memory limit would collect without end once
// more is alive than it allows. An allocation of this size that nobody writes to takes address space, no memory, and counts as alive: it adds to the goal, and multiplies nothing.
const spareHeap = 32 << 20

// reserveHeap is what has to be kept alive while requests are answered. It is nothing when the operator has decided about collections: GOGC, GOMEMLIMIT.
func reserveHeap(env func(string) string) []byte {
	// What starting took is given back first, or it would stay until the heap has grown.
	debug.FreeOSMemory()
	if env("GOGC") != "" || env("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, spareHeap)
}
