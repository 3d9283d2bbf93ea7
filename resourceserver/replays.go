package resourceserver

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"time"
)

// ProofReplays remembers DPoP proofs for as long as they could be used, so that each works once (RFC 9449 §11.1). The
// zero value is ready for use by any number of goroutines.
//
// Its memory is bounded. When it is full, the parties with the most proofs lose their oldest ones, so no party can make it
// forget another's proofs (max-min fairness). Where proofs need a nonce, a forgotten proof is refused nevertheless: a proof
// whose nonce is as old as a forgotten one's is told to use a new nonce. Each process remembers only its own requests; a
// nonce that expires soon bounds a replay at another process.
type ProofReplays struct {
	Max int // how many proofs are remembered at most; 100,000 when zero, which takes about 8 MB when full

	mu     sync.Mutex
	used   map[proofID]usedProof
	floors map[partyID]int64 // with a nonce of this time or earlier, a party's proof may be a forgotten one
	floor  int64             // the same for every party
}

type (
	// proofID is the hash of a proof's key and jti: of one size, whatever the client chose.
	proofID [16]byte
	// partyID is the hash of the party whose share a proof takes.
	partyID uint64
)

// usedProof is a proof that was used. Times are milliseconds since 1970.
type usedProof struct {
	party partyID
	at    int64 // when it was made: by its nonce if it needs one, else by its iat
	until int64 // after that it is refused for its age
}

// proofUse is a proof that is about to be used.
type proofUse struct {
	party     string // whose share it takes
	name      string // its key and jti
	at, until time.Time
	nonce     bool // it needs a nonce of ours, so at is the nonce's time
}

// use remembers a proof. The error is errProofUsed, or ErrProofNonce when the proof may be one that was forgotten.
func (p *ProofReplays) use(u proofUse, now time.Time) error {
	party, name := sha256.Sum256([]byte(u.party)), sha256.Sum256([]byte(u.name))
	id := proofID(name[:16])
	proof := usedProof{partyID(binary.BigEndian.Uint64(party[:])), u.at.UnixMilli(), u.until.UnixMilli()}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used == nil {
		p.used, p.floors = map[proofID]usedProof{}, map[partyID]int64{}
	}
	if _, used := p.used[id]; used {
		return errProofUsed
	}
	if u.nonce && proof.at <= max(p.floor, p.floors[proof.party]) {
		return ErrProofNonce
	}
	if len(p.used) >= p.limit() {
		p.trim(now.UnixMilli())
	}
	p.used[id] = proof
	return nil
}

func (p *ProofReplays) limit() int {
	if p.Max > 0 {
		return p.Max
	}
	return 100_000
}

// trim makes room for a sixteenth of the limit. Expired proofs go first, then the oldest of the parties that have more than
// their share. It looks at every proof, but only once for as many new ones as it makes room for.
func (p *ProofReplays) trim(now int64) {
	times := map[partyID][]int64{}
	for id, proof := range p.used {
		if proof.until < now {
			delete(p.used, id)
			continue
		}
		times[proof.party] = append(times[proof.party], proof.at)
	}
	room := p.limit() - max(1, p.limit()/16)
	share := fairShare(times, room)
	over := map[partyID]*oldest{}
	for party, at := range times {
		if len(at) > share {
			over[party] = oldestOf(at, len(at)-share)
		}
	}
	p.forget(func(party partyID) *oldest { return over[party] })
	for party, o := range over {
		p.floors[party] = max(p.floors[party], o.upTo)
	}
	if len(p.used) > room { // more parties than room: every share is one proof
		p.forgetOldest(len(p.used) - room)
	}
	p.pruneFloors(now)
}

// forgetOldest forgets the oldest n proofs of all parties together.
func (p *ProofReplays) forgetOldest(n int) {
	at := make([]int64, 0, len(p.used))
	for _, proof := range p.used {
		at = append(at, proof.at)
	}
	o := oldestOf(at, n)
	p.forget(func(partyID) *oldest { return o })
	p.floor = max(p.floor, o.upTo)
}

// forget forgets what is among the oldest of its party.
func (p *ProofReplays) forget(of func(partyID) *oldest) {
	for id, proof := range p.used {
		if o := of(proof.party); o != nil && o.take(proof.at) {
			delete(p.used, id)
		}
	}
}

// pruneFloors drops the floors below which every nonce has expired, and replaces too many of them by one for all.
func (p *ProofReplays) pruneFloors(now int64) {
	for party, floor := range p.floors {
		if floor < now-maxNonceLifetime.Milliseconds() {
			delete(p.floors, party)
		}
	}
	if len(p.floors) > p.limit() {
		for _, floor := range p.floors {
			p.floor = max(p.floor, floor)
		}
		clear(p.floors)
	}
}

// fairShare is the largest number of proofs that each party may keep so that all together keep at most room; at least one.
func fairShare(times map[partyID][]int64, room int) int {
	var sizes []int
	for _, at := range times {
		sizes = append(sizes, len(at))
	}
	slices.Sort(sizes)
	for i, size := range sizes {
		if share := room / (len(sizes) - i); size > share {
			return max(share, 1)
		}
		room -= size
	}
	return math.MaxInt
}

// oldest is a number of proofs: all that are older than upTo, and some of those that are just as old.
type oldest struct {
	upTo int64
	ties int // how many that are as old as upTo
}

// oldestOf is the oldest n of some times. It sorts them.
func oldestOf(at []int64, n int) *oldest {
	slices.Sort(at)
	o := &oldest{upTo: at[n-1]}
	for _, t := range at[:n] {
		if t == o.upTo {
			o.ties++
		}
	}
	return o
}

// take reports whether a proof is among them, and counts it.
func (o *oldest) take(at int64) bool {
	if at == o.upTo && o.ties > 0 {
		o.ties--
		return true
	}
	return at < o.upTo
}
