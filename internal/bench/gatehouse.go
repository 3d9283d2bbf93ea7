package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

// wanted is a Gatehouse to be started.
type wanted struct {
	name     string   // of it in a report, and of its files
	kind     string   // of its database
	scale    Scale    // what that is filled with
	accounts int      // for the virtual users
	starts   int      // how often it is started, to see how long that takes; once at least
	settings []string // further GATEHOUSE_… variables
	api      bool     // the example API beside it, as a process of its own
	servers  int      // on the one database; one at least
}

// startGatehouse fills and furnishes a database and starts Gatehouse on it as it ships.
func (h house) startGatehouse(ctx context.Context, w wanted) (_ *server, err error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	ops, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{name: w.name, ops: []string{"http://" + ops}, addresses: []string{address}, target: drive.Target{URL: h.scheme() + address, RedirectURI: redirectURI, Scope: scope}}
	filled, err := h.leftOver(w)
	if err != nil {
		return nil, err
	}
	if s.database, err = h.openDatabase(ctx, w.kind, w.name, filled); err != nil {
		return nil, err
	}
	s.env = append([]string{
		"GATEHOUSE_PUBLIC_URL=" + s.target.URL, "GATEHOUSE_LISTEN=" + address, "GATEHOUSE_OPS_LISTEN=" + ops, "GATEHOUSE_DATABASE_URL=" + s.database.url(),
	}, w.settings...)
	if err := h.addFiles(s); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := h.furnish(ctx, s, w, filled); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	for range max(w.starts, 1) - 1 {
		if err := h.tryStart(ctx, s); err != nil {
			return nil, errors.Join(err, s.database.stop())
		}
	}
	if err := h.serve(ctx, s); err != nil {
		return s, err
	}
	for len(s.addresses) < w.servers {
		if err := h.serveToo(ctx, s); err != nil {
			return s, err
		}
	}
	if !w.api {
		return s, nil
	}
	return s, h.startAPI(ctx, s)
}

// serveToo starts one more server on the same database.
func (h house) serveToo(ctx context.Context, s *server) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return errors.Join(err, s.stop())
	}
	ops, err := freeAddress(ctx)
	if err != nil {
		return errors.Join(err, s.stop())
	}
	env := append(slices.Clone(s.env), "GATEHOUSE_LISTEN="+address, "GATEHOUSE_OPS_LISTEN="+ops) // the last of a name counts
	if err := h.launch(ctx, s, h.program("gatehouse"), env, h.scheme()+address+"/.well-known/jwks.json", "serve"); err != nil {
		return err
	}
	s.addresses, s.ops = append(s.addresses, address), append(s.ops, "http://"+ops)
	return nil
}

func (h house) serve(ctx context.Context, s *server) error {
	return h.launch(ctx, s, h.program("gatehouse"), s.env, s.target.URL+"/.well-known/jwks.json", "serve")
}

// tryStart starts the server and stops it again.
func (h house) tryStart(ctx context.Context, s *server) error {
	trial := &server{name: s.name, target: s.target, env: s.env}
	if err := h.serve(ctx, trial); err != nil {
		return err
	}
	s.starts = append(s.starts, trial.starts...)
	return trial.stop()
}

// addFiles lets the server find its certificate, and the master key of all databases in the folder.
func (h house) addFiles(s *server) error {
	if h.certificate != nil {
		s.env = append(s.env, "GATEHOUSE_TLS_CERT_FILE="+h.certificate.certFile, "GATEHOUSE_TLS_KEY_FILE="+h.certificate.keyFile)
	}
	file := h.path("bench-master.key")
	s.env = append(s.env, "GATEHOUSE_MASTER_KEY_FILE="+file)
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	key := make([]byte, 32)
	rand.Read(key)
	return os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(key)), 0o600)
}

// command runs gatehouse as an operator would, beside the server. result is what its answer is read into; nil for nothing.
func (h house) command(ctx context.Context, s *server, stdin string, result any, args ...string) error {
	cmd := exec.CommandContext(ctx, h.program("gatehouse"), append(args, "--json")...)
	cmd.Env, cmd.Stdin, cmd.SysProcAttr = s.env, strings.NewReader(stdin), dieWithParent()
	var problem bytes.Buffer
	cmd.Stderr = &problem
	output, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("gatehouse %s: %w: %s", strings.Join(args, " "), err, problem.Bytes())
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(output, result)
}

// furnish makes the tables, fills them unless an earlier run has done just that, and adds the people and the clients that are measured. Those of earlier
// runs on the same database are left alone.
func (h house) furnish(ctx context.Context, s *server, w wanted, filled bool) error {
	if !filled {
		if err := h.command(ctx, s, "", nil, "init"); err != nil {
			return err
		}
	}
	if w.scale != (Scale{}) && !filled {
		if err := fill(ctx, s.database, w.scale); err != nil {
			return fmt.Errorf("fill the database: %w", err)
		}
		if err := os.WriteFile(h.marker(w), []byte(w.scale.fingerprint()), 0o600); err != nil {
			return err
		}
	}
	run := strings.ToLower(rand.Text()[:6])
	s.target.Team = slug + "-" + run
	if err := h.command(ctx, s, "", nil, "team", "add", s.target.Team, "--name", "Team "+slug); err != nil {
		return err
	}
	for i := range w.accounts {
		a := drive.Account{Email: fmt.Sprintf("ann%d.%s@example.com", i, run), Password: password, Team: s.target.Team}
		if apart := w.scale.Teams / w.accounts; apart > 0 { // in a team of their own, far from the others'
			a.Team = bulkSlug + strconv.Itoa(i*apart)
		}
		if err := h.addAccount(ctx, s, a); err != nil {
			return err
		}
	}
	return errors.Join(
		h.command(ctx, s, "", &s.target.Application, "client", "add", "Measured Application", "--redirect-uri", redirectURI),
		h.command(ctx, s, "", &s.target.Machine, "client", "add", "Measured Machine", "--machine", "--team", s.target.Team),
		h.command(ctx, s, "", &s.target.ResourceServer, "client", "add", "Measured API", "--resource-server", s.target.URL),
	)
}

func (h house) addAccount(ctx context.Context, s *server, a drive.Account) error {
	if err := h.command(ctx, s, a.Password+"\n", nil, "user", "add", a.Email, "--name", "Ann Lee", "--password-stdin"); err != nil {
		return err
	}
	s.target.Accounts = append(s.target.Accounts, a)
	return h.command(ctx, s, "", nil, "member", "add", a.Team, a.Email)
}

// marker is the file that says what a database has been filled with.
func (h house) marker(w wanted) string { return h.path(w.name + "-" + w.kind + ".filled") }

// leftOver reports whether the folder has the database, filled as it should be. When not, nothing says so any more.
func (h house) leftOver(w wanted) (bool, error) {
	if w.scale != (Scale{}) {
		if filled, err := w.scale.filled(h.marker(w)); filled || err != nil {
			return filled, err
		}
	}
	return false, removeAll(h.marker(w))
}
