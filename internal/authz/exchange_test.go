package authz_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/google/go-cmp/cmp"
)

func TestExchangeAnswersWithATokenForTheTeam(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	signedIn := w.clock.Now()
	w.clock.Advance(30 * time.Second)
	got := w.mustRedeem(w.app, code)

	claims := w.claims(got.AccessToken)
	if !strings.HasPrefix(got.RefreshToken, token.PrefixRefreshToken) {
		t.Error("the refresh token has not the prefix that secret scanners know")
	}
	got.AccessToken, got.RefreshToken = "", ""
	if diff := cmp.Diff(oauth.TokenResponse{TokenType: "Bearer", ExpiresIn: 3600, Scope: "chatbot:read session:read", Team: "red"}, got); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	jti, _ := claims["jti"].(string)
	if family, random, ok := strings.Cut(jti, "."); !ok || family != w.familyID(code) || len(random) < 26 {
		t.Errorf("jti %q, want the family's id %q, a dot and something random", jti, w.familyID(code))
	}
	grants, err := w.db.Grants(w.ctx(), authz.GrantFilter{})
	w.ok(err)
	now := w.clock.Now().Unix()
	delete(claims, "jti")
	want := map[string]any{
		"iss": issuer, "aud": issuer, "sub": string(w.ada.ID), "client_id": string(w.app.ID), "scope": "chatbot:read session:read",
		"iat": float64(now), "exp": float64(now + 3600), "auth_time": float64(signedIn.Unix()), "acr": "urn:gatehouse:aal1",
		"team": "red", "team_id": string(w.red.ID), "grant_id": string(grants[0].Grant.ID),
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestOptionsShapeTheToken(t *testing.T) {
	w := onSQLite(t)
	server := authz.New(storetest.Stores(w.db), w.keys, w.clock.Now, options(func(o *authz.Options) {
		o.Audience, o.AccessTokenLifetime = "https://api.example", 5*time.Minute
	}))
	got, err := w.exchange(server, form(w.app, w.connect(w.app, w.red)))
	w.ok(err)
	claims := w.claims(got.AccessToken)
	if claims["aud"] != "https://api.example" || claims["exp"] != float64(w.clock.Now().Add(5*time.Minute).Unix()) || got.ExpiresIn != 300 {
		t.Errorf("aud %v, exp %v, expires_in %v", claims["aud"], claims["exp"], got.ExpiresIn)
	}
}

// TestClientAuthentication has each way to fail answered alike.
func TestClientAuthentication(t *testing.T) {
	w := onSQLite(t)
	disabled := w.register(client.Registration{Name: "Disabled", RedirectURIs: []string{callback}})
	w.ok(w.db.DisableClient(w.ctx(), disabled.ID, w.clock.Now()))
	disabledPublic := w.register(client.Registration{Name: "Disabled", RedirectURIs: []string{callback}, Public: true})
	w.ok(w.db.DisableClient(w.ctx(), disabledPublic.ID, w.clock.Now()))
	expiring := w.register(client.Registration{Name: "Expiring", RedirectURIs: []string{callback}})
	expiring.Secrets[0].ExpiresAt = w.clock.Now()
	stores := storetest.Stores(w.db)
	stores.Clients = oneClient{w.db, expiring.Client}
	expired := authz.New(stores, w.keys, w.clock.Now, options())
	code := w.connect(w.app, w.red)

	tests := []struct {
		name   string
		server *authz.Server
		form   url.Values
	}{
		{"unknown", w.server, form(app{Client: client.Client{ID: "nobody"}, secret: "gh_cs_x"}, code)},
		{"unknown, without secret", w.server, form(app{Client: client.Client{ID: "nobody"}}, code)},
		{"wrong secret", w.server, form(w.app, code, "client_secret", "gh_cs_x")},
		{"another client's secret", w.server, form(w.app, code, "client_secret", w.redOnly.secret)},
		{"no secret", w.server, form(app{Client: w.app.Client}, code)},
		{"a secret, of a public client", w.server, form(w.public, code, "client_secret", "gh_cs_x")},
		{"disabled", w.server, form(disabled, code)},
		{"disabled, public", w.server, form(disabledPublic, code)},
		{"expired secret", expired, form(expiring, code)},
	}
	var first string
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.exchange(tt.server, tt.form)
			wantCode(t, err, oauth.InvalidClient)
			if _, description := oauth.Outside(err); first == "" {
				first = description
			} else if description != first {
				t.Errorf("it says %q, and %q in another case", description, first)
			}
		})
	}
	w.wantFamily(code, "none")
	w.mustRedeem(w.app, code)
}

// oneClient is a store that has one client more, or another version of it.
type oneClient struct {
	client.Reader
	client client.Client
}

func (s oneClient) Client(ctx context.Context, id oauth.ClientID) (client.Client, error) {
	if id == s.client.ID {
		return s.client, nil
	}
	return s.Reader.Client(ctx, id)
}

func TestTwoSecretsAreAliveWhileOneIsRotated(t *testing.T) {
	w := onSQLite(t)
	first := w.app
	rotated, err := w.registry.RotateSecret(w.ctx(), team.CommandLine, w.app.ID, false)
	w.ok(err)
	second := app{w.app.Client, rotated.Reveal()}
	w.mustRedeem(first, w.connect(w.app, w.red))
	w.mustRedeem(second, w.connect(w.app, w.red))

	rotated, err = w.registry.RotateSecret(w.ctx(), team.CommandLine, w.app.ID, false)
	w.ok(err)
	third := app{w.app.Client, rotated.Reveal()}
	_, err = w.redeem(first, w.connect(w.app, w.red))
	wantCode(t, err, oauth.InvalidClient)
	w.mustRedeem(second, w.connect(w.app, w.red))
	w.mustRedeem(third, w.connect(w.app, w.red))

	rotated, err = w.registry.RotateSecret(w.ctx(), team.CommandLine, w.app.ID, true)
	w.ok(err)
	_, err = w.redeem(third, w.connect(w.app, w.red))
	wantCode(t, err, oauth.InvalidClient)
	w.mustRedeem(app{w.app.Client, rotated.Reveal()}, w.connect(w.app, w.red))
}

func TestMachineClientMayNotUseACode(t *testing.T) {
	w := onSQLite(t)
	machine := w.register(client.Registration{Name: "Machine", Machine: true, Team: w.red})
	_, err := w.redeem(machine, w.connect(w.app, w.red))
	wantCode(t, err, oauth.UnauthorizedClient)
}

func TestExchangeSaysWhatIsMissing(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	for name, want := range map[string]oauth.Code{"code": oauth.InvalidRequest, "redirect_uri": oauth.InvalidRequest, "code_verifier": oauth.InvalidGrant} {
		_, err := w.redeem(w.app, code, name, "")
		wantCode(t, err, want)
		if !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	w.wantFamily(code, "none")
}

func TestPublicClientRedeemsWithoutSecret(t *testing.T) {
	w := onSQLite(t)
	// RFC 8252 §7.3: the port of a loopback redirect is whatever the application could get.
	code := w.connect(w.public, w.blue, "redirect_uri", "http://127.0.0.1:51004/cb")
	got, err := w.redeem(w.public, code, "redirect_uri", "http://127.0.0.1:51004/cb")
	w.ok(err)
	if got.Team != "blue" {
		t.Errorf("team %q, want blue", got.Team)
	}
}

func TestCodeLivesAMinute(t *testing.T) {
	w := onSQLite(t)
	good, late := w.connect(w.app, w.red), w.connect(w.app, w.red)
	if !strings.HasPrefix(good, "gh_ac_") {
		t.Errorf("the code %q has not the prefix that secret scanners know", good)
	}
	w.clock.Advance(time.Minute - 2*time.Millisecond)
	w.mustRedeem(w.app, good)
	w.clock.Advance(2 * time.Millisecond)
	_, err := w.redeem(w.app, late)
	wantCode(t, err, oauth.InvalidGrant)
}

// TestRedemptionIsRememberedAsLongAsItMatters prunes while the code or what it got could still be used.
func TestRedemptionIsRememberedAsLongAsItMatters(t *testing.T) {
	for _, lifetime := range []time.Duration{time.Second, time.Hour} {
		w := onSQLite(t)
		server := authz.New(storetest.Stores(w.db), w.keys, w.clock.Now, options(func(o *authz.Options) { o.AccessTokenLifetime = lifetime }))
		code := w.connect(w.app, w.red)
		_, err := w.exchange(server, form(w.app, code))
		w.ok(err)
		w.clock.Advance(max(lifetime, time.Minute) - time.Millisecond)
		_, err = w.db.Prune(w.ctx(), w.clock.Now(), 100)
		w.ok(err)
		if got := w.family(code); got != "live" {
			t.Errorf("with a lifetime of %v, the family is %q after pruning, want live", lifetime, got)
		}
	}
}

// TestRenameReachesTheToken: the slug in the token is the one at redemption, not the one at consent.
func TestRenameReachesTheToken(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	w.rename("red", "crimson")
	got := w.mustRedeem(w.app, code)
	if claims := w.claims(got.AccessToken); got.Team != "crimson" || claims["team"] != "crimson" || claims["team_id"] != string(w.red.ID) {
		t.Errorf("team %q, claims %v; want crimson with the same team_id", got.Team, claims)
	}
}

func TestMetadataIsWhatIsAccepted(t *testing.T) {
	m := authz.New(authz.Stores{}, nil, nil, options()).Metadata()
	confidential := []oauth.AuthMethod{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	algorithms := []string{"ES256", "PS256", "EdDSA", "Ed25519", "RS256"}
	want := oauth.Metadata{
		Issuer:                             issuer,
		AuthorizationEndpoint:              issuer + "/o/authorize/",
		TokenEndpoint:                      issuer + "/o/token/",
		RevocationEndpoint:                 issuer + "/o/revoke_token/",
		IntrospectionEndpoint:              issuer + "/o/introspect/",
		PushedAuthorizationRequestEndpoint: issuer + "/o/par/",
		JWKSURI:                            issuer + "/.well-known/jwks.json",
		EndedTokensURI:                     issuer + "/.well-known/ended-tokens.jwt",
		ServiceDocumentation:               issuer + "/docs/guide/",

		ScopesSupported:                            []string{"chatbot:read", "session:read", "session:write", "openid", "profile", "email", "offline_access"},
		ResponseTypesSupported:                     []string{"code"},
		ResponseModesSupported:                     []string{"query", "form_post"},
		GrantTypesSupported:                        []oauth.GrantType{"authorization_code", "refresh_token", "client_credentials"},
		CodeChallengeMethodsSupported:              []string{"S256"},
		AuthorizationResponseIssParameterSupported: true,
		UILocalesSupported:                         []string{"en", "de"},

		TokenEndpointAuthMethodsSupported:                  append(confidential, "none"),
		TokenEndpointAuthSigningAlgValuesSupported:         algorithms,
		RevocationEndpointAuthMethodsSupported:             append(confidential, "none"),
		IntrospectionEndpointAuthMethodsSupported:          confidential,
		RevocationEndpointAuthSigningAlgValuesSupported:    algorithms,
		IntrospectionEndpointAuthSigningAlgValuesSupported: algorithms,
		DPoPSigningAlgValuesSupported:                      algorithms,
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}
