package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// visit opens an application's page, follows it to the server and back, and returns the page where the browser stops.
func (p *person) visit(response *http.Response) *http.Response {
	p.t.Helper()
	for range 20 {
		target, err := response.Location()
		if err != nil {
			return response
		}
		if strings.HasPrefix(target.String(), p.base+"/") {
			target = p.connect(target.String())
		}
		response = p.send(http.MethodGet, target.String(), nil)
	}
	p.t.Fatal("the redirects do not come to an end")
	return nil
}

// open visits an address.
func (p *person) open(address string) *http.Response {
	p.t.Helper()
	return p.visit(p.send(http.MethodGet, address, nil))
}

// read decodes the JSON of an application's page.
func (p *person) read(page *http.Response) (got visited) {
	p.t.Helper()
	text, err := io.ReadAll(page.Body)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil || page.StatusCode != http.StatusOK {
		p.t.Fatalf("%s answers %s: %v\n%.2000s", page.Request.URL.Path, page.Status, err, text)
	}
	return got
}

// freeAddress is a free address on loopback for a program that cannot be given a listener. Its port is below those that the kernel gives to
// others meanwhile (ip_local_port_range).
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(20000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// serve runs a program that listens at an address, until the test ends, and waits until it listens.
func (h *house) serve(address string, cmd *exec.Cmd) {
	h.t.Helper()
	cmd.Stdout, cmd.Stderr = h.t.Output(), h.t.Output()
	// SIGTERM, because Apache takes its children with it only then.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	h.ok(cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	h.t.Cleanup(func() { <-ended })
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		select {
		case <-ended:
			h.t.Fatalf("%s has ended: %s. If it lacks something, run scripts/setup.", cmd.Path, cmd.ProcessState)
		case <-time.After(10 * time.Millisecond):
		}
	}
	h.t.Fatalf("%s does not listen", cmd.Path)
}

// environment is what a program needs to know to be this client at this address.
func (h *house) environment(client registered, base string) []string {
	return append(os.Environ(), "ISSUER="+h.url, "API="+h.url, "CLIENT_ID="+client.id, "CLIENT_SECRET="+client.secret, "BASE="+base,
		"DATABASE="+filepath.Join(h.t.TempDir(), "application.db"), "NO_PROXY=127.0.0.1")
}

// application runs a program as an application. Its second argument is the file that it runs, or names where its source is.
func (h *house) application(client registered, base string, argv ...string) {
	h.t.Helper()
	h.ok(watch(filepath.Dir(argv[1])))
	cmd := exec.CommandContext(h.t.Context(), argv[0], argv[1:]...)
	cmd.Env = h.environment(client, base)
	h.serve(strings.TrimPrefix(base, "http://"), cmd)
}

// buildStrangers builds the applications in Go, which are a module of their own so that ours does not depend on what they need.
var buildStrangers = sync.OnceValue(func() error {
	err := watch("strangers")
	if err != nil {
		return err
	}
	if strangersDir, err = os.MkdirTemp("", "gatehouse-strangers-"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	// As in scripts/setup, which has built them once already.
	cmd := exec.CommandContext(ctx, "go", "build", "-o", strangersDir+"/", "github.com/oauth2-proxy/oauth2-proxy/v7", "./zitadel", "./cap")
	cmd.Dir = "strangers"
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the strangers in Go: %w\n%s", err, text)
	}
	return nil
})

// strangersDir is where they were built, empty until a test asked for one.
var strangersDir string

// goStranger is the path of one of the applications in Go.
func (h *house) goStranger(name string) string {
	h.t.Helper()
	h.ok(buildStrangers())
	return filepath.Join(strangersDir, name)
}

// unaware is an application that knows nothing of OAuth. The proxy before it says in headers who is there, and it repeats that as JSON.
func (h *house) unaware(subject, email, accessToken string) string {
	h.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := visited{AccessToken: r.Header.Get(accessToken)}
		got.User.Sub, got.User.Email = r.Header.Get(subject), r.Header.Get(email)
		if got.AccessToken != "" {
			h.call("/api/me/", got.AccessToken, &got.Me)
		}
		json.NewEncoder(w).Encode(got)
	}))
	h.t.Cleanup(server.Close)
	return server.URL
}

// oauth2Proxy is oauth2-proxy before an application. It lets in only people whose e-mail address is verified.
func (h *house) oauth2Proxy(client registered, base string) {
	h.t.Helper()
	host := strings.TrimPrefix(base, "http://")
	h.serve(host, exec.CommandContext(h.t.Context(), h.goStranger("oauth2-proxy"),
		"--provider=oidc", "--oidc-issuer-url="+h.url, "--client-id="+client.id, "--client-secret="+client.secret, "--redirect-url="+base+"/oauth2/callback",
		"--scope=openid profile email chatbot:read", "--code-challenge-method=S256",
		"--http-address="+host, "--upstream="+h.unaware("X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Access-Token"), "--pass-access-token",
		"--email-domain=*", "--cookie-secret=sixteen bytes 16", "--cookie-secure=false", // plain HTTP, on loopback
	))
}

// django is a Django site with python-social-auth. It runs on Debian's Python, even if another one is first in the path.
func (h *house) django(client registered, base string) {
	h.t.Helper()
	h.application(client, base, "/usr/bin/python3", "python/social.py")
}

// apache is Apache with mod_auth_openidc before an application.
func (h *house) apache(client registered, base string) {
	h.t.Helper()
	h.ok(watch("apache"))
	dir := h.t.TempDir()
	text, err := os.ReadFile("apache/httpd.conf")
	h.ok(err)
	host := strings.TrimPrefix(base, "http://")
	config := strings.NewReplacer(
		"DIRECTORY", dir, "MODULES", "/usr/lib/apache2/modules", "HOST", host, "ISSUER", h.url, "CLIENT_ID", client.id, "CLIENT_SECRET", client.secret,
		"APPLICATION", h.unaware("OIDC_CLAIM_sub", "OIDC_CLAIM_email", "OIDC_access_token"),
	).Replace(string(text))
	h.ok(os.WriteFile(filepath.Join(dir, "httpd.conf"), []byte(config), 0o600))
	h.serve(host, exec.CommandContext(h.t.Context(), "/usr/sbin/apache2", "-d", dir, "-f", "httpd.conf", "-DFOREGROUND"))
}

// connectMany registers applications, which Ann connects to a team.
func (h *house) connectMany(slug string, count int) []client.Client {
	h.t.Helper()
	ann, err := h.Store.UserByEmail(h.t.Context(), annEmail)
	h.ok(err)
	in, err := h.Team.TeamBySlug(h.t.Context(), team.CommandLine, slug)
	h.ok(err)
	var clients []client.Client
	for i := range count {
		c, _, err := h.Registry.AddClient(h.t.Context(), team.CommandLine, client.Registration{
			Name: fmt.Sprintf("Reports, number %d", i+1), Owner: "Reports and Sons Ltd", RedirectURIs: []string{"https://reports.example/cb"},
		})
		h.ok(err)
		_, err = h.Store.SaveGrant(h.t.Context(), authz.Grant{
			ID: authz.GrantID(c.ID), User: ann.ID, Client: c.ID, Team: in.ID, Scope: oauth.Scope{"chatbot:read", "session:read", "session:write"}, CreatedAt: time.Now(), UpdatedAt: time.Now(),
		}, false)
		h.ok(err)
		clients = append(clients, c)
	}
	return clients
}
