package e2e_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// installedURL is the issuer of every installation. Nothing listens there: each process listens on a free loopback port, and its clients dial that port.
const installedURL = "http://localhost:8000"

// installation is a database, and the settings of the processes that use it.
type installation struct {
	t     testing.TB
	path  string   // of the binary
	serve string   // the binary that serves, if it is another
	env   []string // the complete environment of a process
}

// install returns an installation on a database, which the settings name when databaseURL is "". settings are "GATEHOUSE_…=value".
func install(t testing.TB, databaseURL string, settings ...string) *installation {
	t.Helper()
	env := append([]string{"GATEHOUSE_PUBLIC_URL=" + installedURL, "GATEHOUSE_LISTEN=127.0.0.1:0", "GATEHOUSE_OPS_LISTEN=off"}, settings...)
	if databaseURL != "" {
		env = append(env, "GATEHOUSE_DATABASE_URL="+databaseURL)
	}
	return &installation{t: t, path: binary(t), env: env}
}

// cli runs a command and decodes the JSON that it prints into result, which may be nil.
func (in *installation) cli(stdin string, result any, args ...string) {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, in.path, append(args, "--json")...)
	cmd.Env, cmd.Stdin, cmd.SysProcAttr = in.env, strings.NewReader(stdin), dieWithTest()
	output, err := cmd.Output()
	if err != nil {
		exit, _ := errors.AsType[*exec.ExitError](err)
		in.t.Fatalf("gatehouse %s: %v\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(output, result); err != nil {
		in.t.Fatalf("gatehouse %s printed %q: %v", strings.Join(args, " "), output, err)
	}
}

// furnish adds Ann as a member of the team acme, with the command line.
func (in *installation) furnish() {
	in.t.Helper()
	in.cli(annPassword+"\n", nil, "user", "add", annEmail, "--name", "Ann Lee", "--password-stdin")
	in.cli("", nil, "team", "add", "acme", "--name", "Team acme")
	in.cli("", nil, "member", "add", "acme", annEmail)
}

// register registers an application with the command line.
func (in *installation) register(name string) registered {
	in.t.Helper()
	var client struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	in.cli("", &client, "client", "add", name, "--redirect-uri", callback)
	return registered{client.ID, client.Secret, callback}
}

// process is a server in its own process.
type process struct {
	t       testing.TB
	cmd     *exec.Cmd
	started time.Time
	serving chan string   // its address, once
	drained chan struct{} // closed when its log was read to the end
	address string
	keys    *resourceserver.Guard // used by honours

	reading sync.Mutex // who holds it lets the log stall

	mu  sync.Mutex
	log []string // the last lines
}

// dieWithTest makes the kernel end a process when the test binary ends, for whatever reason.
func dieWithTest() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// launch starts a server and does not wait for it.
func (in *installation) launch() *process {
	in.t.Helper()
	p := &process{t: in.t, cmd: exec.Command(cmp.Or(in.serve, in.path), "serve"), serving: make(chan string, 1), drained: make(chan struct{})}
	p.cmd.Env, p.cmd.SysProcAttr = in.env, dieWithTest()
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		in.t.Fatal(err)
	}
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(p.kill)
	go p.read(stderr)
	return p
}

// start starts a server and waits until it listens.
func (in *installation) start() *process {
	in.t.Helper()
	return in.launch().await()
}

// read keeps the last lines of the log, and finds the address in them.
func (p *process) read(log io.Reader) {
	defer close(p.drained)
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		p.keep(lines.Bytes())
	}
}

func (p *process) keep(text []byte) {
	p.reading.Lock()
	defer p.reading.Unlock()
	var line struct{ Msg, Listen string }
	if len(p.serving) == 0 && json.Unmarshal(text, &line) == nil && line.Msg == "serving" {
		p.serving <- line.Listen
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log[max(0, len(p.log)-20):], string(text))
}

func (p *process) await() *process {
	p.t.Helper()
	select {
	case p.address = <-p.serving:
		return p
	case <-p.drained:
		p.t.Fatalf("the server ended: %v\n%s", p.cmd.Wait(), p.tail())
	case <-time.After(patience):
		p.t.Fatalf("the server does not listen\n%s", p.tail())
	}
	return nil
}

// tail returns the last lines of the log.
func (p *process) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, "\n")
}

// kill is kill -9. It may be called again.
func (p *process) kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	p.cmd.Process.Kill()
	<-p.drained
	p.cmd.Wait()
}

// stop asks a server to shut down, and waits until it has.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	<-p.drained
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("after SIGTERM: %v\n%s", err, p.tail())
	}
}

// client returns an HTTP client that sends every request to this process, whatever its address.
func (p *process) client() *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, p.address)
	}}
	p.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// guard verifies tokens with the keys that this process publishes.
func (p *process) guard() *resourceserver.Guard {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	guard, err := resourceserver.New(ctx, installedURL, resourceserver.Options{HTTPClient: p.client()})
	if err != nil {
		p.t.Fatal(err)
	}
	return guard
}

// person returns Ann, whose browser talks to this process.
func (p *process) person(t testing.TB) *person {
	ann := newPerson(t, installedURL)
	ann.client.Transport = p.client().Transport
	return ann
}

// exchanged is a response of the token endpoint.
type exchanged struct {
	Status      int    `json:"-"`
	AccessToken string `json:"access_token"`
	Error       string `json:"error"`
}

// redeem redeems a code that request asked for. An error means that there was no response.
func redeem(ctx context.Context, client *http.Client, app registered, code string) (exchanged, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, installedURL+"/o/token/", strings.NewReader(exchange(app, code).Encode()))
	if err != nil {
		return exchanged{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(r)
	if err != nil {
		return exchanged{}, err
	}
	defer response.Body.Close()
	answer := exchanged{Status: response.StatusCode}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return exchanged{}, fmt.Errorf("%s: %w", response.Status, err)
	}
	return answer, nil
}
