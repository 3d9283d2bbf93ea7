package e2e_test

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// A person chooses German, the time zone of the device and a picture. From then on their pages are in German; axe-core looks at them.
func TestBrowserChangesTheProfile(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 40 {
		slug := fmt.Sprintf("team-%02d", i)
		_, err := h.Team.AddTeam(t.Context(), team.CommandLine, slug, fmt.Sprintf("Research and development, group %02d", i))
		h.ok(err)
		_, err = h.Team.AddMember(t.Context(), team.CommandLine, slug, annEmail, []team.Role{team.Member, team.Admin}[i%2])
		h.ok(err)
	}
	elsewhere := h.open()
	elsewhere.visit(h.url + "/account/")
	elsewhere.signIn(annEmail, annPassword)

	b := h.open()
	b.visit(h.url + "/")
	b.picture("home-stranger")
	b.visit(h.url + "/account/profile/")
	b.signIn(annEmail, annPassword)
	b.sees("h1", "Your profile")
	b.picture("profile-en")
	b.fill("#zone", "Mars/Olympus")
	b.press(`form[action="/account/profile/"] button.full`)
	b.sees("[role=alert]", "no time zone of this name")
	b.picture("profile-en-wrong")

	b.do(chromedp.Click("#device-zone", chromedp.ByQuery, chromedp.NodeVisible))
	if got := evaluate[string](b, `document.querySelector("#zone").value`); got == "" || got != evaluate[string](b, `Intl.DateTimeFormat().resolvedOptions().timeZone`) {
		t.Errorf("the time zone of the device is given as %q", got)
	}
	b.do(chromedp.SetValue("#language", "de", chromedp.ByQuery))
	b.press(`form[action="/account/profile/"] button.full`)
	b.sees("[role=status]", "Ihr Profil wurde gespeichert")

	file := filepath.Join(t.TempDir(), "ann.png")
	f, err := os.Create(file)
	h.ok(err)
	h.ok(png.Encode(f, image.NewGray(image.Rect(0, 0, 300, 200))))
	h.ok(f.Close())
	b.do(chromedp.SetUploadFiles("#picture", []string{file}, chromedp.ByQuery))
	b.press(".upload button")
	b.sees("[role=status]", "Ihr Bild wurde geändert")
	if !evaluate[bool](b, `document.querySelector("img.avatar").naturalWidth == 256`) {
		t.Error("the picture is not shown")
	}
	b.picture("profile-de")

	for path, name := range map[string]string{
		"/": "home", "/?team=group+3": "home-found", "/account/": "account", "/account/applications/": "account-applications", "/account/password/": "password",
		"/account/sessions/": "sessions", "/account/sessions/others/": "sessions-others", "/teams/": "teams", "/teams/team-01/applications/": "team-applications",
		"/teams/team-01/audit/": "history", "/teams/team-01/members/": "members", "/teams/team-01/settings/": "team-settings", "/logout/": "logout", "/nowhere/": "not-found",
	} {
		b.visit(h.url + path)
		if got := evaluate[string](b, `document.documentElement.lang`); got != "de" {
			t.Errorf("%s is in %q", path, got)
		}
		b.picture(name + "-de")
	}
	// What matters is above the fold.
	for _, size := range [][2]int64{{390, 844}, {1440, 900}} {
		b.visit(h.url + "/")
		b.do(chromedp.EmulateViewport(size[0], size[1]))
		if bottom := evaluate[float64](b, `document.querySelector('main a[href="/teams/"]').getBoundingClientRect().bottom`); bottom > float64(size[1]) {
			t.Errorf("at %d×%d the link to all teams ends at %.0f", size[0], size[1], bottom)
		}
	}

	b.visit(h.url + "/account/sessions/others/")
	b.press("form button")
	b.sees("[role=status]", "Alle anderen Browser wurden abgemeldet")
	elsewhere.visit(h.url + "/account/")
	elsewhere.sees("h1", "Sign in")
}
