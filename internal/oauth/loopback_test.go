package oauth_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "app.localhost": true,
		"127.0.0.1": true, "127.8.9.10": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "evillocalhost": false, "localhost.example.com": false, "localhost:80": false, "127.0.0.1.example.com": false,
		"0.0.0.0": false, "128.0.0.1": false, "::2": false, "[::1]": false, "10.0.0.1": false, "::ffff:10.0.0.1": false,
	} {
		if got := oauth.IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %v, want %v", host, got, want)
		}
	}
}
