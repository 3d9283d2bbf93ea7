package bench

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

// What both servers are for.
const (
	redirectURI = "https://app.example.com/callback"
	slug        = "acme"
	scope       = "chatbot:read session:read chatbot:interact"
	password    = "a long and quiet passphrase"
	sharedOnes  = 8 // accounts, which the virtual users share unless said otherwise
)

// server is one that load is put on.
type server struct {
	name      string
	target    drive.Target
	processes []*process // all of it; the first is the server proper
	database  database   // nil for one that nobody else looks into
	env       []string   // with which commands find the same database
	addresses []string   // HOST:PORT of each server on the database
	ops       []string   // URLs of their operations listeners; none for the floor
	idle      int64      // bytes resident before the load
	starts    []time.Duration
}

// stop ends all processes, the last first, and then the database.
func (s *server) stop() error {
	var problems []error
	for i := len(s.processes) - 1; i >= 0; i-- {
		problems = append(problems, s.processes[i].stop())
	}
	if s.database != nil {
		problems = append(problems, s.database.stop())
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
	dir         string       // of databases
	programs    string       // the folder of those that are started
	certificate *certificate // nil for plain http
}

func (h house) scheme() string {
	if h.certificate != nil {
		return "https://"
	}
	return "http://"
}

func (h house) program(name string) string { return filepath.Join(h.programs, name) }

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
	return s, h.launch(ctx, s, h.program("floor"), nil, s.target.URL+"/.well-known/jwks.json", args...)
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
	return h.launch(ctx, s, h.program("chatapi"), env, s.target.API+"/api/docs/", "--issuer", s.target.URL, "--listen", address)
}

// launch adds a process to the server and waits until it answers. When it does not, all of the server is stopped.
func (h house) launch(ctx context.Context, s *server, path string, env []string, address string, args ...string) error {
	started := time.Now()
	p, err := start(path, env, args...)
	if err == nil {
		err = s.started(ctx, p, address, h.client())
	}
	if err == nil && len(s.processes) == 1 {
		s.starts = append(s.starts, time.Since(started))
		s.idle, err = p.resident()
	}
	if err != nil {
		return errors.Join(err, s.stop())
	}
	return nil
}

// writeSetup writes what internal/bench/load needs to know to drive this server.
func (s *server) writeSetup(file string) error {
	text, err := json.MarshalIndent(s.target, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}
