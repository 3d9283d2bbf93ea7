package client

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

func TestClientSecretsProve(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	first, second, other := token.NewSecret(token.PrefixClientSecret), token.NewSecret(token.PrefixClientSecret), token.NewSecret(token.PrefixClientSecret)
	c := Client{Secrets: []Secret{{Hash: first.Hash(), ExpiresAt: now.Add(time.Hour)}, {Hash: second.Hash()}}}
	tests := []struct {
		name   string
		client Client
		secret token.Secret
		at     time.Time
		want   bool
	}{
		{"the first", c, first, now, true},
		{"the second", c, second, now, true},
		{"the first, just before it expires", c, first, now.Add(time.Hour - 1), true},
		{"the first, when it expires", c, first, now.Add(time.Hour), false},
		{"the second does not expire", c, second, now.AddDate(10, 0, 0), true},
		{"another's", c, other, now, false},
		{"none", c, token.Secret{}, now, false},
		{"the hash instead of the secret", c, token.SecretFrom(second.Hash()), now, false},
		{"none, of a client that has none", Client{}, token.Secret{}, now, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.client.proves(tt.secret, tt.at); got != tt.want {
				t.Errorf("proves = %v, want %v", got, tt.want)
			}
		})
	}
}
