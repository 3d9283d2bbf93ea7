package route

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// Values of headers that are the same in every answer. They are set under names in their canonical form, because Header.Set looks for
// that form and makes a slice each time. Nobody changes a value in place, and Header.Add makes another slice.
var (
	nosniff       = []string{"nosniff"}
	httpsForAYear = []string{"max-age=31536000"}
	noReferrer    = []string{"no-referrer"}
	typeJSON      = []string{"application/json"}

	NoStore = []string{"no-store"}
	NoCache = []string{"no-cache"} // of Pragma, and of answers that caches have to ask for each time
)

// NoReferrer keeps the browser from telling the next server where it was.
func NoReferrer(header http.Header) { header["Referrer-Policy"] = noReferrer }

// WriteJSON answers with JSON that no cache keeps (RFC 6749 §5.1).
func WriteJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own structs can be written
	}
	header := w.Header()
	header["Content-Type"], header["Cache-Control"], header["Pragma"] = typeJSON, NoStore, NoCache
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body)
}

// UnavailableWait is how long a client is asked to wait before it tries again when the database cannot answer.
const UnavailableWait = 2 * time.Second

// WriteError answers with an error response of RFC 6749 §5.2.
func WriteError(w http.ResponseWriter, status int, code oauth.Code, description string) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", RetryAfter(UnavailableWait))
	}
	WriteJSON(w, status, struct {
		Error       oauth.Code `json:"error"`
		Description string     `json:"error_description,omitempty"`
	}{code, description})
}

// SeeOther redirects with a GET whatever the method was, so that no form travels on (RFC 9110 §15.4.4), and byte for byte: the target
// may be a redirect URI.
func SeeOther(w http.ResponseWriter, target string) {
	header := w.Header()
	header["Location"], header["Cache-Control"] = []string{target}, NoStore
	w.WriteHeader(http.StatusSeeOther)
}

// RetryAfter is a wait in whole seconds, rounded up (RFC 9110 §10.2.3).
func RetryAfter(wait time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))
}
