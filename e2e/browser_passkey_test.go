package e2e_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/gatehouse-auth/gatehouse/internal/config"
)

// atName serves the house under a name: browsers have no passkeys for an address that is a number.
func atName(cfg *config.Config) {
	cfg.PublicURL = strings.Replace(cfg.PublicURL, "127.0.0.1", "localhost", 1)
}

// newNamedHouse is a house that browsers visit by a name.
func newNamedHouse(t *testing.T) *house {
	h := newHouse(t, atName)
	h.url = strings.Replace(h.url, "127.0.0.1", "localhost", 1)
	return h
}

// key is the device of a person that keeps passkeys.
type key struct {
	*browser
	id webauthn.AuthenticatorID
}

// key plugs in a device that keeps passkeys, and asks who holds it. Nobody touches it yet.
func (b *browser) key() key {
	b.t.Helper()
	k := key{browser: b}
	b.do(webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) (err error) {
		k.id, err = webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
		}).Do(ctx)
		if err != nil {
			return err
		}
		return webauthn.SetAutomaticPresenceSimulation(k.id, false).Do(ctx)
	}))
	return k
}

// touch runs actions while somebody touches the device; they lead to another page.
func (k key) touch(actions ...chromedp.Action) {
	k.t.Helper()
	k.do(webauthn.SetAutomaticPresenceSimulation(k.id, true))
	k.leave(actions...)
	k.do(webauthn.SetAutomaticPresenceSimulation(k.id, false))
}

// passkeys is how many passkeys the device keeps.
func (k key) passkeys() int {
	k.t.Helper()
	var kept []*webauthn.Credential
	k.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		kept, err = webauthn.GetCredentials(k.id).Do(ctx)
		return err
	}))
	return len(kept)
}

const passkeyButton = "[data-passkey] button"

func clickPasskey() chromedp.Action {
	return chromedp.Click(passkeyButton, chromedp.ByQuery, chromedp.NodeVisible)
}

// A person adds a passkey, signs in with it in both ways, gives it another name, and removes it.
func TestBrowserUsesAPasskey(t *testing.T) {
	t.Parallel()
	h := newNamedHouse(t)
	b := h.open()
	k := b.key()
	b.visit(h.url + "/account/security/")
	b.signIn(annEmail, annPassword)
	b.sees(".sheet", "You have none")
	b.picture("account-security-none")
	b.press(`a[href="/account/security/passkeys/"]`)
	b.picture("account-security-passkey-new")
	b.fill("#name", "Ann’s laptop")
	k.touch(chromedp.SendKeys("#name", kb.Enter, chromedp.ByQuery))
	b.sees("h1", "Save your recovery codes")
	b.picture("account-security-codes")
	b.press(".sheet a.button")
	b.sees(".factors", "Ann’s laptop")
	b.picture("account-security-passkey")
	if n := k.passkeys(); n != 1 {
		t.Fatalf("the device keeps %d passkeys, want 1", n)
	}

	signOut := func() {
		b.visit(h.url + "/logout/")
		b.press("main form button")
	}
	signOut()
	b.visit(h.url + "/login/?next=/account/")
	b.picture("login-passkey")
	k.touch(clickPasskey())
	b.sees("h1", "Your account")

	signOut()
	k.do(webauthn.SetAutomaticPresenceSimulation(k.id, true))
	b.visit(h.url + "/login/?next=/account/") // where the browser offers it by itself
	b.sees("h1", "Your account")
	k.do(webauthn.SetAutomaticPresenceSimulation(k.id, false))

	// After the password, the passkey is asked for.
	signOut()
	b.visit(h.url + "/login/?next=/account/security/")
	b.signIn(annEmail, annPassword)
	b.sees("h1", "One more step")
	b.picture("login-factor-passkey")
	k.touch(clickPasskey())
	b.sees("h1", "Security")
	b.sees(".factors", "last used")

	b.press(".factors a")
	b.picture("account-security-passkey-one")
	b.fill("#name", "Old laptop")
	b.press("form.block button")
	b.sees(".factors", "Old laptop")
	b.press(".factors a")
	b.press("section.block form button")
	b.sees("[role=status]", "has been removed")
	b.sees(".sheet", "You have none")

	signOut()
	b.visit(h.url + "/login/?next=/account/")
	b.signIn(annEmail, annPassword)
	b.sees("h1", "Your account")
}
