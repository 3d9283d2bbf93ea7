package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// noon is when the clocks of tests start.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// testConfig is the default on a database in a directory of the test's own, with free ports.
func testConfig(t *testing.T) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.DatabaseURL = "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db")
	cfg.Listen, cfg.OpsListen = "127.0.0.1:0", "localhost:0"
	return cfg
}

func open(t *testing.T, cfg config.Config, deps Deps) *App {
	t.Helper()
	deps.InsecureFastHashing = true
	if clock := deps.Now; clock != nil && deps.DatabaseNow == nil {
		deps.DatabaseNow = func(context.Context) (time.Time, error) { return clock(), nil }
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	a, err := Open(t.Context(), cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// reopen closes a and opens its configuration again.
func reopen(t *testing.T, cfg config.Config) error {
	t.Helper()
	a, err := Open(t.Context(), cfg, Deps{})
	if err != nil {
		return err
	}
	return a.Close()
}

func masterKeyPath(cfg config.Config) string {
	return filepath.Join(filepath.Dir(strings.TrimPrefix(cfg.DatabaseURL, "sqlite:")), "master.key")
}

func TestFirstStartMakesMasterKeyThatOnlyItsOwnerReads(t *testing.T) {
	cfg := testConfig(t)
	first := open(t, cfg, Deps{})
	info, err := os.Stat(masterKeyPath(cfg))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	if n := len(first.Keys.Keys()); n == 0 {
		t.Fatal("no keys were made")
	}
	entries, err := os.ReadDir(filepath.Dir(masterKeyPath(cfg)))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "master.key.") {
			t.Errorf("a draft was left: %s", e.Name())
		}
	}
	second := open(t, cfg, Deps{})
	if got, want := second.Keys.Keys()[0].ID, first.Keys.Keys()[0].ID; got != want {
		t.Errorf("second start has key %s, want %s", got, want)
	}
}

func TestMissingMasterKeyIsNotReplaced(t *testing.T) {
	cfg := testConfig(t)
	open(t, cfg, Deps{})
	path := masterKeyPath(cfg)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	err := reopen(t, cfg)
	if err == nil || !strings.Contains(err.Error(), path+" is missing") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a master key was made that does not open the keys (%v)", err)
	}
}

func TestMasterKeyThatOthersReadIsRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o666} {
		cfg := testConfig(t)
		open(t, cfg, Deps{})
		if err := os.Chmod(masterKeyPath(cfg), mode); err != nil {
			t.Fatal(err)
		}
		err := reopen(t, cfg)
		if err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %v: got %v", mode, err)
		}
	}
}

func TestWrongOrDamagedMasterKey(t *testing.T) {
	cfg := testConfig(t)
	open(t, cfg, Deps{})
	wrong := token.NewMasterKey().Text()
	if err := os.WriteFile(masterKeyPath(cfg), []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	err := reopen(t, cfg)
	if !errors.Is(err, token.ErrWrongMasterKey) {
		t.Errorf("wrong key: got %v", err)
	}
	if strings.Contains(err.Error(), wrong) {
		t.Errorf("the error repeats the key: %v", err)
	}
	if err := os.WriteFile(masterKeyPath(cfg), []byte(wrong[:20]), 0o600); err != nil {
		t.Fatal(err)
	}
	err = reopen(t, cfg)
	if err == nil || !strings.Contains(err.Error(), "is damaged") || strings.Contains(err.Error(), wrong[:20]) {
		t.Errorf("damaged key: got %v", err)
	}
}

func TestConfiguredMasterKeyNeedsNoFile(t *testing.T) {
	cfg := testConfig(t)
	cfg.MasterKey = token.NewMasterKey()
	open(t, cfg, Deps{})
	if _, err := os.Stat(masterKeyPath(cfg)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made all the same (%v)", err)
	}
	cfg.MasterKey = token.NewMasterKey()
	if err := reopen(t, cfg); !errors.Is(err, token.ErrWrongMasterKey) {
		t.Errorf("another configured key: got %v", err)
	}
}

func TestPostgreSQLWithoutMasterKeySaysHowToMakeOne(t *testing.T) {
	cfg := config.Default()
	cfg.DatabaseURL = "postgres://gatehouse:hunter2@localhost/gatehouse"
	err := needsMasterKey(cfg)
	if err == nil || !strings.Contains(err.Error(), "openssl rand -base64 32") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestServersShareOnePostgreSQLDatabase(t *testing.T) {
	cfg := testConfig(t)
	cfg.DatabaseURL = pgtest.URL(t)
	if err := reopen(t, cfg); err == nil || !strings.Contains(err.Error(), "master_key is required with PostgreSQL") {
		t.Fatalf("without a master key: %v", err)
	}
	cfg.MasterKey = token.NewMasterKey()
	var apps [2]*App
	var wg sync.WaitGroup
	for i := range apps { // both make keys at the same time
		wg.Go(func() {
			var err error
			if apps[i], err = Open(t.Context(), cfg, Deps{InsecureFastHashing: true}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	defer apps[1].Close()
	cookie := signIn(t, apps[0])
	if session, err := apps[1].Authn.Session(t.Context(), cookie); err != nil || session.User.Email != "ann@example.com" {
		t.Errorf("the other server knows the session as %v, %v", session.User, err)
	}
	sealed, err := apps[0].Keys.Seal(token.PurposeDone, "hello", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var opened string
	if err := apps[1].Keys.Open(token.PurposeDone, sealed, &opened); err != nil || opened != "hello" {
		t.Errorf("the other server opens %q, %v", opened, err)
	}
	apps[0].prune(t.Context())
	if n := metricValue(t, apps[0], "gatehouse_background_failures_total", "prune"); n != 0 {
		t.Errorf("%v failures to prune", n)
	}
	r := start(t, apps[0])
	if status, _, err := get(t, "http://"+r.ops+"/readyz"); status != 200 {
		t.Errorf("readyz: got %d, %v", status, err)
	}
}

func TestProcessesThatStartAtOnceShareOneMasterKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	keys := make([]string, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			key, err := makeMasterKey(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key.Text()
		})
	}
	wg.Wait()
	for _, k := range keys[1:] {
		if k != keys[0] {
			t.Fatal("two processes made different keys")
		}
	}
}

func TestOpenChecksAConfigurationMadeInCode(t *testing.T) {
	cfg := testConfig(t)
	cfg.PublicURL = "http://example.com"
	if err := reopen(t, cfg); err == nil || !strings.Contains(err.Error(), "plain HTTP") {
		t.Errorf("got %v", err)
	}
	cfg.PublicURL = "https://example.com/"
	if got := open(t, cfg, Deps{}).Config.PublicURL; got != "https://example.com" {
		t.Errorf("issuer %q", got)
	}
}

func TestStatementsAreCountedAndPassedOn(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	a := open(t, testConfig(t), Deps{Observe: func(s string) { mu.Lock(); seen[s]++; mu.Unlock() }})
	if _, err := a.Team.AddTeam(t.Context(), team.CommandLine, "acme", "Acme"); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) == 0 || seen["commit"] == 0 || seen["AddTeam"] == 0 {
		t.Errorf("seen %v", seen)
	}
	for s, n := range seen {
		if counted := metricValue(t, a, "gatehouse_store_statements_total", s); counted != float64(n) {
			t.Errorf("%s: counted %v, want %d", s, counted, n)
		}
	}
}
