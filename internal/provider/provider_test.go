package provider_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/provider/providertest"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/google/go-cmp/cmp"
)

type claims = providertest.Claims

// world is us and one provider.
type world struct {
	*testing.T
	clock *testkit.Clock
	acme  *providertest.Provider
	ps    *provider.Providers
	p     *provider.Provider
}

func newWorld(t *testing.T, changes ...func(*provider.Settings, *provider.Options)) *world {
	t.Helper()
	clock := testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	db, err := store.Open(t.Context(), "sqlite:"+t.TempDir()+"/g.db", store.Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	keys, err := token.OpenKeyring(t.Context(), db, storetest.Keyed(t, db), clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, clock: clock, acme: providertest.Start(t, clock.Now)}
	w.acme.Person = claims{"sub": "248289", "email": "jane@acme.example", "email_verified": true, "name": "Jane Roe"}
	s := provider.Settings{
		ID: "acme", Name: "Acme SSO", Issuer: w.acme.Issuer, ClientID: providertest.ClientID, Secret: token.SecretFrom(providertest.ClientSecret),
		Domains: []string{"acme.example"}, TrustedAMR: []string{"mfa"}, TrustedACR: []string{"two"},
	}
	opts := provider.Options{PublicURL: "https://auth.example.com", ThisMachine: true, Keys: keys, Now: clock.Now}
	for _, change := range changes {
		change(&s, &opts)
	}
	s, err = s.Check()
	if err != nil {
		t.Fatal(err)
	}
	w.ps = provider.New([]provider.Settings{s}, opts)
	t.Cleanup(w.ps.Close)
	w.p = w.ps.All()[0]
	return w
}

// signIn goes all the way.
func (w *world) signIn(ask provider.Ask) (authn.Claims, error) {
	w.Helper()
	location, sealed, err := w.ps.Begin(w.Context(), w.p, ask)
	if err != nil {
		return authn.Claims{}, err
	}
	return w.ps.Finish(w.Context(), w.p, sealed, w.answer(location))
}

// answer is what the provider answers to a browser that comes to location.
func (w *world) answer(location string) provider.Answer {
	w.Helper()
	u, err := url.Parse(location)
	if err != nil {
		w.Fatal(err)
	}
	if location, err = url.QueryUnescape(w.acme.Authorize(u.Query())); err != nil {
		w.Fatal(err)
	}
	u, _ = url.Parse(location)
	q := u.Query()
	return provider.Answer{State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error")}
}

func TestWhatAProviderSays(t *testing.T) {
	w := newWorld(t)
	yes := func(c *authn.Claims) {}
	for name, row := range map[string]struct {
		person claims
		want   func(*authn.Claims)
	}{
		"all":                              {nil, yes},
		"verified as a text":               {claims{"email_verified": "true"}, func(c *authn.Claims) { c.Proven = false }},
		"verified as a number":             {claims{"email_verified": 1}, func(c *authn.Claims) { c.Proven = false }},
		"not verified":                     {claims{"email_verified": false}, func(c *authn.Claims) { c.Proven = false }},
		"another domain":                   {claims{"email": "jane@elsewhere.example"}, func(c *authn.Claims) { c.Email, c.Proven = "jane@elsewhere.example", false }},
		"a domain below":                   {claims{"email": "jane@mail.acme.example"}, func(c *authn.Claims) { c.Email, c.Proven = "jane@mail.acme.example", false }},
		"a domain that ends so":            {claims{"email": "jane@notacme.example"}, func(c *authn.Claims) { c.Email, c.Proven = "jane@notacme.example", false }},
		"two at signs":                     {claims{"email": "jane@evil.example@acme.example"}, func(c *authn.Claims) { c.Email, c.Proven = "", false }},
		"capitals":                         {claims{"email": "Jane@ACME.example"}, func(c *authn.Claims) { c.Email = "Jane@ACME.example" }},
		"a name that hides something":      {claims{"name": "Jane\u202eeoR"}, func(c *authn.Claims) { c.Name = "" }},
		"two factors by amr":               {claims{"amr": []string{"pwd", "mfa"}}, func(c *authn.Claims) { c.TwoFactors = true }},
		"two factors by acr":               {claims{"acr": "two"}, func(c *authn.Claims) { c.TwoFactors = true }},
		"one factor":                       {claims{"amr": []string{"pwd"}, "acr": "one"}, yes},
		"preferred_username is no address": {claims{"email": nil, "preferred_username": "admin@acme.example", "upn": "admin@acme.example"}, func(c *authn.Claims) { c.Email, c.Proven = "", false }},
	} {
		t.Run(name, func(t *testing.T) {
			w.acme.Token = func(c claims) {
				for k, v := range row.person {
					c[k] = v
				}
			}
			w.acme.UserInfo = claims{"sub": "248289"}
			got, err := w.signIn(provider.Ask{})
			if err != nil {
				t.Fatal(err)
			}
			want := authn.Claims{Request: got.Request, Provider: "acme", Issuer: w.acme.Issuer, Subject: "248289", Email: "jane@acme.example", Name: "Jane Roe", Proven: true, AuthTime: w.clock.Now()}
			row.want(&want)
			if diff := cmp.Diff(want, got); diff != "" || got.Request == "" {
				t.Error(diff)
			}
		})
	}
}

// Providers that follow OpenID Connect Core §5.4 to the letter put the address into UserInfo only.
func TestAddressFromUserInfo(t *testing.T) {
	w := newWorld(t)
	w.acme.Token = func(c claims) { delete(c, "email"); delete(c, "email_verified") }
	if got, err := w.signIn(provider.Ask{}); err != nil || got.Email != "jane@acme.example" || !got.Proven {
		t.Errorf("got %+v, %v", got, err)
	}
	w.acme.UserInfo = claims{"sub": "somebody else", "email": "boss@acme.example", "email_verified": true}
	if got, err := w.signIn(provider.Ask{}); err != nil || got.Email != "" || got.Proven {
		t.Errorf("UserInfo is about somebody else, and counts: %+v, %v", got, err)
	}
}

func TestAuthenticationRequest(t *testing.T) {
	w := newWorld(t)
	hour := time.Hour
	location, _, err := w.ps.Begin(w.Context(), w.p, provider.Ask{Fresh: true, MaxAge: &hour, Locales: "de", Hint: "jane@acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(location)
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "gatehouse", "redirect_uri": "https://auth.example.com/login/provider/acme/callback/", "scope": "openid email profile",
		"code_challenge_method": "S256", "prompt": "login", "max_age": "3600", "ui_locales": "de", "login_hint": "jane@acme.example",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	if len(q.Get("state")) < 26 || len(q.Get("nonce")) < 26 || q.Get("state") == q.Get("nonce") || len(q.Get("code_challenge")) != 43 || q.Has("client_secret") {
		t.Errorf("the request is %s", location)
	}
}

func TestFreshSignIn(t *testing.T) {
	w := newWorld(t)
	ten := 10 * time.Minute
	for name, row := range map[string]struct {
		ask  provider.Ask
		age  time.Duration
		none bool
		ok   bool
	}{
		"not asked":                {provider.Ask{}, 24 * time.Hour, false, true},
		"not asked, not said":      {provider.Ask{}, 0, true, true},
		"fresh":                    {provider.Ask{Fresh: true}, 0, false, true},
		"prompt=login was ignored": {provider.Ask{Fresh: true}, 5 * time.Minute, false, false},
		"prompt=login, not said":   {provider.Ask{Fresh: true}, 0, true, false},
		"max_age":                  {provider.Ask{MaxAge: &ten}, 9 * time.Minute, false, true},
		"max_age was ignored":      {provider.Ask{MaxAge: &ten}, 12 * time.Minute, false, false},
		"max_age, not said":        {provider.Ask{MaxAge: &ten}, 0, true, false},
		"max_age, from the future": {provider.Ask{MaxAge: &ten}, -time.Hour, false, false},
	} {
		w.acme.Token = func(c claims) {
			c["auth_time"] = w.clock.Now().Add(-row.age).Unix()
			if row.none {
				delete(c, "auth_time")
			}
		}
		if _, err := w.signIn(row.ask); row.ok != (err == nil) || err != nil && !errors.Is(err, provider.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAttackRotationAndUnknownKeys(t *testing.T) {
	w := newWorld(t)
	good := func(what string) {
		t.Helper()
		if _, err := w.signIn(provider.Ask{}); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	good("first key")
	w.acme.Rotate("second")
	w.clock.Advance(time.Minute)
	good("second key")
	if n := w.acme.Requests("/jwks"); n != 2 {
		t.Errorf("%d requests for keys, want 2", n)
	}
	// A flood of tokens with made-up key ids makes one request in ten seconds.
	w.clock.Advance(time.Minute)
	w.acme.Sign = func(p *providertest.Provider, c claims) string {
		return p.SignWith("HS256", []byte(strings.Repeat("k", 32)), "unknown", c)
	}
	for range 20 {
		if _, err := w.signIn(provider.Ask{}); !errors.Is(err, provider.ErrInvalid) {
			t.Fatalf("got %v", err)
		}
	}
	stranger := providertest.Start(t, w.clock.Now)
	w.acme.Sign = func(_ *providertest.Provider, c claims) string {
		stranger.Rotate(c["nonce"].(string))
		return providertest.SignES256(stranger, c)
	}
	for range 20 {
		if _, err := w.signIn(provider.Ask{}); !errors.Is(err, provider.ErrInvalid) {
			t.Fatalf("got %v", err)
		}
	}
	if n := w.acme.Requests("/jwks"); n != 3 {
		t.Errorf("%d requests for keys, want 3", n)
	}
}

func TestAttackDiscovery(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	only := func(path string, answer http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != path {
				return false
			}
			answer(w, r)
			return true
		}
	}
	const document = "/.well-known/openid-configuration"
	endless := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(`{"issuer":"` + strings.Repeat("x", 8<<10))); err != nil {
				return
			}
		}
	}
	slow := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}
	for name, spoil := range map[string]func(*providertest.Provider){
		"down":    func(p *providertest.Provider) { p.Answer = only(document, http.NotFound) },
		"endless": func(p *providertest.Provider) { p.Answer = only(document, endless) },
		"slow":    func(p *providertest.Provider) { p.Answer = only(document, slow) },
		"no JSON": func(p *providertest.Provider) {
			p.Answer = only(document, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) })
		},
		"redirects": func(p *providertest.Provider) {
			p.Answer = only(document, http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP)
		},
		"another issuer":      func(p *providertest.Provider) { p.Metadata = func(c claims) { c["issuer"] = "https://evil.example" } },
		"issuer with a slash": func(p *providertest.Provider) { p.Metadata = func(c claims) { c["issuer"] = p.Issuer + "/" } },
		"script as an endpoint": func(p *providertest.Provider) {
			p.Metadata = func(c claims) { c["authorization_endpoint"] = "javascript:alert(1)" }
		},
		"no token endpoint": func(p *providertest.Provider) { p.Metadata = func(c claims) { delete(c, "token_endpoint") } },
		"keys in a file":    func(p *providertest.Provider) { p.Metadata = func(c claims) { c["jwks_uri"] = "file:///etc/passwd" } },
		"password in an endpoint": func(p *providertest.Provider) {
			p.Metadata = func(c claims) { c["token_endpoint"] = "https://a:b@evil.example/" }
		},
		"PKCE is plain only": func(p *providertest.Provider) {
			p.Metadata = func(c claims) { c["code_challenge_methods_supported"] = []string{"plain"} }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(_ *provider.Settings, o *provider.Options) { o.Timeout = 300 * time.Millisecond })
			spoil(w.acme)
			began := time.Now()
			if _, err := w.signIn(provider.Ask{}); !errors.Is(err, provider.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			// It is not asked again for each person who presses the button, and works once the provider does.
			before := w.acme.Requests(document)
			for range 10 {
				w.signIn(provider.Ask{})
			}
			if n := w.acme.Requests(document) - before; n != 0 {
				t.Errorf("it was asked %d times more", n)
			}
			w.acme.Answer, w.acme.Metadata = nil, nil
			w.clock.Advance(5 * time.Second)
			if _, err := w.signIn(provider.Ask{}); err != nil {
				t.Errorf("after that: %v", err)
			}
		})
	}
}

// A provider that went down after its metadata was read goes on with what is known, so that an answer which is on its way arrives.
func TestMetadataOutlivesAFailure(t *testing.T) {
	w := newWorld(t)
	if _, err := w.signIn(provider.Ask{}); err != nil {
		t.Fatal(err)
	}
	w.acme.Answer = func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			http.Error(rw, "down", http.StatusInternalServerError)
			return true
		}
		return false
	}
	w.clock.Advance(time.Hour)
	if _, err := w.signIn(provider.Ask{}); err != nil {
		t.Error(err)
	}
}

func TestAttackInternalNetwork(t *testing.T) {
	// This machine is internal too, unless we are on it alone.
	w := newWorld(t, func(_ *provider.Settings, o *provider.Options) { o.ThisMachine = false })
	if _, err := w.signIn(provider.Ask{}); !errors.Is(err, provider.ErrUnavailable) || w.acme.Requests("/.well-known/openid-configuration") != 0 {
		t.Errorf("got %v after %d requests", err, w.acme.Requests("/.well-known/openid-configuration"))
	}
}

func TestSecretsAreReadAgain(t *testing.T) {
	w := newWorld(t, func(s *provider.Settings, _ *provider.Options) { s.Secret = token.SecretFrom("old") })
	if _, err := w.signIn(provider.Ask{}); !errors.Is(err, provider.ErrInvalid) || strings.Contains(err.Error(), "old") {
		t.Errorf("with the old secret: %v", err)
	}
	s := w.p.Settings
	s.Secret = token.SecretFrom(providertest.ClientSecret)
	if changed := w.ps.UseSecrets([]provider.Settings{s}); len(changed) != 1 || changed[0] != "acme" {
		t.Errorf("changed: %v", changed)
	}
	if _, err := w.signIn(provider.Ask{}); err != nil {
		t.Error(err)
	}
	if changed := w.ps.UseSecrets([]provider.Settings{s}); changed != nil {
		t.Errorf("changed again: %v", changed)
	}
}

func TestCheckForTheDoctor(t *testing.T) {
	w := newWorld(t)
	if err := w.p.Check(context.Background()); err != nil {
		t.Error(err)
	}
	w.acme.Answer = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/jwks" {
			http.Error(rw, "down", http.StatusInternalServerError)
			return true
		}
		return false
	}
	w.clock.Advance(time.Hour)
	if err := w.p.Check(context.Background()); !errors.Is(err, provider.ErrUnavailable) {
		t.Errorf("without keys: %v", err)
	}
}
