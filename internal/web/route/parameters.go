package route

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

const formType = "application/x-www-form-urlencoded"

// Query is the parameters of the address.
func Query(r *http.Request) (url.Values, error) {
	values, err := decode(r.URL.RawQuery)
	if err != nil {
		return nil, oauth.InvalidRequest.Errorf("the query has a %% that is not followed by two hexadecimal digits")
	}
	return values, nil
}

// Form is the parameters of the body, and of the body only. Its errors say what to send, for the developer who sent JSON.
func Form(r *http.Request) (url.Values, error) {
	if kind := mediaType(r); kind != formType {
		was := "had no Content-Type"
		if kind != "" {
			was = "was " + kind
		}
		return nil, oauth.InvalidRequest.Errorf("send the parameters as a form in the body, with Content-Type: %s; this body %s", formType, was)
	}
	var body bytes.Buffer
	// A declared length is trusted up to the size of ordinary forms; the buffer grows as more arrives.
	body.Grow(int(min(max(r.ContentLength, 0), 4<<10)) + bytes.MinRead)
	if _, err := body.ReadFrom(r.Body); err != nil {
		return nil, unread(err)
	}
	values, err := decode(body.String())
	if err != nil {
		return nil, oauth.InvalidRequest.Errorf("the body is not form-urlencoded: it has a %% that is not followed by two hexadecimal digits")
	}
	return values, nil
}

// mediaType is the Content-Type of a request's body without its parameters; "" when it has none.
func mediaType(r *http.Request) string {
	text := r.Header.Get("Content-Type")
	if text == formType { // as nearly all do
		return formType
	}
	kind, _, err := mime.ParseMediaType(text)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	return kind
}

// NoForm reads the body of a request that has no form, so that its size is checked.
func NoForm(r *http.Request) error {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return unread(err)
	}
	return nil
}

// unread is the error of a body that was too large, too slow, or cut off. It is the client's mistake.
func unread(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	return oauth.InvalidRequest.Because(err, "the body did not arrive whole")
}

// BodyOnly is the form of a request that may carry secrets. They must not be in the address, because addresses are logged (RFC 6749 §2.3.1).
func BodyOnly(r *http.Request) (url.Values, error) {
	if r.URL.RawQuery != "" {
		return nil, oauth.InvalidRequest.Errorf("send the parameters as a form in the body, not in the address")
	}
	return Form(r)
}

// Authorization is the Authorization header of a client, "" without one. Several are refused, because only one would be checked
// (RFC 6749 §2.3: one way in each request).
func Authorization(r *http.Request) (string, error) {
	values := r.Header["Authorization"]
	if len(values) > 1 {
		return "", oauth.InvalidRequest.Errorf("the request has %d Authorization headers; send one", len(values))
	}
	return r.Header.Get("Authorization"), nil
}

// decode reads name=value pairs. A semicolon is data, as it is to browsers; url.ParseQuery would refuse it, and a redirect URI may have one.
func decode(pairs string) (url.Values, error) {
	return url.ParseQuery(strings.ReplaceAll(pairs, ";", "%3B"))
}

// Field is a parameter of a page's address or form: text, and sent once at most. Of two values, one might be shown and the other used.
func Field(values url.Values, name string) (string, error) {
	if n := len(values[name]); n > 1 {
		return "", oauth.InvalidRequest.Errorf("%s was sent %d times; send it once", name, n)
	}
	value := values.Get(name)
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return "", oauth.InvalidRequest.Errorf("%s is not text in UTF-8", name)
	}
	return value, nil
}

// Fields is several fields of a page's form, in the order of their names.
func Fields(r *http.Request, names ...string) ([]string, error) {
	values, err := Form(r)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(names))
	for i, name := range names {
		if texts[i], err = Field(values, name); err != nil {
			return nil, fmt.Errorf("read the form: %w", err)
		}
	}
	return texts, nil
}
