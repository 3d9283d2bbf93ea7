package web_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestPagesMayReadErrorsToo: where a page of another origin may read the answer, it may read each error. Without the header it could not tell a refusal
// from a broken network.
func TestPagesMayReadErrorsToo(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		const origin = "https://pocket.example"
		seen := map[int]bool{}
		want := func(name, allowed string, statuses []int, a *webtest.Answer) {
			h.Helper()
			seen[a.Status] = true
			if !slices.Contains(statuses, a.Status) || a.Header.Get("Access-Control-Allow-Origin") != allowed {
				h.Errorf("%s: status %d, Access-Control-Allow-Origin %q; want one of %v, %q", name, a.Status, a.Header.Get("Access-Control-Allow-Origin"), statuses, allowed)
			}
		}
		large := "token=" + strings.Repeat("x", 65<<10)
		form := []string{"Origin", origin, "Content-Type", "application/x-www-form-urlencoded"}
		clients := []string{"/o/token/", "/o/revoke_token/", "/o/userinfo/"}
		for _, path := range clients {
			p := h.Program()
			want(path+" PUT", origin, []int{405}, p.Do(http.MethodPut, path, "", form...))
			want(path+" DELETE", origin, []int{405}, p.Do(http.MethodDelete, path, "", form...))
			want(path+" too large", origin, []int{413}, p.Do(http.MethodPost, path, large, form...))
			want(path+" no form", origin, []int{400, 401}, p.Do(http.MethodPost, path, "{}", "Origin", origin, "Content-Type", "application/json"))
			want(path+" in the URL", origin, []int{400, 401}, p.Do(http.MethodPost, path+"?token=x", "", form...))
			want(path+" nothing", origin, []int{400, 401}, p.Post(path, nil, "Origin", origin))
			want(path+" of another origin", "", []int{405}, p.Do(http.MethodPut, path, "", "Origin", "https://evil.example"))
		}
		unknown := webtest.Pairs("grant_type", "refresh_token", "refresh_token", "x", "token", "x", "client_id", string(h.Insight.ID), "client_secret", "wrong")
		for range 3 {
			h.Program().Post("/o/token/", unknown)
		}
		for _, path := range clients[:2] {
			want(path+" throttled", origin, []int{429}, h.Program().Post(path, unknown, "Origin", origin))
		}
		documents := []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/jwks.json", "/.well-known/ended-tokens.jwt"}
		for _, path := range documents {
			want(path+" POST", "*", []int{405}, h.Program().Post(path, nil, "Origin", "https://anyone.example"))
			want(path+" too large", "*", []int{413}, h.Program().Do(http.MethodGet, path, large, "Origin", "https://anyone.example"))
		}
		h.OK(h.DB.Close())
		for _, path := range clients[:2] {
			want(path+" without a database", origin, []int{503}, h.Program().Post(path, webtest.AsClient(h.Insight, "grant_type", "refresh_token", "refresh_token", "x", "token", "x"), "Origin", origin))
		}
		want("the list without a database", "*", []int{503}, h.Program().Get("/.well-known/ended-tokens.jwt", "Origin", "https://anyone.example"))
		if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, []int{400, 401, 405, 413, 429, 503}) {
			h.Errorf("the errors are %v", got)
		}
	}, func(p *web.Parts) { p.ClientFailures = 2 })
}
