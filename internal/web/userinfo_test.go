package web_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// The rows of "GET, POST /o/userinfo/".

// TestUserInfoClaims follow the scopes.
func TestUserInfoClaims(t *testing.T) {
	onBoth(t, func(h *house) {
		person, err := h.directory.UserByEmail(h.Context(), team.CommandLine, ana)
		h.ok(err)
		b := h.signedIn(ana)
		for scope, names := range map[string][]string{
			"openid":                      {"sub", "team", "team_id"},
			"openid profile":              {"name", "sub", "team", "team_id"},
			"openid email":                {"email", "email_verified", "sub", "team", "team_id"},
			"openid profile email":        {"email", "email_verified", "name", "sub", "team", "team_id"},
			"chatbot:read openid profile": {"name", "sub", "team", "team_id"},
		} {
			got := b.connection(h.insight, h.borealis, "scope", scope)
			for how, a := range map[string]*answer{
				"GET": h.userInfo(got.AccessToken), "POST": h.program().post("/o/userinfo/", nil, "Authorization", "Bearer "+got.AccessToken),
				"lower case": h.program().get("/o/userinfo", "Authorization", "bearer "+got.AccessToken),
			} {
				a.wantStatus(http.StatusOK)
				var claims map[string]any
				h.ok(json.Unmarshal([]byte(a.body), &claims))
				if !slices.Equal(members(claims), names) {
					h.Errorf("%s by %s: claims %q, want %q", scope, how, members(claims), names)
				}
				if claims["sub"] != string(person.ID) || claims["team"] != "borealis" || claims["team_id"] != string(h.borealis.ID) {
					h.Errorf("%s: %v", scope, claims)
				}
				if name, found := claims["name"]; found && name != "Ana Anders" {
					h.Errorf("name %v", name)
				}
				if email, found := claims["email"]; found && email != ana {
					h.Errorf("email %v", email)
				}
				if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
					h.Errorf("headers are %v", a.header)
				}
			}
		}
	})
}

// TestUserInfoNeedsOpenID.
func TestUserInfoNeedsOpenID(t *testing.T) {
	onBoth(t, func(h *house) {
		got := h.signedIn(ben).connection(h.insight, h.atlas, "scope", "chatbot:read profile email")
		for _, accessToken := range []string{got.AccessToken, h.machineToken(h.newMachine()).wantTokens().AccessToken} {
			a := h.userInfo(accessToken)
			a.wantChallenge(http.StatusForbidden, "Bearer", "insufficient_scope")
			if challenge := a.header.Get("WWW-Authenticate"); !strings.Contains(challenge, `scope="openid"`) {
				h.Errorf("WWW-Authenticate %q does not say what is needed", challenge)
			}
		}
	})
}

// TestUserInfoWithoutATokenSaysHow, and no error code (RFC 6750 §3.1). A token anywhere but in the header is no token.
func TestUserInfoWithoutATokenSaysHow(t *testing.T) {
	onBoth(t, func(h *house) {
		got := h.signedIn(ben).connection(h.insight, h.atlas, "scope", "openid")
		p := h.program()
		for name, a := range map[string]*answer{
			"nothing":      p.get("/o/userinfo/"),
			"in the query": p.get("/o/userinfo/?access_token=" + got.AccessToken),
			"in the form":  p.post("/o/userinfo/", pairs("access_token", got.AccessToken)),
			"Basic":        p.get("/o/userinfo/", "Authorization", basic(string(h.insight.ID), h.insight.secret)),
			"no token":     p.get("/o/userinfo/", "Authorization", "Bearer "),
			"no scheme":    p.get("/o/userinfo/", "Authorization", got.AccessToken),
		} {
			a.wantStatus(http.StatusUnauthorized)
			challenges := a.header.Values("WWW-Authenticate")
			if len(challenges) != 2 || !strings.HasPrefix(challenges[0], "Bearer realm=") || !strings.HasPrefix(challenges[1], "DPoP realm=") ||
				!strings.Contains(challenges[1], "ES256") || strings.Contains(strings.Join(challenges, ""), "error") {
				h.Errorf("%s: WWW-Authenticate is %q", name, challenges)
			}
			if strings.Contains(a.body, `"sub"`) || a.header.Get("Cache-Control") != "no-store" {
				h.Errorf("%s: %s with %v", name, a.body, a.header)
			}
		}
		p.get("/o/userinfo/", "Authorization", "Bearer "+got.AccessToken, "Authorization", "Bearer "+got.AccessToken).wantJSON(http.StatusBadRequest, "invalid_request")
	})
}

// TestUserInfoRefusesDeadTokens.
func TestUserInfoRefusesDeadTokens(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		got := b.connection(h.insight, h.atlas, "scope", "openid")
		revoked := b.connection(h.insight, h.atlas, "scope", "openid")
		h.call("/o/revoke_token/", h.insight, "token", revoked.AccessToken).wantOK()
		head, rest, _ := strings.Cut(got.AccessToken, ".")
		for name, text := range map[string]string{
			"revoked": revoked.AccessToken, "an ID token": got.IDToken, "a refresh token": got.RefreshToken, "nonsense": "x", "three dots": "...",
			"altered": got.AccessToken[:len(got.AccessToken)-4] + "AAAA", "no signature": head + "." + strings.Split(rest, ".")[0] + ".",
			"another key": h.newSigner().sign(h.claims(got.AccessToken), nil), "very long": strings.Repeat("x", 16<<10),
		} {
			h.Log(name)
			h.userInfo(text).wantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		}
		h.userInfo(got.AccessToken).wantStatus(http.StatusOK)
		h.clock.advance(time.Hour)
		h.userInfo(got.AccessToken).wantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
	})
}
