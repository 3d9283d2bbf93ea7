package webtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// Pushed authorization requests (RFC 9126) and resource indicators (RFC 8707).

// Pushed is a form for the PAR endpoint: an authorization request of a client that authenticates in the body.
func Pushed(client App, changes ...string) url.Values {
	form := Parameters(client, changes...)
	if client.Secret != "" && !form.Has("client_secret") {
		form.Set("client_secret", client.Secret)
	}
	return form
}

// WantRequestURI is the answer to a pushed request.
func (a *Answer) WantRequestURI() string {
	a.Helper()
	a.WantStatus(http.StatusCreated)
	var got struct {
		RequestURI string `json:"request_uri"`
		ExpiresIn  int64  `json:"expires_in"`
	}
	a.OK(json.Unmarshal([]byte(a.Body), &got))
	if !strings.HasPrefix(got.RequestURI, "urn:ietf:params:oauth:request_uri:") || got.ExpiresIn != 90 {
		a.Errorf("the answer is %s", a.Body)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json" {
		a.Errorf("headers are %v", a.Header)
	}
	return got.RequestURI
}

func (h *House) Push(client App, changes ...string) *Answer {
	h.Helper()
	return h.Program().Post("/o/par/", Pushed(client, changes...))
}

// AuthorizePushed goes to the authorization endpoint with a request_uri.
func (b *Browser) AuthorizePushed(client App, requestURI string, more ...string) *Answer {
	b.Helper()
	return b.Get("/o/authorize/?" + Pairs(append([]string{"client_id", string(client.ID), "request_uri", requestURI}, more...)...).Encode())
}
