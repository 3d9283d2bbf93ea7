package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// crossOrigin lets pages of every origin call an operation. That is safe here: the API knows no cookies, and a page can send
// only a token that it has. Without these headers, an application that runs in a browser could not read the answers, not even
// the challenge that tells it what is wrong.
func crossOrigin(m methods) http.Handler {
	allowed := strings.Join(slices.Sorted(maps.Keys(m)), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Access-Control-Expose-Headers", "DPoP-Nonce, Retry-After, WWW-Authenticate")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			header.Set("Access-Control-Allow-Methods", allowed)
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP") // Authorization is not in "*"
			header.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		m.ServeHTTP(w, r)
	})
}
