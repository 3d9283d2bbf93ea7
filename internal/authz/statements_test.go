package authz_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/google/go-cmp/cmp"
)

// TestStatementsOfRememberedConsent counts the queries of a flow with remembered consent. The client is cached; one query finds the user and their teams.
func TestStatementsOfRememberedConsent(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.connect(w.app, w.red)
		browser := w.browser(w.session(w.ada))
		var code string
		authorize := w.statements.during(func() {
			n, err := w.server.Begin(w.ctx(), params(w.app, "team", "red"), browser)
			w.ok(err)
			if n.Step != authz.Answer {
				t.Fatalf("next is %v, want Answer", n.Step)
			}
			code = n.Response.Code
		})
		if diff := cmp.Diff(map[string]int{"SignedInUser": 1}, authorize); diff != "" {
			t.Errorf("authorize: it reads once and writes nothing (-want +got):\n%s", diff)
		}
		again := w.statements.during(func() {
			for range 100 { // some within the time for which the cache is trusted
				n, err := w.server.Begin(w.ctx(), params(w.app, "team", "red"), browser)
				w.ok(err)
				if n.Step != authz.Answer {
					t.Fatalf("next is %v, want Answer", n.Step)
				}
			}
		})
		if again["SignedInUser"] > 50 {
			t.Errorf("a user who came 100 times was queried %d times, want them cached", again["SignedInUser"])
		}
		exchange := w.statements.during(func() { w.mustRedeem(w.app, code) })
		delete(exchange, "TrimFamilies") // one redemption in 32 trims, by chance: trim_test.go
		if diff := cmp.Diff(map[string]int{"Redeem": w.statementsOf(2), "audit": 1, "commit": 1}, exchange); diff != "" {
			t.Errorf("token: one look, one insert and its record, one commit (-want +got):\n%s", diff)
		}
	})
}

// TestStrangersCostOnlyTheirTrace: what anyone can send without signing in or authenticating writes nothing but the event of its refusal, and nothing at all for what was never a code or a token of ours.
func TestStrangersCostOnlyTheirTrace(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	asked := w.statements.during(func() {
		w.next(w.begin(params(w.app, "prompt", "login")), nil)
		w.redeem(w.app, code, "client_secret", "gh_cs_wrong", "code_verifier", otherVerifier)
		w.redeem(w.public, code)
		w.redeem(w.app, "gh_ac_garbage")
		w.redeem(app{Client: client.Client{ID: "nobody"}}, code)
		w.refresh(w.public, "gh_rt_garbage")
	})
	if diff := cmp.Diff(map[string]int{"audit": 3, "commit": 3}, asked); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
}
