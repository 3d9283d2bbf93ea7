package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

const endButton = ".connection .end"

// A person ends a connection, and the application has to ask for consent again.
func TestBrowserEndsAConnection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	app, _ := h.webApp("Conversation Digest", "127.0.0.1", false)
	b := h.open()
	b.visit(h.url + "/account/applications/")
	b.signIn(annEmail, annPassword)
	b.sees(".sheet", "You have not connected any application")
	b.picture("account-applications-none")

	b.visit(app)
	b.press(connectButton)
	b.do(chromedp.Click(b.teamChoice("acme"), chromedp.ByQuery))
	b.press(authorizeButton)
	b.seesOnly("acme")

	b.visit(h.url + "/")
	b.press(`main a[href="/account/applications/"]`)
	b.sees(".application", "Conversation Digest")
	b.sees(".connection", "acme")
	b.sees(".permissions", "Can see")
	b.picture("account-applications")
	b.press(endButton)
	b.sees("[role=status]", "Conversation Digest can no longer work in")
	if b.text(".sheet"); evaluate[bool](b, `document.querySelector(".application") != null`) {
		t.Error("the connection is still listed")
	}
	b.picture("account-applications-ended")
	b.do(chromedp.Reload()) // must not send the form again
	b.sees("h1", "Your connected applications")

	b.visit(app)
	b.press(connectButton)
	b.sees("h1", "Authorize Conversation Digest?")
	b.visit(h.url + "/account/")
	b.sees(".stub", annEmail)
	b.picture("account")
}

// The browser that changes the password stays signed in.
func TestBrowserChangesThePassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.open()
	b.visit(h.url + "/account/password/")
	b.signIn(annEmail, annPassword)
	const chosen = "kettle tower violet rain"
	change := func(current string) {
		b.fill("#current", current)
		b.fill("#new", chosen)
		b.fill("#again", chosen)
		b.press("form button[type=submit]")
	}
	change("not the password")
	b.sees("[role=alert]", "current password is wrong")
	b.picture("password-wrong")
	if left := evaluate[string](b, `[...document.querySelectorAll("input[type=password]")].map(e => e.value).join("")`); left != "" {
		t.Error("the page has a password in it")
	}
	change(annPassword)
	b.sees("[role=status]", "Your password has been changed")
	b.visit(h.url + "/account/")
	b.sees("h1", "Your account")
}

// A team approves applications first: a member asks for one and waits, and an admin can approve it for the whole team.
func TestBrowserWaitsForAnAdmin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	app, _ := h.webApp("Conversation Digest", "127.0.0.1", false)
	const admin = "dee@example.com"
	h.add(admin, "Dee Dale")
	_, err := h.Team.AddMember(t.Context(), team.CommandLine, "acme", admin, team.Admin)
	h.ok(err)
	acme, err := h.Team.TeamBySlug(t.Context(), team.CommandLine, "acme")
	h.ok(err)
	_, err = h.Govern.SetPolicy(t.Context(), team.CommandLine, acme.ID, govern.Policy{Rule: govern.ApproveFirst}, nil)
	h.ok(err)

	b := h.open()
	b.visit(app)
	b.press(connectButton)
	b.signIn(annEmail, annPassword)
	b.do(chromedp.Click(b.teamChoice("acme"), chromedp.ByQuery))
	b.picture("consent-approval")
	b.press(authorizeButton)
	b.sees("h1", "Ask the admins")
	b.picture("waiting-ask")
	b.do(chromedp.SendKeys("#note", "For the weekly report.", chromedp.ByQuery))
	b.press(`button[value="ask"]`)
	b.sees("blockquote", "For the weekly report.")
	b.picture("waiting")

	dee := h.open()
	dee.visit(app)
	dee.press(connectButton)
	dee.signIn(admin, annPassword)
	dee.sees(".decide", "Approve it for the whole team")
	if !evaluate[bool](dee, `document.querySelector(".decide").contains(document.querySelector("[name=for_team]")) &&
		document.querySelector(".pass").getBoundingClientRect().bottom >= document.querySelector("[name=for_team]").getBoundingClientRect().bottom`) {
		t.Error("the choice for the whole team stands outside the page")
	}
	dee.picture("consent-for-team")
}

// An admin sees a connection of the team, ends it, blocks the application, and finds each step in the audit trail.
func TestBrowserGovernsATeam(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	app, _ := h.webApp("Conversation Digest", "127.0.0.1", false)
	const admin = "dee@example.com"
	h.add(admin, "Dee Dale")
	_, err := h.Team.AddMember(t.Context(), team.CommandLine, "acme", admin, team.Admin)
	h.ok(err)
	acme, err := h.Team.TeamBySlug(t.Context(), team.CommandLine, "acme")
	h.ok(err)

	member := h.open()
	connect := func() {
		member.visit(app)
		member.press(connectButton)
	}
	connect()
	member.signIn(annEmail, annPassword)
	member.do(chromedp.Click(member.teamChoice("acme"), chromedp.ByQuery))
	member.press(authorizeButton)
	member.seesOnly("acme")
	member.visit(h.url + "/teams/acme/applications/")
	member.sees("main", "Only the admins of this team")

	b := h.open()
	b.visit(h.url + "/teams/acme/applications/")
	b.signIn(admin, annPassword)
	b.sees(".person", "Ann Lee")
	b.do(chromedp.Click(".person summary", chromedp.ByQuery))
	b.sees(".person .permissions", "Can see")
	b.picture("team-applications")
	b.press(endButton)
	b.sees("[role=status]", "for Ann Lee")

	b.do(chromedp.Click(".other summary", chromedp.ByQuery))
	b.fill("#client", "nothing")
	b.fill("#reason", "We are still reading their terms.")
	b.press(".other button")
	b.sees("[role=alert]", "no application with this client_id")
	b.picture("team-applications-unknown")

	connect()
	member.do(chromedp.Click(member.teamChoice("acme"), chromedp.ByQuery))
	member.press(authorizeButton)
	b.visit(h.url + "/teams/acme/applications/")
	b.do(chromedp.Click(".application .block-form summary", chromedp.ByQuery))
	b.fill(".application .block-form input[name=reason]", "We are still reading their terms.")
	b.press(".application .block-form button")
	b.sees("[role=status]", "is blocked in")
	b.picture("team-applications-blocked")
	connect()
	member.sees(".blocked", "We are still reading their terms.")

	b.press(`a[href="/teams/acme/audit/"]`)
	b.sees(".events li", "Dee Dale blocked Conversation Digest")
	b.picture("team-audit")
	b.do(chromedp.SetValue("#kind", "consent.given", chromedp.ByQuery))
	b.press(".filter button")
	for _, line := range strings.Split(b.text(".events"), "\n") {
		if strings.Contains(line, "blocked") {
			t.Errorf("among what was authorized: %q", line)
		}
	}
	b.sees(".events", "Ann Lee authorized Conversation Digest")

	b.visit(h.url + "/teams/acme/applications/policy/")
	b.picture("team-policy")
	b.visit(h.url + "/teams/acme/applications/policy/?rule=approve_first")
	b.sees("form.block", "Nothing stops now")
	b.picture("team-policy-nothing")
	clients := h.connectMany("acme", 30)
	ann, err := h.Store.UserByEmail(t.Context(), annEmail)
	h.ok(err)
	for i, c := range clients {
		note := strings.Repeat("For the weekly report. ", i)
		h.ok(h.Store.AskFor(t.Context(), govern.Request{
			Team: acme.ID, Client: c.ID, User: ann.ID, Scope: oauth.Scope{"chatbot:read", "session:write", "openid"}, Note: note[:min(len(note), govern.MaxNote)],
			AskedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
		}, 99, 99))
		if i == 0 {
			b.visit(h.url + "/teams/acme/applications/requests/")
			b.sees(".application", "1 person asks")
			b.picture("team-requests")
		}
	}
	b.visit(h.url + "/teams/acme/applications/requests/")
	b.picture("team-requests-thirty")
	b.visit(h.url + "/teams/acme/applications/policy/?rule=approve_first")
	b.sees("form.block", "30 applications, 30 connections")
	b.picture("team-policy-thirty")
	_, err = h.Govern.SetPolicy(t.Context(), team.CommandLine, acme.ID, govern.Policy{Rule: govern.ApproveFirst}, nil)
	h.ok(err)
	b.visit(h.url + "/teams/acme/applications/")
	b.sees(".sheet", "Approved because it was in use")
	b.picture("team-applications-approved")
	b.press(`.connection a.end`)
	b.sees("h1", "Take back the approval of")
	b.picture("team-approval-take-back")
}

// Everybody can read the documents: axe-core looks at each.
func TestBrowserReadsTheDocuments(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.open()
	b.visit(h.url + "/docs/")
	pages := evaluate[[]string](b, `[...document.querySelectorAll("article a")].map(a => a.href)`)
	if len(pages) < 5 {
		t.Fatalf("%d documents", len(pages))
	}
	for _, page := range pages {
		b.visit(page)
		b.accessible(page)
	}
}
