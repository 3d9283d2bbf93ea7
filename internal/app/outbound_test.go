package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	"code.dny.dev/ssrf"
)

// listening is a server on this machine, as another one inside the house would be.
func listening(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func TestOutboundRequestsKeepAwayFromInternalAddresses(t *testing.T) {
	cfg := DefaultConfig()
	cfg.PublicURL = "https://auth.example.com"
	client := outbound(cfg)
	reached := false
	server := listening(t, func(http.ResponseWriter, *http.Request) { reached = true })
	port := portOf(t, server.URL)
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254",
		"100.64.0.1", "[fe80::1]", "[fd00::1]", "[::]", "[64:ff9b::7f00:1]",
	} {
		_, err := client.Get("http://" + host + ":" + port + "/")
		if !errors.Is(err, ssrf.ErrProhibitedIP) {
			t.Errorf("%s: %v, want it to be prohibited", host, err)
		}
	}
	if reached {
		t.Error("the server on this machine was reached")
	}
}

func portOf(t *testing.T, s string) string {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func TestOutboundRequestsReachWhatIsAllowed(t *testing.T) {
	server := listening(t, func(http.ResponseWriter, *http.Request) {})
	local := DefaultConfig() // its public URL is on this machine
	named := DefaultConfig()
	named.PublicURL, named.InternalNetworks = "https://auth.example.com", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, cfg := range map[string]Config{"public_url on this machine": local, "insecure_internal_networks": named} {
		resp, err := outbound(cfg).Get(server.URL)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		resp.Body.Close()
	}
	// One network is not all.
	if _, err := outbound(named).Get("http://10.0.0.1/"); !errors.Is(err, ssrf.ErrProhibitedIP) {
		t.Errorf("another network: %v", err)
	}
}

func TestOutboundRequestsFollowNoRedirect(t *testing.T) {
	followed := false
	server := listening(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			followed = true
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	resp, err := outbound(DefaultConfig()).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if followed || resp.StatusCode != http.StatusFound {
		t.Errorf("got %d, followed %v", resp.StatusCode, followed)
	}
}

// A proxy would resolve the name anew, out of sight of the check.
func TestOutboundRequestsUseNoProxy(t *testing.T) {
	if transport := outbound(DefaultConfig()).Transport.(*http.Transport); transport.Proxy != nil {
		t.Error("there is a proxy")
	}
}
