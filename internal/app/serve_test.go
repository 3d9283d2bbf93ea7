package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds every wait of a test; none comes near it.
const patience = 20 * time.Second

// running is an App that serves.
type running struct {
	public, ops string // host:port
	stop        context.CancelFunc
	done        chan error // what Serve returned
}

func start(t *testing.T, a *App) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{stop: stop, done: make(chan error, 1)}
	ready := make(chan struct{})
	var once sync.Once
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.done <- a.Serve(ctx, func(public, ops string) {
			r.public, r.ops = public, ops
			once.Do(func() { close(ready) })
		})
	}()
	t.Cleanup(func() { // nothing of the server may outlive its test: it would log into the next one
		stop()
		<-ended
	})
	select {
	case <-ready:
	case err := <-r.done:
		t.Fatalf("Serve: %v", err)
	}
	return r
}

func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(patience):
		t.Fatal("Serve does not return")
		return nil
	}
}

// get is one request on a connection of its own.
func get(t *testing.T, url string) (int, string, error) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func TestServeAnswersAndEndsCleanly(t *testing.T) {
	a := open(t, testConfig(t), Deps{})
	before := goleak.IgnoreCurrent()
	r := start(t, a)
	for _, tt := range []struct {
		url    string
		status int
		body   string
	}{
		{"http://" + r.public + "/login/", 200, "<form"},
		{"http://" + r.public + "/.well-known/oauth-authorization-server", 200, `"issuer":"http://localhost:8000"`},
		{"http://" + r.ops + "/healthz", 200, "ok"},
		{"http://" + r.ops + "/readyz", 200, "ok"},
		{"http://" + r.ops + "/metrics", 200, `gatehouse_store_statements_total{statement="commit"}`},
		{"http://" + r.ops + "/metrics", 200, "go_goroutines"},
		// Operations and the public stay apart.
		{"http://" + r.public + "/healthz", 404, ""},
		{"http://" + r.public + "/readyz", 404, ""},
		{"http://" + r.public + "/metrics", 404, ""},
		{"http://" + r.public + "/debug/pprof/", 404, ""},
		{"http://" + r.ops + "/login/", 404, ""},
		{"http://" + r.ops + "/debug/pprof/", 404, ""},
	} {
		status, body, err := get(t, tt.url)
		if err != nil || status != tt.status || !strings.Contains(body, tt.body) {
			t.Errorf("%s: got %d, %v, want %d with %q", tt.url, status, err, tt.status, tt.body)
		}
	}
	r.stop()
	if err := r.wait(t); err != nil {
		t.Errorf("Serve: %v", err)
	}
	goleak.VerifyNone(t, before)
}

func TestProfilesOnlyWhenAskedFor(t *testing.T) {
	cfg := testConfig(t)
	cfg.OpsPprof = true
	r := start(t, open(t, cfg, Deps{}))
	status, body, err := get(t, "http://"+r.ops+"/debug/pprof/")
	if err != nil || status != 200 || !strings.Contains(body, "goroutine") {
		t.Errorf("got %d, %v", status, err)
	}
	if status, _, _ := get(t, "http://"+r.public+"/debug/pprof/"); status != 404 {
		t.Errorf("public: got %d", status)
	}
}

func TestOperationsCanBeOff(t *testing.T) {
	cfg := testConfig(t)
	cfg.OpsListen = "off"
	r := start(t, open(t, cfg, Deps{}))
	if r.ops != "" {
		t.Errorf("listening on %s", r.ops)
	}
	if status, _, err := get(t, "http://"+r.public+"/login/"); status != 200 {
		t.Errorf("got %d, %v", status, err)
	}
	r.stop()
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
}

func TestReadinessFollowsTheDatabase(t *testing.T) {
	a := open(t, testConfig(t), Deps{})
	r := start(t, a)
	a.Store.Close()
	if status, _, err := get(t, "http://"+r.ops+"/readyz"); status != 503 {
		t.Errorf("readyz without a database: got %d, %v", status, err)
	}
	if status, _, err := get(t, "http://"+r.ops+"/healthz"); status != 200 {
		t.Errorf("healthz without a database: got %d, %v", status, err)
	}
}

// blocking is an API whose request waits until it is released, or until its context ends.
type blocking struct{ started, release chan struct{} }

func newBlocking() blocking { return blocking{make(chan struct{}, 1), make(chan struct{})} }

func (b blocking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.started <- struct{}{}
	select {
	case <-b.release:
		io.WriteString(w, "finished")
	case <-r.Context().Done():
	}
}

func TestShutdownFinishesWhatBeganAndRefusesWhatIsNew(t *testing.T) {
	api := newBlocking()
	a := open(t, testConfig(t), Deps{})
	a.API = api
	r := start(t, a)
	answer := make(chan string, 1)
	go func() {
		status, body, err := get(t, "http://"+r.public+"/api/slow")
		answer <- fmt.Sprint(status, " ", body, " ", err)
	}()
	<-api.started
	r.stop()

	deadline := time.Now().Add(patience)
	for ready := 0; ready != 503; {
		var err error
		if ready, _, err = get(t, "http://"+r.ops+"/readyz"); err != nil || time.Now().After(deadline) {
			t.Fatalf("readyz does not turn: %d, %v", ready, err)
		}
	}
	for {
		conn, err := net.Dial("tcp", r.public)
		if errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		if err == nil {
			conn.Close()
		}
		if time.Now().After(deadline) {
			t.Fatalf("new connections are accepted while shutting down (%v)", err)
		}
	}
	select {
	case got := <-answer:
		t.Fatalf("answered before the handler was done: %s", got)
	case err := <-r.done:
		t.Fatalf("Serve returned with a request in flight: %v", err)
	default:
	}
	close(api.release)
	if got := <-answer; got != "200 finished <nil>" {
		t.Errorf("request in flight: got %s", got)
	}
	if err := r.wait(t); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestShutdownDelayKeepsAnsweringWhileNotReady(t *testing.T) {
	cfg := testConfig(t)
	cfg.ShutdownDelay = 7 * time.Second
	a := open(t, cfg, Deps{})
	delayed, over := make(chan time.Duration), make(chan struct{})
	a.sleep = func(d time.Duration) { delayed <- d; <-over }
	r := start(t, a)
	r.stop()
	if d := <-delayed; d != 7*time.Second {
		t.Errorf("delay of %v", d)
	}
	if status, _, err := get(t, "http://"+r.ops+"/readyz"); status != 503 {
		t.Errorf("readyz during the delay: got %d, %v", status, err)
	}
	if status, _, err := get(t, "http://"+r.public+"/login/"); status != 200 {
		t.Errorf("a request during the delay: got %d, %v", status, err)
	}
	close(over)
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
}

func TestShutdownIsBounded(t *testing.T) {
	cfg := testConfig(t)
	cfg.ShutdownTimeout = time.Millisecond
	api := newBlocking()
	a := open(t, cfg, Deps{})
	a.API = api
	r := start(t, a)
	answer := make(chan error, 1)
	go func() {
		_, _, err := get(t, "http://"+r.public+"/api/endless")
		answer <- err
	}()
	<-api.started
	r.stop()
	if err := r.wait(t); err == nil || !strings.Contains(err.Error(), "shutdown_timeout") {
		t.Errorf("Serve: got %v", err)
	}
	if err := <-answer; err == nil {
		t.Error("the endless request was answered")
	}
}

func TestPortInUseSaysWhichSettingToChange(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, setting := range []string{"listen", "ops_listen"} {
		cfg := testConfig(t)
		if setting == "listen" {
			cfg.Listen = taken.Addr().String()
		} else {
			cfg.OpsListen = taken.Addr().String()
		}
		err := open(t, cfg, Deps{}).Serve(t.Context(), nil)
		want := fmt.Sprintf("listening on %s already; end it, or change %s", taken.Addr(), setting)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v", setting, err)
		}
	}
}

func TestServerBoundsAreThoseThatAreDocumented(t *testing.T) {
	s := open(t, testConfig(t), Deps{}).server(http.NotFoundHandler())
	if s.ReadHeaderTimeout != 10*time.Second || s.ReadTimeout != 30*time.Second || s.WriteTimeout == 0 || s.IdleTimeout == 0 {
		t.Errorf("header %v, read %v, write %v, idle %v", s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout)
	}
}

func TestSlowClientsAreCutOff(t *testing.T) {
	a := open(t, testConfig(t), Deps{})
	a.timeouts.header, a.timeouts.read = 20*time.Millisecond, 40*time.Millisecond
	r := start(t, a)
	for name, sent := range map[string]string{
		"silent":          "",
		"headers cut off": "GET /login/ HTTP/1.1\r\nHost: x\r\n",
		"body cut off":    "POST /o/token/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type=",
	} {
		conn, err := net.Dial("tcp", r.public)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, sent)
		conn.SetReadDeadline(time.Now().Add(patience))
		if answer, err := io.ReadAll(conn); err != nil || strings.Contains(string(answer), " 200 ") {
			t.Errorf("%s: got %q, %v; want the connection closed", name, answer, err)
		}
	}
}

func TestHeadersOver32KiBAreRefused(t *testing.T) {
	r := start(t, open(t, testConfig(t), Deps{}))
	for _, tt := range []struct{ bytes, status int }{{30 << 10, 200}, {33 << 10, 431}} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+r.public+"/login/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Padding", strings.Repeat("x", tt.bytes))
		resp, err := http.DefaultTransport.(*http.Transport).Clone().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.status {
			t.Errorf("%d bytes: got %d, want %d", tt.bytes, resp.StatusCode, tt.status)
		}
	}
}
