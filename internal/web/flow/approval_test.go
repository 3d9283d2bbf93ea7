package flow_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// asked posts a decision of the waiting page.
func asked(page *webtest.Answer, decision, note string) *webtest.Answer {
	page.Helper()
	return page.Browser.Post("/o/consent/", url.Values{"request": {page.Sealed()}, "decision": {decision}, "note": {note}})
}

// waits is what the script of the waiting page is told.
func waits(page *webtest.Answer) bool {
	page.Helper()
	status := page.Browser.Get("/o/consent/status/?"+url.Values{"request": {page.Sealed()}}.Encode(), "Sec-Fetch-Dest", "empty").WantStatus(http.StatusOK)
	return strings.TrimSpace(status.Body) == `{"waits":true}`
}

func approve(h *webtest.House, scope ...string) {
	h.Helper()
	_, err := h.Govern.Approve(h.Context(), team.CommandLine, h.Atlas.ID, h.Insight.ID, govern.Approval{Scope: scope})
	h.OK(err)
}

// A team that approves applications first: its members ask, wait, and go on in the same tab when an admin has decided.
func TestApprovalIsWaitedFor(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		_, err := h.Directory.SetRole(h.Context(), team.CommandLine, "atlas", webtest.Ana, team.Admin)
		h.OK(err)
		h.SetPolicy(govern.ApproveFirst)
		ben := h.SignedIn(webtest.Ben)
		ben.Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "interaction_required")

		page := ben.Authorize(h.Insight).WantPage(http.StatusOK, "Ask the admins of", "Ana Anders", `name="note"`, `value="ask"`).WantNothingOf(`value="authorize"`, "http-equiv=\"refresh\"")
		if got := h.Grants(); len(got) > 0 {
			h.Errorf("grants %v before anybody agreed", got)
		}
		// A form that was edited agrees to nothing.
		page.Decide("authorize", h.Atlas.ID).WantStatus(http.StatusSeeOther)
		if got := h.Grants(); len(got) > 0 {
			h.Errorf("grants %v, without an approval", got)
		}
		asked(page, "ask", strings.Repeat("x", govern.MaxNote+1)).WantPage(http.StatusUnprocessableEntity, "The note may have", "xxx")
		waiting := asked(page, "ask", "For the <b>report</b>").Follow().WantPage(http.StatusOK, "Waiting for the admins of", "For the <b>report</b>", `http-equiv="refresh" content="15"`, `value="withdraw"`)
		if !waits(waiting) {
			h.Error("the status does not say that the person waits")
		}
		if h.Happened(audit.ClientAskedFor) != 1 {
			h.Error("no event of the request")
		}
		asked(waiting, "withdraw", "").Follow().WantPage(http.StatusOK, "Ask the admins of")
		waiting = asked(page, "ask", "").Follow().WantPage(http.StatusOK, "Waiting for the admins of")

		// Back to the application: the request stays, and the error says what it is.
		parameters := asked(waiting, "cancel", "").WantRedirect(webtest.Callback)
		if parameters.Get("error") != "access_denied" || parameters.Get("error_uri") != h.Server.URL+"/docs/errors/approval_pending" || !strings.Contains(parameters.Get("error_description"), "approve") {
			h.Errorf("back with %v", parameters)
		}
		h.Browser().Get("/docs/errors/approval_pending").WantPage(http.StatusOK, "has to approve the application first")
		// Another person with Ben's page is asked as themselves.
		h.SignedIn(webtest.Ana).Get("/o/consent/?"+url.Values{"request": {waiting.Sealed()}}.Encode()).WantPage(http.StatusOK, "Ana Anders").WantNothingOf("Waiting for the admins")

		approve(h, "chatbot:read", "session:read", "session:write", "chatbot:interact")
		if waits(waiting) {
			h.Error("the person still waits")
		}
		consent := ben.Get("/o/consent/?" + url.Values{"request": {waiting.Sealed()}}.Encode()).WantConsent()
		code := consent.Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		if got := h.Redeem(h.Insight, code).WantTokens().Scope; got != "chatbot:read session:read" {
			h.Errorf("the token has %q", got)
		}
	})
}

// What an application sees of a decision, and what becomes of its tokens.
func TestDecisionsReachTheApplication(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		_, err := h.Registry.UpdateClient(h.Context(), team.CommandLine, h.Insight.ID, client.Change{OptionalScope: oauth.Scope{"session:read"}})
		h.OK(err)
		h.SetPolicy(govern.ApproveFirst)
		ben := h.SignedIn(webtest.Ben)

		// Less than it asks for, which it can do without.
		approve(h, "chatbot:read")
		ben.Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "consent_required")
		page := ben.Authorize(h.Insight).WantPage(http.StatusOK, "This team allows less", "Read the team's conversations").WantNothingOf("<code>session:read")
		tokens := h.Redeem(h.Insight, page.Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)).WantTokens()
		if tokens.Scope != "chatbot:read" {
			h.Errorf("the token has %q, want what the team allows", tokens.Scope)
		}
		code := ben.Authorize(h.Insight).WantCode(webtest.Callback) // remembered
		if got := h.Redeem(h.Insight, code).WantTokens().Scope; got != "chatbot:read" {
			h.Errorf("the second token has %q", got)
		}

		// More, then less again: the next refresh has less, and the access token from before is dead.
		approve(h, "chatbot:read", "session:read")
		page = ben.Authorize(h.Insight).WantConsent()
		tokens = h.Redeem(h.Insight, page.Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)).WantTokens()
		if !h.Live(h.Insight, tokens.AccessToken) {
			h.Error("a token is dead from the start")
		}
		approve(h, "chatbot:read")
		if h.Live(h.Insight, tokens.AccessToken) {
			h.Error("a token that the team allows less than lives on")
		}
		h.Clock.Advance(time.Second)
		refreshed := h.Refresh(h.Insight, tokens.RefreshToken).WantTokens()
		if refreshed.Scope != "chatbot:read" || !h.Live(h.Insight, refreshed.AccessToken) {
			h.Errorf("the refresh has %q, alive %t", refreshed.Scope, h.Live(h.Insight, refreshed.AccessToken))
		}

		// Declined: said once, with the reason.
		h.OK(h.Govern.AskFor(h.Context(), h.Acting(webtest.Ben), h.Atlas.ID, h.Pocket.ID, oauth.Scope{"chatbot:read", "session:read"}, ""))
		h.OK(h.Govern.Decline(h.Context(), team.CommandLine, h.Atlas.ID, h.Pocket.ID, "Not reviewed yet"))
		ben.Authorize(h.Pocket, "prompt", "none").WantError(h.Pocket.RedirectURI, "access_denied")
		refused := ben.Authorize(h.Pocket).WantPage(http.StatusOK, "declined", "Not reviewed yet").WantNothingOf(`value="ask"`)
		asked(refused, "ask", "again").Follow().WantPage(http.StatusOK, "declined")
		if open, err := h.Govern.Requests(h.Context(), team.CommandLine, h.Atlas.ID); err != nil || len(open) > 0 {
			h.Errorf("requests %v, %v after a refusal", open, err)
		}
		ben.Authorize(h.Pocket, "scope", "session:write").WantPage(http.StatusOK, `value="ask"`) // something else

		// Nobody: what is left is refused, the person is told why.
		h.SetPolicy(govern.Nobody)
		ben.Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "access_denied")
		ben.Authorize(h.Insight).WantPage(http.StatusOK, "does not let applications reach its data").WantNothingOf(`value="authorize"`)
		barred := ben.Authorize(h.Insight).Decide("cancel", "").WantRedirect(webtest.Callback)
		if barred.Get("error") != "access_denied" || barred.Get("error_uri") != h.Server.URL+"/docs/errors/team_blocked" {
			h.Errorf("cancelled with %v", barred)
		}
		h.Browser().Get("/docs/errors/team_blocked/").WantPage(http.StatusOK, "does not allow the application")
		h.Browser().Get("/docs/errors/nothing/").WantStatus(http.StatusNotFound)
		h.Refresh(h.Insight, refreshed.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
		if h.Live(h.Insight, refreshed.AccessToken) {
			h.Error("a token of a suspended connection lives on")
		}
		// Undone: the consent is remembered, and connects without a page.
		h.SetPolicy(govern.Everyone)
		h.Redeem(h.Insight, ben.Authorize(h.Insight, "scope", "chatbot:read").WantCode(webtest.Callback)).WantTokens()
		h.Refresh(h.Insight, refreshed.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant") // that stays ended
	})
}

// An admin connects for themselves, or approves for the whole team. A member cannot.
func TestAdminsApproveWithTheirConsent(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		_, err := h.Directory.SetRole(h.Context(), team.CommandLine, "atlas", webtest.Ana, team.Admin)
		h.OK(err)
		h.SetPolicy(govern.ApproveFirst)
		ana, ben := h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ben)
		forTeam := func(page *webtest.Answer) *webtest.Answer {
			page.Helper()
			return page.Browser.Post("/o/consent/", url.Values{"request": {page.Sealed()}, "team": {string(h.Atlas.ID)}, "decision": {"authorize"}, "for_team": {"yes"}})
		}
		ana.Authorize(h.Insight, "team", "atlas").WantPage(http.StatusOK, `name="for_team"`).Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		ben.Authorize(h.Insight).WantPage(http.StatusOK, `value="ask"`)
		forTeam(ana.Authorize(h.Insight, "team", "atlas", "prompt", "consent")).WantCode(webtest.Callback)
		forTeam(ben.Authorize(h.Insight, "prompt", "consent").WantConsent()).WantCode(webtest.Callback)
		forTeam(ben.Authorize(h.Pocket)).WantStatus(http.StatusSeeOther)
		rows, err := h.Govern.Rows(h.Context(), team.CommandLine, h.Atlas.ID)
		h.OK(err)
		if len(rows) != 1 || rows[0].Client != h.Insight.ID || rows[0].Scope.String() != "chatbot:read session:read" {
			h.Errorf("the team decided %+v", rows)
		}
	})
}
