package e2e_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// visited is what an application knows of the person in the end.
type visited struct {
	User        struct{ Sub, Email, Name string }
	Me          me
	AccessToken string
	Refreshed   bool   // it has renewed its access token
	Revoked     string // what its refresh token is answered after it was revoked
}

// application is an application of others with a sign-in of its own.
type application struct {
	callback string // the path of its redirect URI
	pkce     oauth.PKCE
	start    func(h *house, client registered, base string)
	signIn   string // the path where signing in begins
	press    string // the path to which the button of that page leads, if it has one
	home     string // the page to visit once more, with another access token, if it renews them by itself
	signOut  func(h *house, client registered, base string) string
	user     bool // it signs people in, besides calling the API
	renews   bool
}

// onNode is an application of node/web.
func onNode(name string) func(h *house, client registered, base string) {
	return func(h *house, client registered, base string) {
		h.ok(watch("node/web"))
		h.application(client, base, "node", "node/web.mjs", name)
	}
}

// inGo is an application of strangers/.
func inGo(name string) func(h *house, client registered, base string) {
	return func(h *house, client registered, base string) {
		h.application(client, base, h.goStranger(name), "strangers/"+name)
	}
}

// applications run as their documentation says, with at most the one setting that switches PKCE on. docs/guide.md names each.
var applications = map[string]application{
	"oauth2-proxy": {callback: "/oauth2/callback", start: (*house).oauth2Proxy, signIn: "/oauth2/start?rd=/", user: true},
	"mod_auth_openidc": {
		callback: "/protected/callback", start: (*house).apache, signIn: "/", home: "/", user: true,
		signOut: func(_ *house, _ registered, base string) string {
			return base + "/protected/callback?logout=" + url.QueryEscape(base+"/goodbye")
		},
	},
	"python-social-auth": {
		callback: "/complete/gatehouse/", pkce: oauth.PKCENonce, start: (*house).django, signIn: "/login/gatehouse/", user: true, renews: true,
	},
	"passport-openidconnect": {callback: "/callback", pkce: oauth.PKCENonce, start: onNode("passport-openidconnect"), signIn: "/login", user: true},
	"passport-oauth2":        {callback: "/callback", start: onNode("passport-oauth2"), signIn: "/login"},
	"express-openid-connect": {
		callback: "/callback", start: onNode("express-openid-connect"), signIn: "/", user: true, renews: true,
		signOut: func(_ *house, _ registered, base string) string { return base + "/logout" },
	},
	"Auth.js":       {callback: "/auth/callback/gatehouse", start: onNode("auth.js"), signIn: "/auth/signin", press: "/auth/signin/gatehouse", user: true},
	"simple-oauth2": {callback: "/callback", start: onNode("simple-oauth2"), signIn: "/login", renews: true},
	"zitadel/oidc":  {callback: "/callback", start: inGo("zitadel"), signIn: "/login", user: true, renews: true},
	"hashicorp/cap": {callback: "/callback", start: inGo("cap"), signIn: "/login", user: true},
}

// Each application runs by itself. A person signs in to it, it calls the API, and where it can, it renews its token and signs the person out of the server too.
func TestApplicationsOfOthers(t *testing.T) {
	house := newHouse(t)
	for name, a := range applications {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := house.in(t)
			base := "http://" + freeAddress(t)
			client := h.registerAs(client.Registration{PKCE: a.pkce, RedirectURIs: []string{base + a.callback}, PostLogoutRedirectURIs: []string{base + "/goodbye"}})
			a.start(h, client, base)
			ann := h.person()
			got := a.signedIn(ann, base)
			if got.Me.Team != "acme" || got.Me.ClientID != client.id {
				t.Errorf("/api/me/ says %+v, want the team acme and the client %s", got.Me, client.id)
			}
			if a.user && (got.User.Email != annEmail || got.User.Sub == "") {
				t.Errorf("it knows %+v, want %s", got.User, annEmail)
			}
			if got.Refreshed != a.renews {
				t.Errorf("it has renewed its token: %v, want %v", got.Refreshed, a.renews)
			}
			if a.home != "" {
				if again := ann.read(ann.open(base + a.home)); again.Me.Team != "acme" || again.AccessToken == got.AccessToken {
					t.Errorf("the second time it calls for the team %q, with another token: %v; want acme and true", again.Me.Team, again.AccessToken != got.AccessToken)
				}
			}
			if a.signOut != nil {
				goodbye := ann.open(a.signOut(h, client, base))
				if goodbye.Request.URL.Path != "/goodbye" {
					t.Errorf("signing out ends at %s", goodbye.Request.URL)
				}
				if page := ann.send(http.MethodGet, h.url+"/account/", nil); page.StatusCode == http.StatusOK {
					t.Error("Ann is signed in still")
				}
			}
		})
	}
}

// signedIn is what the application knows after the person has signed in to it.
func (a application) signedIn(p *person, base string) visited {
	p.t.Helper()
	if a.press == "" {
		return p.read(p.open(base + a.signIn))
	}
	form, err := readForm(p.open(base + a.signIn).Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.read(p.visit(p.send(http.MethodPost, base+a.press, form.values)))
}
