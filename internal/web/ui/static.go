package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var staticFiles embed.FS

// staticFile is a file under a name that changes with its content, so that a browser may keep it for good.
type staticFile struct {
	path        string // "/static/style.0123456789abcdef.css"
	contentType string
	content     []byte
}

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
	".js":  "text/javascript; charset=utf-8",
}

// statics are the embedded files by their plain name.
var statics = loadStatics()

func loadStatics() map[string]staticFile {
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err)
	}
	files := make(map[string]staticFile, len(entries))
	for _, entry := range entries {
		content, err := staticFiles.ReadFile("static/" + entry.Name())
		if err != nil {
			panic(err)
		}
		ext := path.Ext(entry.Name())
		contentType, ok := contentTypes[ext]
		if !ok {
			panic("static/" + entry.Name() + ": no content type for " + ext)
		}
		sum := sha256.Sum256(content)
		files[entry.Name()] = staticFile{
			path:        "/static/" + strings.TrimSuffix(entry.Name(), ext) + "." + hex.EncodeToString(sum[:8]) + ext,
			contentType: contentType,
			content:     content,
		}
	}
	return files
}

// Asset is the path of a static file. It panics for an unknown name, which only a template can ask for; the tests render them all.
func Asset(name string) string {
	file, ok := statics[name]
	if !ok {
		panic("no static file " + name)
	}
	return file.path
}

// Static serves the files under /static/. It wants the whole path, without a prefix stripped.
func Static() http.Handler {
	byPath := make(map[string]staticFile, len(statics))
	for _, file := range statics {
		byPath[file.path] = file
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, ok := byPath[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		header := w.Header()
		header.Set("Content-Type", file.contentType)
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
		header.Set("X-Content-Type-Options", "nosniff")
		// An SVG that is opened by itself is a document; it has nothing to run or load.
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.content))
	})
}
