package app

import (
	"runtime"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
)

// ShareProcessors gives the Go runtime one more thread for each password that may be checked at the same time. A check keeps
// a thread busy for about 30 ms, at a low priority. Without more threads, the token endpoint would wait for sign-ins. Call it
// once, before Serve, because it changes the whole process.
//
// Where the process may not use the whole machine (a container's quota, GOMAXPROCS), a check takes time from the rest whatever
// its priority. Then nothing changes, and checks use at most half of the threads.
func (a *App) ShareProcessors() {
	if !authn.Limited() {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + a.Authn.ConcurrentHashes())
	}
}
