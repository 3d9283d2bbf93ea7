package webapp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const (
	maxExchanges = 12
	maxShown     = 16 << 10 // bytes of a body that are shown
)

// exchange is a request and its response, as the page shows them. Secrets are shortened before they are stored.
type exchange struct{ What, Sent, Got string }

// exchanges are the requests of one connection: those that made it, and the latest.
type exchanges struct {
	mu  sync.Mutex
	all []exchange
}

func (e *exchanges) add(x exchange) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, x)
	if len(e.all) > maxExchanges {
		e.all = slices.Delete(e.all, 3, 4) // the first three made the connection, and are kept
	}
}

func (e *exchanges) list() []exchange {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

// client returns an HTTP client that records requests and responses.
func (e *exchanges) client(base *http.Client) *http.Client {
	client := *base
	client.Transport = recorder{client.Transport, e}
	return &client
}

type recorder struct {
	next http.RoundTripper
	log  *exchanges
}

// RoundTrip sends a request, and records request and response with shortened secrets.
func (rec recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	next := rec.next
	if next == nil {
		next = http.DefaultTransport
	}
	x := exchange{What: whatIs(r), Sent: readableRequest(r)}
	response, err := next.RoundTrip(r)
	if err != nil {
		x.Got = "no response"
		rec.log.add(x)
		return nil, err
	}
	x.Got = readableResponse(response)
	rec.log.add(x)
	return response, nil
}

// whatIs describes the purpose of a request.
func whatIs(r *http.Request) string {
	form := formOf(r)
	switch {
	case form.Get("grant_type") == "refresh_token":
		return "The application renewed the tokens with its refresh token"
	case form.Has("grant_type"):
		return "The application exchanged the code for tokens"
	case form.Has("token"):
		return "The application ended the connection"
	}
	return "The application called the API"
}

// formOf returns the form in a request's body, or nil.
func formOf(r *http.Request) url.Values {
	if r.GetBody == nil {
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil
	}
	defer body.Close()
	raw, _ := io.ReadAll(io.LimitReader(body, maxShown))
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil
	}
	return form
}

func readableRequest(r *http.Request) string {
	text := r.Method + " " + readableURL(r.URL.String())
	if authorization := r.Header.Get("Authorization"); authorization != "" {
		scheme, secret, _ := strings.Cut(authorization, " ")
		text += "\nAuthorization: " + scheme + " " + shorten(secret)
	}
	if form := formOf(r); len(form) > 0 {
		text += "\nContent-Type: " + r.Header.Get("Content-Type") + "\n\n" + readableForm(form, "")
	}
	return text
}

// readableResponse reads the body and puts it back.
func readableResponse(r *http.Response) string {
	read, _ := io.ReadAll(io.LimitReader(r.Body, maxShown))
	rest := r.Body
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), rest), rest}

	text := r.Proto + " " + r.Status
	for _, name := range []string{"Content-Type", "Cache-Control", "WWW-Authenticate", "Retry-After"} {
		if value := r.Header.Get(name); value != "" {
			text += "\n" + name + ": " + value
		}
	}
	var indented bytes.Buffer
	if json.Indent(&indented, bytes.TrimSpace(read), "", "  ") != nil {
		return text // not JSON, or cut off: secrets cannot be found reliably, so the body is not shown
	}
	return text + "\n\n" + jsonSecret.ReplaceAllStringFunc(indented.String(), func(member string) string {
		parts := jsonSecret.FindStringSubmatch(member)
		return parts[1] + shorten(parts[2]) + `"`
	})
}

var (
	jsonSecret = regexp.MustCompile(`("(?:access_token|refresh_token|id_token)": ")((?:[^"\\]|\\.)*)"`)
	secrets    = []string{"code", "code_verifier", "client_secret", "access_token", "refresh_token", "token"}
)

// readableURL formats a URL with one parameter per line.
func readableURL(text string) string {
	address, query, found := strings.Cut(text, "?")
	values, err := url.ParseQuery(query)
	if !found || err != nil {
		return address
	}
	return address + "\n" + readableForm(values, "  ")
}

func readableForm(values url.Values, indent string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			if slices.Contains(secrets, name) {
				value = shorten(value)
			}
			lines = append(lines, indent+name+"="+value)
		}
	}
	return strings.Join(lines, "\n")
}

// shorten keeps enough of a secret to tell two apart.
func shorten(secret string) string {
	if len(secret) <= 16 {
		return "…"
	}
	return fmt.Sprintf("%s… (%d characters)", secret[:10], len(secret))
}
