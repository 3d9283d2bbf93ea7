package resourceserver_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/go-jose/go-jose/v4"
)

func (i *issuer) tokenOf(kid string) string {
	return i.token(signedBy(kid, jose.ES256, i.keys[kid]))
}

func TestUnknownKeyIsFetched(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	call(guard, nil, "/", "Bearer "+i.token())
	i.publish("k1", "k2")
	i.advance(time.Minute)
	if response := call(guard, nil, "/", "Bearer "+i.tokenOf("k2")); response.Code != http.StatusOK {
		t.Errorf("a new key: got %d %s, want 200", response.Code, response.Body)
	}
	if n := i.keyFetches(); n != 2 {
		t.Errorf("got %d fetches, want 2", n)
	}
}

func TestUnknownKeysCannotFloodTheIssuer(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	call(guard, nil, "/", "Bearer "+i.token())
	own := newKey()
	storm := func() {
		var group sync.WaitGroup
		for n := range 50 {
			raw := i.token(signedBy(fmt.Sprint("x", n), jose.ES256, own))
			group.Go(func() {
				if response := call(guard, nil, "/", "Bearer "+raw); response.Code != http.StatusUnauthorized {
					t.Errorf("got %d, want 401", response.Code)
				}
			})
		}
		group.Wait()
	}
	storm()
	if n := i.keyFetches(); n != 1 {
		t.Errorf("within the interval: got %d fetches, want the first only", n)
	}
	i.advance(30 * time.Second)
	storm()
	if n := i.keyFetches(); n != 2 {
		t.Errorf("after the interval: got %d fetches, want 2", n)
	}
}

func TestManyFirstRequestsFetchOnce(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	raw := i.token()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if response := call(guard, nil, "/", "Bearer "+raw); response.Code != http.StatusOK {
				t.Errorf("got %d, want 200", response.Code)
			}
		})
	}
	group.Wait()
	if n := i.keyFetches(); n != 1 {
		t.Errorf("got %d fetches, want 1", n)
	}
}

func TestKeysCannotBeHad(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	i.set(func() { i.down = true })
	response := call(guard, nil, "/", "Bearer "+i.token())
	if response.Code != http.StatusServiceUnavailable || response.Header().Get("Retry-After") != "1" {
		t.Errorf("got %d with Retry-After %q, want 503 with 1", response.Code, response.Header().Get("Retry-After"))
	}
	if response := call(guard, nil, "/"); response.Code != http.StatusUnauthorized {
		t.Errorf("without a token: got %d, want 401 all the same", response.Code)
	}
	i.set(func() { i.down = false })
	i.advance(time.Second)
	if response := call(guard, nil, "/", "Bearer "+i.token()); response.Code != http.StatusOK {
		t.Errorf("when the issuer is back: got %d, want 200", response.Code)
	}
}

func TestKnownKeysOutliveAnOutage(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	call(guard, nil, "/", "Bearer "+i.token())
	i.set(func() { i.down = true })
	for _, step := range []struct {
		wait   time.Duration
		status int
	}{{time.Minute, 200}, {time.Hour, 200}, {22 * time.Hour, 200}, {time.Hour, 503}} {
		i.advance(step.wait)
		if response := call(guard, nil, "/", "Bearer "+i.token()); response.Code != step.status {
			t.Errorf("%v later: got %d, want %d", step.wait, response.Code, step.status)
		}
	}
}

// A key that is withdrawn, perhaps because it was stolen, ends what it signed: tokens that were seen before, too. So does a key that
// is published for another algorithm.
func TestWithdrawnKeyEndsItsTokens(t *testing.T) {
	for name, withdraw := range map[string]func(*issuer){
		"withdrawn": func(i *issuer) { i.publish("k2") },
		"for another algorithm": func(i *issuer) {
			i.publish("k2")
			i.set(func() {
				i.others = []jose.JSONWebKey{{Key: i.keys["k1"].Public(), KeyID: "k1", Algorithm: "ES384", Use: "sig"}}
			})
		},
	} {
		i := newIssuer(t)
		guard := i.guard(t, nil)
		i.publish("k1", "k2")
		seen := i.token()
		call(guard, nil, "/", "Bearer "+seen)
		withdraw(i)
		i.advance(10 * time.Minute)
		// The keys are old: this request starts a fetch and uses the known ones.
		if response := call(guard, nil, "/", "Bearer "+seen); response.Code != http.StatusOK {
			t.Fatalf("%s: got %d, want 200 while the keys are fetched in the background", name, response.Code)
		}
		// An unknown key waits for the fetch under way.
		call(guard, nil, "/", "Bearer "+i.token(signedBy("unknown", jose.ES256, newKey())))
		if response := call(guard, nil, "/", "Bearer "+seen); response.Code != http.StatusUnauthorized {
			t.Errorf("%s: a token that was seen before: got %d, want 401", name, response.Code)
		}
		if response := call(guard, nil, "/", "Bearer "+i.tokenOf("k2")); response.Code != http.StatusOK {
			t.Errorf("%s: a token of the key that stays: got %d, want 200", name, response.Code)
		}
	}
}

func TestMetadataOfAnotherIssuer(t *testing.T) {
	i := newIssuer(t)
	for name, change := range map[string]func(){
		"another issuer":            func() { i.claims = "https://other.example" },
		"a slash more":              func() { i.claims = i.URL + "/" },
		"keys from elsewhere":       func() { i.jwksURI = "http://keys.example/jwks" },
		"keys from a file":          func() { i.jwksURI = "file:///etc/keys" },
		"keys that are not there":   func() { i.jwksURI = i.URL + "/nothing" },
		"keys that are no key set":  func() { i.jwksURI = i.URL + "/.well-known/oauth-authorization-server" },
		"no keys in the metadata":   func() { i.jwksURI = "?" },
		"no keys that sign anymore": func() { i.names = nil },
	} {
		t.Run(name, func(t *testing.T) {
			i.set(func() { i.claims, i.jwksURI, i.names = "", "", []string{"k1"}; change() })
			guard := i.guard(t, func(o *resourceserver.Options) { o.HTTPClient = &http.Client{Transport: everywhere{i}} })
			if response := call(guard, nil, "/", "Bearer "+i.token()); response.Code != http.StatusServiceUnavailable {
				t.Errorf("got %d, want 503", response.Code)
			}
		})
	}
}

func TestMetadataOfAnIssuerWithAPath(t *testing.T) {
	var asked string
	client := &http.Client{Transport: transport(func(r *http.Request) { asked = r.URL.String() })}
	guard, err := resourceserver.New(t.Context(), "https://id.example/tenant/", resourceserver.Options{HTTPClient: client, Now: newIssuer(t).now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	call(guard, nil, "/", "Bearer "+newIssuer(t).token())
	if want := "https://id.example/.well-known/oauth-authorization-server/tenant"; asked != want { // RFC 8414 §3.1
		t.Errorf("got %s, want %s", asked, want)
	}
}

// everywhere sends every request to the issuer, so that a URL is refused for what it is and not because nobody answers.
type everywhere struct{ *issuer }

func (e everywhere) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", e.Listener.Addr().String()
	return e.Client().Transport.RoundTrip(r)
}

type transport func(*http.Request)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return nil, http.ErrServerClosed
}
