package e2e_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// logged is a server whose log goes to a pipe of the test.
type logged struct {
	t       *testing.T
	cmd     *exec.Cmd
	pipe    *os.File // the end that reads the log
	log     *bufio.Reader
	address string
	ops     string
	ended   chan error
}

// startLogged starts a server and reads its log until it serves, and no further.
func startLogged(t *testing.T) *logged {
	t.Helper()
	in := install(t, "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), masterKey)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := &logged{t: t, cmd: exec.Command(in.path, "serve"), pipe: read, log: bufio.NewReader(read), ended: make(chan error, 1)}
	l.cmd.Env, l.cmd.SysProcAttr, l.cmd.Stderr = append(in.env, "GATEHOUSE_OPS_LISTEN=localhost:0"), dieWithTest(), write
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	go func() { l.ended <- l.cmd.Wait() }()
	t.Cleanup(func() {
		l.cmd.Process.Kill()
		read.Close()
	})
	var last []byte
	for {
		text, err := l.log.ReadBytes('\n')
		if err != nil {
			t.Fatalf("the server ended: %v, %v; the last line was %s", err, <-l.ended, last)
		}
		last = text
		var line struct {
			Msg    string
			Listen string
			Ops    string `json:"ops_listen"`
		}
		if json.Unmarshal(text, &line) == nil && line.Msg == "serving" {
			l.address, l.ops = line.Listen, line.Ops
			return l
		}
	}
}

// get makes a request, whose answer must come.
func (l *logged) get(url string) string {
	l.t.Helper()
	client := &http.Client{Timeout: patience}
	response, err := client.Get(url)
	if err != nil {
		l.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(body)
}

// fill makes requests whose lines fill the pipe and the server's buffer.
func (l *logged) fill() {
	l.t.Helper()
	for range 1000 {
		l.get("http://" + l.address + "/" + strings.Repeat("x", 2000))
	}
}

func (l *logged) dropped() string {
	l.t.Helper()
	found := regexp.MustCompile(`(?m)^gatehouse_log_lines_dropped_total (\S+)$`).FindStringSubmatch(l.get("http://" + l.ops + "/metrics"))
	if found == nil {
		l.t.Fatal("no metric of dropped lines")
	}
	return found[1]
}

// stop ends the server, whose exit status must be 0.
func (l *logged) stop() {
	l.t.Helper()
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		l.t.Fatal(err)
	}
	select {
	case err := <-l.ended:
		if err != nil {
			l.t.Errorf("after SIGTERM: %v", err)
		}
	case <-time.After(patience):
		l.t.Error("the server does not end")
	}
}

// A reader of the log that stalls delays neither an answer nor the end.
func TestStalledLogDelaysNothing(t *testing.T) {
	t.Parallel()
	l := startLogged(t)
	l.fill()
	if n := l.dropped(); n == "0" {
		t.Error("no line was dropped: the test does not test what it says")
	}
	l.stop()
}

// When the reader goes on, the log says how many lines are missing, and is whole up to its end.
func TestLogSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	l := startLogged(t)
	l.fill()
	read := make(chan string, 1)
	go func() {
		rest, _ := io.ReadAll(l.log)
		read <- string(rest)
	}()
	l.get("http://" + l.address + "/")
	l.stop()
	lines := strings.Split(strings.TrimSpace(<-read), "\n")
	requests, missing := 0, 0
	for _, text := range lines {
		var line struct {
			Msg   string
			Lines int
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if line.Msg == "request" {
			requests++
		}
		missing += line.Lines
	}
	if missing == 0 || requests+missing < 1001 {
		t.Errorf("%d requests and %d missing lines were logged, want all 1001 accounted for", requests, missing)
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, `"stopped"`) {
		t.Errorf("the last line is %s", last)
	}
}

// A reader of the log that goes away does not end the server.
func TestServerSurvivesTheEndOfItsLogReader(t *testing.T) {
	t.Parallel()
	l := startLogged(t)
	l.pipe.Close()
	for range 3 {
		l.get("http://" + l.address + "/")
	}
	select {
	case err := <-l.ended:
		t.Fatalf("the server ended: %v", err)
	default:
	}
	l.stop()
}
