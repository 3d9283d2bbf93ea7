package webtest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// PasskeyOrigin is the origin of the pages that use passkeys. The address of a house is a number, and for that there are none.
const PasskeyOrigin = "https://auth.example"

// Code is what an authenticator app shows at a time.
func Code(secret string, at time.Time) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha1.New, key)
	binary.Write(mac, binary.BigEndian, uint64(at.Unix())/30)
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[from:])&0x7fffffff)%1_000_000)
}

var (
	typedSecret  = regexp.MustCompile(`<code>([A-Z2-7 ]{39})</code>`)
	recoveryCode = regexp.MustCompile(`<code>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</code>`)
)

// Hidden is the value of a hidden field of the page.
func (a *Answer) Hidden(name string) string {
	a.Helper()
	match := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(a.Body)
	if match == nil {
		a.Fatalf("no field %q in this page (status %d):\n%s", name, a.Status, ShownTo(a.Body))
	}
	return html.UnescapeString(match[1])
}

// AuthenticatorApp is an authenticator app.
type AuthenticatorApp struct {
	*House
	Secret string
	Codes  []string // the recovery codes that came with it
}

// Now is the code that it shows.
func (a AuthenticatorApp) Now() string { return Code(a.Secret, a.Clock.Now()) }

// AddApp sets up an authenticator app at a browser whose sign-in is fresh.
func (b *Browser) AddApp() AuthenticatorApp {
	b.Helper()
	page := b.Get("/account/security/app/").WantPage(http.StatusOK, "Scan this", "<svg class=\"qr\"")
	match := typedSecret.FindStringSubmatch(page.Body)
	if match == nil {
		b.Fatalf("no secret in:\n%s", ShownTo(page.Body))
	}
	app := AuthenticatorApp{House: b.House, Secret: strings.ReplaceAll(match[1], " ", "")}
	done := b.Post("/account/security/app/", url.Values{"setup": {page.Hidden("setup")}, "code": {app.Now()}})
	if done.Status == http.StatusSeeOther { // the person has recovery codes
		return app
	}
	app.Codes = done.WantPage(http.StatusOK, "Save your recovery codes").RecoveryCodes()
	return app
}

// RecoveryCodes are the recovery codes on the page.
func (a *Answer) RecoveryCodes() (codes []string) {
	for _, match := range recoveryCode.FindAllStringSubmatch(a.Body, -1) {
		codes = append(codes, match[1])
	}
	return codes
}

// Begin types the password, and is the page that asks for what is missing.
func (b *Browser) Begin(email string, more url.Values) *Answer {
	b.Helper()
	return b.SignIn(email, more).WantStatus(http.StatusSeeOther).Follow().WantPage(http.StatusOK, "One more step")
}

// Prove types a code on the page that asks for it.
func (a *Answer) Prove(code string) *Answer {
	a.Helper()
	form := url.Values{"attempt": {a.Hidden("attempt")}, "code": {code}}
	for _, name := range []string{"request", "next"} {
		if strings.Contains(a.Body, `name="`+name+`"`) {
			form.Set(name, a.Hidden(name))
		}
	}
	return a.Browser.Post("/login/factor/", form)
}
