package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/provider/providertest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// ssoOf is a provider that decides who has an address in example.org, and says that this person is there.
func ssoOf(h *webtest.House, email string) *providertest.Provider {
	h.Helper()
	p := providertest.Start(h, h.Clock.Now)
	p.Person = providertest.Claims{"sub": email, "email": email, "email_verified": true}
	h.Provides(p, "acme", func(s *provider.Settings) { s.Name, s.Domains = "Acme SSO", []string{"example.org"} })
	_, err := h.Directory.VerifyEmail(h.Context(), team.CommandLine, email)
	h.OK(err)
	return p
}

// A team that requires a provider cannot be chosen after another sign-in: not by remembered consent, not with prompt=none, not by an edited form.
func TestAttackTeamThatRequiresAProvider(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := ssoOf(h, webtest.Ben)
		ben := h.SignedIn(webtest.Ben)
		got := ben.Connection(h.Insight, h.Atlas)
		ben.Authorize(h.Insight).WantCode(webtest.Callback)
		ana := h.SignedIn(webtest.Ana)
		page := ana.Authorize(h.Insight).WantConsent()
		_, err := h.Directory.RequireProvider(h.Context(), team.CommandLine, "atlas", "acme")
		h.OK(err)

		ben.Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "interaction_required")
		page.Decide("authorize", h.Atlas.ID).WantPage(http.StatusUnprocessableEntity, "requires the sign-in with", "Acme SSO", "requires another sign-in")
		ana.Authorize(h.Insight).WantConsent().Decide("authorize", h.Borealis.ID).WantCode(webtest.Callback)
		if !h.Live(h.Insight, got.AccessToken) {
			h.Error("the connection that there was has ended")
		}

		asked := ben.Authorize(h.Insight).WantPage(http.StatusForbidden, "Atlas Research", "requires another sign-in", "Acme SSO")
		sealed := asked.Hidden("request")
		ben.Post("/o/consent/", url.Values{"request": {sealed}, "team": {string(h.Atlas.ID)}, "decision": {"authorize"}}).WantStatus(http.StatusForbidden)
		ben.Post("/o/consent/", url.Values{"request": {sealed}, "decision": {"cancel"}}).WantError(webtest.Callback, "access_denied")
		// There and back.
		ben.SignInAt(p, "acme", url.Values{"request": {sealed}}).WantStatus(http.StatusSeeOther).Follow().WantCode(webtest.Callback)
		ben.Authorize(h.Insight, "prompt", "none").WantCode(webtest.Callback)
		// A password in the same browser later on is another sign-in.
		ben.SignIn(webtest.Ben, nil).WantStatus(http.StatusSeeOther)
		ben.Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "interaction_required")

		_, err = h.Directory.RequireProvider(h.Context(), team.CommandLine, "atlas", "")
		h.OK(err)
		ben.Authorize(h.Insight, "prompt", "none").WantCode(webtest.Callback)
	})
}

// The second factor that a person has is asked for after the sign-in at the provider, and the session stays one of the provider.
func TestTeamThatRequiresAProviderAndASecondFactor(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := ssoOf(h, webtest.Ben)
		_, err := h.Directory.RequireProvider(h.Context(), team.CommandLine, "atlas", "acme")
		h.OK(err)
		_, err = h.Directory.RequireSecondFactor(h.Context(), team.CommandLine, "atlas", true)
		h.OK(err)
		ben := h.Browser()
		ben.SignInAt(p, "acme", nil).WantStatus(http.StatusSeeOther)
		sealed := ben.Authorize(h.Insight).WantPage(http.StatusForbidden, "requires a second factor").Hidden("request")
		ben.AddApp()
		ben.Get("/o/consent/?request="+url.QueryEscape(sealed)).WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
	})
}

// An admin of the team sees what it means before the team requires a provider, with a fresh sign-in. Nobody else may.
func TestAdminRequiresAProvider(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		ssoOf(h, webtest.Ben)
		_, err := h.Directory.SetRole(h.Context(), team.CommandLine, "atlas", webtest.Ana, team.Admin)
		h.OK(err)
		ana := h.SignedIn(webtest.Ana)
		page := "/teams/atlas/settings/provider/?provider=acme"
		ana.Get("/teams/atlas/settings/").WantPage(http.StatusOK, "Require the sign-in with", "Acme SSO")
		ana.Get(page).WantPage(http.StatusOK, "members have linked no account", "connections that exist go on")
		ben := h.SignedIn(webtest.Ben)
		for _, other := range []string{page, "/teams/borealis/settings/provider/?provider=acme"} {
			if a := ben.Post(other, nil); a.Status != http.StatusForbidden && a.Status != http.StatusNotFound {
				h.Errorf("Ben at %s: status %d", other, a.Status)
			}
		}
		ana.Post("/teams/atlas/settings/provider/?provider=unknown", nil).WantStatus(http.StatusNotFound)
		ana.Post(page, nil).WantStatus(http.StatusSeeOther).Follow().WantPage(http.StatusOK, "requires the sign-in with", "Allow every sign-in")
		now, err := h.Directory.RequiredProvider(h.Context(), team.CommandLine, "atlas")
		h.OK(err)
		if now.Provider != "acme" {
			h.Errorf("required: %+v", now)
		}
		ana.Post("/teams/atlas/settings/provider/", nil).WantStatus(http.StatusSeeOther).Follow().WantPage(http.StatusOK, "allows every sign-in now")
		events, err := h.DB.Events(h.Context(), audit.Filter{Kind: audit.TeamProvider, Limit: 5})
		h.OK(err)
		if len(events) != 2 {
			h.Errorf("events: %v", events)
		}
		ana.Get("/teams/atlas/audit/").WantPage(http.StatusOK, "changed which sign-in the team requires")
	})
}
