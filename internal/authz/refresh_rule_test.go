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
