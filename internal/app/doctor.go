package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// ErrSchema means that the database has the schema of another release.
var ErrSchema = store.ErrSchema

// Doctor looks for what is wrong with a configuration and its database. It changes nothing but the row that a test of writing needs, so it may
// run beside servers. When it cannot look at something, it says why.
func Doctor(ctx context.Context, cfg config.Config, deps Deps) []operate.Finding {
	findings := append(posture(cfg), files(cfg)...)
	if cfg.TLSCertFile != "" {
		now := time.Now()
		if deps.Now != nil {
			now = deps.Now()
		}
		findings = append(findings, certificateFinding(cfg, now))
	}
	deps.Making = LeaveAlone
	a, err := Open(ctx, cfg, deps)
	if err != nil {
		return append(findings, cannotOpen(err))
	}
	defer a.Close()
	return append(findings, a.examine(ctx)...)
}

// cannotOpen says what has to be done about a database or keys that cannot be opened.
func cannotOpen(err error) operate.Finding {
	f := operate.Finding{Level: operate.Problem, Check: "database", Found: oneLine(err)}
	switch {
	case errors.Is(err, token.ErrWrongMasterKey):
		f.Check, f.Do = "keys", "configure the master key that the keys were made with; a copy is in the backup of the master key"
	case errors.Is(err, ErrSchema):
		f.Check, f.Do = "schema", "use one release for all servers and commands; a server or command of the new release brings the schema up to date"
	case errors.Is(err, fs.ErrPermission):
		f.Do = "run this command as the user that the server runs as, and give that user the files"
	default:
		f.Do = "check database_url, and whether the database runs and can be reached from here"
	}
	return f
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// examine looks at an open database.
func (a *App) examine(ctx context.Context) []operate.Finding {
	fine := func(check, format string, args ...any) operate.Finding {
		return operate.Finding{Level: operate.Fine, Check: check, Found: fmt.Sprintf(format, args...)}
	}
	findings := []operate.Finding{fine("database", "%s can be opened", a.Store.Place()), a.keyFinding()}
	if schema, err := a.Store.SchemaVersion(ctx); err != nil {
		findings = append(findings, operate.Finding{Level: operate.Problem, Check: "schema", Found: oneLine(err), Do: "check the database"})
	} else {
		findings = append(findings, fine("schema", "version %d, which this release needs", schema))
	}
	if wrong := a.WrongClock(ctx); wrong != "" {
		findings = append(findings, operate.Finding{
			Level: operate.Problem, Check: "clock", Found: strings.Replace(wrong, "this server", "this machine", 1), Do: "run NTP here and on the database's host: a server with a wrong clock is not ready",
		})
	} else {
		findings = append(findings, fine("clock", "less than %s away from the database's", clockLimit))
	}
	findings = append(findings, a.writeFinding(ctx))
	inspected, err := a.Operate.Inspect(ctx, team.CommandLine, a.now())
	if err != nil {
		inspected = []operate.Finding{{Level: operate.Problem, Check: "database", Found: oneLine(err), Do: "check the database"}}
	}
	return append(append(append(findings, inspected...), a.clientFindings(ctx)...), a.providerFindings(ctx)...)
}

func (a *App) writeFinding(ctx context.Context) operate.Finding {
	began := time.Now()
	if err := a.Store.Ready(ctx); err != nil {
		return operate.Finding{Level: operate.Problem, Check: "write", Found: "nothing can be written: " + oneLine(err), Do: "look whether the disk is full or read-only, and whether the database is damaged"}
	}
	return operate.Write(time.Since(began))
}

func (a *App) keyFinding() operate.Finding {
	var current, next int
	for _, k := range a.Keys.Keys() {
		switch k.State {
		case "current":
			current++
		case "next":
			next++
		}
	}
	f := operate.Finding{Level: operate.Fine, Check: "keys", Found: fmt.Sprintf("the master key opens them; %d are in use, and %d follow", current, next)}
	if interval := a.Config.KeyRotationInterval; interval > 0 && a.rotationDue() && next == 0 {
		f.Level, f.Found, f.Do = operate.Warning, "they should have been rotated: key_rotation_interval is "+interval.String(), "run a server, which does it, or gatehouse key rotate"
	}
	return f
}

// clientFindings names the clients that are less safe than the default, and those that the profile refuses.
func (a *App) clientFindings(ctx context.Context) (findings []operate.Finding) {
	clients, err := a.Store.Clients(ctx)
	if err != nil {
		return []operate.Finding{{Level: operate.Problem, Check: "applications", Found: oneLine(err), Do: "check the database"}}
	}
	for _, c := range clients {
		if !c.DisabledAt.IsZero() {
			continue
		}
		if loosened := c.Loosened(); len(loosened) > 0 {
			findings = append(findings, operate.Finding{
				Level: operate.Warning, Check: "applications", Found: fmt.Sprintf("%s (%s) is less safe than the default: %s", c.Name, c.ID, strings.Join(loosened, ", ")),
				Do: "gatehouse client update " + string(c.ID) + " takes this back, when the application can do without",
			})
		}
		if err := c.Fits(a.Config.Authz.Profile); err != nil {
			findings = append(findings, operate.Finding{
				Level: operate.Problem, Check: "applications", Found: fmt.Sprintf("%s (%s) is refused: %s", c.Name, c.ID, oneLine(err)), Do: "change or remove the application",
			})
		}
	}
	if len(findings) == 0 {
		findings = append(findings, operate.Finding{Level: operate.Fine, Check: "applications", Found: fmt.Sprintf("%d, none less safe than the default", len(clients))})
	}
	return findings
}

// certificateFinding judges the TLS certificate.
func certificateFinding(cfg config.Config, now time.Time) operate.Finding {
	c, err := loadCertificate(cfg.TLSCertFile, cfg.TLSKeyFile)
	if err != nil {
		return operate.Finding{Level: operate.Problem, Check: "certificate", Found: oneLine(err), Do: "put a certificate and its key into tls_cert_file and tls_key_file"}
	}
	until := c.current.Load().Leaf.NotAfter
	f := operate.Finding{Level: operate.Fine, Check: "certificate", Found: "valid until " + until.UTC().Format(time.DateTime)}
	switch left := until.Sub(now); {
	case left <= 0:
		f.Level, f.Found, f.Do = operate.Problem, "has expired at "+until.UTC().Format(time.DateTime), "replace it; the server reads it again by itself"
	case left < 7*24*time.Hour:
		f.Level, f.Do = operate.Warning, "replace it; the server reads it again by itself"
	}
	return f
}

// files looks whether others can read what is secret.
func files(cfg config.Config) (findings []operate.Finding) {
	secret := []string{cfg.OwnMasterKey(), cfg.TLSKeyFile}
	if path, ok := cfg.SQLite(); ok {
		secret = append(secret, path, path+"-wal")
	}
	for _, path := range secret {
		info, err := os.Stat(path)
		if path == "" || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = config.Exposed(path, info)
		}
		if err != nil {
			what, do, _ := strings.Cut(oneLine(err), ": run ")
			findings = append(findings, operate.Finding{Level: operate.Problem, Check: "permissions", Found: what, Do: do})
		}
	}
	for _, path := range config.OpenToAll(cfg.SecretFiles) {
		if path != cfg.TLSKeyFile { // judged above
			findings = append(findings, operate.Finding{
				Level: operate.Problem, Check: "permissions", Found: "every user of this machine can read " + path + ", which holds a secret",
				Do: "chmod o= " + path + ", with the server's user as owner or in the group",
			})
		}
	}
	if len(findings) == 0 {
		findings = append(findings, operate.Finding{Level: operate.Fine, Check: "permissions", Found: "others cannot read the database or the keys"})
	}
	return findings
}
