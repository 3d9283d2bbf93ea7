package resourceserver

// RememberProofs makes the guard's memory of DPoP proofs small enough to fill it in a test.
func (g *Guard) RememberProofs(most int) { g.replays.Max = most }
