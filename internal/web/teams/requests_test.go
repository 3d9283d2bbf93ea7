package teams_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

const requestsPath = "/teams/atlas/applications/requests/"

// ask makes a member of atlas ask for an application.
func ask(h *webtest.House, email string, app webtest.App, note string, scope ...string) {
	h.Helper()
	h.OK(h.Govern.AskFor(h.Context(), h.Acting(email), h.Atlas.ID, app.ID, scope, note))
	h.Clock.Advance(time.Minute)
}

// rowOf is what atlas decided about an application.
func rowOf(h *webtest.House, app webtest.App) govern.Row {
	h.Helper()
	rows, err := h.Govern.Rows(h.Context(), team.CommandLine, h.Atlas.ID)
	h.OK(err)
	for _, row := range rows {
		if row.Client == app.ID {
			return row
		}
	}
	return govern.Row{}
}

// An admin sees who asks for what, those that most people ask for first, and approves some of it.
func TestAdminAnswersRequests(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		h.SetPolicy(govern.ApproveFirst)
		dora.Get(requestsPath).WantPage(http.StatusOK, "Nobody waits for an answer.")
		dora.Get("/teams/atlas/applications/").WantPage(http.StatusOK, "No request waits for an answer", requestsPath)
		ask(h, webtest.Ben, h.Pocket, "", "chatbot:read")
		ask(h, webtest.Ben, h.Insight, "For the <b>report</b>\nof May", "chatbot:read")
		ask(h, webtest.Ana, h.Insight, "", "chatbot:read", "session:write")
		dora.Get("/teams/atlas/applications/").WantPage(http.StatusOK, "3 requests wait for an answer")
		dora.Get(requestsPath).WantPage(http.StatusOK, `value="session:write" checked`).InOrder(
			"Insight", "Insight Labs", "2 people ask", "Ben Bakker", "2 minutes ago", "For the <b>report</b>\nof May", "Ana Anders", "https://insight.example",
			"Can change", "Start conversations", "Can see", "See the team's chatbots", "Pocket", "1 person asks")

		insight := string(h.Insight.ID)
		for name, tt := range map[string]struct {
			form url.Values
			says string
		}{
			"nothing ticked":         {webtest.Pairs("decision", "approve", "client", insight), "Nothing is ticked"},
			"more than is asked for": {webtest.Pairs("decision", "approve", "client", insight, "scope", "session:read"), "has changed"},
			"a day that is over":     {webtest.Pairs("decision", "approve", "client", insight, "scope", "chatbot:read", "review_by", "2026-03-01"), "a date after today"},
			"no day":                 {webtest.Pairs("decision", "approve", "client", insight, "scope", "chatbot:read", "review_by", "soon"), `value="soon"`},
			"a reason with a bell":   {webtest.Pairs("decision", "decline", "client", insight, "reason", "a\x07"), "The reason may have"},
		} {
			dora.Post(requestsPath, tt.form).WantPage(http.StatusUnprocessableEntity, `role="alert"`, tt.says)
			if row := rowOf(h, h.Insight); row.State != "" {
				h.Fatalf("%s: the row is %+v", name, row)
			}
		}
		dora.Post(requestsPath, webtest.Pairs("decision", "nonsense", "client", insight)).WantPage(http.StatusBadRequest)

		dora.Post(requestsPath, webtest.Pairs("decision", "approve", "client", insight, "scope", "chatbot:read", "review_by", "2026-04-01", "reason", " For reports ")).Follow().
			WantPage(http.StatusOK).InOrder("Insight is approved in Atlas Research.", "Pocket").WantNothingOf("2 people ask")
		row := rowOf(h, h.Insight)
		if row.State != govern.Approved || row.Scope.String() != "chatbot:read" || row.Reason != "For reports" || !row.ReviewBy.Equal(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)) {
			h.Errorf("the row is %+v", row)
		}
		h.SignedIn(webtest.Ben).Connect(h.Insight, h.Atlas, "scope", "chatbot:read")
		dora.Post(requestsPath, webtest.Pairs("decision", "decline", "client", insight)).Follow().WantPage(http.StatusOK, "Somebody has answered already")

		// More than is approved: declined, what was approved stays.
		ask(h, webtest.Ana, h.Insight, "", "session:write")
		dora.Get(requestsPath).WantPage(http.StatusOK, "Approved, asks for more").InOrder("Start conversations", "See the team's chatbots", "approved before")
		dora.Post(requestsPath, webtest.Pairs("decision", "decline", "client", insight, "reason", "Reading is enough")).Follow().WantPage(http.StatusOK).InOrder("Insight is declined.").WantNothingOf("asks for more")
		if row := rowOf(h, h.Insight); row.State != govern.Approved || row.Scope.String() != "chatbot:read" || row.Reason != "For reports" {
			h.Errorf("declining more has changed the row to %+v", row)
		}
		dora.Post(requestsPath, webtest.Pairs("decision", "decline", "client", string(h.Pocket.ID), "reason", "Too curious")).Follow().WantPage(http.StatusOK).InOrder("Pocket is declined.", "Nobody waits for an answer.")
		if row := rowOf(h, h.Pocket); row.State != govern.Declined || row.Reason != "Too curious" || h.Happened(audit.ClientDeclined) != 2 {
			h.Errorf("the row is %+v, with %d events", row, h.Happened(audit.ClientDeclined))
		}
	})
}

// Requests of another team are not answered on this one's page.
func TestRequestsAreTheTeamsOwn(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		h.OK(h.Govern.AskFor(h.Context(), h.Acting(webtest.Ana), h.Borealis.ID, h.Insight.ID, oauth.Scope{"chatbot:read"}, "secret plans"))
		dora.Get(requestsPath).WantPage(http.StatusOK, "Nobody waits for an answer.").WantNothingOf("secret plans")
		dora.Post(requestsPath, webtest.Pairs("decision", "approve", "client", string(h.Insight.ID), "scope", "chatbot:read")).Follow().WantPage(http.StatusOK, "Somebody has answered already")
		if row := rowOf(h, h.Insight); row.State != "" {
			h.Errorf("the row is %+v", row)
		}
	})
}

// The admins get one mail at the first request for an application, and who asked gets the answer.
func TestMailsAboutRequests(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		h.Admin("borealis")
		_, err := h.Registry.UpdateClient(h.Context(), team.CommandLine, h.Insight.ID, client.Change{InitiateLoginURI: new("https://insight.example/start?a=1")})
		h.OK(err)
		h.SetPolicy(govern.ApproveFirst)
		want := func(what string, says ...string) {
			h.Helper()
			sent := h.Mails()
			if len(sent) != len(says)/2 {
				h.Fatalf("%s: %d mails %v, want %d", what, len(sent), sent, len(says)/2)
			}
			for i := 0; i < len(says); i += 2 {
				if !slices.ContainsFunc(sent, func(m mail.Mail) bool { return m.To == says[i] && strings.Contains(m.Subject+m.Text, says[i+1]) }) {
					h.Errorf("%s: no mail to %s says %q in %v", what, says[i], says[i+1], sent)
				}
			}
		}
		link := h.Parts.Issuer + requestsPath
		ask(h, webtest.Ben, h.Insight, "", "chatbot:read")
		want("the first request", dora.Email, "Ben Bakker asks the admins of the team Atlas Research to approve the application Insight (by Insight Labs). Until one of you decides, it gets nothing.\n\n  "+link)
		withdraw := func() {
			h.Helper()
			h.OK(h.Govern.Withdraw(h.Context(), h.Acting(webtest.Ben), h.Atlas.ID, h.Insight.ID))
		}
		withdraw()
		ask(h, webtest.Ben, h.Insight, "", "chatbot:read")
		want("a request that was withdrawn and made again")
		ask(h, webtest.Ana, h.Insight, "", "chatbot:read", "session:write")
		ask(h, webtest.Ben, h.Insight, "again", "chatbot:read")
		want("more requests")

		dora.Post(requestsPath, webtest.Pairs("decision", "approve", "client", string(h.Insight.ID), "scope", "chatbot:read")).WantStatus(http.StatusSeeOther)
		start := "https://insight.example/start?a=1&iss=" + url.QueryEscape(h.Parts.Issuer)
		want("the approval", webtest.Ben, start, webtest.Ana, "See the team's chatbots")

		ask(h, webtest.Ana, h.Pocket, "", "chatbot:read")
		want("a request for another application", dora.Email, "Ana Anders asks to connect Pocket")
		dora.Post(requestsPath, webtest.Pairs("decision", "decline", "client", string(h.Pocket.ID), "reason", "Too curious")).WantStatus(http.StatusSeeOther)
		want("the refusal", webtest.Ana, "The reason: Too curious")

		// Nothing to tell: it was withdrawn before the mail went out, and the approval was taken back.
		ask(h, webtest.Ben, h.Notes, "", "chatbot:read")
		h.OK(h.Govern.Withdraw(h.Context(), h.Acting(webtest.Ben), h.Atlas.ID, h.Notes.ID))
		want("a request that was withdrawn")
	})
}
