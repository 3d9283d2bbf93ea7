package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// document is the same for everybody, and so are the values of the headers that depend on it.
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

// serveMetadata is the authorization server's metadata (RFC 8414 §3).
func (s *server) serveMetadata(w http.ResponseWriter, r *http.Request) error {
	serveJSON(w, r, s.metadata())
	return nil
}

// serveOpenIDConfiguration is the OpenID Provider's metadata (OpenID Connect Discovery §4).
func (s *server) serveOpenIDConfiguration(w http.ResponseWriter, r *http.Request) error {
	serveJSON(w, r, s.openID())
	return nil
}

// serveJWKS is the keys that verify our tokens (RFC 7517 §5).
func (s *server) serveJWKS(w http.ResponseWriter, r *http.Request) error {
	serveJSON(w, r, newDocument(s.Keys.JWKS()))
	return nil
}

// serveEnded is the signed list of what ended before its tokens did, which resource servers poll. A cache may keep it for a moment that does not
// count within the bound that they promise: it only keeps a crowd of them from asking at once.
func (s *server) serveEnded(w http.ResponseWriter, r *http.Request) error {
	body, etag, err := s.Authz.EndedList(r.Context())
	if err != nil {
		return err
	}
	// A cache on the way would add its age to the list's, of which resource servers know nothing: it has to ask each time.
	serve(w, r, newDocument(body, etag), typeJWT, noCache)
	return nil
}

// serveJSON lets caches keep the answer for as long as a new key is published before it signs, and less.
func serveJSON(w http.ResponseWriter, r *http.Request, d document) {
	serve(w, r, d, typeJSON, forFiveMinutes)
}

// serve answers programs and pages of any origin.
func serve(w http.ResponseWriter, r *http.Request, d document, contentType, caching []string) {
	header := w.Header()
	openToAll(header)
	header["Content-Type"], header["Cache-Control"], header["Etag"] = contentType, caching, d.etag
	if r.Method != http.MethodGet || conditional(r.Header) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.body))
		return
	}
	header["Content-Length"] = d.length
	w.Write(d.body)
}

// conditional reports whether a request asks for less than the whole, or on a condition (RFC 9110 §13, §14). Few do.
func conditional(header http.Header) bool {
	return header["If-None-Match"] != nil || header["If-Match"] != nil || header["Range"] != nil
}
