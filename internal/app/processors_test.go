package app_test

import (
	"runtime"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/config"
)

func TestPasswordChecksHaveThreadsOfTheirOwn(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	cfg := config.Default()
	cfg.DatabaseURL = "sqlite:" + t.TempDir() + "/test.db"
	cfg.Authn.ConcurrentHashes = 3
	a, err := app.Open(t.Context(), cfg, app.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.ShareProcessors()
	if got := runtime.GOMAXPROCS(0); got != before+3 {
		t.Errorf("GOMAXPROCS is %d, want %d and 3 more", got, before)
	}
}
