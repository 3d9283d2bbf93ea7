package web_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// TestAttackOneValueForAnother presents every sealed value, token and secret wherever one of them is read. Each is accepted
// where it belongs, and everywhere else it is answered like a text that anybody could make up.
func TestAttackOneValueForAnother(t *testing.T) {
	onBoth(t, func(h *house) {
		values := h.valuesOfEveryKind()
		for purpose := token.Purpose(1); purpose.String() != ""; purpose++ {
			if values[purpose.String()] == "" {
				t.Errorf("there is no value of the purpose %s", purpose)
			}
		}
		for name, place := range h.placesForValues() {
			madeUp := outcome(place.present("AAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
			for _, kind := range slices.Sorted(maps.Keys(values)) {
				if kind == place.takes {
					continue
				}
				if got := outcome(place.present(values[kind])); got != madeUp {
					h.Errorf("%s takes a value for %s: got %q, want %q as for a made-up one", name, kind, got, madeUp)
				}
			}
			// Last, because it may be used up.
			if got := outcome(place.present(values[place.takes])); got == madeUp {
				h.Errorf("%s refuses its own value, for %s: %q", name, place.takes, got)
			}
		}
	})
}

// valuesOfEveryKind makes a good value for each purpose, and of each kind of token and secret.
func (h *house) valuesOfEveryKind() map[string]string {
	h.Helper()
	b := h.signedIn(ana)
	got := b.connection(h.insight, h.atlas, "scope", "openid chatbot:read")
	b.connect(h.notes, h.atlas)
	done, err := url.Parse(b.endOwn(h.grantOf(ana, h.notes, h.atlas)).wantStatus(http.StatusSeeOther).location())
	h.ok(err)
	prover := h.newProver()
	prover.post("/o/token/", asClient(h.machine, "grant_type", "client_credentials")).wantStatus(http.StatusOK)
	return map[string]string{
		token.PurposeRequest.String():    b.authorize(h.insight, "prompt", "consent").follow().sealed(),
		token.PurposePushed.String():     strings.TrimPrefix(h.push(h.insight, "prompt", "consent").wantRequestURI(), oauth.RequestURIPrefix),
		token.PurposeCode.String():       b.connect(h.insight, h.borealis),
		token.PurposeBrowser.String():    b.cookie("gatehouse_browser"),
		token.PurposeDone.String():       done.Query().Get("done"),
		token.PurposeEndSession.String(): b.get("/o/logout/?state=s").follow().sealed(),
		token.PurposeNonce.String():      prover.nonce,

		"access token": got.AccessToken, "refresh token": got.RefreshToken, "ID token": got.IDToken,
		"session": b.sessionOf(), "client secret": h.insight.secret,
	}
}

// cookie is the value of one of the browser's cookies, or "".
func (b *browser) cookie(name string) string {
	u, err := url.Parse(b.base)
	b.ok(err)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// placeForValues is a parameter, header or cookie of a request.
type placeForValues struct {
	takes   string // the kind of value that belongs there
	present func(value string) *answer
}

// placesForValues is every place where a value is read that has an answer of its own. That the browser cookie is read as such
// shows only in whose failures count, and is tested in authn.
func (h *house) placesForValues() map[string]placeForValues {
	request, secret := token.PurposeRequest.String(), "client secret"
	api := h.resourceServer(h.parts.Issuer)
	sealed := func(path string, more ...string) func(string) *answer {
		return func(v string) *answer {
			return h.signedIn(ana).post(path, pairs(append([]string{"request", v}, more...)...))
		}
	}
	return map[string]placeForValues{
		"the token endpoint, code":          {token.PurposeCode.String(), func(v string) *answer { return h.redeem(h.insight, v) }},
		"the token endpoint, refresh_token": {"refresh token", func(v string) *answer { return h.refresh(h.insight, v) }},
		"the token endpoint, client_secret": {secret, func(v string) *answer {
			return h.program().post("/o/token/", pairs("grant_type", "refresh_token", "refresh_token", "x", "client_id", string(h.insight.ID), "client_secret", v))
		}},
		"a DPoP proof, nonce": {token.PurposeNonce.String(), func(v string) *answer {
			p := h.newProver()
			return h.program().post("/o/token/", asClient(h.machine, "grant_type", "client_credentials"), "DPoP", p.proof("POST", "/o/token/", map[string]any{"nonce": v}))
		}},
		"userinfo":               {"access token", func(v string) *answer { return h.userInfo(v) }},
		"introspection":          {"access token", func(v string) *answer { return h.call("/o/introspect/", api, "token", v) }},
		"the consent page":       {request, func(v string) *answer { return h.signedIn(ana).get("/o/consent/?" + pairs("request", v).Encode()) }},
		"the consent form":       {request, sealed("/o/consent/", "decision", "cancel")},
		"the sign-in page":       {request, func(v string) *answer { return h.browser().get("/login/?" + pairs("request", v).Encode()) }},
		"the account selection":  {request, sealed("/o/select-account/", "decision", "continue")},
		"the sign-out form":      {token.PurposeEndSession.String(), sealed("/o/logout/", "decision", "sign_out")},
		"authorize, request_uri": {token.PurposePushed.String(), func(v string) *answer { return h.signedIn(ana).authorizePushed(h.insight, oauth.RequestURIPrefix+v) }},
		"authorize, id_token_hint": {"ID token", func(v string) *answer {
			return h.signedIn(ana).authorize(h.insight, "id_token_hint", v, "prompt", "none", "team", "atlas", "scope", "chatbot:read openid")
		}},
		"an account page, done": {token.PurposeDone.String(), func(v string) *answer {
			return h.signedIn(ana).get("/account/applications/?" + pairs("done", v).Encode())
		}},
		"the session cookie": {"session", func(v string) *answer {
			b := h.browser()
			b.setSession(v)
			return b.get("/account/")
		}},
	}
}

var heading = regexp.MustCompile(`(?s)<h1>.*?</h1>|role="status".{0,200}`)

// outcome is what tells answers of one place apart: no ids, no times, and nothing that the request brought.
func outcome(a *answer) string {
	location, err := url.Parse(a.location())
	a.ok(err)
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Active      *bool  `json:"active"`
	}
	text := strings.Join(heading.FindAllString(a.body, -1), " ")
	if json.Unmarshal([]byte(a.body), &body) == nil {
		text = fmt.Sprint(body.Error, body.Description, body.Active != nil && *body.Active)
	}
	return fmt.Sprint(a.status, " ", location.Path, " ", location.Query().Get("error"), " ", text)
}
