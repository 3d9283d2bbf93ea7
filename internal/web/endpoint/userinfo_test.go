package endpoint_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/picture"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// The rows of "GET, POST /o/userinfo/".

// TestUserInfoClaims follow the scopes.
func TestUserInfoClaims(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		person, err := h.Directory.UserByEmail(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		h.OK(h.DB.UpdateProfile(h.Context(), person.ID, func(name string, _ team.Profile) (string, team.Profile) {
			return name, team.Profile{Language: "de", Zone: "Europe/Berlin"}
		}))
		h.OK(h.DB.SavePicture(h.Context(), person.ID, team.Picture{Name: "SAMPLE", Picture: picture.Picture{Type: "image/png", Content: []byte("x")}}))
		b := h.SignedIn(webtest.Ana)
		for scope, names := range map[string][]string{
			"openid":                      {"role", "sub", "team", "team_id", "team_name"},
			"openid profile":              {"locale", "name", "picture", "role", "sub", "team", "team_id", "team_name", "zoneinfo"},
			"openid email":                {"email", "email_verified", "role", "sub", "team", "team_id", "team_name"},
			"openid profile email":        {"email", "email_verified", "locale", "name", "picture", "role", "sub", "team", "team_id", "team_name", "zoneinfo"},
			"chatbot:read openid profile": {"locale", "name", "picture", "role", "sub", "team", "team_id", "team_name", "zoneinfo"},
		} {
			got := b.Connection(h.Insight, h.Borealis, "scope", scope)
			for how, a := range map[string]*webtest.Answer{
				"GET": h.UserInfo(got.AccessToken), "POST": h.Program().Post("/o/userinfo/", nil, "Authorization", "Bearer "+got.AccessToken),
				"lower case": h.Program().Get("/o/userinfo", "Authorization", "bearer "+got.AccessToken),
			} {
				a.WantStatus(http.StatusOK)
				var claims map[string]any
				h.OK(json.Unmarshal([]byte(a.Body), &claims))
				if !slices.Equal(webtest.Members(claims), names) {
					h.Errorf("%s by %s: claims %q, want %q", scope, how, webtest.Members(claims), names)
				}
				if claims["sub"] != string(person.ID) || claims["team"] != "borealis" || claims["team_id"] != string(h.Borealis.ID) {
					h.Errorf("%s: %v", scope, claims)
				}
				if name, found := claims["name"]; found && name != "Ana Anders" {
					h.Errorf("name %v", name)
				}
				if claims["role"] != "member" || claims["team_name"] != h.Borealis.Name {
					h.Errorf("role %v in %v", claims["role"], claims["team_name"])
				}
				if at, found := claims["picture"]; found {
					if claims["locale"] != "de" || claims["zoneinfo"] != "Europe/Berlin" || at != h.Parts.Issuer+"/pictures/SAMPLE" {
						h.Errorf("locale %v, zoneinfo %v, picture %v", claims["locale"], claims["zoneinfo"], at)
					}
					h.Program().Get("/pictures/SAMPLE").WantStatus(http.StatusOK)
				}
				if email, found := claims["email"]; found && email != webtest.Ana {
					h.Errorf("email %v", email)
				}
				if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json" {
					h.Errorf("headers are %v", a.Header)
				}
			}
		}
	})
}

// TestClaimsParameterIsIgnored: OpenID Connect Core §5.5 lets a server ignore it. The person agrees to scopes, so scopes alone decide.
func TestClaimsParameterIsIgnored(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		for _, asked := range []string{`{"userinfo":{"name":{"essential":true},"email":null}}`, `{"id_token":{"acr":{"essential":true,"values":["phr"]}}}`, `{`, `[]`} {
			got := b.Connection(h.Insight, h.Borealis, "scope", "openid", "claims", asked)
			var claims map[string]any
			h.OK(json.Unmarshal([]byte(h.UserInfo(got.AccessToken).WantStatus(http.StatusOK).Body), &claims))
			if want := []string{"role", "sub", "team", "team_id", "team_name"}; !slices.Equal(webtest.Members(claims), want) {
				h.Errorf("%s: claims %q, want %q", asked, webtest.Members(claims), want)
			}
		}
	})
}

// TestUserInfoNeedsOpenID.
func TestUserInfoNeedsOpenID(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		got := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas, "scope", "chatbot:read profile email")
		for _, accessToken := range []string{got.AccessToken, h.MachineToken(h.NewMachine()).WantTokens().AccessToken} {
			a := h.UserInfo(accessToken)
			a.WantChallenge(http.StatusForbidden, "Bearer", "insufficient_scope")
			if challenge := a.Header.Get("WWW-Authenticate"); !strings.Contains(challenge, `scope="openid"`) {
				h.Errorf("WWW-Authenticate %q does not say what is needed", challenge)
			}
		}
	})
}

// TestUserInfoWithoutATokenSaysHow, and no error code (RFC 6750 §3.1). A token anywhere but in the header is no token.
func TestUserInfoWithoutATokenSaysHow(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		got := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas, "scope", "openid")
		p := h.Program()
		for name, a := range map[string]*webtest.Answer{
			"nothing":      p.Get("/o/userinfo/"),
			"in the query": p.Get("/o/userinfo/?access_token=" + got.AccessToken),
			"in the form":  p.Post("/o/userinfo/", webtest.Pairs("access_token", got.AccessToken)),
			"Basic":        p.Get("/o/userinfo/", "Authorization", webtest.Basic(string(h.Insight.ID), h.Insight.Secret)),
			"no token":     p.Get("/o/userinfo/", "Authorization", "Bearer "),
			"no scheme":    p.Get("/o/userinfo/", "Authorization", got.AccessToken),
		} {
			a.WantStatus(http.StatusUnauthorized)
			challenges := a.Header.Values("WWW-Authenticate")
			if len(challenges) != 2 || !strings.HasPrefix(challenges[0], "Bearer realm=") || !strings.HasPrefix(challenges[1], "DPoP realm=") ||
				!strings.Contains(challenges[1], "ES256") || strings.Contains(strings.Join(challenges, ""), "error") {
				h.Errorf("%s: WWW-Authenticate is %q", name, challenges)
			}
			if strings.Contains(a.Body, `"sub"`) || a.Header.Get("Cache-Control") != "no-store" {
				h.Errorf("%s: %s with %v", name, a.Body, a.Header)
			}
		}
		p.Get("/o/userinfo/", "Authorization", "Bearer "+got.AccessToken, "Authorization", "Bearer "+got.AccessToken).WantJSON(http.StatusBadRequest, "invalid_request")
	})
}

// TestUserInfoRefusesDeadTokens.
func TestUserInfoRefusesDeadTokens(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		got := b.Connection(h.Insight, h.Atlas, "scope", "openid")
		revoked := b.Connection(h.Insight, h.Atlas, "scope", "openid")
		h.Call("/o/revoke_token/", h.Insight, "token", revoked.AccessToken).WantOK()
		head, rest, _ := strings.Cut(got.AccessToken, ".")
		for name, text := range map[string]string{
			"revoked": revoked.AccessToken, "an ID token": got.IDToken, "a refresh token": got.RefreshToken, "nonsense": "x", "three dots": "...",
			"altered": got.AccessToken[:len(got.AccessToken)-4] + "AAAA", "no signature": head + "." + strings.Split(rest, ".")[0] + ".",
			"another key": h.NewSigner().Sign(h.Claims(got.AccessToken), nil), "very long": strings.Repeat("x", 16<<10),
		} {
			h.Log(name)
			h.UserInfo(text).WantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		}
		h.UserInfo(got.AccessToken).WantStatus(http.StatusOK)
		h.Clock.Advance(time.Hour)
		h.UserInfo(got.AccessToken).WantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
	})
}
