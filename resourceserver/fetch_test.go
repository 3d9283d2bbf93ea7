package resourceserver_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/go-jose/go-jose/v4"
)

// cutSignature is a JWT up to its last dot, and its signature.
func cutSignature(raw string) (head string, signature []byte) {
	at := strings.LastIndex(raw, ".") + 1
	signature, err := base64.RawURLEncoding.DecodeString(raw[at:])
	if err != nil {
		panic(err)
	}
	return raw[:at], signature
}

func encode(parts ...[]byte) string {
	return base64.RawURLEncoding.EncodeToString(slices.Concat(parts...))
}

// elsewhere is a server that has none of an issuer's documents itself: answer makes something of the issuer's own answer.
func elsewhere(t *testing.T, i *issuer, answer func(w http.ResponseWriter, r *http.Request, document string)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response, err := i.Client().Get(i.URL + r.URL.Path)
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		document, err := io.ReadAll(response.Body)
		if err != nil {
			t.Error(err)
		}
		answer(w, r, string(document))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// documents are what is fetched of an issuer, each with the way to have it fetched from another server.
func documents(i *issuer) map[string]func(o *resourceserver.Options, server string) {
	return map[string]func(o *resourceserver.Options, server string){
		"metadata": func(o *resourceserver.Options, server string) {
			o.MetadataURL = server + "/.well-known/oauth-authorization-server"
		},
		"keys":  func(_ *resourceserver.Options, server string) { i.jwksURI = server + "/jwks" },
		"ended": func(_ *resourceserver.Options, server string) { i.endedURI = server + "/ended" },
	}
}

// Where a document is, is what was checked: a redirect could lead to plain http, and to addresses inside the network.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for name := range documents(nil) {
		for what, want := range map[string]int{"as it is": http.StatusOK, "redirected": http.StatusServiceUnavailable} {
			t.Run(name+" "+what, func(t *testing.T) {
				i := newEndingIssuer(t)
				server := elsewhere(t, i, func(w http.ResponseWriter, r *http.Request, document string) {
					if want == http.StatusOK {
						io.WriteString(w, document)
						return
					}
					http.Redirect(w, r, i.URL+r.URL.Path, http.StatusFound)
				})
				guard := i.guard(t, func(o *resourceserver.Options) {
					o.HTTPClient = nil // the default one
					documents(i)[name](o, server)
				})
				wantStatus(t, guard, i.token(), want)
			})
		}
	}
}

// A document that never ends must not fill the memory.
func TestDocumentsAreBounded(t *testing.T) {
	for name, most := range map[string]int{"metadata": 1 << 20, "keys": 1 << 20, "ended": 32 << 20} {
		for what, want := range map[int]int{0: http.StatusOK, 1: http.StatusServiceUnavailable} {
			i := newEndingIssuer(t)
			size := most + what
			if name == "ended" && what == 0 {
				size /= 8 // a slow machine could not read the largest list within the time for one fetch
			}
			server := elsewhere(t, i, func(w http.ResponseWriter, _ *http.Request, document string) {
				document = strings.TrimSpace(document)
				io.WriteString(w, strings.Repeat(" ", size-len(document))+document)
			})
			guard := i.guard(t, func(o *resourceserver.Options) { documents(i)[name](o, server) })
			if response := call(guard, nil, "/", "Bearer "+i.token()); response.Code != want {
				t.Errorf("%s of %d bytes: got %d %s, want %d", name, size, response.Code, response.Body, want)
			}
		}
	}
}

// deadlines notes how long each fetch may take at most.
type deadlines struct {
	http.RoundTripper
	left map[string]time.Duration
}

func (d deadlines) RoundTrip(r *http.Request) (*http.Response, error) {
	if at, ok := r.Context().Deadline(); ok {
		d.left[r.URL.Path] = time.Until(at)
	}
	return d.RoundTripper.RoundTrip(r)
}

func TestFetchesHaveADeadline(t *testing.T) {
	i := newEndingIssuer(t)
	seen := deadlines{i.Client().Transport, map[string]time.Duration{}}
	guard := i.guard(t, func(o *resourceserver.Options) {
		o.HTTPClient, o.RevocationBound = &http.Client{Transport: seen}, 3*time.Second
	})
	wantStatus(t, guard, i.token(), http.StatusOK)
	for path, most := range map[string]time.Duration{"/.well-known/oauth-authorization-server": 10 * time.Second, "/jwks": 10 * time.Second, "/ended": 3 * time.Second} {
		if left, ok := seen.left[path]; !ok || left > most {
			t.Errorf("%s: got a deadline %v ahead, want one, at most %v ahead", path, left, most)
		}
	}
}

// A key is for what it says: one that is published for encryption must not verify, and one without a name is found by no token.
func TestKeysThatAreForSomethingElse(t *testing.T) {
	other := newKey()
	for name, tt := range map[string]struct {
		key  jose.JSONWebKey
		want int
	}{
		"for signatures":        {jose.JSONWebKey{Key: other.Public(), KeyID: "other", Use: "sig"}, http.StatusOK},
		"for what is not said":  {jose.JSONWebKey{Key: other.Public(), KeyID: "other"}, http.StatusOK},
		"for encryption":        {jose.JSONWebKey{Key: other.Public(), KeyID: "other", Use: "enc"}, http.StatusUnauthorized},
		"for something unknown": {jose.JSONWebKey{Key: other.Public(), KeyID: "other", Use: "SIG"}, http.StatusUnauthorized},
		"a private key":         {jose.JSONWebKey{Key: other, KeyID: "other"}, http.StatusUnauthorized},
		"under another name":    {jose.JSONWebKey{Key: other.Public(), KeyID: "others"}, http.StatusUnauthorized},
	} {
		i := newIssuer(t)
		i.set(func() { i.others = []jose.JSONWebKey{tt.key} })
		if response := call(i.guard(t, nil), nil, "/", "Bearer "+i.token(signedBy("other", jose.ES256, other))); response.Code != tt.want {
			t.Errorf("%s: got %d, want %d", name, response.Code, tt.want)
		}
	}
	i := newIssuer(t)
	i.set(func() { i.others = []jose.JSONWebKey{{Key: other.Public()}} })
	refused(t, i, "/", "Bearer "+i.token(signedBy("", jose.ES256, other)))
}
