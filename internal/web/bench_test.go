package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
	"github.com/prometheus/client_golang/prometheus"
)

// bench is a house on SQLite as it ships: its log is written, and thrown away only then, and its metrics are on. Requests and answers are made of what is
// there already, so that what is counted is the server's.
type bench struct {
	*testing.B
	h       *webtest.House
	browser *webtest.Browser
	handler http.Handler
	answer  sink
}

// sink is the answer to one request after the other.
type sink struct {
	header http.Header
	status int
	body   []byte
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(p []byte) (int, error) { s.body = append(s.body, p...); return len(p), nil }

func newBench(b *testing.B) *bench {
	h := webtest.NewHouse(b, storetest.SQLiteURL(b))
	browser := h.SignedIn(webtest.Ben)
	parts := h.Parts
	parts.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	parts.Metrics = prometheus.NewRegistry()
	return &bench{B: b, h: h, browser: browser, handler: web.New(parts), answer: sink{header: http.Header{}}}
}

// send has a request answered.
func (b *bench) send(method, target, body string, header http.Header, status int) {
	address, err := url.Parse(target)
	if err != nil {
		b.Fatal(err)
	}
	r := &http.Request{
		Method: method, URL: address, Host: address.Host, RemoteAddr: "192.0.2.1:4711", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: http.NoBody,
	}
	if body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	clear(b.answer.header)
	b.answer.status, b.answer.body = http.StatusOK, b.answer.body[:0]
	b.handler.ServeHTTP(&b.answer, r.WithContext(b.Context()))
	if b.answer.status != status {
		b.Fatalf("%s %s: status %d: %s", method, target, b.answer.status, b.answer.body)
	}
}

// get measures a GET.
func (b *bench) get(target string, header http.Header, status int) {
	b.ReportAllocs()
	for b.Loop() {
		b.send(http.MethodGet, target, "", header, status)
	}
}

// post measures a form that a client sends.
func (b *bench) post(target string, client webtest.App, form url.Values) {
	body, header := form.Encode(), asBasic(client)
	b.ReportAllocs()
	for b.Loop() {
		b.send(http.MethodPost, target, body, header, http.StatusOK)
	}
}

// asBasic is the header of a form from a client that authenticates by client_secret_basic.
func asBasic(client webtest.App) http.Header {
	return http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": {webtest.Basic(string(client.ID), client.Secret)}}
}

// BenchmarkAuthorize is a request with remembered consent: nothing is asked and nothing written.
func BenchmarkAuthorize(b *testing.B) {
	t := newBench(b)
	t.browser.Connect(t.h.Insight, t.h.Atlas)
	t.get("/o/authorize/?"+webtest.Parameters(t.h.Insight).Encode(), http.Header{"Cookie": {browser.CookieName(t.h.Parts.Issuer, browser.SessionCookie) + "=" + t.browser.SessionOf()}}, http.StatusSeeOther)
}

// BenchmarkToken is the exchange of a code: one insert, one commit, one signature.
func BenchmarkToken(b *testing.B) {
	t := newBench(b)
	t.browser.Connect(t.h.Insight, t.h.Atlas)
	target, cookie := "/o/authorize/?"+webtest.Parameters(t.h.Insight).Encode(), http.Header{"Cookie": {browser.CookieName(t.h.Parts.Issuer, browser.SessionCookie) + "=" + t.browser.SessionOf()}}
	header := asBasic(t.h.Insight)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		t.send(http.MethodGet, target, "", cookie, http.StatusSeeOther)
		location, err := url.Parse(t.answer.header.Get("Location"))
		t.h.OK(err)
		form := webtest.TokenRequest(t.h.Insight, location.Query().Get("code"))
		body := webtest.Without(form, "client_id", "client_secret").Encode()
		b.StartTimer()
		t.send(http.MethodPost, "/o/token/", body, header, http.StatusOK)
	}
}

// BenchmarkRefresh is one use of a refresh token within the grace: a lookup and a signature, and nothing written.
func BenchmarkRefresh(b *testing.B) {
	t := newBench(b)
	got := t.browser.Connection(t.h.Insight, t.h.Atlas)
	t.post("/o/token/", t.h.Insight, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.RefreshToken}})
}

// BenchmarkClientCredentials is a token for a machine.
func BenchmarkClientCredentials(b *testing.B) {
	t := newBench(b)
	t.post("/o/token/", t.h.NewMachine(), url.Values{"grant_type": {"client_credentials"}})
}

// BenchmarkIntrospect is an application that asks about its token again and again.
func BenchmarkIntrospect(b *testing.B) {
	t := newBench(b)
	got := t.browser.Connection(t.h.Insight, t.h.Atlas)
	t.post("/o/introspect/", t.h.Insight, url.Values{"token": {got.AccessToken}})
	if !strings.Contains(string(t.answer.body), `"active":true`) {
		b.Errorf("got %s", t.answer.body)
	}
}

func BenchmarkUserInfo(b *testing.B) {
	t := newBench(b)
	got := t.browser.Connection(t.h.Insight, t.h.Atlas, "scope", "openid profile email")
	t.get("/o/userinfo/", http.Header{"Authorization": {"Bearer " + got.AccessToken}}, http.StatusOK)
}

func BenchmarkJWKS(b *testing.B) {
	newBench(b).get("/.well-known/jwks.json", http.Header{}, http.StatusOK)
}

func BenchmarkDiscovery(b *testing.B) {
	newBench(b).get("/.well-known/openid-configuration", http.Header{}, http.StatusOK)
}
