package web_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The rows of "POST /o/token/" and of its authorization_code grant, in their order.

// claims is the payload of an access token, whose signature has to be one of the JWKS.
func (h *house) claims(accessToken string) map[string]any {
	h.Helper()
	var keys jose.JSONWebKeySet
	h.ok(json.Unmarshal([]byte(h.program().get("/.well-known/jwks.json").wantStatus(http.StatusOK).body), &keys))
	parsed, err := jwt.ParseSigned(accessToken, []jose.SignatureAlgorithm{jose.ES256})
	h.ok(err)
	if kind := parsed.Headers[0].ExtraHeaders["typ"]; kind != "at+jwt" {
		h.Errorf("typ %q, want at+jwt", kind)
	}
	var claims map[string]any
	h.ok(parsed.Claims(keys, &claims))
	return claims
}

// TestTokenSaysWhatToSend to those who send it another way.
func TestTokenSaysWhatToSend(t *testing.T) {
	onBoth(t, func(h *house) {
		code := h.signedIn(ana).connect(h.insight, h.atlas)
		good := tokenRequest(h.insight, code)
		asJSON, err := json.Marshal(good)
		h.ok(err)
		p := h.program()
		for name, a := range map[string]*answer{
			"a query string":         p.post("/o/token/?"+good.Encode(), nil),
			"a query beside a body":  p.post("/o/token/?x=y", good),
			"JSON":                   p.do("POST", "/o/token/", string(asJSON), "Content-Type", "application/json"),
			"a form without a type":  p.do("POST", "/o/token/", good.Encode()),
			"text":                   p.do("POST", "/o/token/", good.Encode(), "Content-Type", "text/plain"),
			"multipart":              p.do("POST", "/o/token/", good.Encode(), "Content-Type", "multipart/form-data; boundary=x"),
			"a type that is nothing": p.do("POST", "/o/token/", good.Encode(), "Content-Type", ";;;"),
			"a broken form":          p.do("POST", "/o/token/", good.Encode()+"&x=%zz", "Content-Type", "application/x-www-form-urlencoded"),
			"nothing":                p.post("/o/token/", nil),
		} {
			says := a.wantJSON(http.StatusBadRequest, "invalid_request")
			if !strings.Contains(says, "form") {
				h.Errorf("%s: %q does not say to send a form", name, says)
			}
		}
		// None of these has used the code; and a charset is no other type.
		p.do("POST", "/o/token/", good.Encode(), "Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8").wantTokens()
	})
}

// TestTokenRefusesOtherGrantTypes before anything is looked up: no client is named in these requests.
func TestTokenRefusesOtherGrantTypes(t *testing.T) {
	onBoth(t, func(h *house) {
		h.program().post("/o/token/", url.Values{"code": {"x"}}).wantJSON(http.StatusBadRequest, "invalid_request")
		h.program().post("/o/token/", url.Values{"grant_type": {""}}).wantJSON(http.StatusBadRequest, "invalid_request")
		for _, grantType := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:device_code", "AUTHORIZATION_CODE", "x"} {
			h.program().post("/o/token/", url.Values{"grant_type": {grantType}, "username": {ana}, "password": {password}}).
				wantJSON(http.StatusBadRequest, "unsupported_grant_type")
		}
	})
}

// TestFailedClientAuthenticationLooksAlike whatever the reason: 401 invalid_client, the same body for all.
func TestFailedClientAuthenticationLooksAlike(t *testing.T) {
	onBoth(t, func(h *house) {
		code := h.signedIn(ana).connect(h.insight, h.atlas)
		other := token.NewSecret(token.PrefixClientSecret).Reveal()
		rotated := h.insight
		_, err := h.registry.RotateSecret(h.Context(), team.CommandLine, h.insight.ID, true) // the old secret ends
		h.ok(err)
		disabled := h.notes
		h.ok(h.db.DisableClient(h.Context(), disabled.ID, h.clock.now()))
		bodies := map[string]bool{}
		for name, form := range map[string]url.Values{
			"unknown client":              tokenRequest(h.insight, code, "client_id", "nobody"),
			"wrong secret":                tokenRequest(h.insight, code, "client_secret", other),
			"revoked secret":              tokenRequest(rotated, code),
			"no secret":                   tokenRequest(h.insight, code, "client_secret", ""),
			"disabled client":             tokenRequest(disabled, code),
			"a secret of a public client": tokenRequest(h.pocket, code, "client_secret", other),
			"another client's secret":     tokenRequest(h.insight, code, "client_secret", h.machine.secret),
		} {
			id, secret := form.Get("client_id"), form.Get("client_secret")
			posted := h.program().post("/o/token/", form)
			posted.wantJSON(http.StatusUnauthorized, "invalid_client")
			if got := posted.header.Get("WWW-Authenticate"); got != "" {
				h.Errorf("%s: WWW-Authenticate %q without Basic", name, got)
			}
			bodies[posted.body] = true
			if secret == "" {
				continue
			}
			form.Del("client_id")
			form.Del("client_secret")
			asBasic := h.program().post("/o/token/", form, "Authorization", basic(id, secret))
			asBasic.wantJSON(http.StatusUnauthorized, "invalid_client")
			if got := asBasic.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic ") {
				h.Errorf("%s: WWW-Authenticate %q, want Basic", name, got)
			}
			bodies[asBasic.body] = true
		}
		if len(bodies) != 1 {
			h.Errorf("there are %d different bodies: %v", len(bodies), bodies)
		}
	})
}

// basic is an Authorization header of RFC 6749 §2.3.1.
func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// TestClientsAuthenticateInOneWay: by Basic, in the body, or, public ones, by name alone.
func TestClientsAuthenticateInOneWay(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		h.redeem(h.insight, b.connect(h.insight, h.atlas)).wantTokens()
		h.redeem(h.pocket, b.connect(h.pocket, h.atlas)).wantTokens()
		header := basic(string(h.insight.ID), h.insight.secret)
		code := b.connect(h.insight, h.atlas)
		h.program().post("/o/token/", tokenRequest(h.insight, code), "Authorization", header).wantJSON(http.StatusBadRequest, "invalid_request")
		for _, malformed := range []string{"Bearer x", "Basic", "Basic !!!", "Basic " + base64.StdEncoding.EncodeToString([]byte("nocolon")), "Digest username=x"} {
			a := h.program().post("/o/token/", tokenRequest(h.insight, code, "client_id", "", "client_secret", ""), "Authorization", malformed)
			a.wantJSON(http.StatusUnauthorized, "invalid_client")
			if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic ") {
				h.Errorf("%q: WWW-Authenticate %q, want Basic", malformed, got)
			}
		}
		h.program().post("/o/token/", tokenRequest(h.insight, code, "client_id", "", "client_secret", ""), "Authorization", header).wantTokens()
	})
}

// TestBothSecretsOfAClientWork while one is rotated, and an expired one does not.
func TestBothSecretsOfAClientWork(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		renewed, err := h.registry.RotateSecret(h.Context(), team.CommandLine, h.insight.ID, false)
		h.ok(err)
		for _, secret := range []string{h.insight.secret, renewed.Reveal()} {
			h.redeem(h.insight, b.connect(h.insight, h.atlas), "client_secret", secret).wantTokens()
		}
		_, err = h.registry.RotateSecret(h.Context(), team.CommandLine, h.insight.ID, false)
		h.ok(err)
		h.redeem(h.insight, b.connect(h.insight, h.atlas)).wantJSON(http.StatusUnauthorized, "invalid_client") // two at most
	})
}

// TestGrantTypeNotAllowedToTheClient.
func TestGrantTypeNotAllowedToTheClient(t *testing.T) {
	onBoth(t, func(h *house) {
		h.redeem(h.machine, "gh_ac_x").wantJSON(http.StatusBadRequest, "unauthorized_client")
	})
}

// TestTokenSuccess has what the contract says and nothing else; the access token is for this person, in this team, with these scopes.
func TestTokenSuccess(t *testing.T) {
	onBoth(t, func(h *house) {
		a := h.redeem(h.insight, h.signedIn(ana).connect(h.insight, h.borealis, "scope", "session:read"))
		got := a.wantTokens()
		if got.Scope != "session:read" || got.Team != "borealis" {
			h.Errorf("got scope %q in %q", got.Scope, got.Team)
		}
		if kind, pragma := a.header.Get("Content-Type"), a.header.Get("Pragma"); kind != "application/json" || pragma != "no-cache" {
			h.Errorf("Content-Type %q, Pragma %q", kind, pragma)
		}
		person, err := h.directory.UserByEmail(h.Context(), team.CommandLine, ana)
		h.ok(err)
		claims := h.claims(got.AccessToken)
		for name, want := range map[string]any{
			"iss": h.parts.Issuer, "sub": string(person.ID), "aud": h.parts.Issuer, "client_id": string(h.insight.ID), "scope": "session:read",
			"iat": float64(started.Unix()), "exp": float64(started.Add(time.Hour).Unix()), "team": "borealis", "team_id": string(h.borealis.ID),
		} {
			if claims[name] != want {
				h.Errorf("%s is %v, want %v", name, claims[name], want)
			}
		}
		if claims["jti"] == "" || claims["grant_id"] == "" {
			h.Errorf("jti %v, grant_id %v", claims["jti"], claims["grant_id"])
		}
		if strings.Contains(got.AccessToken, base64.RawURLEncoding.EncodeToString([]byte(ana))) || claims["email"] != nil {
			h.Error("the access token names the e-mail")
		}
	})
}

// TestCodeExchangeChecksItsParameters: what is missing or malformed is invalid_request, and the code stays good.
func TestCodeExchangeChecksItsParameters(t *testing.T) {
	onBoth(t, func(h *house) {
		code := h.signedIn(ana).connect(h.insight, h.atlas)
		for _, name := range []string{"code", "redirect_uri", "code_verifier"} {
			if says := h.redeem(h.insight, code, name, "").wantJSON(http.StatusBadRequest, "invalid_request"); !strings.Contains(says, name) {
				h.Errorf("%s missing: %q does not name it", name, says)
			}
		}
		for _, malformed := range []string{verifier[:42], strings.Repeat("v", 129), verifier[:42] + "!", verifier[:42] + "é"} {
			h.redeem(h.insight, code, "code_verifier", malformed).wantJSON(http.StatusBadRequest, "invalid_request")
		}
		h.redeem(h.insight, code).wantTokens()
	})
}

// TestBadCodesLookAlikeOutsideAndDifferInTheLog.
func TestBadCodesLookAlikeOutsideAndDifferInTheLog(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		expired := b.connect(h.insight, h.atlas)
		h.clock.advance(time.Minute)
		used, foreign, ended := b.connect(h.insight, h.atlas), b.connect(h.notes, h.atlas), b.connect(h.insight, h.borealis)
		h.redeem(h.insight, used).wantTokens()
		h.ok(h.directory.RemoveMember(h.Context(), team.CommandLine, "borealis", ana))
		page := b.authorize(h.insight, "prompt", "consent").wantConsent()
		bodies, causes := map[string]bool{}, map[string]bool{}
		for _, row := range []struct{ name, code string }{
			{"unknown", "gh_ac_unknown"},
			{"not a code", "x"},
			{"a pending request", "gh_ac_" + page.sealed()},
			{"expired", expired},
			{"used", used},
			{"foreign", foreign},
			{"ended", ended},
		} {
			before := len(h.log.String())
			a := h.redeem(h.insight, row.code)
			a.wantJSON(http.StatusBadRequest, "invalid_grant")
			bodies[a.body] = true
			logged := h.log.String()[before:]
			_, cause, _ := strings.Cut(logged, `"cause":"`)
			cause, _, _ = strings.Cut(cause, `"`)
			if cause == "" || strings.Contains(a.body, cause) {
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
		h.redeem(h.notes, foreign).wantTokens() // another client's attempt does nothing to the code
	})
}

// TestCodeIsBoundToItsRedirectURI.
func TestCodeIsBoundToItsRedirectURI(t *testing.T) {
	onBoth(t, func(h *house) {
		code := h.signedIn(ana).connect(h.insight, h.atlas)
		for _, other := range h.insight.RedirectURIs[1:] {
			h.redeem(h.insight, code, "redirect_uri", other).wantJSON(http.StatusBadRequest, "invalid_grant")
		}
		h.redeem(h.insight, code, "redirect_uri", callback+"/").wantJSON(http.StatusBadRequest, "invalid_grant")
	})
}

// TestWrongVerifierBurnsTheCode, if it comes from the client itself.
func TestWrongVerifierBurnsTheCode(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		wrong := strings.Repeat("w", 43)
		code := b.connect(h.insight, h.atlas)
		h.redeem(h.insight, code, "code_verifier", wrong).wantJSON(http.StatusBadRequest, "invalid_grant")
		h.redeem(h.insight, code).wantJSON(http.StatusBadRequest, "invalid_grant")

		code = b.connect(h.insight, h.atlas)
		h.redeem(h.insight, code, "code_verifier", wrong, "client_secret", "gh_cs_wrong").wantJSON(http.StatusUnauthorized, "invalid_client")
		h.redeem(h.notes, code, "code_verifier", wrong, "redirect_uri", callback).wantJSON(http.StatusBadRequest, "invalid_grant")
		h.redeem(h.insight, code).wantTokens()
	})
}

// TestCodeLivesSixtySeconds.
func TestCodeLivesSixtySeconds(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		code := b.connect(h.insight, h.atlas)
		h.clock.advance(59 * time.Second)
		h.redeem(h.insight, code).wantTokens()
		code = b.connect(h.insight, h.atlas)
		h.clock.advance(60 * time.Second)
		h.redeem(h.insight, code).wantJSON(http.StatusBadRequest, "invalid_grant")
	})
}

// TestFiftyRedemptionsOneSucceeds at once, through two servers on one database.
func TestFiftyRedemptionsOneSucceeds(t *testing.T) {
	onBoth(t, func(h *house) {
		code := h.signedIn(ana).connect(h.insight, h.atlas)
		first := h.server
		second := h.serve(func(p *webParts) { p.Issuer = first.URL })
		form := tokenRequest(h.insight, code).Encode()
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
