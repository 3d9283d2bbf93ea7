package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
)

// PurposesEnd is the first number that is no purpose.
const PurposesEnd = Purpose(len(purposes))

// VectorKey is a key of a standard's example.
type VectorKey struct{ key *key }

// NewVectorKey wraps the private key of an example.
func NewVectorKey(private crypto.PrivateKey) VectorKey {
	k := &key{}
	k.ecdsa, _ = private.(*ecdsa.PrivateKey)
	k.rsa, _ = private.(*rsa.PrivateKey)
	return VectorKey{k}
}

// Sign signs as the keyring does, under an example's header.
func (v VectorKey) Sign(header string, payload []byte) (string, error) {
	return v.key.sign(header, payload)
}

// Open verifies as the keyring does, expecting an example's header.
func (v VectorKey) Open(header, text string, claims any) error {
	_, err := openJWT(text, map[string]*key{header: v.key}, claims)
	return err
}
