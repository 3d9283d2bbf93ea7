package resourceserver

import (
	"crypto/sha256"
	"sync"
	"time"
)

// ProofReplays remembers DPoP proofs for as long as they could be used, so that each works once (RFC 9449 §11.1). The zero value is
// ready for use by any number of goroutines.
//
// Its memory is bounded: of a flood of valid proofs only the newest are remembered, and of several processes each remembers its own. A
// nonce that expires soon bounds what a replay could then still do.
type ProofReplays struct {
	Max int // how many proofs are remembered at most; 100,000 when zero, which takes about 8 MB when full

	mu    sync.Mutex
	began time.Time // when fresh was begun
	fresh map[proofID]struct{}
	aged  map[proofID]struct{}
}

// proofID is a proof's key and jti, hashed: of the same size whatever the client chose.
type proofID [16]byte

// use reports whether a proof is used for the first time, and remembers it at least as long as keep, unless too many come.
func (p *ProofReplays) use(name string, now time.Time, keep time.Duration) bool {
	hash := sha256.Sum256([]byte(name))
	id := proofID(hash[:16])
	p.mu.Lock()
	defer p.mu.Unlock()
	half := p.Max / 2
	if p.Max <= 0 {
		half = 50_000
	}
	if p.fresh == nil || now.Sub(p.began) >= keep || len(p.fresh) >= max(half, 1) {
		p.aged = p.fresh
		if now.Sub(p.began) >= 2*keep {
			p.aged = nil
		}
		p.fresh, p.began = map[proofID]struct{}{}, now
	}
	if _, used := p.fresh[id]; used {
		return false
	}
	if _, used := p.aged[id]; used {
		return false
	}
	p.fresh[id] = struct{}{}
	return true
}
