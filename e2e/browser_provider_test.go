package e2e_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// A person signs in at another Gatehouse, which decides about nobody's address here: they sign in to their account first, link it, and from then on one
// button is enough. Then they unlink it.
func TestBrowserSignsInAtAProvider(t *testing.T) {
	t.Parallel()
	_, ofHQ := gatehouseProvider(t)
	h := newHouse(t, ofHQ, func(cfg *config.Config) { cfg.Providers[0].Domains, cfg.Providers[0].SignUp = nil, false })
	b := h.open()
	const button = `button[formaction="/login/provider/hq/"]`
	agree := func() {
		b.do(chromedp.Click("input[name=team]:not(:disabled)", chromedp.ByQuery))
		b.press("button[value=authorize]")
	}
	b.visit(h.url + "/login/?next=/account/security/")
	b.picture("login-provider")
	b.press(button)
	b.signIn(annEmail, annPassword)
	agree()
	b.sees("h1", "is not linked")
	b.picture("login-provider-unlinked")
	b.press(".sheet a.button")
	b.signIn(annEmail, annPassword)
	b.sees(".sheet", "Link it to this account?")
	b.picture("login-provider-link")
	b.press("button[value=link]")
	b.sees(".factors", "Head office")
	b.picture("account-security-provider")

	// A team requires it: the page leads there and back.
	_, err := h.Team.SetRole(t.Context(), team.CommandLine, "acme", annEmail, team.Admin)
	h.ok(err)
	b.visit(h.url + "/teams/acme/settings/provider/?provider=hq")
	b.picture("team-provider")
	b.press("main form button.choice")
	b.sees("[role=status]", "requires the sign-in with Head office")
	b.picture("team-settings-provider")
	app := h.register("http://127.0.0.1:1/callback", true)
	b.visit(h.url + "/o/authorize/?" + url.Values{
		"response_type": {"code"}, "client_id": {app.id}, "redirect_uri": {app.redirectURI}, "team": {"acme"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode())
	b.sees("h1", "Another sign-in is needed")
	b.picture("need-provider")
	b.press(button)
	agree()
	b.sees("h1", "Authorize")

	b.visit(h.url + "/logout/")
	b.press("main form button")
	b.visit(h.url + "/login/?next=/account/security/")
	b.press(button)
	agree()
	b.sees(".factors", "last used")
	b.press(`.factors a[href^="/account/security/identities/"]`)
	b.picture("account-security-unlink")
	b.press("main form button.choice")
	b.sees("[role=status]", "is not linked any more")
}

// The sign-in page with as many providers as anybody may have.
func TestBrowserSeesManyProviders(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(cfg *config.Config) {
		for i, name := range []string{"Acme", "Google", "Microsoft Entra ID of the Northern Clinics Association", "Keycloak", "GitLab", "Dex", "Head office", "Ärztekammer"} {
			cfg.Providers = append(cfg.Providers, provider.Settings{ID: fmt.Sprintf("p%d", i), Name: name, Issuer: fmt.Sprintf("https://p%d.example", i), ClientID: "x"})
		}
	})
	b := h.open()
	b.visit(h.url + "/login/")
	b.picture("login-providers-eight")
}
