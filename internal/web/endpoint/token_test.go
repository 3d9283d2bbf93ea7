package endpoint_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestTokenSaysWhatToSend to those who send it another way.
func TestTokenSaysWhatToSend(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		code := h.SignedIn(webtest.Ana).Connect(h.Insight, h.Atlas)
		good := webtest.TokenRequest(h.Insight, code)
		asJSON, err := json.Marshal(good)
		h.OK(err)
		p := h.Program()
		for name, a := range map[string]*webtest.Answer{
			"a query string":         p.Post("/o/token/?"+good.Encode(), nil),
			"a query beside a body":  p.Post("/o/token/?x=y", good),
			"JSON":                   p.Do("POST", "/o/token/", string(asJSON), "Content-Type", "application/json"),
			"a form without a type":  p.Do("POST", "/o/token/", good.Encode()),
			"text":                   p.Do("POST", "/o/token/", good.Encode(), "Content-Type", "text/plain"),
			"multipart":              p.Do("POST", "/o/token/", good.Encode(), "Content-Type", "multipart/form-data; boundary=x"),
			"a type that is nothing": p.Do("POST", "/o/token/", good.Encode(), "Content-Type", ";;;"),
			"a broken form":          p.Do("POST", "/o/token/", good.Encode()+"&x=%zz", "Content-Type", "application/x-www-form-urlencoded"),
			"nothing":                p.Post("/o/token/", nil),
		} {
			says := a.WantJSON(http.StatusBadRequest, "invalid_request")
			if !strings.Contains(says, "form") {
				h.Errorf("%s: %q does not say to send a form", name, says)
			}
		}
		// None of these has used the code; and a charset is no other type.
		p.Do("POST", "/o/token/", good.Encode(), "Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8").WantTokens()
	})
}

// TestTokenRefusesOtherGrantTypes before anything is looked up: no client is named in these requests.
func TestTokenRefusesOtherGrantTypes(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Program().Post("/o/token/", url.Values{"code": {"x"}}).WantJSON(http.StatusBadRequest, "invalid_request")
		h.Program().Post("/o/token/", url.Values{"grant_type": {""}}).WantJSON(http.StatusBadRequest, "invalid_request")
		for _, grantType := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:device_code", "AUTHORIZATION_CODE", "x"} {
			h.Program().Post("/o/token/", url.Values{"grant_type": {grantType}, "username": {webtest.Ana}, "password": {webtest.Password}}).
				WantJSON(http.StatusBadRequest, "unsupported_grant_type")
		}
	})
}

// TestFailedClientAuthenticationLooksAlike whatever the reason: 401 invalid_client, the same body for all.
func TestFailedClientAuthenticationLooksAlike(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		code := h.SignedIn(webtest.Ana).Connect(h.Insight, h.Atlas)
		other := token.NewSecret(token.PrefixClientSecret).Reveal()
		rotated := h.Insight
		_, err := h.Registry.RotateSecret(h.Context(), team.CommandLine, h.Insight.ID, true) // the old secret ends
		h.OK(err)
		disabled := h.Notes
		h.OK(h.DB.DisableClient(h.Context(), disabled.ID, h.Clock.Now()))
		bodies := map[string]bool{}
		for name, form := range map[string]url.Values{
			"unknown client":              webtest.TokenRequest(h.Insight, code, "client_id", "nobody"),
			"wrong secret":                webtest.TokenRequest(h.Insight, code, "client_secret", other),
			"revoked secret":              webtest.TokenRequest(rotated, code),
			"no secret":                   webtest.TokenRequest(h.Insight, code, "client_secret", ""),
			"disabled client":             webtest.TokenRequest(disabled, code),
			"a secret of a public client": webtest.TokenRequest(h.Pocket, code, "client_secret", other),
			"another client's secret":     webtest.TokenRequest(h.Insight, code, "client_secret", h.Machine.Secret),
		} {
			id, secret := form.Get("client_id"), form.Get("client_secret")
			posted := h.Program().Post("/o/token/", form)
			posted.WantJSON(http.StatusUnauthorized, "invalid_client")
			if got := posted.Header.Get("WWW-Authenticate"); got != "" {
				h.Errorf("%s: WWW-Authenticate %q without Basic", name, got)
			}
			bodies[posted.Body] = true
			form.Del("client_id")
			form.Del("client_secret")
			asBasic := h.Program().Post("/o/token/", form, "Authorization", webtest.Basic(id, secret))
			asBasic.WantJSON(http.StatusUnauthorized, "invalid_client")
			if got := asBasic.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic ") {
				h.Errorf("%s: WWW-Authenticate %q, want Basic", name, got)
			}
			bodies[asBasic.Body] = true
		}
		if len(bodies) != 1 {
			h.Errorf("there are %d different bodies: %v", len(bodies), bodies)
		}
	})
}

// TestClientsAuthenticateInOneWay: by Basic, in the body, or, public ones, by name alone.
func TestClientsAuthenticateInOneWay(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		h.Redeem(h.Insight, b.Connect(h.Insight, h.Atlas)).WantTokens()
		h.Redeem(h.Pocket, b.Connect(h.Pocket, h.Atlas)).WantTokens()
		header := webtest.Basic(string(h.Insight.ID), h.Insight.Secret)
		code := b.Connect(h.Insight, h.Atlas)
		h.Program().Post("/o/token/", webtest.TokenRequest(h.Insight, code), "Authorization", header).WantJSON(http.StatusBadRequest, "invalid_request")
		for _, malformed := range []string{"Bearer x", "Basic", "Basic !!!", "Basic " + base64.StdEncoding.EncodeToString([]byte("nocolon")), "Digest username=x"} {
			a := h.Program().Post("/o/token/", webtest.TokenRequest(h.Insight, code, "client_id", "", "client_secret", ""), "Authorization", malformed)
			a.WantJSON(http.StatusUnauthorized, "invalid_client")
			if got := a.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic ") {
				h.Errorf("%q: WWW-Authenticate %q, want Basic", malformed, got)
			}
		}
		h.Program().Post("/o/token/", webtest.TokenRequest(h.Insight, code, "client_id", "", "client_secret", ""), "Authorization", header).WantTokens()
	})
}

// TestPublicClientByBasicWithoutAPassword: some libraries send Basic whatever the client is. It is no failure, so it does not count as one.
func TestPublicClientByBasicWithoutAPassword(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		public := webtest.Basic(string(h.Pocket.ID), "")
		byBasic := func(code string, changes ...string) *webtest.Answer {
			return h.Program().Post("/o/token/", webtest.TokenRequest(h.Pocket, code, append(changes, "client_secret", "")...), "Authorization", public)
		}
		got := byBasic(b.Connect(h.Pocket, h.Atlas), "client_id", "").WantTokens()
		byBasic(b.Connect(h.Pocket, h.Atlas)).WantTokens() // its id is in the body too
		for range 2 * h.Parts.ClientFailures {
			byBasic("gh_ac_unknown", "client_id", "").WantJSON(http.StatusBadRequest, "invalid_grant")
		}
		h.Program().Post("/o/par/", webtest.Parameters(h.Pocket), "Authorization", public).WantStatus(http.StatusCreated)
		h.Program().Post("/o/revoke_token/", webtest.Pairs("token", got.RefreshToken), "Authorization", public).WantStatus(http.StatusOK)
		h.Program().Post("/o/token/", webtest.Pairs("grant_type", "refresh_token", "refresh_token", got.RefreshToken), "Authorization", public).
			WantJSON(http.StatusBadRequest, "invalid_grant")
		events, err := h.DB.Events(h.Context(), audit.Filter{Kind: audit.ClientAuthFailed})
		h.OK(err)
		if len(events) > 0 {
			h.Errorf("%d failures were recorded", len(events))
		}

		// Confidential clients, whatever they prove themselves by, are not let in without it.
		keyed := h.NewKeyed(client.Registration{Name: "Keyed", RedirectURIs: []string{"https://keyed.example/cb"}})
		for _, client := range []webtest.App{h.Insight, h.Machine, keyed.App} {
			h.Program().Post("/o/token/", webtest.TokenRequest(client, "gh_ac_unknown", "client_id", "", "client_secret", ""), "Authorization", webtest.Basic(string(client.ID), "")).
				WantJSON(http.StatusUnauthorized, "invalid_client")
		}
	})
}

// TestBothSecretsOfAClientWork while one is rotated, and an expired one does not.
func TestBothSecretsOfAClientWork(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		renewed, err := h.Registry.RotateSecret(h.Context(), team.CommandLine, h.Insight.ID, false)
		h.OK(err)
		for _, secret := range []string{h.Insight.Secret, renewed.Reveal()} {
			h.Redeem(h.Insight, b.Connect(h.Insight, h.Atlas), "client_secret", secret).WantTokens()
		}
		_, err = h.Registry.RotateSecret(h.Context(), team.CommandLine, h.Insight.ID, false)
		h.OK(err)
		h.Redeem(h.Insight, b.Connect(h.Insight, h.Atlas)).WantJSON(http.StatusUnauthorized, "invalid_client") // two at most
	})
}

// TestGrantTypeNotAllowedToTheClient.
func TestGrantTypeNotAllowedToTheClient(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Redeem(h.Machine, "gh_ac_x").WantJSON(http.StatusBadRequest, "unauthorized_client")
	})
}

// TestTokenSuccess has what the contract says and nothing else; the access token is for this person, in this team, with these scopes.
func TestTokenSuccess(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		a := h.Redeem(h.Insight, h.SignedIn(webtest.Ana).Connect(h.Insight, h.Borealis, "scope", "session:read"))
		got := a.WantTokens()
		if got.Scope != "session:read" || got.Team != "borealis" {
			h.Errorf("got scope %q in %q", got.Scope, got.Team)
		}
		if kind, pragma := a.Header.Get("Content-Type"), a.Header.Get("Pragma"); kind != "application/json" || pragma != "no-cache" {
			h.Errorf("Content-Type %q, Pragma %q", kind, pragma)
		}
		person, err := h.Directory.UserByEmail(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		claims := h.Claims(got.AccessToken)
		for name, want := range map[string]any{
			"iss": h.Parts.Issuer, "sub": string(person.ID), "aud": h.Parts.Issuer, "client_id": string(h.Insight.ID), "scope": "session:read",
			"iat": float64(webtest.Started.Unix()), "exp": float64(webtest.Started.Add(time.Hour).Unix()), "team": "borealis", "team_id": string(h.Borealis.ID),
		} {
			if claims[name] != want {
				h.Errorf("%s is %v, want %v", name, claims[name], want)
			}
		}
		if claims["jti"] == "" || claims["grant_id"] == "" {
			h.Errorf("jti %v, grant_id %v", claims["jti"], claims["grant_id"])
		}
		if strings.Contains(got.AccessToken, base64.RawURLEncoding.EncodeToString([]byte(webtest.Ana))) || claims["email"] != nil {
			h.Error("the access token names the e-mail")
		}
	})
}

// TestCodeExchangeChecksItsParameters: what is missing or malformed is invalid_request, a missing verifier invalid_grant, and the code stays good.
func TestCodeExchangeChecksItsParameters(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		code := h.SignedIn(webtest.Ana).Connect(h.Insight, h.Atlas)
		for name, want := range map[string]string{"code": "invalid_request", "redirect_uri": "invalid_request", "code_verifier": "invalid_grant"} {
			if says := h.Redeem(h.Insight, code, name, "").WantJSON(http.StatusBadRequest, want); !strings.Contains(says, name) {
				h.Errorf("%s missing: %q does not name it", name, says)
			}
		}
		for _, malformed := range []string{webtest.Verifier[:42], strings.Repeat("v", 129), webtest.Verifier[:42] + "!", webtest.Verifier[:42] + "é"} {
			h.Redeem(h.Insight, code, "code_verifier", malformed).WantJSON(http.StatusBadRequest, "invalid_request")
		}
		h.Redeem(h.Insight, code).WantTokens()
	})
}

// TestBadCodesLookAlikeOutsideAndDifferInTheLog.
func TestBadCodesLookAlikeOutsideAndDifferInTheLog(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		expired := b.Connect(h.Insight, h.Atlas)
		h.Clock.Advance(time.Minute)
		used, foreign, ended := b.Connect(h.Insight, h.Atlas), b.Connect(h.Notes, h.Atlas), b.Connect(h.Insight, h.Borealis)
		h.Redeem(h.Insight, used).WantTokens()
		h.OK(h.Directory.RemoveMember(h.Context(), team.CommandLine, "borealis", webtest.Ana))
		page := b.Authorize(h.Insight, "prompt", "consent").WantConsent()
		bodies, causes := map[string]bool{}, map[string]bool{}
		for _, row := range []struct{ name, code string }{
			{"unknown", "gh_ac_unknown"},
			{"not a code", "x"},
			{"a pending request", "gh_ac_" + page.Sealed()},
			{"expired", expired},
			{"used", used},
			{"foreign", foreign},
			{"ended", ended},
		} {
			before := len(h.Logged.String())
			a := h.Redeem(h.Insight, row.code)
			a.WantJSON(http.StatusBadRequest, "invalid_grant")
			bodies[a.Body] = true
			logged := h.Logged.String()[before:]
			_, cause, _ := strings.Cut(logged, `"cause":"`)
			cause, _, _ = strings.Cut(cause, `"`)
			if cause == "" || strings.Contains(a.Body, cause) {
				h.Errorf("%s: the cause %q belongs in the log and only there; the log says %s", row.name, cause, logged)
			}
			causes[cause] = true
		}
		if len(bodies) != 1 {
			h.Errorf("there are %d different bodies: %v", len(bodies), bodies)
		}
		if len(causes) < 5 {
			h.Errorf("there are only %d different causes in the log: %v", len(causes), causes)
		}
		h.Redeem(h.Notes, foreign).WantTokens() // another client's attempt does nothing to the code
	})
}

// TestCodeIsBoundToItsRedirectURI.
func TestCodeIsBoundToItsRedirectURI(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		code := h.SignedIn(webtest.Ana).Connect(h.Insight, h.Atlas)
		for _, other := range h.Insight.RedirectURIs[1:] {
			h.Redeem(h.Insight, code, "redirect_uri", other).WantJSON(http.StatusBadRequest, "invalid_grant")
		}
		h.Redeem(h.Insight, code, "redirect_uri", webtest.Callback+"/").WantJSON(http.StatusBadRequest, "invalid_grant")
	})
}

// TestWrongVerifierBurnsTheCode, if it comes from the client itself.
func TestWrongVerifierBurnsTheCode(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		wrong := strings.Repeat("w", 43)
		code := b.Connect(h.Insight, h.Atlas)
		h.Redeem(h.Insight, code, "code_verifier", wrong).WantJSON(http.StatusBadRequest, "invalid_grant")
		h.Redeem(h.Insight, code).WantJSON(http.StatusBadRequest, "invalid_grant")

		code = b.Connect(h.Insight, h.Atlas)
		h.Redeem(h.Insight, code, "code_verifier", wrong, "client_secret", "gh_cs_wrong").WantJSON(http.StatusUnauthorized, "invalid_client")
		h.Redeem(h.Notes, code, "code_verifier", wrong, "redirect_uri", webtest.Callback).WantJSON(http.StatusBadRequest, "invalid_grant")
		h.Redeem(h.Insight, code).WantTokens()
	})
}

// TestCodeLivesSixtySeconds.
func TestCodeLivesSixtySeconds(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		code := b.Connect(h.Insight, h.Atlas)
		h.Clock.Advance(59 * time.Second)
		h.Redeem(h.Insight, code).WantTokens()
		code = b.Connect(h.Insight, h.Atlas)
		h.Clock.Advance(60 * time.Second)
		h.Redeem(h.Insight, code).WantJSON(http.StatusBadRequest, "invalid_grant")
	})
}

// TestFiftyRedemptionsOneSucceeds at once, through two servers on one database.
func TestFiftyRedemptionsOneSucceeds(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		code := h.SignedIn(webtest.Ana).Connect(h.Insight, h.Atlas)
		first := h.Server
		second := h.Serve(func(p *webtest.WebParts) { p.Issuer = first.URL })
		form := webtest.TokenRequest(h.Insight, code).Encode()
		statuses := make([]int, 50)
		var wait sync.WaitGroup
		for i := range statuses {
			wait.Go(func() {
				base := []string{first.URL, second.URL}[i%2]
				response, err := http.Post(base+"/o/token/", "application/x-www-form-urlencoded", strings.NewReader(form))
				if err != nil {
					h.Error(err)
					return
				}
				response.Body.Close()
				statuses[i] = response.StatusCode
			})
		}
		wait.Wait()
		count := map[int]int{}
		for _, status := range statuses {
			count[status]++
		}
		if count[http.StatusOK] != 1 || count[http.StatusBadRequest] != 49 {
			h.Errorf("statuses are %v, want one 200 and forty-nine 400", count)
		}
	})
}
