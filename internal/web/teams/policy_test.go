package teams_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

const policyPath = "/teams/atlas/applications/policy/"

func ruleIn(h *webtest.House) govern.Policy {
	h.Helper()
	p, err := h.Govern.Policy(h.Context(), team.CommandLine, h.Atlas.ID)
	h.OK(err)
	return p
}

// An admin sees what a policy would do before it is set, and a preview changes nothing.
func TestAdminSetsThePolicy(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		relay := h.Register(client.Registration{Name: "Relay", RedirectURIs: []string{"https://relay.example/cb"}})
		anas, bens := h.SignedIn(webtest.Ana).Connection(h.Insight, h.Atlas), h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		relays := h.SignedIn(webtest.Ana).Connection(relay, h.Atlas)
		dora.Get("/teams/atlas/applications/").WantPage(http.StatusOK, "Rule for applications: Members decide.", policyPath)
		dora.Get(policyPath).WantPage(http.StatusOK, `value="everyone" required aria-describedby="means-everyone" checked`, `value="nobody"`, "See what would change")

		dora.Get(policyPath+"?rule=approve_first").WantPage(http.StatusOK, "2 applications, 3 connections", "Nothing stops now.", "2 applications are approved because they are in use", "See the team's chatbots · Read the team's conversations").
			InOrder("Insight", "2 people", "Relay", "1 person")
		cut := url.Values{"rule": {"listed_only"}, "cut": {string(relay.ID)}}
		dora.Get(policyPath+"?"+cut.Encode()).WantPage(http.StatusOK, "1 connection ends", "1 application is approved").WantNothingOf("Nothing stops now")
		dora.Get(policyPath+"?rule=nobody").WantPage(http.StatusOK, "3 connections are suspended").WantNothingOf("Nothing stops now", `name="cut"`)
		dora.Get(policyPath + "?rule=nonsense").WantPage(http.StatusBadRequest)
		dora.Get(policyPath + "?rule=nobody&rule=everyone").WantPage(http.StatusBadRequest)
		if p := ruleIn(h); p.Rule != govern.Everyone || p.Strict || h.Happened(audit.PolicyChanged) > 0 {
			h.Errorf("a preview has set the policy %s", p)
		}
		if !h.Live(relay, relays.AccessToken) {
			h.Error("a preview ended a connection")
		}

		dora.Post(policyPath, cut).Follow().WantPage(http.StatusOK, "is now: Only approved applications", "1 connection has ended.", `value="listed_only" required aria-describedby="means-listed_only" checked`)
		if h.Live(relay, relays.AccessToken) || !h.Live(h.Insight, anas.AccessToken) || !h.Live(h.Insight, bens.AccessToken) {
			h.Error("what was cut is alive, or what was kept is dead")
		}
		if p := ruleIn(h); p.Rule != govern.ListedOnly || p.Strict {
			h.Errorf("the policy is %s", p)
		}
		dora.Post(policyPath, webtest.Pairs("rule", "nobody", "strict", "yes")).Follow().WantPage(http.StatusOK, "is now: No applications", "2 connections are suspended.", `id="strict" name="strict" value="yes" aria-describedby="strict-means" checked`)
		if p := ruleIn(h); p.Rule != govern.Nobody || !p.Strict || h.Live(h.Insight, anas.AccessToken) {
			h.Errorf("the policy is %s, Ana's token lives: %t", p, h.Live(h.Insight, anas.AccessToken))
		}
		dora.Get(policyPath+"?rule=everyone").WantPage(http.StatusOK, "2 suspended connections are allowed again", "Nothing stops now.")
		dora.Post(policyPath, webtest.Pairs("rule", "everyone")).Follow().WantPage(http.StatusOK, "2 connections are allowed again.")
		dora.Post(policyPath, webtest.Pairs("rule", "")).WantPage(http.StatusBadRequest)
	})
}

// An application that came into use after the preview is kept: only what an admin ticked is cut.
func TestPolicyKeepsWhatThePreviewDidNotShow(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		dora.Get(policyPath+"?rule=listed_only").WantPage(http.StatusOK, "Nothing stops now.").WantNothingOf("Insight")
		tokens := h.SignedIn(webtest.Ana).Connection(h.Insight, h.Atlas)
		dora.Post(policyPath, webtest.Pairs("rule", "listed_only")).Follow().WantPage(http.StatusOK, "is now: Only approved applications")
		if !h.Live(h.Insight, tokens.AccessToken) {
			h.Error("it was cut")
		}
	})
}

// The policy wants a fresh sign-in.
func TestPolicyWantsAFreshSignIn(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		h.Clock.Advance(11 * time.Minute)
		dora.Get(policyPath).WantStatus(http.StatusSeeOther)
		dora.Post(policyPath, webtest.Pairs("rule", "nobody")).WantStatus(http.StatusSeeOther)
		if p := ruleIn(h); p.Rule != govern.Everyone {
			h.Errorf("an old sign-in has set %s", p)
		}
	})
}
