package authz_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// BenchmarkAuthorize is an authorization request whose consent is remembered: Begin and Next.
func BenchmarkAuthorize(b *testing.B) {
	w := onSQLite(b)
	w.connect(w.app, w.red)
	session, p := w.session(w.ada), params(w.app, "team", "red")
	b.ReportAllocs()
	for b.Loop() {
		if n := w.next(w.begin(p), session); n.Step != authz.Answer {
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
