package route

import (
	"net/http"
	"strings"
)

// unasked reports whether no person made a request: the browser makes it in advance (prefetch and prerender), an image, a frame of a plug-in
// or a script of some page fetches it, or a program wants the headers only. An answer to such a request is for nobody to see, so it must not
// act either. Proxies forward these headers, so programs may send them too.
func unasked(r *http.Request) bool {
	if r.Method == http.MethodHead || r.Header.Get("Sec-Purpose") != "" {
		return true
	}
	for _, name := range []string{"Purpose", "X-Purpose", "X-Moz"} { // browsers of before Sec-Purpose
		if value := strings.ToLower(r.Header.Get(name)); strings.Contains(value, "prefetch") || strings.Contains(value, "preview") {
			return true
		}
	}
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "", "document", "iframe", "frame": // silent authorization (prompt=none) is in a hidden frame
		return false
	}
	return true
}

// declining answers requests that no person made: HEAD with 200 and no headers that depend on anything, others with decline.
func declining(h, decline Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		switch {
		case !unasked(r):
			return h(w, r)
		case r.Method == http.MethodHead:
			w.Header()["Cache-Control"] = NoStore
			w.WriteHeader(http.StatusOK)
			return nil
		}
		return decline(w, r)
	}
}
