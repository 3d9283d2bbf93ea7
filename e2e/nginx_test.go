package e2e_test

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// nginx serves the files of a directory to callers with a token. It introspects each token as a registered resource server.
func (h *house) nginx() *http.Client {
	h.t.Helper()
	h.ok(watch("nginx"))
	dir := h.t.TempDir()
	modules, err := filepath.Glob("/usr/lib/nginx/modules/ngx_http_js_module.so")
	h.ok(err)
	if len(modules) == 0 {
		h.t.Fatal("nginx has no JavaScript module here; run scripts/setup")
	}
	scripts, err := filepath.Abs("nginx")
	h.ok(err)
	api := h.registerAs(client.Registration{ResourceServer: h.url})
	text, err := os.ReadFile("nginx/nginx.conf")
	h.ok(err)
	config := strings.NewReplacer(
		"DIRECTORY", dir, "MODULES", filepath.Dir(modules[0]), "SCRIPTS", scripts, "ISSUER", h.url,
		"CREDENTIALS", base64.StdEncoding.EncodeToString([]byte(api.id+":"+api.secret)),
	).Replace(string(text))
	h.ok(os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600))
	h.ok(os.Mkdir(filepath.Join(dir, "files"), 0o755))
	h.ok(os.WriteFile(filepath.Join(dir, "files", "report.txt"), []byte("all is well\n"), 0o644))

	cmd := exec.CommandContext(h.t.Context(), "/usr/sbin/nginx", "-p", dir, "-c", "nginx.conf", "-e", "stderr")
	cmd.Stderr = h.t.Output()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	h.ok(cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	h.t.Cleanup(func() { <-ended })
	socket := filepath.Join(dir, "nginx.sock")
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if response, err := client.Get("http://files.example/"); err == nil {
			response.Body.Close()
			return client
		}
		select {
		case <-ended:
			h.t.Fatal("nginx has ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
	h.t.Fatal("nginx does not answer")
	return nil
}

// A program without OAuth is protected by a proxy that only knows introspection.
func TestNginxAsksAboutEachToken(t *testing.T) {
	h := newHouse(t)
	web := h.nginx()
	get := func(token string) (int, string, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://files.example/report.txt", nil)
		h.ok(err)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := web.Do(r)
		h.ok(err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		h.ok(err)
		return response.StatusCode, string(body), response.Header.Get("X-Team")
	}
	client := h.registerAs(client.Registration{})
	token, other := h.token(client, "chatbot:read"), h.token(client, "session:read")
	for _, tt := range []struct {
		name, token string
		status      int
	}{
		{"none", "", 401},
		{"made up", "abc", 401},
		{"altered", token.AccessToken + "x", 401},
		{"another scope", other.AccessToken, 403},
		{"the refresh token", token.RefreshToken, 401},
		{"good", token.AccessToken, 200},
	} {
		status, body, team := get(tt.token)
		if status != tt.status || (status == 200) != (body == "all is well\n") || (status == 200) != (team == "acme") {
			t.Errorf("%s: got %d %q for the team %q, want %d", tt.name, status, body, team, tt.status)
		}
	}
	h.ok(h.Team.RemoveMember(t.Context(), team.CommandLine, "acme", annEmail))
	if status, _, _ := get(token.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("after Ann has left the team: got %d, want 401 at once", status)
	}
}
