package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/web"
)

// benchHouse is a house on SQLite whose log is thrown away, with its handler and the cookie of somebody who has connected Insight.
func benchHouse(b *testing.B) (*house, http.Handler, string) {
	h := newHouse(b, storetest.SQLiteURL(b))
	browser := h.signedIn(ben)
	browser.connect(h.insight, h.atlas)
	parts := h.parts
	parts.Log = slog.New(slog.DiscardHandler)
	return h, web.New(parts), "gatehouse_session=" + browser.sessionOf()
}

// authorizeOnce is an authorization request with remembered consent, and its code.
func authorizeOnce(b *testing.B, handler http.Handler, target, cookie string) string {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Cookie", cookie)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	location := w.Header().Get("Location")
	_, rest, ok := strings.Cut(location, "?code=")
	if w.Code != http.StatusSeeOther || !ok {
		b.Fatalf("status %d to %q", w.Code, location)
	}
	code, _, _ := strings.Cut(rest, "&")
	return code
}

// BenchmarkAuthorize is a request with remembered consent: nothing is asked and nothing written.
func BenchmarkAuthorize(b *testing.B) {
	h, handler, cookie := benchHouse(b)
	target := "/o/authorize/?" + parameters(h.insight).Encode()
	b.ReportAllocs()
	for b.Loop() {
		authorizeOnce(b, handler, target, cookie)
	}
}

// BenchmarkToken is the exchange of a code: one insert, one commit, one signature.
func BenchmarkToken(b *testing.B) {
	h, handler, cookie := benchHouse(b)
	target := "/o/authorize/?" + parameters(h.insight).Encode()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		code, err := url.QueryUnescape(authorizeOnce(b, handler, target, cookie))
		h.ok(err)
		r := httptest.NewRequest(http.MethodPost, "/o/token/", strings.NewReader(tokenRequest(h.insight, code).Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		b.StartTimer()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("status %d: %s", w.Code, w.Body)
		}
	}
}
