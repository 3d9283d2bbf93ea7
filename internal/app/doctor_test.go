package app

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

func found(findings []operate.Finding, check string) (all []operate.Finding) {
	for _, f := range findings {
		if f.Check == check {
			all = append(all, f)
		}
	}
	return all
}

// The doctor looks beside a running server, on both databases, and finds nothing wrong with it.
func TestDoctorBesideAServer(t *testing.T) {
	onDatabases(t, func(t *testing.T, cfg config.Config, _ bool) {
		open(t, cfg, Deps{})
		findings := Doctor(t.Context(), cfg, Deps{})
		for _, check := range []string{"configuration", "permissions", "database", "keys", "schema", "clock", "write", "encoding", "size", "limits", "messages", "applications"} {
			if len(found(findings, check)) == 0 {
				t.Errorf("it does not look at %s", check)
			}
		}
		for _, f := range findings {
			if f.Level == operate.Problem || f.Level != operate.Fine && f.Check != "configuration" && f.Check != "write" {
				t.Errorf("got %+v", f)
			}
			if (f.Level == operate.Fine) == (f.Do != "") || strings.Contains(f.Found+f.Do, "\n") {
				t.Errorf("what to do about it: %+v", f)
			}
		}
		if size := found(findings, "size")[0].Found; !strings.Contains(size, "gh_audit") || !strings.Contains(size, "gh_families") {
			t.Errorf("the sizes: %s", size)
		}
	})
}

// A database of another release is not brought up to date: servers of that release may run.
func TestDoctorLeavesTheSchemaAlone(t *testing.T) {
	onDatabases(t, func(t *testing.T, cfg config.Config, _ bool) {
		a := open(t, cfg, Deps{})
		version := func() (n int64) {
			t.Helper()
			n, err := a.Store.SchemaVersion(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		current := version()
		driver, source := "pgx", cfg.DatabaseURL
		if path, ok := cfg.SQLite(); ok {
			driver, source = "sqlite", path
		}
		direct, err := sql.Open(driver, source)
		if err != nil {
			t.Fatal(err)
		}
		defer direct.Close()
		if _, err := direct.Exec(`DELETE FROM gh_schema_version WHERE version_id = (SELECT MAX(version_id) FROM gh_schema_version)`); err != nil {
			t.Fatal(err)
		}
		f := found(Doctor(t.Context(), cfg, Deps{}), "schema")
		if len(f) != 1 || f[0].Level != operate.Problem || version() == current {
			t.Errorf("got %+v, and the schema is %d", f, version())
		}
	})
}

func TestDoctorSeesAWrongClock(t *testing.T) {
	m := newMachine()
	cfg := testConfig(t)
	open(t, cfg, m.deps(nil, false))
	m.jump(2 * time.Hour)
	deps := m.deps(nil, false)
	f := found(Doctor(t.Context(), cfg, deps), "clock")
	if len(f) != 1 || f[0].Level != operate.Problem || !strings.Contains(f[0].Found, "the clock of this machine is 2h0m0s ahead of the database's") {
		t.Errorf("got %+v", f)
	}
}

func TestDoctorReadsTheCertificate(t *testing.T) {
	cfg := tlsConfig(t)
	writeCertificate(t, cfg, 1)
	c, err := loadCertificate(cfg.TLSCertFile, cfg.TLSKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	until := c.current.Load().Leaf.NotAfter
	for left, want := range map[time.Duration]operate.Level{8 * 24 * time.Hour: operate.Fine, 24 * time.Hour: operate.Warning, 0: operate.Problem} {
		if got := certificateFinding(cfg, until.Add(-left)); got.Level != want {
			t.Errorf("%s before its end: got %+v, want %s", left, got, want)
		}
	}
}

func TestPosture(t *testing.T) {
	sound := config.Default()
	server, err := config.Load("", []string{"GATEHOUSE_SMTP_URL=smtps://mail.example", "GATEHOUSE_MAIL_FROM=gatehouse@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	sound.Mail = server.Mail
	if got := posture(sound); len(got) != 1 || got[0].Level != operate.Fine {
		t.Errorf("the default with mail: %+v", got)
	}
	for name, loosen := range map[string]func(*config.Config){
		"insecure_http_public_url": func(c *config.Config) { c.InsecureHTTPPublicURL = true },
		"ops_listen":               func(c *config.Config) { c.OpsListen = ":9464" },
		"ops_pprof":                func(c *config.Config) { c.OpsListen, c.OpsPprof = "10.0.0.1:9464", true },
		"sslmode=disable":          func(c *config.Config) { c.DatabaseURL = "postgres://db/x?sslmode=disable" },
		"key_rotation_interval":    func(c *config.Config) { c.KeyRotationInterval = 0 },
		"nobody can sign up":       func(c *config.Config) { c.Mail, c.SignUp.Mode = config.Default().Mail, team.SignUpOpen },
		"mail server":              func(c *config.Config) { c.Mail = config.Default().Mail },
	} {
		cfg := sound
		loosen(&cfg)
		got := posture(cfg)
		warned := false
		for _, f := range got {
			warned = warned || f.Level == operate.Warning && strings.Contains(f.Found, name) && f.Do != ""
		}
		if !warned {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
