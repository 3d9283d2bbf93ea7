package outbound

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"code.dny.dev/ssrf"
)

// listening is a server on this machine, like another server of the operator's network.
func listening(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, c *Client, uri string) ([]byte, error) {
	t.Helper()
	return c.Get(t.Context(), uri, "*/*", 100)
}

func TestRequestsKeepAwayFromInternalAddresses(t *testing.T) {
	client := New(Options{})
	reached := false
	server := listening(t, func(http.ResponseWriter, *http.Request) { reached = true })
	port := portOf(t, server.URL)
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254",
		"100.64.0.1", "[fe80::1]", "[fd00::1]", "[::]", "[64:ff9b::7f00:1]",
	} {
		uri := "http://" + host + ":" + port + "/"
		if _, err := get(t, client, uri); !errors.Is(err, ssrf.ErrProhibitedIP) {
			t.Errorf("GET %s: %v, want it to be prohibited", host, err)
		}
		if err := client.PostForm(t.Context(), uri, url.Values{}); !errors.Is(err, ssrf.ErrProhibitedIP) {
			t.Errorf("POST %s: %v, want it to be prohibited", host, err)
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

func TestRequestsReachAllowedNetworks(t *testing.T) {
	server := listening(t, func(http.ResponseWriter, *http.Request) {})
	named := Options{InternalNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	for name, opts := range map[string]Options{"this machine": {ThisMachine: true}, "a network": named} {
		if _, err := get(t, New(opts), server.URL); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// To allow one network does not allow the others.
		for _, other := range []string{"http://10.0.0.1/", "http://[fd00::1]/", "http://[fe80::1]/"} {
			if _, err := get(t, New(opts), other); !errors.Is(err, ssrf.ErrProhibitedIP) {
				t.Errorf("%s allows %s: %v", name, other, err)
			}
		}
	}
}

func TestRequestsFollowNoRedirect(t *testing.T) {
	followed := false
	server := listening(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			followed = true
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	client := New(Options{ThisMachine: true})
	_, getErr := get(t, client, server.URL)
	postErr := client.PostForm(t.Context(), server.URL, url.Values{})
	for _, err := range []error{getErr, postErr} {
		if followed || err == nil || !strings.Contains(err.Error(), "answered 302") {
			t.Errorf("got %v, followed %v", err, followed)
		}
	}
}

// A proxy would resolve the name again, where the address cannot be checked.
func TestRequestsUseNoProxy(t *testing.T) {
	if transport := New(Options{}).http.Transport.(*http.Transport); transport.Proxy != nil {
		t.Error("there is a proxy")
	}
}

// A server that sends nothing, or never ends, must not hold a request for ever.
func TestRequestsHaveATimeout(t *testing.T) {
	if got := New(Options{}).http.Timeout; got != timeout {
		t.Errorf("got a timeout of %v, want %v", got, timeout)
	}
}

func TestHeadersOfAnswersAreBounded(t *testing.T) {
	server := listening(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 33<<10))
	})
	if _, err := get(t, New(Options{ThisMachine: true}), server.URL); err == nil {
		t.Error("a header of 33 KiB is read")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	server := listening(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(strings.Repeat("x", len(r.URL.Query().Get("n")))))
	})
	client := New(Options{ThisMachine: true})
	if body, err := get(t, client, server.URL+"?n="+strings.Repeat("x", 100)); err != nil || len(body) != 100 {
		t.Errorf("at the limit: %d bytes, %v", len(body), err)
	}
	if _, err := get(t, client, server.URL+"?n="+strings.Repeat("x", 101)); err == nil || !strings.Contains(err.Error(), "more than 100 bytes") {
		t.Errorf("over the limit: %v", err)
	}
}

func TestOnlySuccessIsSuccess(t *testing.T) {
	client := New(Options{ThisMachine: true})
	for status, want := range map[int][2]bool{200: {true, true}, 204: {false, true}, 202: {}, 400: {}, 503: {}} {
		server := listening(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		_, getErr := get(t, client, server.URL)
		postErr := client.PostForm(t.Context(), server.URL, url.Values{"a": {"b"}})
		if got := [2]bool{getErr == nil, postErr == nil}; got != want {
			t.Errorf("status %d: Get and PostForm succeed: %v, want %v (%v, %v)", status, got, want, getErr, postErr)
		}
	}
}
