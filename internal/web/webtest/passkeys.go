package webtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// PasskeyHost is the RP ID of the passkeys of a house.
const PasskeyHost = "auth.example"

// What a device says about the person (WebAuthn §6.1).
const (
	FlagPresent  = 1 << 0
	FlagVerified = 1 << 2
	flagNewKey   = 1 << 6
)

// WithPasskeys makes a house a server at PasskeyOrigin, at which people can use passkeys.
func (h *House) WithPasskeys() *House {
	h.Helper()
	opts := authn.Defaults()
	opts.InsecureFastHashing, opts.PublicURL = true, PasskeyOrigin
	h.Server = h.Serve(func(p *WebParts) { p.Authn = authn.New(h.DB, h.Keys, h.Clock.Now, opts) })
	return h
}

// SoftKey is a device with one passkey, and the browser that it is at. An attack changes a copy.
type SoftKey struct {
	*House
	Origin, Host string // what the browser says
	Flags        byte
	Count        uint32
	ID, Handle   []byte
	Private      *ecdsa.PrivateKey
}

// NewSoftKey is a device that asks who holds it.
func (h *House) NewSoftKey() *SoftKey {
	h.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h.OK(err)
	id := make([]byte, 32)
	rand.Read(id)
	return &SoftKey{House: h, Origin: PasskeyOrigin, Host: PasskeyHost, Flags: FlagPresent | FlagVerified, ID: id, Private: private}
}

var passkeyOptions = regexp.MustCompile(`data-action="([^"]*)" data-options="([^"]*)"`)

// asked is what a page asks of a passkey.
type asked struct {
	Challenge string `json:"challenge"`
	User      struct {
		ID string `json:"id"`
	} `json:"user"`
	action string
}

func (a *Answer) passkeyOptions() (options asked) {
	a.Helper()
	match := passkeyOptions.FindStringSubmatch(a.Body)
	if match == nil {
		a.Fatalf("no passkey is asked for in this page (status %d):\n%s", a.Status, ShownTo(a.Body))
	}
	a.OK(json.Unmarshal([]byte(html.UnescapeString(match[2])), &options))
	options.action = match[1]
	return options
}

func inURL(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func (k *SoftKey) client(kind, challenge string) []byte {
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.Origin, "crossOrigin": false})
	k.OK(err)
	return text
}

// data is the authenticator data (WebAuthn §6.1); more is of a new key.
func (k *SoftKey) data(flags byte, more ...byte) []byte {
	host := sha256.Sum256([]byte(k.Host))
	return append(binary.BigEndian.AppendUint32(append(host[:], flags), k.Count), more...)
}

// answer is the JSON of navigator.credentials.
func (k *SoftKey) answer(response map[string]any) string {
	text, err := json.Marshal(map[string]any{
		"id": inURL(k.ID), "rawId": inURL(k.ID), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response,
	})
	k.OK(err)
	return string(text)
}

// Made is the answer to a page that adds a passkey.
func (k *SoftKey) Made(page *Answer) string {
	k.Helper()
	options := page.passkeyOptions()
	handle, err := base64.RawURLEncoding.DecodeString(options.User.ID)
	k.OK(err)
	k.Handle = handle
	point, err := k.Private.PublicKey.Bytes()
	k.OK(err)
	public, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]}) // RFC 9053 §2.1, §7.1.1
	k.OK(err)
	newKey := append(make([]byte, 16), byte(len(k.ID)>>8), byte(len(k.ID)))
	newKey = append(append(newKey, k.ID...), public...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": k.data(k.Flags|flagNewKey, newKey...)})
	k.OK(err)
	return k.answer(map[string]any{"clientDataJSON": inURL(k.client("webauthn.create", options.Challenge)), "attestationObject": inURL(object)})
}

// Signed is the answer to a page on which a passkey signs in.
func (k *SoftKey) Signed(page *Answer) string {
	k.Helper()
	client, data := k.client("webauthn.get", page.passkeyOptions().Challenge), k.data(k.Flags)
	hash := sha256.Sum256(client)
	signed := sha256.Sum256(append(data[:len(data):len(data)], hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.Private, signed[:])
	k.OK(err)
	return k.answer(map[string]any{
		"clientDataJSON": inURL(client), "authenticatorData": inURL(data), "signature": inURL(signature), "userHandle": inURL(k.Handle),
	})
}

// SendPasskey sends a page's form with an answer, as the script of the page does.
func (a *Answer) SendPasskey(answer string) *Answer {
	a.Helper()
	form := url.Values{"challenge": {a.Hidden("challenge")}, "answer": {answer}}
	for _, name := range []string{"attempt", "request", "next"} {
		if strings.Contains(a.Body, `name="`+name+`"`) {
			form.Set(name, a.Hidden(name))
		}
	}
	return a.Browser.Post(a.passkeyOptions().action, form)
}

// AddPasskey adds a device's passkey at a browser whose sign-in is fresh.
func (b *Browser) AddPasskey(k *SoftKey) *Answer {
	b.Helper()
	page := b.Get("/account/security/passkeys/").WantPage(200, "Add a passkey")
	return page.SendPasskey(k.Made(page))
}

// SignInWith signs in with a passkey on the sign-in page.
func (b *Browser) SignInWith(k *SoftKey) *Answer {
	b.Helper()
	page := b.Get("/login/?next=/account/").WantPage(200, "Sign in")
	return page.SendPasskey(k.Signed(page))
}
