package authn

import "runtime"

// aside computes a hash on a thread of its own that steps back for all others: checking passwords may use what processor time is left, and no more.
// The thread ends with it, since its priority cannot be raised again.
func aside(hash func() []byte) []byte {
	result := make(chan []byte, 1)
	go func() {
		runtime.LockOSThread()
		stepBack()
		result <- hash()
	}()
	return <-result
}
