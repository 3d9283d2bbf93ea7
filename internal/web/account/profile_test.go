package account_test

import (
	"bytes"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/picture"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

const profile = "/account/profile/"

// upload posts a file as a browser does.
func upload(b *webtest.Browser, name, contentType string, file []byte, headers ...string) *webtest.Answer {
	b.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreatePart(map[string][]string{
		"Content-Disposition": {`form-data; name="picture"; filename="` + name + `"`}, "Content-Type": {contentType},
	})
	b.OK(err)
	_, err = part.Write(file)
	b.OK(err)
	b.OK(form.Close())
	return b.Do(http.MethodPost, profile+"picture/", body.String(), append([]string{"Content-Type", form.FormDataContentType()}, headers...)...)
}

func somePicture(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 30, 20))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var pictureOnPage = regexp.MustCompile(`<img class="avatar" src="(/pictures/[A-Z2-7]{26})"`)

func pictureOf(b *webtest.Browser) string {
	b.Helper()
	if m := pictureOnPage.FindStringSubmatch(b.Get(profile).Body); m != nil {
		return m[1]
	}
	return ""
}

func TestProfileIsChanged(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		b.Get(profile).WantPage(http.StatusOK, `value="Ana Anders"`, `<option value="Europe/Vienna">`, `<option value="de" lang="de">Deutsch`)
		b.Post(profile, webtest.Pairs("name", " Ana Ångström ", "language", "de", "zone", "Asia/Tokyo")).
			Follow().WantPage(http.StatusOK, "Ihr Profil wurde gespeichert", `value="Ana Ångström"`, `value="Asia/Tokyo"`, `<option value="de" lang="de" selected>`)
		// From now on every page is in German, whatever the browser prefers, and every time in Tokyo: 12:00 UTC is 21:00.
		b.Get("/account/", "Accept-Language", "en").WantPage(http.StatusOK, `<html lang="de">`, "1. März 2026, 21:00").WantNothingOf("UTC</time>")
		b.Get("/", "Accept-Language", "en").WantPage(http.StatusOK, "Guten Tag", "Ana Ångström")
		b.Get("/nowhere/", "Accept-Language", "en").WantPage(http.StatusNotFound, "Seite nicht gefunden")
		b.Get("/teams/nowhere/audit/", "Accept-Language", "en").WantPage(http.StatusNotFound, "Seite nicht gefunden")
		b.Authorize(h.Insight).WantPage(http.StatusOK, "Worum sie bittet")
		b.Authorize(h.Insight, "ui_locales", "en").WantPage(http.StatusOK, "What it asks for")
		h.SignedIn(webtest.Ben).Get("/account/").WantPage(http.StatusOK, `<html lang="en">`, "12:00 UTC")
		b.Post(profile, webtest.Pairs("name", "Ana", "language", "", "zone", "")).Follow().WantPage(http.StatusOK, "Your profile has been saved")
	})
}

func TestWrongProfilesAreRefused(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		for _, form := range [][]string{
			{"name", " ", "zone", "", "language", ""},
			{"name", strings.Repeat("x", 101), "zone", "", "language", ""},
			{"name", "Ana\u202E", "zone", "", "language", ""},
			{"name", "Ana", "zone", "Local", "language", ""},
			{"name", "Ana", "zone", "../../etc/passwd", "language", ""},
			{"name", "Ana", "zone", "europe/vienna", "language", ""},
			{"name", "Ana", "zone", "", "language", "fr"},
			{"name", "Ana", "zone", "", "language", "../en"},
		} {
			b.Post(profile, webtest.Pairs(form...)).WantPage(http.StatusUnprocessableEntity, `role="alert"`)
		}
		b.Get(profile).WantPage(http.StatusOK, `value="Ana Anders"`)
		wrong := b.Post(profile, webtest.Pairs("name", "<b>Ana</b>", "zone", "<b>", "language", "")).WantStatus(http.StatusUnprocessableEntity)
		if !strings.Contains(wrong.Body, `value="&lt;b&gt;"`) || strings.Contains(wrong.Body, "<b>") {
			h.Error("what was typed is not shown as text")
		}
	})
}

func TestPictureIsUploadedShownAndRemoved(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		b.Get(profile).WantPage(http.StatusOK, `aria-hidden="true">AA</span>`).WantNothingOf("Remove the picture")
		upload(b, "ana.png", "image/png", somePicture(t)).Follow().WantPage(http.StatusOK, "Your picture has been changed")
		path := pictureOf(b)
		got := h.Browser().Get(path, "Sec-Fetch-Dest", "image").WantStatus(http.StatusOK) // for everybody who has the address
		for name, want := range map[string]string{
			"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Content-Disposition": `attachment; filename="picture"`,
			"Cache-Control": "public, max-age=31536000, immutable", "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
		} {
			if got.Header.Get(name) != want {
				h.Errorf("%s is %q, want %q", name, got.Header.Get(name), want)
			}
		}
		if m, _, err := image.Decode(strings.NewReader(got.Body)); err != nil || m.Bounds().Dx() != picture.Side {
			h.Errorf("the picture cannot be decoded: %v", err)
		}
		h.Browser().Do(http.MethodHead, path, "").WantStatus(http.StatusOK)
		h.Browser().Post(path, nil).WantStatus(http.StatusMethodNotAllowed)

		// Another picture has another address, and the old one is gone.
		upload(b, "ana.png", "image/png", somePicture(t)).WantStatus(http.StatusSeeOther)
		if second := pictureOf(b); second == path || second == "" {
			h.Errorf("the new picture is at %q, the old one was at %q", second, path)
		}
		h.Browser().Get(path).WantStatus(http.StatusNotFound)
		path = pictureOf(b)
		b.Post(profile+"picture/?remove=1", nil).Follow().WantPage(http.StatusOK, "Your picture has been removed", ">AA</span>")
		h.Browser().Get(path).WantStatus(http.StatusNotFound)
		b.Post(profile+"picture/?remove=1", nil).WantStatus(http.StatusSeeOther)
	})
}

// TestHostilePictures: what a file is called, and what its sender says that it is, decides nothing.
func TestHostilePictures(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		whole := somePicture(t)
		for name, file := range map[string][]byte{
			"svg.png":       []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
			"page.png":      []byte("<!doctype html><script>alert(1)</script>"),
			"gif.gif":       []byte("GIF89a/*<script>alert(1)</script>*/"),
			"half.png":      whole[:len(whole)-20],
			"too-large.png": append(bytes.Clone(whole), make([]byte, picture.MaxBytes+1-len(whole))...),
			"photo.jpg":     make([]byte, 5<<20),
			"":              nil,
		} {
			upload(b, name, "image/png", file).WantPage(http.StatusUnprocessableEntity, `href="#picture"`)
		}
		upload(b, "huge.png", "image/png", make([]byte, 17<<20)).WantStatus(http.StatusRequestEntityTooLarge)
		if got := pictureOf(b); got != "" {
			h.Errorf("one of them is shown at %s", got)
		}
		upload(b, "../../x.html", "text/html", append(whole, "<script>alert(1)</script>"...)).WantStatus(http.StatusSeeOther)
		got := h.Browser().Get(pictureOf(b)).WantStatus(http.StatusOK).WantNothingOf("script")
		if kind := got.Header.Get("Content-Type"); kind != "image/jpeg" {
			h.Errorf("it is served as %s", kind)
		}
		b.Post(profile+"picture/", webtest.Pairs("picture", string(whole))).WantPage(http.StatusBadRequest, "multipart")
		b.Do(http.MethodPost, profile+"picture/", "--x\r\nContent-Disposition: form-data; name=picture\r\n\r\ncut off", "Content-Type", "multipart/form-data; boundary=x").WantStatus(http.StatusBadRequest)
	})
}

// TestOnlyOneselfIsChanged: not another person, not by a stranger, not by another site.
func TestOnlyOneselfIsChanged(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		ana, ben := h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ben)
		upload(ana, "a.png", "image/png", somePicture(t)).WantStatus(http.StatusSeeOther)
		path := pictureOf(ana)
		ben.Post(profile+"picture/?remove=1", webtest.Pairs("user", webtest.Ana, "picture", path)).WantStatus(http.StatusSeeOther)
		ben.Post(profile, webtest.Pairs("name", "Ben", "language", "", "zone", "", "user", webtest.Ana)).WantStatus(http.StatusSeeOther)
		h.Browser().Post(profile, webtest.Pairs("name", "Eve", "language", "", "zone", "")).WantStatus(http.StatusSeeOther)
		upload(h.Browser(), "a.png", "image/png", somePicture(t)).WantStatus(http.StatusSeeOther)
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			ana.Post(profile, webtest.Pairs("name", "Eve", "language", "de", "zone", ""), header...).WantStatus(http.StatusForbidden)
			ana.Post(profile+"picture/?remove=1", nil, header...).WantStatus(http.StatusForbidden)
			upload(ana, "a.png", "image/png", somePicture(t), header...).WantStatus(http.StatusForbidden)
		}
		ana.Get(profile + "picture/?remove=1").WantStatus(http.StatusMethodNotAllowed)
		ana.Get(profile).WantPage(http.StatusOK, `value="Ana Anders"`, path)
		for _, address := range []string{"/pictures/", "/pictures/x", "/pictures/..%2F", path + "/", path + "x", strings.ToLower(path)} {
			h.Browser().Get(address).WantStatus(http.StatusNotFound)
		}
		u, err := h.DB.UserByEmail(h.Context(), webtest.Ana)
		h.OK(err)
		actor := team.ActingUser(team.User{ID: "another", Operator: true}, nil)
		if err := h.Directory.ChangeProfile(h.Context(), actor, u.ID, "Eve", team.Profile{}); err == nil {
			h.Error("another person may change it")
		}
	})
}

// TestTimesKeepTheirZoneInSummer: a zone is more than an offset.
func TestTimesKeepTheirZoneInSummer(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		b.Post(profile, webtest.Pairs("name", "Ana", "language", "en", "zone", "Europe/Vienna")).WantStatus(http.StatusSeeOther)
		b.Get("/account/").WantPage(http.StatusOK, "1 March 2026, 13:00", `title="1 March 2026, 13:00:00 UTC+01:00"`)
		h.Clock.Advance(150 * 24 * time.Hour)
		h.SignedIn(webtest.Ana).Get("/account/").WantPage(http.StatusOK, "29 July 2026, 14:00", "UTC+02:00")
	})
}
