package flow_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/picture"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/provider/providertest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

type claims = providertest.Claims

// acme is a provider that decides who has an address in example.org, unless change says otherwise.
func acme(h *webtest.House, change func(*provider.Settings), more ...provider.Settings) *providertest.Provider {
	h.Helper()
	p := providertest.Start(h, h.Clock.Now)
	p.Person = claims{"sub": "sub-of-ana", "email": webtest.Ana, "email_verified": true, "name": "Ana at Acme"}
	h.Provides(p, "acme", func(s *provider.Settings) {
		s.Domains = []string{"example.org"}
		if change != nil {
			change(s)
		}
	}, more...)
	return p
}

func wantSignedIn(a *webtest.Answer, name string) {
	a.Helper()
	a.WantStatus(http.StatusSeeOther)
	a.Browser.Get("/account/").WantPage(http.StatusOK, name)
}

// wantProblem is the way back to the sign-in page, with a sentence and without a session.
func wantProblem(a *webtest.Answer, says string) {
	a.Helper()
	a.WantStatus(http.StatusSeeOther)
	if !strings.HasPrefix(a.Location(), "/login/?") || strings.Contains(a.Location(), "code=") {
		a.Errorf("the browser is sent to %s", a.Location())
	}
	a.Follow().WantPage(http.StatusOK, says)
	a.Browser.Get("/account/").WantStatus(http.StatusSeeOther)
}

func (k kinds) has(kind audit.Kind) bool { return k[kind] > 0 }

type kinds map[audit.Kind]int

func happened(h *webtest.House) kinds {
	h.Helper()
	events, err := h.DB.Events(h.Context(), audit.Filter{Limit: 200})
	h.OK(err)
	k := kinds{}
	for _, e := range events {
		k[e.Kind]++
	}
	return k
}

func TestProviderThatDecidesSignsInAndIsLinkedOnce(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		_, err := h.Directory.VerifyEmail(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		for range 2 {
			wantSignedIn(h.Browser().SignInAt(p, "acme", nil), "Ana Anders")
		}
		if k := happened(h); k[audit.IdentityLinked] != 1 || k.has(audit.UserEmptied) {
			h.Errorf("events: %v", k)
		}
		h.SignedIn(webtest.Ana) // her password stays
		due, err := h.DB.DueMessages(h.Context(), h.Clock.Now(), h.Clock.Now().Add(time.Hour), 10)
		h.OK(err)
		if len(due) != 1 || due[0].Kind != "mail.identity_linked" {
			h.Errorf("messages: %v", due)
		}
	})
}

func TestProviderKeepsTheRequestOfTheApplication(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		b := h.Browser()
		long := strings.Repeat("s", 4000)
		page := b.Authorize(h.Insight, "state", long, "prompt", "login").Follow().WantPage(http.StatusOK, "Sign-in of acme")
		a := b.SignInAt(p, "acme", url.Values{"request": {page.Sealed()}})
		a.Follow().WantPage(http.StatusOK, "Insight", "Ana Anders")
	})
}

func TestAttackLinkByAddress(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for name, row := range map[string]struct {
			settings func(*provider.Settings)
			verified any
		}{
			"a provider that decides about another domain": {func(s *provider.Settings) { s.Domains = []string{"acme.example"} }, true},
			"a provider that decides about none":           {func(s *provider.Settings) { s.Domains = nil }, true},
			"an address that is not verified":              {nil, false},
			"verified as a text":                           {nil, "true"},
		} {
			p := acme(h, row.settings)
			p.Person["email_verified"] = row.verified
			a := h.Browser().SignInAt(p, "acme", nil).WantStatus(http.StatusSeeOther)
			a.Follow().WantPage(http.StatusOK, "not linked to an account here", "sign in to it")
			a.Browser.Get("/account/").WantStatus(http.StatusSeeOther)
			if happened(h).has(audit.IdentityLinked) {
				h.Errorf("%s: it was linked", name)
			}
		}
	})
}

// Somebody whom nobody here knows gets the same page, so that it does not tell whether there is an account.
func TestUnknownAddressGetsTheSamePage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, func(s *provider.Settings) { s.Domains = nil })
		pages := map[string]bool{}
		for _, email := range []string{webtest.Ana, "xyz@example.org"} {
			p.Person = claims{"sub": email, "email": email}
			a := h.Browser().SignInAt(p, "acme", nil).Follow()
			pages[strings.ReplaceAll(webtest.Neutral(a, email), email, "somebody")] = true
		}
		if len(pages) != 1 {
			h.Errorf("there are %d different pages", len(pages))
		}
	})
}

func TestLinkAfterSignInToTheAccount(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, func(s *provider.Settings) { s.Domains = nil })
		b := h.Browser()
		page := b.SignInAt(p, "acme", nil)
		link := page.Location()
		// A session that was left open is not enough.
		old := h.SignedIn(webtest.Ben)
		h.Clock.Advance(11 * time.Minute)
		old.SignInAt(p, "acme", nil).Follow().WantPage(http.StatusOK, "sign in to it")
		old.Post("/login/provider/acme/link/", url.Values{"decision": {"link"}}).WantStatus(http.StatusSeeOther)
		if happened(h).has(audit.IdentityLinked) {
			h.Fatal("an old session was enough")
		}
		b.SignIn(webtest.Ana, url.Values{"next": {link}}).WantStatus(http.StatusSeeOther)
		b.Get(link).WantPage(http.StatusOK, "Link it to this account?", webtest.Ana)
		b.Post("/login/provider/acme/link/", url.Values{"decision": {"link"}}).WantStatus(http.StatusSeeOther)
		wantSignedIn(h.Browser().SignInAt(p, "acme", nil), "Ana Anders")
	})
}

func TestAttackPreHijackedAccountIsEmptied(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		// Somebody else has Ana's address here, which was never proven.
		attacker := h.SignedIn(webtest.Ana)
		attacker.Authorize(h.Insight, "team", "atlas").Follow().Decide("authorize", h.Atlas.ID).WantStatus(http.StatusSeeOther)
		wantSignedIn(h.Browser().SignInAt(p, "acme", nil), "Ana Anders")
		attacker.Get("/account/").WantStatus(http.StatusSeeOther)
		h.Browser().SignIn(webtest.Ana, nil).WantStatus(http.StatusUnprocessableEntity)
		if left := h.Grants(); len(left) > 0 {
			h.Errorf("connections are left: %v", left)
		}
		if !happened(h).has(audit.UserEmptied) {
			h.Error("nothing is recorded")
		}
	})
}

func TestProviderSignsUpWhereItDecides(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, func(s *provider.Settings) { s.SignUp = true })
		p.Person = claims{"sub": "new", "email": "new@example.org", "email_verified": true, "name": "Nora New"}
		wantSignedIn(h.Browser().SignInAt(p, "acme", nil), "Nora New")
		u, err := h.DB.UserByEmail(h.Context(), "new@example.org")
		h.OK(err)
		if !u.EmailVerified {
			h.Error("the address is not proven, although the provider decides about it")
		}
		teams, err := h.DB.Memberships(h.Context(), u.ID)
		h.OK(err)
		if len(teams) > 0 {
			h.Errorf("the new person is in %v", teams)
		}
	})
}

// An address that the provider does not decide about makes no account, whatever the provider says of it.
func TestAttackSignUpWithAnothersAddress(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, func(s *provider.Settings) { s.SignUp = true })
		for _, person := range []claims{
			{"sub": "1", "email": "new@elsewhere.example", "email_verified": true},
			{"sub": "2", "email": "new@example.org", "email_verified": "true"},
			{"sub": "3", "email": "new@example.org"},
			{"sub": "4"},
		} {
			p.Person = person
			a := h.Browser().SignInAt(p, "acme", nil)
			a.Follow().WantPage(http.StatusOK, "not linked to an account here", "ask the people who run")
			a.Browser.Get("/account/").WantStatus(http.StatusSeeOther)
		}
		for _, email := range []string{"new@elsewhere.example", "new@example.org"} {
			noAccount(h, email)
		}
		q := acme(h, nil) // nobody may sign up
		q.Person = claims{"sub": "x", "email": "other@example.org", "email_verified": true}
		h.Browser().SignInAt(q, "acme", nil).Follow().WantPage(http.StatusOK, "not linked to an account here")
		noAccount(h, "other@example.org")
	})
}

// Where people can sign up, they prove their address by our mail, and link the account at the provider then.
func TestSignUpAndLink(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		h.Directory.SignUp = team.SignUp{Mode: team.SignUpOpen}
		p.Person = claims{"sub": "nora", "email": "nora@elsewhere.example", "email_verified": true}
		b := h.Browser()
		page := b.SignInAt(p, "acme", url.Values{"next": {"/account/security/"}})
		link := page.Location()
		page.Follow().WantPage(http.StatusOK, "Make an account", "/signup/?next=")
		_, secret := signUpLink(h, b, "nora@elsewhere.example", "next", link)
		done := finish(b, secret, "Nora New", "a long and quiet passphrase")
		done.WantStatus(http.StatusSeeOther)
		b.Get(link).WantPage(http.StatusOK, "Link it to this account?")
		b.Post("/login/provider/acme/link/", url.Values{"decision": {"link"}}).WantStatus(http.StatusSeeOther)
		wantSignedIn(h.Browser().SignInAt(p, "acme", nil), "Nora New")
	})
}

func TestProviderIcon(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		acme(h, func(s *provider.Settings) { s.Icon = picture.Picture{Type: "image/png", Content: []byte("drawn anew")} })
		h.Browser().Get("/login/").WantPage(http.StatusOK, `<img class="provider" src="/pictures/providers/acme?`)
		a := h.Browser().Get("/pictures/providers/acme?x", "Sec-Fetch-Dest", "image").WantStatus(http.StatusOK)
		if a.Body != "drawn anew" || a.Header.Get("Content-Type") != "image/png" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			h.Errorf("the icon is %q with %v", a.Body, a.Header)
		}
		h.Browser().Get("/pictures/providers/other").WantStatus(http.StatusNotFound)
		acme(h, nil)
		h.Browser().Get("/pictures/providers/acme").WantStatus(http.StatusNotFound)
		h.Browser().Get("/login/").WantPage(http.StatusOK, `<span class="provider" aria-hidden="true">S</span>`)
	})
}

func TestAttackIdentityIsIssuerAndSubject(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		wantSignedIn(h.Browser().SignInAt(p, "acme", nil), "Ana Anders")
		// The address of the same person there becomes Ben's: it is still Ana.
		p.Person["email"] = webtest.Ben
		wantSignedIn(h.Browser().SignInAt(p, "acme", nil), "Ana Anders")
		// The same subject at another issuer is somebody else.
		other := acme(h, func(s *provider.Settings) { s.Domains = nil })
		other.Person = claims{"sub": "sub-of-ana"}
		h.Browser().SignInAt(other, "acme", nil).Follow().WantPage(http.StatusOK, "not linked to an account here")
	})
}

func TestAttackIDTokens(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		change := func(f func(claims)) func() { return func() { p.Token = f } }
		for name, spoil := range map[string]func(){
			"another issuer":        change(func(c claims) { c["iss"] = "https://evil.example" }),
			"another audience":      change(func(c claims) { c["aud"] = "somebody-else" }),
			"two audiences, no azp": change(func(c claims) { c["aud"] = []string{providertest.ClientID, "somebody-else"} }),
			"azp of another":        change(func(c claims) { c["azp"] = "somebody-else" }),
			"expired":               change(func(c claims) { c["exp"] = h.Clock.Now().Add(-time.Second).Unix() }),
			"from the future":       change(func(c claims) { c["iat"] = h.Clock.Now().Add(time.Hour).Unix() }),
			"no nonce":              change(func(c claims) { delete(c, "nonce") }),
			"nonce of another":      change(func(c claims) { c["nonce"] = "of another sign-in" }),
			"no subject":            change(func(c claims) { delete(c, "sub") }),
			"alg none":              func() { p.Sign = providertest.Unsigned },
			"key of somebody else": func() {
				stranger := providertest.Start(h, h.Clock.Now)
				p.Sign = func(_ *providertest.Provider, c claims) string { return providertest.SignES256(stranger, c) }
			},
			"HMAC with the public key": func() {
				p.Sign = func(p *providertest.Provider, c claims) string {
					der, err := x509.MarshalPKIXPublicKey(p.PublicKey().Key)
					h.OK(err)
					return p.SignWith("HS256", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), p.PublicKey().KeyID, c)
				}
			},
			"iss of another in the answer": func() { p.Iss = "https://evil.example" },
			"no iss in the answer":         func() { p.Iss = "" },
		} {
			p.Token, p.Sign, p.Iss = nil, nil, p.Issuer
			spoil()
			a := h.Browser().SignInAt(p, "acme", nil)
			if !strings.Contains(a.Location(), "problem=invalid") {
				h.Errorf("%s: the browser is sent to %s", name, a.Location())
			}
			a.Browser.Get("/account/").WantStatus(http.StatusSeeOther)
		}
		p.Token, p.Sign, p.Iss = nil, nil, p.Issuer
		wantProblem(h.Browser().SignInAt(&providertest.Provider{Issuer: p.Issuer, Iss: p.Issuer, Error: "access_denied"}, "acme", nil), "did not sign you in")
		wantSignedIn(h.Browser().SignInAt(p, "acme", nil), "Ana Anders")
		if strings.Contains(h.Logged.String(), providertest.ClientSecret) {
			h.Error("the log has the client secret")
		}
	})
}

func TestAttackStateOfAnotherBrowser(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		victim, attacker := h.Browser(), h.Browser()
		there, err := url.Parse(attacker.BeginWith("acme", nil).Location())
		h.OK(err)
		answer := p.Authorize(there.Query())
		wantProblem(victim.Get(answer), "begun too long ago, or in another browser")
		victim.BeginWith("acme", nil).WantStatus(http.StatusSeeOther)
		wantProblem(victim.Get(answer), "begun too long ago, or in another browser")
		// It works where it was begun, once, and for five minutes.
		wantSignedIn(attacker.Get(answer), "Ana Anders")
		wantProblem(h.Browser().Get(answer), "begun too long ago")
		late := h.Browser()
		there, err = url.Parse(late.BeginWith("acme", nil).Location())
		h.OK(err)
		answer = p.Authorize(there.Query())
		h.Clock.Advance(5*time.Minute + time.Second)
		wantProblem(late.Get(answer), "begun too long ago")
	})
}

// RFC 9700 §4.4: a provider that is not honest gets a code of another one, and has the browser bring it to its own callback.
func TestAttackMixUp(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		evil := providertest.Start(h, h.Clock.Now)
		evil.Person = claims{"sub": "evil"}
		settings, err := provider.Settings{ID: "evil", Name: "Evil", Issuer: evil.Issuer, ClientID: providertest.ClientID, Secret: token.SecretFrom(providertest.ClientSecret)}.Check()
		h.OK(err)
		p := acme(h, nil, settings)
		b := h.Browser()
		there, err := url.Parse(b.BeginWith("acme", nil).Location())
		h.OK(err)
		answer := p.Authorize(there.Query())
		wantProblem(b.Get(strings.Replace(answer, "/provider/acme/", "/provider/evil/", 1)), "in another browser")
		// And the other way: begun at evil, answered with a code of acme.
		b = h.Browser()
		there, err = url.Parse(b.BeginWith("evil", nil).Location())
		h.OK(err)
		query := there.Query()
		query.Set("iss", p.Issuer)
		answer = there.Query().Get("redirect_uri") + "?" + url.Values{"state": {query.Get("state")}, "iss": {p.Issuer}, "code": {p.Code(query)}}.Encode()
		wantProblem(b.Get(answer), "was not valid")
		if evil.Requests("/token") > 0 {
			h.Error("evil got the code")
		}
	})
}

func TestProviderThatIsDownHasAPage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		p.Answer = func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "down", http.StatusInternalServerError)
			return true
		}
		h.Browser().Get("/login/").WantPage(http.StatusOK, "Sign-in of acme")
		wantProblem(h.Browser().BeginWith("acme", url.Values{"next": {"/account/"}}), "does not answer at the moment")
		h.Browser().BeginWith("unknown", nil).WantStatus(http.StatusNotFound)
		h.Browser().Post("/login/provider/acme/", nil, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site").WantStatus(http.StatusForbidden)
	})
}

func TestLinkAndUnlinkInTheAccount(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, func(s *provider.Settings) { s.Domains = nil })
		b := h.SignedIn(webtest.Ana)
		b.Get("/account/security/").WantPage(http.StatusOK, "You can link an account at another provider", "Sign-in of acme")
		b.Post("/account/security/providers/acme/", nil).Arrive(p).Follow().WantPage(http.StatusOK, "is linked. You can sign in with it from now on", webtest.Ana)
		ana, err := h.DB.UserByEmail(h.Context(), webtest.Ana)
		h.OK(err)
		identities, err := h.DB.Identities(h.Context(), ana.ID)
		h.OK(err)
		own := "/account/security/identities/" + identities[0].ID + "/"
		// Another person can link the same account neither, nor unlink it.
		ben := h.SignedIn(webtest.Ben)
		ben.Post("/account/security/providers/acme/", nil).Arrive(p).Follow().WantPage(http.StatusOK, "linked to another account here")
		ben.Post(own, nil).WantStatus(http.StatusNotFound)
		// A session that was left open is not enough.
		h.Clock.Advance(11 * time.Minute)
		b.Post(own, nil).WantStatus(http.StatusSeeOther)
		if happened(h).has(audit.IdentityUnlinked) {
			h.Fatal("an old session was enough")
		}
		b = h.SignedIn(webtest.Ana)
		b.Post(own, nil).Follow().WantPage(http.StatusOK, "is not linked any more")
		h.Browser().SignInAt(p, "acme", nil).Follow().WantPage(http.StatusOK, "not linked to an account here")
	})
}

func TestTheLastWayInCannotBeUnlinked(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, func(s *provider.Settings) { s.SignUp = true })
		p.Person = claims{"sub": "nora", "email": "nora@example.org", "email_verified": true, "name": "Nora New"}
		a := h.Browser().SignInAt(p, "acme", nil)
		u, err := h.DB.UserByEmail(h.Context(), "nora@example.org")
		h.OK(err)
		identities, err := h.DB.Identities(h.Context(), u.ID)
		h.OK(err)
		a.Browser.Post("/account/security/identities/"+identities[0].ID+"/", nil).WantPage(http.StatusUnprocessableEntity, "only way in which you can sign in")
		wantSignedIn(h.Browser().SignInAt(p, "acme", nil), "Nora New")
	})
}

func TestAttackProviderDoesNotGetPastTheSecondFactor(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		_, err := h.Directory.VerifyEmail(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		app := h.SignedIn(webtest.Ana).AddApp()
		h.Clock.Advance(time.Minute)
		p.Person["amr"] = []string{"mfa"} // nobody trusts it
		a := h.Browser().SignInAt(p, "acme", url.Values{"next": {"/account/security/"}}).WantStatus(http.StatusSeeOther)
		a.Browser.Get("/account/").WantStatus(http.StatusSeeOther)
		a = a.Follow().WantPage(http.StatusOK, "One more step").Prove(app.Now())
		if !strings.HasPrefix(a.Location(), "/login/?next=%2Faccount%2Fsecurity%2F&") {
			h.Errorf("the browser is sent to %s", a.Location())
		}
		wantSignedIn(a, "Ana Anders")

		// The configuration trusts this one.
		p = acme(h, func(s *provider.Settings) { s.TrustedAMR = []string{"mfa"} })
		p.Person["amr"] = []string{"pwd", "mfa"}
		wantSignedIn(h.Browser().SignInAt(p, "acme", nil), "Ana Anders")
	})
}

// One sign-in at the provider is one sign-in here, although the provider gives a second code for the same nonce, and the browser has kept the cookie.
func TestAttackNonceUsedTwice(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		b, copied := h.Browser(), h.Browser()
		there, err := url.Parse(b.BeginWith("acme", nil).Location())
		h.OK(err)
		ours, err := url.Parse(h.Server.URL)
		h.OK(err)
		copied.Client.Jar.SetCookies(ours, b.Client.Jar.Cookies(ours))
		wantSignedIn(b.Get(p.Authorize(there.Query())), "Ana Anders")
		wantProblem(copied.Get(p.Authorize(there.Query())), "was not valid")
	})
}

// RFC 9700 §4.5: somebody brings a code of another sign-in to a sign-in that has begun in this browser.
func TestAttackCodeInjection(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		begun := func() (*webtest.Browser, url.Values) {
			b := h.Browser()
			there, err := url.Parse(b.BeginWith("acme", nil).Location())
			h.OK(err)
			return b, there.Query()
		}
		_, stolen := begun()
		b, own := begun()
		answer := own.Get("redirect_uri") + "?" + url.Values{"state": {own.Get("state")}, "iss": {p.Issuer}, "code": {p.Code(stolen)}}.Encode()
		wantProblem(b.Get(answer), "was not valid")
		// A provider without PKCE: the nonce says it.
		b, own = begun()
		stolen.Set("code_challenge", own.Get("code_challenge"))
		answer = own.Get("redirect_uri") + "?" + url.Values{"state": {own.Get("state")}, "iss": {p.Issuer}, "code": {p.Code(stolen)}}.Encode()
		wantProblem(b.Get(answer), "was not valid")
	})
}

// No parameter of a callback makes an error of the server, or leads the browser elsewhere.
func TestCallbackParameters(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := acme(h, nil)
		evil := []string{"", "x", "https://evil.example/", "//evil.example", "\r\nLocation: https://evil.example", "\x00", "\xff", strings.Repeat("a", 9000), "<script>"}
		for _, name := range []string{"state", "code", "iss", "error", "error_description", "error_uri", "next", "request", "redirect_uri"} {
			for _, value := range evil {
				b := h.Browser()
				there, err := url.Parse(b.BeginWith("acme", url.Values{"next": {"/account/"}}).Location())
				h.OK(err)
				answer, err := url.Parse(p.Authorize(there.Query()))
				h.OK(err)
				query := answer.Query()
				query.Set(name, value)
				answer.RawQuery = query.Encode()
				a := b.Get(answer.String())
				to := a.Location()
				if a.Status >= 500 || to != "" && !strings.HasPrefix(to, "/login/") && !strings.HasPrefix(to, "/account/") || strings.Contains(a.Body, "<script>") {
					h.Errorf("%s=%.30q: status %d, the browser is sent to %s", name, value, a.Status, to)
				}
				query.Add(name, "twice")
				answer.RawQuery = query.Encode()
				if a := b.Get(answer.String()); a.Status >= 500 {
					h.Errorf("%s=%.30q twice: status %d", name, value, a.Status)
				}
			}
		}
		for _, target := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"} {
			if to := h.Browser().SignInAt(p, "acme", url.Values{"next": {target}}).Location(); to != "/login/?next=%2F&signed_in=1" {
				h.Errorf("next=%q: the browser is sent to %s", target, to)
			}
		}
	})
}
