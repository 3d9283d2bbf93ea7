package app

import (
	"runtime"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
)

// ShareProcessors lets the process run as many threads beside those that answer requests as there may be passwords being checked: a check keeps one busy for some 30 ms, at a
// low priority. Without them it would keep one of the runtime's from all else, and the token endpoint would wait for the sign-in page. Call it once, before Serve: it
// concerns the whole process.
//
// Where the process may not use the whole machine (a container's quota, GOMAXPROCS), a check takes away from the rest whatever its priority: then it has to do with the
// threads there are, and half of them at most.
func (a *App) ShareProcessors() {
	if !authn.Limited() {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + a.Authn.ConcurrentHashes())
	}
}
