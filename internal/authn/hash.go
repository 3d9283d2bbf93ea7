package authn

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"golang.org/x/crypto/argon2"
)

// cost is what one guess costs whoever has the database.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// standardCost is OWASP's second choice for argon2id: it needs a quarter of the memory of RFC 9106 §4's second, so that a burst of sign-ins does not exhaust a small machine.
var (
	standardCost = cost{memory: 19 * 1024, passes: 2, threads: 1}
	insecureCost = cost{memory: 8, passes: 1, threads: 1}
)

const (
	saltBytes = 16 // RFC 9106 §3.1
	hashBytes = 32

	// What a stored hash may ask for at most, so that a damaged one cannot exhaust the server.
	maxMemory = 1 << 20 // KiB
	maxPasses = 64

	queuePerSlot = 32          // callers that may wait for one slot
	busyWait     = time.Second // what those are told who find the queue full
)

// hasher computes argon2id hashes, a few at a time: each takes memory and a processor.
type hasher struct {
	cost        cost
	slots       chan struct{}
	waiting     atomic.Int64
	unmatchable string // a hash of no password, for those who have none
}

func newHasher(c cost, concurrent int) *hasher {
	random := make([]byte, saltBytes+hashBytes)
	rand.Read(random) // never fails
	return &hasher{cost: c, slots: make(chan struct{}, concurrent), unmatchable: encodePHC(c, random[:saltBytes], random[saltBytes:])}
}

// acquire waits for a slot. When too many wait already, it is *limit.ThrottledError at once: piling up would make everyone late.
func (h *hasher) acquire(ctx context.Context) error {
	if h.waiting.Add(1) > int64(cap(h.slots)*queuePerSlot) {
		h.waiting.Add(-1)
		return &limit.ThrottledError{Wait: busyWait}
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hasher) release() { <-h.slots }

// hash is a new hash of the password in the PHC string format.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer h.release()
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	return encodePHC(h.cost, salt, aside(func() []byte { return h.cost.argon2id(password, salt, hashBytes) })), nil
}

// verify reports whether the password has the hash.
func (h *hasher) verify(ctx context.Context, password, phc string) (bool, error) {
	c, salt, want, err := decodePHC(phc)
	if err != nil {
		return false, fmt.Errorf("read password hash: %w", err)
	}
	if err := h.acquire(ctx); err != nil {
		return false, err
	}
	defer h.release()
	got := aside(func() []byte { return c.argon2id(password, salt, uint32(len(want))) })
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// current reports whether a hash has today's cost.
func (h *hasher) current(phc string) bool {
	c, _, _, err := decodePHC(phc)
	return err == nil && c == h.cost
}

func (c cost) argon2id(password string, salt []byte, length uint32) []byte {
	return argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.threads, length)
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
