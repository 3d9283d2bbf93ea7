package api

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"net/http"
	"strings"
)

// swagger is swagger-ui-dist 5.35.0 from npm with its licence, unchanged but compressed. To update it, unpack the new version and
// run gzip -9n on swagger-ui.css and swagger-ui-bundle.js.
//
//go:embed swagger
var swagger embed.FS

// swaggerFile returns one of the files, possibly compressed.
func swaggerFile(name string) ([]byte, error) {
	if content, err := swagger.ReadFile("swagger/" + name + ".gz"); err == nil {
		return content, nil
	}
	return swagger.ReadFile("swagger/" + name)
}

func compressed(content []byte) bool { return bytes.HasPrefix(content, []byte{0x1f, 0x8b}) }

// encoded returns a compressed file: unchanged if the client accepts gzip, otherwise decompressed.
func encoded(w http.ResponseWriter, r *http.Request, content []byte) []byte {
	w.Header().Add("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		return content
	}
	etag := w.Header().Get("ETag")
	w.Header().Set("ETag", strings.TrimSuffix(etag, `"`)+`-plain"`)
	reader, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		panic(err) // the file is embedded, and a test reads it
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		panic(err)
	}
	return plain
}
