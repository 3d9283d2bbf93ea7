package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// keySet verifies signatures with the provider's keys. They are cached, and read again for a key that is not known yet, though not for every one
// that a flood of tokens makes up (client.KeyCache).
type keySet struct {
	provider *Provider
	uri      string
	failure  error // why there are no keys; the library does not pass it on
}

// VerifySignature is the payload of a token, when one of the keys has signed it.
func (k *keySet) VerifySignature(ctx context.Context, text string) ([]byte, error) {
	var allowed []jose.SignatureAlgorithm
	for _, name := range algorithms {
		allowed = append(allowed, jose.SignatureAlgorithm(name))
	}
	jws, err := jose.ParseSignedCompact(text, allowed)
	if err != nil {
		return nil, err
	}
	if len(jws.Signatures) != 1 {
		return nil, errors.New("it has to have one signature")
	}
	kid := jws.Signatures[0].Header.KeyID
	keys, err := k.provider.jwks.Fetch(ctx, k.uri, kid)
	if err != nil {
		k.failure = fmt.Errorf("%w: read its keys: %w", ErrUnavailable, cut(err))
		return nil, k.failure
	}
	for _, key := range keys.Keys {
		if (kid != "" && key.KeyID != kid) || (key.Use != "" && key.Use != "sig") || !key.IsPublic() {
			continue
		}
		if key.Algorithm != "" && key.Algorithm != jws.Signatures[0].Header.Algorithm {
			continue
		}
		if payload, err := jws.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("none of the provider's keys has signed it")
}
