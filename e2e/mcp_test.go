package e2e_test

import (
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/client"
)

// mcpServer is a server of the Model Context Protocol that takes our tokens, and a client that may ask tokens for it.
func (h *house) mcpServer(reg client.Registration) (server string, client registered) {
	h.t.Helper()
	server = "http://" + freeAddress(h.t)
	reg.Resources = []string{server}
	client = h.registerAs(reg)
	h.application(client, server, "node", "node/mcp_server.mjs")
	return server, client
}

// The SDK is refused by the MCP server, finds us, and connects, renews and calls by itself.
func TestMCPTransportConnects(t *testing.T) {
	house := newHouse(t)
	for name, tt := range map[string]struct {
		sdk    string
		public bool
		slash  string // what it adds to the resource that the server's metadata name
	}{
		"public":       {"@modelcontextprotocol/sdk", true, ""},
		"confidential": {"@modelcontextprotocol/sdk", false, ""},
		"of 2025":      {"mcp-sdk-2025", true, "/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := house.in(t)
			server, client := h.mcpServer(client.Registration{Public: tt.public})
			var got struct {
				outcome
				Later    me
				Resource string
				Rotated  int
			}
			program{"node", "node/mcp_call.mjs"}.talk(h, client, h.person().connect, &got, "SDK="+tt.sdk, "MCP_SERVER="+server+"/mcp")
			if got.Error != "" || got.Resource != server+tt.slash {
				t.Fatalf("asked for the resource %q and got %s: %s; want %q and a token", got.Resource, got.Error, got.Description, server+tt.slash)
			}
			for _, called := range []me{got.Me, got.Later} {
				if called.Team != "acme" || called.ClientID != client.id || !slices.Contains(called.Scopes, "chatbot:read") {
					t.Errorf("the tool was called by %+v, want acme and the client %s", called, client.id)
				}
			}
			if got.Rotated != 2 {
				t.Errorf("got %d refresh tokens, want 2", got.Rotated)
			}
		})
	}
}

// mcp-remote is between a host that only knows programs on its own machine, and a server far away.
func TestMCPRemoteConnects(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	server, client := h.mcpServer(client.Registration{Public: true, RedirectURIs: []string{"http://localhost/oauth/callback"}})
	_, port, err := net.SplitHostPort(freeAddress(t))
	h.ok(err)
	var got struct {
		Me       me
		Page     int
		Resource string
	}
	program{"node", "node/mcp_remote.mjs"}.talk(h, client, h.person().connect, &got, "MCP_SERVER="+server+"/mcp", "PORT="+port, "DIRECTORY="+t.TempDir())
	if got.Me.Team != "acme" || got.Me.ClientID != client.id || !slices.Contains(got.Me.Scopes, "chatbot:read") || got.Page != http.StatusOK {
		t.Errorf("the tool was called by %+v for the resource %q, and the last page answers %d; want acme, the client %s and 200", got.Me, got.Resource, got.Page, client.id)
	}
}
