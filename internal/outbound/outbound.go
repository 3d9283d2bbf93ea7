// Package outbound is the one HTTP client for URLs that others chose, such as an application's jwks_uri or
// backchannel_logout_uri. It does not let them lead to internal addresses, and it bounds what an answer can cost.
//
// It is a leaf, and does not know what the answers mean.
package outbound

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"code.dny.dev/ssrf"
)

// timeout bounds a whole request.
const timeout = 10 * time.Second

// Options are the settings of a Client.
type Options struct {
	InternalNetworks []netip.Prefix // internal networks that URLs may lead to
	ThisMachine      bool           // URLs may lead to this machine
}

// Client makes requests to URLs that others chose.
type Client struct{ http *http.Client }

// New is a Client.
//
// The address is checked when the socket connects, after DNS resolution, so DNS rebinding cannot get past it. For the same
// reason there is no proxy, which would resolve the name again, and no redirect is followed.
func New(opts Options) *Client {
	allowed := slices.Clone(opts.InternalNetworks)
	if opts.ThisMachine {
		allowed = append(allowed, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	var v4, v6 []netip.Prefix
	for _, prefix := range allowed {
		if prefix.Addr().Is4() {
			v4 = append(v4, prefix)
		} else {
			v6 = append(v6, prefix)
		}
	}
	guard := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	dialer := &net.Dialer{Timeout: timeout / 2, Control: guard.Safe}
	return &Client{&http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    timeout / 2,
			MaxResponseHeaderBytes: 32 << 10,
			MaxConnsPerHost:        4,
			MaxIdleConns:           20,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Get is the body at uri. An answer other than 200, or longer than most bytes, is an error.
func (c *Client) Get(ctx context.Context, uri, accept string, most int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d", uri, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > most {
		return nil, fmt.Errorf("%s answered more than %d bytes", uri, most)
	}
	return body, nil
}

// StatusError is an answer with another status than the one that means success.
type StatusError struct {
	Host string
	Code int
}

func (e *StatusError) Error() string { return fmt.Sprintf("%s answered %d", e.Host, e.Code) }

// PostForm posts a form to uri. An answer other than 200 or 204 is an error.
func (c *Client) PostForm(ctx context.Context, uri string, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		return &StatusError{req.URL.Host, resp.StatusCode}
	}
	return nil
}

// HTTP is a client for libraries that make requests of their own, with the same limits. Reading more than most bytes of an answer is an error.
func (c *Client) HTTP(most int64) *http.Client {
	bounded := *c.http
	bounded.Transport = boundedTransport{c.http.Transport, most}
	return &bounded
}

type boundedTransport struct {
	next http.RoundTripper
	most int64
}

func (t boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, req.URL.Host, t.most}
	}
	return resp, err
}

// boundedBody fails after so many bytes. It does not end there as if the answer were complete.
type boundedBody struct {
	io.ReadCloser
	host string
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("the answer of %s is too long", b.host)
	}
	return n, err
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }
