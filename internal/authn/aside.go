package authn

import "runtime"

// hashes is where threads that have stepped back wait for work.
var hashes = make(chan func())

// aside computes a hash on a thread that has stepped back for all others: checking passwords may use what processor time is left, and no more. Such a thread stays for
// the next hash, since its priority cannot be raised again, and since whatever it has started before would be told that its parent is gone (PR_SET_PDEATHSIG).
// There are hardly more of them than hashes were ever computed at once.
func aside(hash func() []byte) []byte {
	result := make(chan []byte, 1)
	work := func() { result <- hash() }
	select {
	case hashes <- work:
	default: // none is waiting
		go func() {
			runtime.LockOSThread()
			stepBack()
			for {
				work()
				work = <-hashes
			}
		}()
	}
	return <-result
}
