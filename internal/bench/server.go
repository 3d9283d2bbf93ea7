package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

// What both servers are for.
const (
	redirectURI = "https://app.example.com/callback"
	slug        = "acme"
	scope       = "chatbot:read session:read chatbot:interact"
	password    = "a long and quiet passphrase"
	accounts    = 8 // which the virtual users share
)

// server is one that load is put on.
type server struct {
	name      string
	target    drive.Target
	processes []*process // all of it; the first is the server proper
	ops       string     // URL of the operations listener, "" when there is none
	idle      int64      // bytes resident before the load
	starting  time.Duration
}

// stop ends all processes, the last first.
func (s *server) stop() error {
	var problems []error
	for i := len(s.processes) - 1; i >= 0; i-- {
		problems = append(problems, s.processes[i].stop())
	}
	return errors.Join(problems...)
}

// started takes in a process that answers.
func (s *server) started(ctx context.Context, p *process, address string, client *http.Client) error {
	s.processes = append(s.processes, p)
	return p.await(ctx, address, client)
}

// house is the folder and the certificate that the servers share.
type house struct {
	dir         string
	certificate *certificate // nil for plain http
}

func (h house) scheme() string {
	if h.certificate != nil {
		return "https://"
	}
	return "http://"
}

func (h house) path(name string) string { return filepath.Join(h.dir, name) }

// startFloor starts the floor.
func (h house) startFloor(ctx context.Context) (*server, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	all := drive.Credentials{ID: "floor", Secret: "floor-secret"}
	s := &server{name: "floor", target: drive.Target{
		URL: h.scheme() + address, API: h.scheme() + address, Application: all, Machine: all, ResourceServer: all,
		RedirectURI: redirectURI, Team: slug, Scope: scope,
	}}
	args := []string{"--listen", address, "--database", h.path("floor.db")}
	if h.certificate != nil {
		args = append(args, "--tls-cert", h.certificate.certFile, "--tls-key", h.certificate.keyFile)
	}
	return s, h.launch(ctx, s, h.path("floor"), nil, s.target.URL+"/.well-known/jwks.json", args...)
}

// startGatehouse furnishes a database by the command line and starts Gatehouse on it as it ships, and the example API as a process of its own.
// With profiles, /debug/pprof/ is on.
func (h house) startGatehouse(ctx context.Context, profiles bool) (*server, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	ops, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{name: "gatehouse", ops: "http://" + ops, target: drive.Target{
		URL: h.scheme() + address, RedirectURI: redirectURI, Team: slug, Scope: scope,
	}}
	env := []string{
		"GATEHOUSE_PUBLIC_URL=" + s.target.URL, "GATEHOUSE_LISTEN=" + address, "GATEHOUSE_OPS_LISTEN=" + ops,
		"GATEHOUSE_DATABASE_URL=sqlite:" + h.path("gatehouse.db"), fmt.Sprintf("GATEHOUSE_OPS_PPROF=%t", profiles),
	}
	if h.certificate != nil {
		env = append(env, "GATEHOUSE_TLS_CERT_FILE="+h.certificate.certFile, "GATEHOUSE_TLS_KEY_FILE="+h.certificate.keyFile)
	}
	if err := h.furnish(ctx, env, &s.target); err != nil {
		return nil, err
	}
	if err := h.launch(ctx, s, h.path("gatehouse"), env, s.target.URL+"/.well-known/jwks.json", "serve"); err != nil {
		return nil, err
	}
	return s, h.startAPI(ctx, s)
}

// startAPI starts the example API beside Gatehouse, or stops both.
func (h house) startAPI(ctx context.Context, s *server) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return errors.Join(err, s.stop())
	}
	s.target.API = "http://" + address
	var env []string
	if h.certificate != nil {
		env = append(env, "SSL_CERT_FILE="+h.certificate.certFile)
	}
	return h.launch(ctx, s, h.path("chatapi"), env, s.target.API+"/api/docs/", "--issuer", s.target.URL, "--listen", address)
}

// launch adds a process to the server and waits until it answers. When it does not, all of the server is stopped.
func (h house) launch(ctx context.Context, s *server, path string, env []string, address string, args ...string) error {
	begun := time.Now()
	p, err := start(path, env, args...)
	if err == nil {
		err = s.started(ctx, p, address, h.client())
	}
	if err == nil && len(s.processes) == 1 {
		s.starting = time.Since(begun)
		s.idle, err = p.resident()
	}
	if err != nil {
		return errors.Join(err, s.stop())
	}
	return nil
}

// furnish adds the team, the people and the clients, as an operator would.
func (h house) furnish(ctx context.Context, env []string, target *drive.Target) error {
	run := func(stdin string, result any, args ...string) error {
		cmd := exec.CommandContext(ctx, h.path("gatehouse"), append(args, "--json")...)
		cmd.Env, cmd.Stdin, cmd.SysProcAttr = env, strings.NewReader(stdin), dieWithParent()
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
	if err := run("", nil, "team", "add", slug, "--name", "Team "+slug); err != nil {
		return err
	}
	for i := range accounts {
		account := drive.Account{Email: fmt.Sprintf("ann%d@example.com", i), Password: password}
		target.Accounts = append(target.Accounts, account)
		err := run(account.Password+"\n", nil, "user", "add", account.Email, "--name", "Ann Lee", "--password-stdin")
		if err == nil {
			err = run("", nil, "member", "add", slug, account.Email)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(
		run("", &target.Application, "client", "add", "Measured Application", "--redirect-uri", redirectURI),
		run("", &target.Machine, "client", "add", "Measured Machine", "--machine", "--team", slug),
		run("", &target.ResourceServer, "client", "add", "Measured API", "--resource-server", target.URL),
	)
}

// writeSetup writes what internal/bench/load needs to know to drive this server.
func (s *server) writeSetup(file string) error {
	text, err := json.MarshalIndent(s.target, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}
