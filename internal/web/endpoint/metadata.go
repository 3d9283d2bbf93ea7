package endpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// Values of headers that are the same in every answer: see route.NoStore.
var (
	forFiveMinutes = []string{"public, max-age=300"}
	typeJSON       = []string{"application/json"}
	typeJWT        = []string{"application/jwt"}
	varyOrigin     = []string{"Origin"}
	anyOrigin      = []string{"*"}
)

// document is an answer that is the same for everybody, with the header values that depend on it.
type document struct {
	body         []byte
	etag, length []string
}

func newDocument(body []byte, etag string) document {
	return document{body, []string{etag}, []string{strconv.Itoa(len(body))}}
}

// once makes a JSON document at the first request; the metadata depend on the configuration alone.
func once(content func() any) func() document {
	return sync.OnceValue(func() document {
		body, err := json.Marshal(content())
		if err != nil {
			panic(err) // our own structs can be written
		}
		sum := sha256.Sum256(body)
		return newDocument(body, `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	})
}

// Metadata is the authorization server's metadata (RFC 8414 §3).
func (s *Server) Metadata(w http.ResponseWriter, r *http.Request) error {
	serveJSON(w, r, s.metadata())
	return nil
}

// OpenIDConfiguration is the OpenID Provider's metadata (OpenID Connect Discovery §4).
func (s *Server) OpenIDConfiguration(w http.ResponseWriter, r *http.Request) error {
	serveJSON(w, r, s.openID())
	return nil
}

// JWKS is the keys that verify our tokens (RFC 7517 §5).
func (s *Server) JWKS(w http.ResponseWriter, r *http.Request) error {
	serveJSON(w, r, newDocument(s.Keys.JWKS()))
	return nil
}

// EndedTokens is the signed list of grants and families that ended before their tokens expired. Resource servers poll it.
func (s *Server) EndedTokens(w http.ResponseWriter, r *http.Request) error {
	body, etag, err := s.Authz.EndedList(r.Context())
	if err != nil {
		return err
	}
	// A cache on the way would add its age to the list's, which resource servers do not see, so it has to ask each time.
	serve(w, r, newDocument(body, etag), typeJWT, route.NoCache)
	return nil
}

// serveJSON lets caches keep the answer for five minutes, which is less than a new key is published before it signs.
func serveJSON(w http.ResponseWriter, r *http.Request, d document) {
	serve(w, r, d, typeJSON, forFiveMinutes)
}

// serve answers with a document.
func serve(w http.ResponseWriter, r *http.Request, d document, contentType, caching []string) {
	header := w.Header()
	header["Content-Type"], header["Cache-Control"], header["Etag"] = contentType, caching, d.etag
	if r.Method != http.MethodGet || conditional(r.Header) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.body))
		return
	}
	header["Content-Length"] = d.length
	w.Write(d.body)
}

// conditional reports whether a request is conditional or for a range (RFC 9110 §13, §14). Few are.
func conditional(header http.Header) bool {
	return header["If-None-Match"] != nil || header["If-Match"] != nil || header["Range"] != nil
}
