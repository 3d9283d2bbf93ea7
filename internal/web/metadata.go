package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// document is JSON that is the same for everybody.
type document struct {
	body []byte
	etag string
}

// metadataOnce makes the metadata at the first request; it depends on the configuration alone.
func (s *server) metadataOnce() func() document {
	return sync.OnceValue(func() document {
		body, err := json.Marshal(s.Authz.Metadata())
		if err != nil {
			panic(err) // our own struct can be written
		}
		sum := sha256.Sum256(body)
		return document{body, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	})
}

// serveMetadata is the authorization server's metadata (RFC 8414 §3).
func (s *server) serveMetadata(w http.ResponseWriter, r *http.Request) error {
	serveDocument(w, r, s.metadata())
	return nil
}

// serveJWKS is the keys that verify our tokens (RFC 7517 §5).
func (s *server) serveJWKS(w http.ResponseWriter, r *http.Request) error {
	body, etag := s.Keys.JWKS()
	serveDocument(w, r, document{body, etag})
	return nil
}

// serveDocument answers programs and pages of any origin, and lets caches keep the answer for as long as a new key is published before it signs, and less.
func serveDocument(w http.ResponseWriter, r *http.Request, d document) {
	header := w.Header()
	openToAll(header)
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "public, max-age=300")
	header.Set("ETag", d.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.body))
}
