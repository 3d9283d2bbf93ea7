package authn

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// cost is what one guess costs an attacker who has the database.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// standardCost is OWASP's second choice for argon2id. It takes a quarter of the memory of RFC 9106 §4's second choice, so
// that a burst of sign-ins does not exhaust a small machine.
var (
	standardCost = cost{memory: 19 * 1024, passes: 2, threads: 1}
	insecureCost = cost{memory: 8, passes: 1, threads: 1}
)

const (
	saltBytes = 16 // RFC 9106 §3.1
	hashBytes = 32

	// The largest costs of a stored hash, so that a damaged one cannot exhaust the server.
	maxMemory = 1 << 20 // KiB
	maxPasses = 64
)

// hasher computes argon2id hashes, a few at a time: each takes memory and a processor.
type hasher struct {
	cost        cost
	pool        *pool
	unmatchable string // a hash that no password has, for people without a password
}

func newHasher(c cost, concurrent int) *hasher {
	random := make([]byte, saltBytes+hashBytes)
	rand.Read(random) // never fails
	return &hasher{
		cost: c, pool: newPool(concurrent, c != insecureCost),
		unmatchable: encodePHC(c, random[:saltBytes], random[saltBytes:]),
	}
}

// hash is a new hash of the password in the PHC string format.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	return h.hashWith(ctx, password, salt)
}

// hashWith is hash with a given salt.
func (h *hasher) hashWith(ctx context.Context, password string, salt []byte) (string, error) {
	return h.hashAt(ctx, h.cost, password, salt)
}

// hashLike is hash with the salt and the cost of another hash.
func (h *hasher) hashLike(ctx context.Context, password, phc string) (string, error) {
	c, salt, _, err := decodePHC(phc)
	if err != nil {
		return "", fmt.Errorf("read a hash: %w", err)
	}
	return h.hashAt(ctx, c, password, salt)
}

func (h *hasher) hashAt(ctx context.Context, c cost, password string, salt []byte) (string, error) {
	hash, err := h.argon2id(ctx, c, password, salt, hashBytes)
	if err != nil {
		return "", err
	}
	return encodePHC(c, salt, hash), nil
}

// verify reports whether the password has the hash.
func (h *hasher) verify(ctx context.Context, password, phc string) (bool, error) {
	c, salt, want, err := decodePHC(phc)
	if err != nil {
		return false, fmt.Errorf("read password hash: %w", err)
	}
	got, err := h.argon2id(ctx, c, password, salt, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (h *hasher) argon2id(ctx context.Context, c cost, password string, salt []byte, length uint32) (hash []byte, err error) {
	err = h.pool.run(ctx, func() {
		hash = argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.threads, length)
	})
	return hash, err
}

// current reports whether a hash has the current cost.
func (h *hasher) current(phc string) bool {
	c, _, _, err := decodePHC(phc)
	return err == nil && c == h.cost
}

func encodePHC(c cost, salt, hash []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads, b64(salt), b64(hash))
}

var errPHC = errors.New("not an argon2id hash")

func decodePHC(phc string) (c cost, salt, hash []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return cost{}, nil, nil, errPHC
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.threads); err != nil {
		return cost{}, nil, nil, errPHC
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	hash, errHash := base64.RawStdEncoding.DecodeString(parts[5])
	switch {
	case errSalt != nil, errHash != nil, len(salt) < 8, len(hash) < 16, len(hash) > 64:
		return cost{}, nil, nil, errPHC
	case c.memory > maxMemory, c.passes == 0, c.passes > maxPasses, c.threads == 0:
		return cost{}, nil, nil, errPHC
	}
	return c, salt, hash, nil
}
