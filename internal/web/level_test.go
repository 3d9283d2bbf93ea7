package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

const (
	aal1 = "urn:gatehouse:aal1"
	aal2 = "urn:gatehouse:aal2"
	phr  = "urn:gatehouse:phr"
)

// stepUp is the page for the missing factor, which an authorization request leads to.
func stepUp(a *webtest.Answer) *webtest.Answer {
	return a.WantStatus(http.StatusSeeOther).Follow().WantPage(http.StatusOK, "One more step", "a stronger sign-in", `value="cancel" formaction="/o/consent/"`).WantNothingOf(`type="password"`)
}

// TestStepUp: acr_values asks for the missing factor alone, and the tokens say what was done (RFC 9470 §4, §5).
func TestStepUp(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		weak, strong := h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ana)
		before := h.Clock.Now()
		weak.Connection(h.Insight, h.Atlas, "team", "atlas")
		app := strong.AddApp()
		h.Clock.Advance(time.Minute)

		weak.Authorize(h.Insight, "team", "atlas", "acr_values", "urn:example:gold pwd").WantCode(webtest.Callback)
		weak.Authorize(h.Insight, "team", "atlas", "acr_values", "urn:example:gold "+aal1+" "+aal2).WantCode(webtest.Callback)
		weak.Authorize(h.Insight, "team", "atlas", "acr_values", aal2, "prompt", "none").WantError(webtest.Callback, "login_required")
		weak.Authorize(h.Insight, "team", "atlas", "acr_values", aal2, "max_age", "30").WantSignIn()
		for _, levels := range []string{aal2, phr + " " + aal2 + " " + aal1} {
			page := stepUp(weak.Authorize(h.Insight, "team", "atlas", "acr_values", levels))
			weak.Post("/o/consent/", url.Values{"request": {page.Hidden("request")}, "decision": {"cancel"}}).WantError(webtest.Callback, "unmet_authentication_requirements")
		}

		page := stepUp(weak.Authorize(h.Insight, "team", "atlas", "scope", "openid", "acr_values", aal2, "max_age", "3600"))
		code := page.Prove(app.Now()).Follow().WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		tokens := h.Redeem(h.Insight, code).WantTokens()
		id, _ := h.Payload(tokens.IDToken, jose.RS256)
		for what, claims := range map[string]map[string]any{"ID token": id, "access token": h.Claims(tokens.AccessToken)} {
			if claims["acr"] != aal2 || claims["auth_time"] != float64(before.Unix()) {
				h.Errorf("%s: acr %v, auth_time %v; want %s, and the time of the password", what, claims["acr"], claims["auth_time"], aal2)
			}
		}
		if diff := cmp.Diff([]any{"pwd", "otp", "mfa"}, id["amr"]); diff != "" {
			h.Errorf("amr (-want +got):\n%s", diff)
		}
		weak.Authorize(h.Insight, "team", "atlas", "acr_values", aal2, "prompt", "none").WantCode(webtest.Callback)
	})
}

// TestStepUpToAPasskey: a person with an authenticator app who is asked for a passkey uses theirs, or adds one.
func TestStepUpToAPasskey(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.SignedIn(webtest.Ben).Authorize(h.Insight, "acr_values", phr).WantError(webtest.Callback, "unmet_authentication_requirements") // no passkeys at this server
		h.WithPasskeys()
		b := h.SignedIn(webtest.Ben)
		b.AddApp()
		asked := b.Authorize(h.Insight, "scope", "openid", "acr_values", phr).WantPage(http.StatusForbidden, "A passkey is needed", "asks for a sign-in with a passkey")
		b.Authorize(h.Insight, "acr_values", phr, "prompt", "none").WantError(webtest.Callback, "interaction_required")
		sealed := asked.Hidden("request")
		b.Get("/login/?stronger=1&request="+url.QueryEscape(sealed)).Follow().WantPage(http.StatusOK, "You need a passkey", "Continue with the application")
		key := h.NewSoftKey()
		b.AddPasskey(key)
		code := b.Get("/o/consent/?request="+url.QueryEscape(sealed)).WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		claims, _ := h.Payload(h.Redeem(h.Insight, code).WantTokens().IDToken, jose.RS256)
		if claims["acr"] != phr {
			h.Errorf("acr %v, want %s", claims["acr"], phr)
		}
	})
}

// TestAttackSignInWeakerThanAsked: whatever is edited, skipped or changed on the way, no code says less than acr_values asked for.
func TestAttackSignInWeakerThanAsked(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		ben := h.SignedIn(webtest.Ben)
		ben.Connection(h.Insight, h.Atlas) // remembered consent is no way around it
		ben.Authorize(h.Insight).WantCode(webtest.Callback)

		asked := ben.Authorize(h.Insight, "acr_values", aal2).WantPage(http.StatusForbidden, "asks for a sign-in with a second factor, and you have none yet")
		sealed := asked.Hidden("request")
		ben.Post("/o/consent/", url.Values{"request": {sealed}, "team": {string(h.Atlas.ID)}, "decision": {"authorize"}}).WantStatus(http.StatusForbidden)
		ben.Get("/o/consent/?acr_values=&request=" + url.QueryEscape(sealed)).WantStatus(http.StatusForbidden)
		ben.Get("/login/?request="+url.QueryEscape(sealed)).Follow().WantPage(http.StatusForbidden, "asks for a sign-in with a second factor")
		ben.Authorize(h.Insight, "acr_values", aal2, "prompt", "none").WantError(webtest.Callback, "interaction_required")
		ben.Post("/o/consent/", url.Values{"request": {sealed}, "decision": {"cancel"}}).WantError(webtest.Callback, "unmet_authentication_requirements")
		uri := h.Push(h.Insight, "acr_values", aal2).WantRequestURI()
		ben.AuthorizePushed(h.Insight, uri, "acr_values", aal1).WantStatus(http.StatusForbidden) // what was pushed counts
		ben.Get("/login/?stronger=1&request="+url.QueryEscape(sealed)).Follow().WantPage(http.StatusOK, "You need a second factor", "Continue with the application")
		ben.AddApp()
		ben.Get("/o/consent/?request=" + url.QueryEscape(sealed)).WantCode(webtest.Callback)

		// The consent page of a strong session, sent from a weak one of the same person.
		weak, strong := h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ana)
		app := strong.AddApp()
		page := strong.Authorize(h.Insight, "acr_values", aal2).WantConsent()
		stolen := url.Values{"request": {page.Hidden("request")}, "team": {string(h.Atlas.ID)}, "decision": {"authorize"}}
		stepUp(weak.Post("/o/consent/", stolen))

		// The step up of one browser does not count in another.
		begun := stepUp(weak.Authorize(h.Insight, "acr_values", aal2))
		other := h.Browser()
		other.Post("/login/factor/", url.Values{"attempt": {begun.Hidden("attempt")}, "request": {begun.Hidden("request")}, "code": {app.Now()}}).WantStatus(http.StatusUnprocessableEntity)

		// The factor is gone, and the browser signs in again without it, while the consent page is open.
		strong.Post("/account/security/app/", webtest.Pairs("do", "remove")).WantStatus(http.StatusSeeOther)
		strong.SignIn(webtest.Ana, nil).WantStatus(http.StatusSeeOther)
		page.Decide("authorize", h.Atlas.ID).WantPage(http.StatusForbidden, "asks for a sign-in with a second factor")
		if got := page.Decide("cancel", "").WantError(webtest.Callback, string(oauth.UnmetAuthenticationRequirements)); got == "" {
			h.Error("no description")
		}
	})
}
