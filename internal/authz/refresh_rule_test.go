package authz

import (
	"testing"
	"time"
)

func TestReuseOfARefreshToken(t *testing.T) {
	const week = 7 * 24 * time.Hour
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	rule := RefreshRule{Grace: time.Minute, LateRetry: week}
	// The family is at generation 5. The token presented is the one before that, rotated some time ago.
	tests := map[string]struct {
		change  func(*Family)
		rule    func(*RefreshRule)
		rotated time.Duration // ago
		want    Reuse
	}{
		"at once":                    {rotated: 0, want: Retry},
		"at the end of the grace":    {rotated: time.Minute, want: Retry},
		"after the grace":            {rotated: time.Minute + time.Millisecond, want: LateRetry},
		"by a clock that is behind":  {rotated: -30 * time.Second, want: Retry},
		"by one too far behind":      {rotated: -30*time.Second - time.Millisecond, want: LateRetry},
		"a year later":               {rotated: 52 * week, want: LateRetry},
		"late, without late retries": {rotated: time.Hour, rule: func(r *RefreshRule) { r.LateRetry = 0 }, want: Replay},
		"in a shorter grace":         {rotated: 5 * time.Second, rule: func(r *RefreshRule) { r.Grace = 5 * time.Second }, want: Retry},
		"after a shorter grace":      {rotated: 6 * time.Second, rule: func(r *RefreshRule) { r.Grace = 5 * time.Second }, want: LateRetry},
		"two generations old":        {change: func(f *Family) { f.Generation = 6 }, want: Replay},
		"late again, a week and two rotations later": {
			rotated: time.Hour, change: func(f *Family) { f.LateRetryAt, f.LateRetryGeneration = now.Add(-week), 3 }, want: LateRetry,
		},
		"late again, within a week": {
			rotated: time.Hour, change: func(f *Family) { f.LateRetryAt, f.LateRetryGeneration = now.Add(-week+time.Millisecond), 3 }, want: Replay,
		},
		"late again, after one rotation": {
			rotated: time.Hour, change: func(f *Family) { f.LateRetryAt, f.LateRetryGeneration = now.Add(-10*week), 4 }, want: Replay,
		},
		"late again, after none": {
			rotated: time.Hour, change: func(f *Family) { f.LateRetryAt, f.LateRetryGeneration = now.Add(-10*week), 5 }, want: Replay,
		},
		"within the grace of a late retry": {
			rotated: time.Minute, change: func(f *Family) { f.LateRetryAt, f.LateRetryGeneration = now.Add(-time.Minute), 5 }, want: Retry,
		},
		"late again, and the last one is in the future": {
			rotated: time.Hour, change: func(f *Family) { f.LateRetryAt, f.LateRetryGeneration = now.Add(time.Hour), 3 }, want: Replay,
		},
	}
	for name, tt := range tests {
		f, r := Family{Generation: 5, RotatedAt: now.Add(-tt.rotated)}, rule
		if tt.change != nil {
			tt.change(&f)
		}
		if tt.rule != nil {
			tt.rule(&r)
		}
		if got := r.Reuse(f, 4, now); got != tt.want {
			t.Errorf("%s: got %d, want %d", name, got, tt.want)
		}
	}
}

// holders are two who have one connection's refresh token: the application and a thief, or two copies of the application.
type holders struct {
	family Family
	held   [2]int64 // the newest generation that each knows
	at     time.Time
}

// use is what happens when one of them refreshes. He knows the newest token afterwards, unless the connection has ended.
func (h *holders) use(rule RefreshRule, who int) (reuse Reuse, reused bool) {
	f := &h.family
	if h.held[who] == f.Generation {
		f.Generation++
		f.RotatedAt = h.at
	} else {
		reused = true
		if reuse = rule.Reuse(*f, h.held[who], h.at); reuse == LateRetry {
			f.RotatedAt, f.LateRetryAt, f.LateRetryGeneration = h.at, h.at, f.Generation
		}
	}
	h.held[who] = f.Generation
	return reuse, reused
}

// Every order of eight uses by two holders, with every mixture of paces: the second turn that is late ends the connection. The exception is a holder who came
// within the grace in between, which looks like an application that lost an answer. And whatever they do, two late retries are a week and two rotations apart.
func TestEveryOrderOfTwoHolders(t *testing.T) {
	const week, depth = 7 * 24 * time.Hour, 8
	rule := RefreshRule{Grace: time.Minute, LateRetry: week}
	paces := []time.Duration{time.Second, 2 * time.Minute, 8 * 24 * time.Hour}
	orders, ended := 0, 0
	var try func(h holders, left int, unnoticed bool, order string)
	try = func(h holders, left int, unnoticed bool, order string) {
		if left == 0 {
			orders++
			return
		}
		for who, name := range []string{"A", "B"} {
			for _, pace := range paces {
				next, unnoticed, order := h, unnoticed, order+" "+name+"+"+pace.String()
				next.at = h.at.Add(pace)
				reuse, reused := next.use(rule, who)
				switch {
				case reused && reuse == Replay:
					ended++
					continue
				case reused && reuse == Retry:
					unnoticed = true
				case reused:
					if first := h.family.LateRetryAt; !first.IsZero() {
						if !unnoticed {
							t.Errorf("the second late turn is granted:%s", order)
						}
						if next.at.Sub(first) < week || h.family.Generation-h.family.LateRetryGeneration < 2 {
							t.Errorf("two late retries are too close:%s", order)
						}
					}
					unnoticed = false
				}
				try(next, left-1, unnoticed, order)
			}
		}
	}
	try(holders{at: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}, depth, false, "")
	if orders == 0 || ended == 0 {
		t.Errorf("%d orders end alive, %d end the connection; both should occur", orders, ended)
	}
}
