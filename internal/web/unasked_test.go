package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// unasked are the headers of requests that no person made.
var unasked = [][]string{
	{"Sec-Purpose", "prefetch"},
	{"Sec-Purpose", "prefetch;prerender"},
	{"Sec-Purpose", "prefetch;anonymous-client-ip"},
	{"Purpose", "prefetch"},
	{"X-Purpose", "preview"},
	{"X-Moz", "prefetch"},
	{"Sec-Fetch-Dest", "empty"},
	{"Sec-Fetch-Dest", "image"},
	{"Sec-Fetch-Dest", "script"},
	{"Sec-Fetch-Dest", "embed"},
	{"Sec-Fetch-Dest", "object"},
}

// answersPrograms reports whether a path is for programs, which may be behind a proxy that forwards any header.
func answersPrograms(path string) bool {
	switch path {
	case "/o/token/", "/o/revoke_token/", "/o/introspect/", "/o/par/", "/o/userinfo/":
		return true
	}
	return strings.HasPrefix(path, "/.well-known/")
}

// stylesheet is the path of the pages' style sheet.
func stylesheet(b *webtest.Browser) string {
	return regexp.MustCompile(`/static/[^"]+\.css`).FindString(b.Get("/").Body)
}

// TestPagesAreForPeopleOnly: no page, and no step of a request, answers what no person asked for. Endpoints for programs and assets do.
func TestPagesAreForPeopleOnly(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		admin := h.Admin("atlas")
		all := paths
		for _, path := range []string{"/", "/account/", "/account/applications/", "/account/password/", "/teams/atlas/applications/", "/teams/atlas/audit/"} {
			all = append(all, struct{ path, allow string }{path, "GET, HEAD"})
		}
		query := "?" + webtest.Parameters(h.Insight).Encode()
		for _, row := range all {
			for method := range strings.SplitSeq(row.allow, ", ") {
				if method == http.MethodOptions {
					continue
				}
				ask := func(headers ...string) *webtest.Answer {
					if method == http.MethodPost {
						return admin.Post(row.path, webtest.Parameters(h.Insight), headers...)
					}
					return admin.Do(method, row.path+query, "", headers...)
				}
				usual := ask().Status
				for _, headers := range unasked {
					a := ask(headers...)
					want := http.StatusServiceUnavailable
					switch {
					case answersPrograms(row.path):
						want = usual
					case method == http.MethodHead:
						want = http.StatusOK
					}
					if a.Status != want {
						h.Errorf("%s %s with %v: status %d, want %d", method, row.path, headers, a.Status, want)
					}
					if answersPrograms(row.path) {
						continue
					}
					if a.Location() != "" || a.Header.Get("Set-Cookie") != "" || a.Header.Get("Cache-Control") != "no-store" {
						h.Errorf("%s %s with %v: headers %v", method, row.path, headers, a.Header)
					}
				}
			}
			if !answersPrograms(row.path) && strings.Contains(row.allow, "GET") {
				if head := admin.Do(http.MethodHead, row.path+query, ""); head.Status != http.StatusOK || head.Location() != "" {
					h.Errorf("HEAD %s: status %d to %q", row.path, head.Status, head.Location())
				}
			}
		}
		for _, headers := range unasked {
			admin.Get(stylesheet(admin.Browser), headers...).WantStatus(http.StatusOK)
		}
		admin.Get("/login/", "Sec-Purpose", "prefetch").WantPage(http.StatusServiceUnavailable, "nothing was done", "open it in a tab")
	})
}

// TestAttackRequestsThatNoPersonMade: another page cannot make the browser connect an application, or sign out, by a link to be fetched in advance.
func TestAttackRequestsThatNoPersonMade(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		leaver := h.Leaver()
		b := h.SignedIn(webtest.Ben)
		hint := b.Connection(leaver, h.Atlas, "scope", "openid").IDToken
		b.Connect(h.Insight, h.Atlas)
		authorize := "/o/authorize/?" + webtest.Parameters(h.Insight).Encode()
		consent := b.Post("/o/authorize/", webtest.Parameters(h.Insight)).WantStatus(http.StatusSeeOther).Location()
		signOut := webtest.LogoutURL("id_token_hint", hint)
		for _, headers := range unasked {
			for _, target := range []string{authorize, consent, signOut} {
				if a := b.Get(target, headers...); a.Status != http.StatusServiceUnavailable || strings.Contains(a.Body+a.Location(), "gh_ac_") {
					h.Errorf("%v: status %d, Location %q", headers, a.Status, a.Location())
				}
			}
			b.Post("/logout/", nil, headers...).WantStatus(http.StatusServiceUnavailable)
		}
		for _, target := range []string{authorize, consent, signOut} {
			if a := b.Do(http.MethodHead, target, ""); a.Status != http.StatusOK || a.Location() != "" {
				h.Errorf("HEAD: status %d, Location %q", a.Status, a.Location())
			}
		}
		if n := h.Happened(audit.SignedOut); n != 0 {
			h.Fatalf("%d of them signed the person out", n)
		}
		for _, place := range []string{"document", "iframe", "frame"} {
			b.Get(authorize, "Sec-Fetch-Dest", place).WantCode(webtest.Callback)
		}
		b.Get(signOut, "Sec-Fetch-Dest", "iframe").WantStatus(http.StatusOK)
		if n := h.Happened(audit.SignedOut); n != 1 {
			h.Errorf("%d sign-outs, want the one in a frame", n)
		}
	})
}
