package webtest

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
)

// ValuesOfEveryKind makes a good value for each purpose, and of each kind of token and secret.
func (h *House) ValuesOfEveryKind() map[string]string {
	h.Helper()
	b := h.SignedIn(Ana)
	got := b.Connection(h.Insight, h.Atlas, "scope", "openid chatbot:read")
	b.Connect(h.Notes, h.Atlas)
	done, err := url.Parse(b.EndOwn(h.GrantOf(Ana, h.Notes, h.Atlas)).WantStatus(http.StatusSeeOther).Location())
	h.OK(err)
	prover := h.NewProver()
	prover.Post("/o/token/", AsClient(h.Machine, "grant_type", "client_credentials")).WantStatus(http.StatusOK)
	reference := strings.TrimPrefix(h.Push(h.Insight, "prompt", "consent").WantRequestURI(), oauth.RequestURIPrefix)
	stored, _, err := h.DB.PushedRequest(h.Context(), reference)
	h.OK(err)
	ben := h.SignedIn(Ben)
	setup := h.SignedIn(Cleo).Get("/account/security/app/").Hidden("setup")
	ben.AddApp()
	ben.Begin(Ben, nil)
	passkeys := authn.Defaults()
	passkeys.PublicURL = PasskeyOrigin
	ceremony, err := authn.New(h.DB, h.Keys, h.Clock.Now, passkeys).AskPasskey("gh_bd_x", false)
	h.OK(err)
	return map[string]string{
		token.PurposeAttempt.String():    ben.cookie(browser.CookieName(b.Parts.Issuer, browser.AttemptCookie)),
		token.PurposeAppSetup.String():   setup,
		token.PurposeChallenge.String():  ceremony.Sealed,
		token.PurposeRequest.String():    b.Authorize(h.Insight, "prompt", "consent").Follow().Sealed(),
		token.PurposePushed.String():     stored.Sealed,
		token.PurposeCode.String():       b.Connect(h.Insight, h.Borealis),
		token.PurposeBrowser.String():    b.cookie(browser.CookieName(b.Parts.Issuer, browser.DeviceCookie)),
		token.PurposeDone.String():       done.Query().Get("done"),
		token.PurposeEndSession.String(): b.Get("/o/logout/?state=s").Follow().Sealed(),
		token.PurposeNonce.String():      prover.Nonce,

		token.PurposeProvider.String(): h.sealedFor(token.PurposeProvider),
		token.PurposeIdentity.String(): h.sealedFor(token.PurposeIdentity),

		token.PurposeLinkReset.String():  h.Keys.Link(token.PurposeLinkReset, "row"),
		token.PurposeLinkProve.String():  h.Keys.Link(token.PurposeLinkProve, "row"),
		token.PurposeLinkChange.String(): h.Keys.Link(token.PurposeLinkChange, "row"),
		token.PurposeLinkUndo.String():   h.Keys.Link(token.PurposeLinkUndo, "row"),
		token.PurposeLinkInvite.String(): h.Keys.Link(token.PurposeLinkInvite, "row"),
		token.PurposeLinkSignUp.String(): h.Keys.Link(token.PurposeLinkSignUp, "row"),

		"request_uri": reference,

		"access token": got.AccessToken, "refresh token": got.RefreshToken, "ID token": got.IDToken,
		"session": b.SessionOf(), "client secret": h.Insight.Secret,
	}
}

// sealedFor is a value of a purpose whose content does not matter: nothing but its own place opens it.
func (h *House) sealedFor(purpose token.Purpose) string {
	h.Helper()
	sealed, err := h.Keys.Seal(purpose, map[string]string{"id": "x"}, time.Hour)
	h.OK(err)
	return sealed
}

// cookie is the value of one of the browser's cookies, or "".
func (b *Browser) cookie(name string) string {
	u, err := url.Parse(b.base)
	b.OK(err)
	for _, c := range b.Client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// PlaceForValues is a parameter, header or cookie of a request.
type PlaceForValues struct {
	Takes   string // the kind of value that belongs there
	Present func(value string) *Answer
}

// PlacesForValues is every place where a value is read that has an answer of its own. That the browser cookie is read as such
// shows only in whose failures count, and is tested in authn.
func (h *House) PlacesForValues() map[string]PlaceForValues {
	request, secret := token.PurposeRequest.String(), "client secret"
	api := h.ResourceServer(h.Parts.Issuer)
	sealed := func(path string, more ...string) func(string) *Answer {
		return func(v string) *Answer {
			return h.SignedIn(Ana).Post(path, Pairs(append([]string{"request", v}, more...)...))
		}
	}
	return map[string]PlaceForValues{
		"the token endpoint, code":          {token.PurposeCode.String(), func(v string) *Answer { return h.Redeem(h.Insight, v) }},
		"the token endpoint, refresh_token": {"refresh token", func(v string) *Answer { return h.Refresh(h.Insight, v) }},
		"the token endpoint, client_secret": {secret, func(v string) *Answer {
			return h.Program().Post("/o/token/", Pairs("grant_type", "refresh_token", "refresh_token", "x", "client_id", string(h.Insight.ID), "client_secret", v))
		}},
		"a DPoP proof, nonce": {token.PurposeNonce.String(), func(v string) *Answer {
			p := h.NewProver()
			return h.Program().Post("/o/token/", AsClient(h.Machine, "grant_type", "client_credentials"), "DPoP", p.Proof("POST", "/o/token/", map[string]any{"nonce": v}))
		}},
		"userinfo":               {"access token", func(v string) *Answer { return h.UserInfo(v) }},
		"introspection":          {"access token", func(v string) *Answer { return h.Call("/o/introspect/", api, "token", v) }},
		"the consent page":       {request, func(v string) *Answer { return h.SignedIn(Ana).Get("/o/consent/?" + Pairs("request", v).Encode()) }},
		"the consent form":       {request, sealed("/o/consent/", "decision", "cancel")},
		"the sign-in page":       {request, func(v string) *Answer { return h.Browser().Get("/login/?" + Pairs("request", v).Encode()) }},
		"the account selection":  {request, sealed("/o/select-account/", "decision", "continue")},
		"the sign-out form":      {token.PurposeEndSession.String(), sealed("/o/logout/", "decision", "sign_out")},
		"authorize, request_uri": {"request_uri", func(v string) *Answer { return h.SignedIn(Ana).AuthorizePushed(h.Insight, oauth.RequestURIPrefix+v) }},
		"authorize, id_token_hint": {"ID token", func(v string) *Answer {
			return h.SignedIn(Ana).Authorize(h.Insight, "id_token_hint", v, "prompt", "none", "team", "atlas", "scope", "chatbot:read openid")
		}},
		"the page of a reset link":   {token.PurposeLinkReset.String(), func(v string) *Answer { return h.Browser().Get("/login/reset/?" + Pairs("link", v).Encode()) }},
		"the page of a sign-up link": {token.PurposeLinkSignUp.String(), func(v string) *Answer { return h.Browser().Get("/signup/finish/?" + Pairs("link", v).Encode()) }},
		"an account page, done": {token.PurposeDone.String(), func(v string) *Answer {
			return h.SignedIn(Ana).Get("/account/applications/?" + Pairs("done", v).Encode())
		}},
		"the attempt cookie": {token.PurposeAttempt.String(), func(v string) *Answer {
			b := h.Browser()
			b.setCookie(browser.AttemptCookie, v)
			return b.Get("/login/factor/")
		}},
		"the form of an authenticator app": {token.PurposeAppSetup.String(), func(v string) *Answer {
			a := h.SignedIn(Cleo).Post("/account/security/app/", Pairs("setup", v, "code", "000000"))
			if strings.Contains(a.Body, "took too long") { // the heading is the same
				a.Status = http.StatusGone
			}
			return a
		}},
		"the session cookie": {"session", func(v string) *Answer {
			b := h.Browser()
			b.SetSession(v)
			return b.Get("/account/")
		}},
	}
}
