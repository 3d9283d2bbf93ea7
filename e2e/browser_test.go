package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Selectors of the buttons.
const (
	connectButton   = `form[action="/connect"] button`
	authorizeButton = `button[value="authorize"]`
	cancelButton    = `button[value="cancel"]`
)

// teamChoice is the radio button of the team with this slug.
func (b *browser) teamChoice(slug string) string {
	b.t.Helper()
	return `input[value="` + evaluate[string](b, `[...document.querySelectorAll("label:has(input[name=team])")].find(l => l.querySelector("code").textContent == "`+slug+`").querySelector("input").value`) + `"]`
}

// seesOnly fails unless the application shows the chatbots of one team, and no others.
func (b *browser) seesOnly(team string) {
	b.t.Helper()
	b.sees("h1", team)
	bots := evaluate[[]string](b, `[...document.querySelectorAll("section[aria-labelledby=chatbots] li strong")].map(e => e.textContent)`)
	if len(bots) != 3 {
		b.t.Errorf("%d chatbots are shown: %q", len(bots), bots)
	}
	for _, bot := range bots {
		if !strings.HasPrefix(strings.ToLower(bot), team+" ") { // in the sample data, a chatbot's name starts with its team
			b.t.Errorf("%q is shown, which is not of %s", bot, team)
		}
	}
}

func TestBrowserConnectsTeam(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	app, _ := h.webApp("Conversation Digest", "127.0.0.1", false)
	b := h.open()

	b.visit(app)
	b.picture("app-home")
	b.press(connectButton)
	b.sees(".stub", "Conversation Digest")
	b.picture("login")
	b.signIn(annEmail, "not the password")
	b.sees("[role=alert]", "wrong")
	b.picture("login-wrong")
	if left := evaluate[string](b, `document.querySelector("#password").value`); left != "" {
		t.Errorf("the page has the password %q in it", left)
	}
	b.signIn(annEmail, annPassword)

	b.sees("h1", "Authorize Conversation Digest?")
	b.sees(".destination", app)
	b.picture("consent-choose")
	if !evaluate[bool](b, `document.querySelector("button[value=authorize]").getBoundingClientRect().bottom <= innerHeight`) {
		t.Error("on a desk the buttons are not seen without scrolling")
	}
	b.do(chromedp.Click(authorizeButton, chromedp.ByQuery)) // the browser does not submit the form until a team is chosen
	if !evaluate[bool](b, `document.querySelector("input[name=team]").matches(":invalid")`) {
		t.Error("no team has to be chosen")
	}
	b.press(cancelButton)
	b.sees("[role=alert]", "access_denied")
	b.picture("app-cancelled")

	b.visit(app)
	b.press(connectButton)
	b.do(chromedp.Click(b.teamChoice("acme"), chromedp.ByQuery))
	b.picture("consent-chosen")
	b.press(authorizeButton)
	b.seesOnly("acme")
	b.picture("app-connection")

	t.Run("remembered", func(t *testing.T) {
		b := b.in(t)
		b.visit(app)
		b.asked()
		b.do(chromedp.Click("summary", chromedp.ByQuery))
		b.fill("#team", "acme")
		b.press(connectButton)
		b.seesOnly("acme")
		if pages := b.asked(); pages != 0 {
			t.Errorf("%d pages were shown, want none: Ann has agreed before", pages)
		}
	})
	t.Run("more permissions", func(t *testing.T) {
		b := b.in(t)
		b.visit(app)
		b.do(chromedp.Click(`input[value="chatbot:interact"]`, chromedp.ByQuery))
		b.press(connectButton)
		b.sees("fieldset", "New since you last agreed")
		b.sees(".access.write", "Send messages")
		b.picture("consent-new")
		b.do(chromedp.Click(b.teamChoice("harbour"), chromedp.ByQuery))
		b.press(authorizeButton)
		b.seesOnly("harbour")
	})
}

// in is the browser in a subtest.
func (b *browser) in(t *testing.T) *browser {
	inner := *b
	inner.t = t
	return &inner
}

func TestBrowserIsTurnedAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.add("ben@example.com", "Ben Okri")
	h.add("cleo@example.com", "Cleo Marsh", "elsewhere")
	app, clientID := h.webApp("Conversation Digest", "127.0.0.1", false)
	client := registered{id: clientID, redirectURI: app + "/callback"}
	b := h.open()
	connect := func(changes ...string) { // the application did not start this request, so it refuses the response, but shows it
		b.t.Helper()
		b.visit(h.authorizeURL(request(client, changes...)))
	}

	connect("team", "elsewhere")
	b.signIn(annEmail, annPassword)
	b.sees("h1", "This account has no access")
	stranger := b.text("main")
	b.picture("refusal-no-access")
	connect("team", "nowhere")
	if nowhere := b.text("main"); strings.ReplaceAll(nowhere, "nowhere", "elsewhere") != stranger {
		t.Errorf("a team that there is not:\n%s\none that is not Ann's:\n%s", nowhere, stranger)
	}
	b.visit(app)
	b.do(chromedp.Click("summary", chromedp.ByQuery))
	b.fill("#team", "elsewhere")
	b.press(connectButton)
	b.press(`a[href*="switch=1"]`)
	b.signIn("cleo@example.com", annPassword)
	b.sees(".team.stated", "Team elsewhere")
	b.sees(".signed-in", "cleo@example.com")
	b.picture("consent-stated")
	b.press(authorizeButton)
	b.seesOnly("elsewhere")

	connect("prompt", "login")
	b.sees(".stub", "be sure that it is still you")
	b.picture("login-again")
	b.signIn(annEmail, annPassword)
	b.sees("h1", "Authorize")

	connect("prompt", "select_account")
	b.sees("h1", "Which account")
	b.picture("select-account")
	b.press(`button[value="another"]`)
	b.signIn("ben@example.com", annPassword)
	b.sees("h1", "You do not belong to a team yet")
	b.picture("refusal-no-team")
	b.press(cancelButton)
	if answer := evaluate[string](b, "location.search"); !strings.Contains(answer, "error=access_denied") {
		t.Errorf("Cancel is answered with %s", answer)
	}

	b.visit(h.url + "/logout/")
	b.sees("h1", "Sign out?")
	b.picture("logout")
	b.press("form button")
	b.sees("h1", "You are signed out")
	b.picture("signed-out")

	connect("redirect_uri", app+"/Callback")
	b.do(chromedp.Click("summary", chromedp.ByQuery))
	b.sees("details", app+"/Callback")
	b.picture("error")
}

func TestBrowserShowsBlockedTeam(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	app, clientID := h.webApp("Conversation Digest", "127.0.0.1", false)
	b := h.open()
	const reason = "We are still reading their data processing terms. Ask Pat in room 4."
	harbour, err := h.Team.TeamBySlug(t.Context(), team.CommandLine, "harbour")
	h.ok(err)
	_, err = h.Govern.Block(t.Context(), team.CommandLine, harbour.ID, oauth.ClientID(clientID), reason)
	h.ok(err)

	b.visit(app)
	b.press(connectButton)
	b.signIn(annEmail, annPassword)
	b.sees(".blocked", reason)
	if !evaluate[bool](b, `document.querySelector(".blocked input").disabled`) {
		t.Error("a blocked team can be chosen")
	}
	b.picture("consent-blocked")
	b.press(authorizeButton) // the other team is the only one left
	b.seesOnly("acme")

	b.visit(app)
	b.do(chromedp.Click("summary", chromedp.ByQuery))
	b.fill("#team", "harbour")
	b.press(connectButton)
	b.sees("h1", "You cannot authorize Conversation Digest")
	b.sees(".blocked", reason)
	b.picture("consent-blocked-stated")
	b.press(cancelButton)
	b.sees("[role=alert]", "access_denied")

	for name, path := range map[string]string{
		"home": "/", "guide": "/docs/guide/", "not-found": "/nothing/here/", "api-docs": "/api/docs/", "docs": "/docs/",
	} {
		b.visit(h.url + path)
		b.picture(name)
	}
}

// On a small phone, with the keyboard only. Application and server are different sites, so the browser applies its cross-site rules.
func TestBrowserByKeyboard(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	app, _ := h.webApp("Pocket Digest", "localhost", true)
	b := h.open()
	b.do(b.size(320))

	b.visit(app)
	b.tabTo(connectButton)
	b.leave(chromedp.KeyEvent(kb.Enter))
	b.tabTo(".skip")
	b.tabTo("#email")
	b.do(chromedp.KeyEvent(annEmail))
	b.tabTo("#password")
	b.do(chromedp.KeyEvent(annPassword))
	b.passwordShows("#password", false)
	b.tabTo("#password-show")
	b.do(chromedp.KeyEvent(" "))
	b.passwordShows("#password", true)
	b.picture("login-password-shown")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.passwordShows("#password", false)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.passwordShows("#password", true)
	b.do(b.size(320), chromedp.Evaluate(`document.forms[0].addEventListener("submit", () => sessionStorage.sent = document.querySelector("#password").type)`, nil), chromedp.Focus("#password", chromedp.ByQuery))
	b.leave(chromedp.KeyEvent(kb.Enter))
	if sent := evaluate[string](b, "sessionStorage.sent"); sent != "password" {
		t.Errorf("the password is sent from a field of the type %q", sent)
	}

	b.sees("h1", "Authorize Pocket Digest?")
	b.tabTo(`a[href*="switch=1"]`)
	b.tabTo("input[name=team]")
	b.do(chromedp.KeyEvent(" "), chromedp.KeyEvent(kb.ArrowDown))
	if !evaluate[bool](b, b.teamChecked("harbour")) {
		t.Error("Space and the arrow do not choose the second team")
	}
	b.tabTo(authorizeButton)
	b.leave(chromedp.KeyEvent(" "))
	b.seesOnly("harbour")
}

// passwordShows fails unless the field for a password shows what was typed, or hides it, and the button beside it says so.
func (b *browser) passwordShows(field string, shown bool) {
	b.t.Helper()
	type state struct{ Type, Name string }
	want := state{"password", "Show"}
	if shown {
		want = state{"text", "Hide"}
	}
	b.sees(field+"-show", want.Name)
	if got := evaluate[string](b, fmt.Sprintf("document.querySelector(%q).type", field)); got != want.Type {
		b.failed(fmt.Errorf("%s is of the type %q, want %q", field, got, want.Type))
	}
}

func (b *browser) teamChecked(slug string) string {
	b.t.Helper()
	return "document.querySelector(`" + b.teamChoice(slug) + "`).checked"
}

// The example API has its own origin. So its page needs CORS to redeem the code, and its own content security policy must allow the request.
func TestBrowserTriesTheAPI(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	api := h.separateAPI()
	b := h.open()

	b.visit(api + "/api/docs/try/")
	b.do(chromedp.Click("button.authorize", chromedp.ByQuery, chromedp.NodeVisible), chromedp.WaitVisible(".auth-container .authorize", chromedp.ByQuery))
	b.picture("try-authorize")
	popup := b.opened(chromedp.Click(".auth-container .authorize", chromedp.ByQuery))
	popup.signIn(annEmail, annPassword)
	popup.sees("h1", "Authorize API documentation?")
	popup.do(chromedp.Click(popup.teamChoice("harbour"), chromedp.ByQuery))
	popup.do(chromedp.Click(authorizeButton, chromedp.ByQuery)) // the window closes by itself

	b.do(chromedp.WaitVisible(`.auth-container button[aria-label="Remove authorization"]`, chromedp.ByQuery),
		chromedp.Click(".btn-done", chromedp.ByQuery),
		chromedp.Click("[id$=listChatbots] .opblock-summary-control", chromedp.ByQuery, chromedp.NodeVisible),
		chromedp.Click("[id$=listChatbots] .try-out__btn", chromedp.ByQuery, chromedp.NodeVisible),
		chromedp.Click("[id$=listChatbots] .execute", chromedp.ByQuery, chromedp.NodeVisible),
		chromedp.WaitVisible("[id$=listChatbots] .live-responses-table .response .response-col_description pre", chromedp.ByQuery))
	b.sees("[id$=listChatbots] .live-responses-table .response .response-col_status", "200")
	answer := b.text("[id$=listChatbots] .live-responses-table .response .response-col_description pre")
	if strings.Count(answer, `"name": "Harbour `) != 3 || strings.Contains(answer, "Acme") {
		t.Errorf("the API answers %s", answer)
	}
	b.picture("try")
}
