package token

import (
	"crypto/hmac"
	"crypto/sha256"
)

// LimitMAC authenticates the name of a counter of failures (HMAC-SHA-256), under the current MAC key. When the key is replaced,
// every few months, all counters begin anew.
func (k *Keyring) LimitMAC(message []byte) []byte {
	mac := hmac.New(sha256.New, k.keys.Load().current(algorithmMAC, k.now()).mac)
	mac.Write([]byte("gatehouse limit\x00")) // a refresh token begins with another text
	mac.Write(message)
	return mac.Sum(nil)
}
