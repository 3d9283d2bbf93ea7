package authz_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// BenchmarkAuthorize is an authorization request whose consent is remembered: one Begin.
func BenchmarkAuthorize(b *testing.B) {
	w := onSQLite(b)
	w.connect(w.app, w.red)
	browser, p := w.browser(w.session(w.ada)), params(w.app, "team", "red")
	b.ReportAllocs()
	for b.Loop() {
		n, err := w.server.Begin(w.ctx(), p, browser)
		w.ok(err)
		if n.Step != authz.Answer {
			b.Fatalf("next is %v, want Answer", n.Step)
		}
	}
}

// BenchmarkExchange is a code exchanged for a token, the durable commit included.
func BenchmarkExchange(b *testing.B) {
	w := onSQLite(b)
	w.connect(w.app, w.red)
	session, p := w.session(w.ada), params(w.app, "team", "red")
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		r, err := oauth.ParseTokenRequest("", oauth.NewParams(form(w.app, w.next(w.begin(p), session).Response.Code)))
		w.ok(err)
		b.StartTimer()
		_, err = w.server.Exchange(w.ctx(), r)
		w.ok(err)
	}
}

// BenchmarkRefresh is a refresh token used, the durable commit included. However many there are, the connection stays one row.
func BenchmarkRefresh(b *testing.B) {
	w := onSQLite(b)
	refreshToken := w.mustConnect(w.app, w.red).RefreshToken
	b.ReportAllocs()
	for b.Loop() {
		refreshToken = w.mustRefresh(w.app, refreshToken).RefreshToken
	}
	b.ReportMetric(float64(w.count("SELECT COUNT(*) FROM gh_families")), "rows")
}

// BenchmarkRefreshRetry is the same refresh token within the grace: nothing is written.
func BenchmarkRefreshRetry(b *testing.B) {
	w := onSQLite(b)
	refreshToken := w.mustConnect(w.app, w.red).RefreshToken
	w.mustRefresh(w.app, refreshToken)
	b.ReportAllocs()
	for b.Loop() {
		w.mustRefresh(w.app, refreshToken)
	}
}

// BenchmarkRefreshParallel is many connections refreshed at once: their commits are gathered.
func BenchmarkRefreshParallel(b *testing.B) {
	w := onSQLite(b)
	b.SetParallelism(32)
	b.ReportAllocs()
	tokens := make(chan string, 512)
	for range cap(tokens) {
		tokens <- w.mustConnect(w.app, w.red).RefreshToken
	}
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			got, err := w.refresh(w.app, <-tokens)
			if err != nil {
				b.Error(err)
				return
			}
			tokens <- got.RefreshToken
		}
	})
}

// BenchmarkIntrospect is a resource server asking about a live access token: authentication, one lookup, no write.
func BenchmarkIntrospect(b *testing.B) {
	w := onSQLite(b)
	api, accessToken := w.resourceServer(issuer), w.mustConnect(w.app, w.red).AccessToken
	b.ReportAllocs()
	for b.Loop() {
		if !w.introspect(api, accessToken).Active {
			b.Fatal("the token is not active")
		}
	}
}

// BenchmarkClientCredentials is a machine token, its record and the durable commit of that included.
func BenchmarkClientCredentials(b *testing.B) {
	w := onSQLite(b)
	machine := w.machine()
	b.ReportAllocs()
	for b.Loop() {
		w.mustMachineToken(machine)
	}
}

// BenchmarkEndedList is the list that resource servers poll, with a thousand endings, made anew each time.
func BenchmarkEndedList(b *testing.B) {
	w := onSQLite(b)
	for range 1000 {
		w.ok(w.server.Revoke(w.ctx(), w.app.asks(w.mustConnect(w.app, w.red).RefreshToken)))
	}
	b.ReportAllocs()
	for b.Loop() {
		w.clock.Advance(time.Second)
		if _, _, err := w.server.EndedList(w.ctx()); err != nil {
			b.Fatal(err)
		}
	}
}
