package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestErrorPagesSayWhichKindTheyAre in their title, and link to each page of ours that their advice names.
func TestErrorPagesSayWhichKindTheyAre(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		ben, admin, nobody := h.SignedIn(webtest.Ben), h.Admin("atlas"), h.Browser()
		badLogout := webtest.LogoutURL("post_logout_redirect_uri", "https://evil.example/")
		const toLogOut, toConnections = `<a class="button" href="/logout/"`, `<a href="/account/applications/">`
		for name, page := range map[string]struct {
			answer *webtest.Answer
			status int
			title  string
			says   string
		}{
			"no page":                {ben.Get("/nowhere/"), 404, "Page not found", ""},
			"method":                 {ben.Do(http.MethodDelete, "/account/", ""), 405, "The page was asked for in the wrong way", ""},
			"other site":             {ben.Post("/logout/", nil, "Sec-Fetch-Site", "cross-site"), 403, "Sent from another site", ""},
			"no origin":              {ben.Post("/logout/", nil, "Origin", "null"), 403, "Unknown where this was sent from", ""},
			"own connection":         {ben.EndOwn("x"), 404, "No such connection", toConnections},
			"a team's connection":    {admin.Post("/teams/atlas/applications/", webtest.Pairs("decision", "end", "grant", "x")), 404, "No such connection", `<a href="/teams/atlas/applications/">`},
			"admins":                 {ben.Get("/teams/atlas/audit/"), 403, "Only for admins of the team", toConnections},
			"old logout":             {ben.Get("/o/logout/?request=x"), 400, "You were not signed out", toLogOut},
			"old logout, nobody":     {nobody.Get("/o/logout/?request=x"), 400, "This question has expired", "You are not signed in here"},
			"refused logout":         {ben.Get(badLogout), 400, "You were not signed out", toLogOut},
			"refused logout, nobody": {nobody.Get(badLogout), 400, "This request was refused", "You are not signed in here"},
			"expired step":           {ben.Get("/login/?request=x"), 400, "This step has expired", ""},
			"refused":                {ben.Authorize(h.Insight, "client_id", "nobody"), 400, "This request was refused", ""},
			"malformed":              {ben.Get("/o/authorize/?client_id=%zz"), 400, "This request is not valid", ""},
			"too large":              {ben.Post("/o/authorize/", webtest.Parameters(h.Insight, "state", strings.Repeat("x", 64<<10))), 413, "Too much was sent", ""},
			"not opened":             {ben.Get("/account/?a=b", "Sec-Purpose", "prefetch"), 503, "This page was not opened", `<a class="button" href="/account/?a=b"`},
		} {
			h.Log(name)
			page.answer.WantPage(page.status, "<title>Error: "+page.title+" · Gatehouse</title>", "<h1>"+page.title+"</h1>", page.says)
		}
		h.OK(h.DB.Close())
		ben.Get("/account/").WantPage(503, "<title>Error: Temporarily not available · Gatehouse</title>")
	})
}

// TestErrorPageOfAWrongClock: what has expired only by this server's clock is a 503 that says so, and not an expired step.
func TestErrorPageOfAWrongClock(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		step := "/login/?" + url.Values{"request": {h.Browser().Authorize(h.Insight).WantSignIn().Sealed()}}.Encode()
		h.Clock.Advance(time.Hour)
		page := h.Browser().Get(step).WantPage(http.StatusServiceUnavailable, "<title>Error: The clock of this server is wrong · Gatehouse</title>", "Try again in a minute").
			WantNothingOf("no longer valid", "I am developing")
		if page.Header.Get("Retry-After") == "" {
			h.Error("no Retry-After")
		}
	}, func(p *web.Parts) {
		p.Keys.WrongClock = func(shown time.Time) (time.Time, bool) { return webtest.Started, shown.After(webtest.Started) }
	})
}
