package token

import (
	"errors"
	"time"
)

// Purpose keeps sealed values apart: one sealed for a purpose opens for no other.
type Purpose string

// Sealed values are opaque outside (XChaCha20-Poly1305, base64url), carry an expiry, and cannot be altered.
var (
	// ErrNotOurs means that the value was not sealed here, or for another purpose, or was altered.
	ErrNotOurs = errors.New("the value is not one of ours")
	// ErrExpired means that the value was ours and its time is over.
	ErrExpired = errors.New("the value has expired")
)

// Seal encodes v as JSON and seals it for the purpose until expires.
func (k *Keyring) Seal(purpose Purpose, v any, expires time.Time) (string, error) { panic("contract") }

// Open opens a sealed value into v. The error is ErrNotOurs, or ErrExpired (v is filled then, for the log).
func (k *Keyring) Open(purpose Purpose, sealed string, v any) error { panic("contract") }
