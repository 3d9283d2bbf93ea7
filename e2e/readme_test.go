package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// readmePort matches the ports in the README. The tests use free ports instead.
var readmePort = regexp.MustCompile(`localhost:(\d+)`)

// freePorts returns n loopback ports that nothing listens on.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "localhost:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // kept open until all are found
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	return ports
}

// readReadme returns the README with free ports.
func readReadme(t *testing.T) document {
	t.Helper()
	d := readDocument(t, "README.md", "server", "protect")
	ports := map[string]string{}
	server := d.blocks["server"]
	for _, m := range readmePort.FindAllStringSubmatch(server.text, -1) {
		ports[m[1]] = ""
	}
	free := freePorts(t, len(ports))
	for port := range ports {
		ports[port], free = free[0], free[1:]
	}
	if len(ports) < 2 {
		t.Fatalf("the README's server has only the ports %v", ports)
	}
	server.text = readmePort.ReplaceAllStringFunc(server.text, func(address string) string {
		return "localhost:" + ports[strings.TrimPrefix(address, "localhost:")]
	})
	d.blocks["server"] = server
	return d
}

// setting returns the value of an environment variable or flag in the block.
func (b block) setting(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(regexp.QuoteMeta(name) + `[= ](\S+)`).FindStringSubmatch(b.text)
	if m == nil {
		t.Fatalf("the block does not set %s:\n%s", name, b.text)
	}
	return m[1]
}

// buffer collects what a program prints while it runs.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// startReadme runs the README's block until its server serves, and returns what its commands printed. The server ends with the test.
func startReadme(t *testing.T, sh shell, script string) string {
	t.Helper()
	if err := os.Mkdir(filepath.Join(sh.dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary(t), filepath.Join(sh.dir, "bin", "gatehouse")); err != nil {
		t.Fatal(err)
	}
	if strings.Count(script, "make build\n") != 1 {
		t.Fatalf("the README does not build:\n%s", script)
	}
	script = strings.Replace(script, "make build\n", "", 1) // the binary exists already
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	cmd := sh.command(ctx, []string{"bash", "-euc", script})
	var stdout buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	lines := bufio.NewReader(io.TeeReader(stderr, &log))
	serving := false
	for !serving {
		line, err := lines.ReadString('\n')
		serving = strings.Contains(line, `"msg":"serving"`)
		if err != nil {
			break
		}
	}
	drained := make(chan struct{})
	go func() { defer close(drained); io.Copy(io.Discard, lines) }()
	t.Cleanup(func() { stop(); <-drained; cmd.Wait() })
	if !serving {
		t.Fatalf("the README's commands do not end in a server:\n%s%s", stdout.String(), log.String())
	}
	return stdout.String()
}

func TestReadmeLeadsToATokenByTheGuide(t *testing.T) {
	readme, guide := readReadme(t), readGuide(t)
	sh := newShell(t)
	server := readme.blocks["server"]
	issuer, redirectURI := server.setting(t, "GATEHOUSE_PUBLIC_URL"), server.setting(t, "--redirect-uri")
	id, secret := credentials(t, startReadme(t, sh, server.text))

	p := sh.pkce(guide, "python")
	target := strings.Replace(authorizationURL(t, guide, issuer, id, p), "https://app.example/callback/", redirectURI, 1)
	answer := newPerson(t, issuer).connect(target)
	if !strings.HasPrefix(answer.String(), redirectURI+"?code=") {
		t.Fatalf("the browser came back to %s", answer)
	}
	output := sh.bash(guide.filled("exchange", issuer, issuer), "CLIENT_ID="+id, "CLIENT_SECRET="+secret,
		"REDIRECT_URI="+redirectURI, "CODE="+parameter(answer, "code"), "CODE_VERIFIER="+p.verifier)
	token := checkExchange(t, guide, output)

	// The API is protected as the README says.
	guard, err := resourceserver.New(t.Context(), issuer, resourceserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(guard.Require("chatbot:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(resourceserver.FromContext(r.Context()).Team)
	})))
	defer api.Close()
	if got := sh.bash(guide.filled("call", issuer, api.URL), "ACCESS_TOKEN="+token); strings.TrimSpace(got) != `"acme"` {
		t.Errorf("the call answers %s, want the team", got)
	}
}

func TestReadmeGoCompiles(t *testing.T) {
	source := fmt.Sprintf(`package main

import (
	"context"
	"log"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

func list(http.ResponseWriter, string) {}

func main() {
	ctx, mux := context.Background(), http.NewServeMux()
	%s
}
`, readDocument(t, "README.md", "server", "protect").blocks["protect"].text)
	sh := newShell(t)
	file := filepath.Join(sh.dir, "protect.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	sh.dir = "." // inside the module
	sh.run([]string{"go", "vet", file})
}
