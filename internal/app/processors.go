package app

import "runtime"

// ShareProcessors lets the process run as many threads beside those that answer requests as there may be passwords being checked: a check keeps one busy for some 30 ms, at a
// low priority. Without them it would keep one of the runtime's from all else, and the token endpoint would wait for the sign-in page. Call it once, before Serve: it
// concerns the whole process.
func (a *App) ShareProcessors() {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + a.Authn.ConcurrentHashes())
}
