package webtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// What tests do with a connection once there is one.

// Pairs is a form of names and values.
func Pairs(namesAndValues ...string) url.Values {
	values := url.Values{}
	for i := 0; i < len(namesAndValues); i += 2 {
		values.Add(namesAndValues[i], namesAndValues[i+1])
	}
	return values
}

// AsClient is a form in which a client authenticates in the body, and the rest.
func AsClient(client App, namesAndValues ...string) url.Values {
	values := url.Values{"client_id": {string(client.ID)}}
	if client.Secret != "" {
		values.Set("client_secret", client.Secret)
	}
	maps.Copy(values, Pairs(namesAndValues...))
	return values
}

// Call posts a form of a client's.
func (h *House) Call(path string, client App, namesAndValues ...string) *Answer {
	h.Helper()
	return h.Program().Post(path, AsClient(client, namesAndValues...))
}

// Connection is the tokens of a client after somebody at b agreed, in a team.
func (b *Browser) Connection(client App, in team.Team, changes ...string) Tokens {
	b.Helper()
	return b.Redeem(client, b.Connect(client, in, changes...)).WantTokens()
}

func (h *House) Refresh(client App, refreshToken string, namesAndValues ...string) *Answer {
	h.Helper()
	return h.Call("/o/token/", client, append([]string{"grant_type", "refresh_token", "refresh_token", refreshToken}, namesAndValues...)...)
}

// Introspect is what a client is told of a token.
func (h *House) Introspect(client App, text string) map[string]any {
	h.Helper()
	a := h.Call("/o/introspect/", client, "token", text).WantStatus(http.StatusOK)
	if kind, cache := a.Header.Get("Content-Type"), a.Header.Get("Cache-Control"); kind != "application/json" || cache != "no-store" {
		h.Errorf("introspection: Content-Type %q, Cache-Control %q", kind, cache)
	}
	var claims map[string]any
	h.OK(json.Unmarshal([]byte(a.Body), &claims))
	if active := claims["active"] == true; !active && strings.TrimSpace(a.Body) != `{"active":false}` {
		h.Errorf("an inactive token: %s, want nothing else", a.Body)
	}
	return claims
}

// Live reports whether a token is alive, as its client is told.
func (h *House) Live(client App, text string) bool {
	h.Helper()
	return h.Introspect(client, text)["active"] == true
}

func (h *House) UserInfo(accessToken string, headers ...string) *Answer {
	h.Helper()
	return h.Program().Get("/o/userinfo/", append([]string{"Authorization", "Bearer " + accessToken}, headers...)...)
}

// WantChallenge checks the refusal of a protected resource (RFC 6750 §3): an error code in body and header, under the scheme.
func (a *Answer) WantChallenge(status int, scheme, code string) string {
	a.Helper()
	says := a.WantJSON(status, code)
	for _, challenge := range a.Header.Values("WWW-Authenticate") {
		if strings.HasPrefix(challenge, scheme+" ") && strings.Contains(challenge, `error="`+code+`"`) {
			return says
		}
	}
	a.Errorf("WWW-Authenticate is %q, want %s with %s", a.Header.Values("WWW-Authenticate"), scheme, code)
	return says
}

// WantOK checks an empty 200 that no cache keeps.
func (a *Answer) WantOK() {
	a.Helper()
	a.WantStatus(http.StatusOK)
	if a.Body != "" || a.Header.Get("Cache-Control") != "no-store" {
		a.Errorf("the answer is %q with %v, want nothing, not to be stored", a.Body, a.Header)
	}
}

// Happened counts the events of a kind in the audit trail.
func (h *House) Happened(kind audit.Kind) int {
	h.Helper()
	events, err := h.DB.Events(h.Context(), audit.Filter{Kind: kind})
	h.OK(err)
	return len(events)
}

// Payload is what a JWT says, verified with the JWKS.
func (h *House) Payload(text string, algorithm jose.SignatureAlgorithm) (claims map[string]any, header jose.Header) {
	h.Helper()
	var keys jose.JSONWebKeySet
	h.OK(json.Unmarshal([]byte(h.Program().Get("/.well-known/jwks.json").WantStatus(http.StatusOK).Body), &keys))
	parsed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{algorithm})
	h.OK(err)
	h.OK(parsed.Claims(keys, &claims))
	return claims, parsed.Headers[0]
}

// Signer is a key that a test holds.
type Signer struct {
	private *ecdsa.PrivateKey
	public  jose.JSONWebKey
}

func (h *House) NewSigner() Signer {
	h.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h.OK(err)
	return Signer{private, jose.JSONWebKey{Key: private.Public(), KeyID: token.NewID(), Algorithm: "ES256", Use: "sig"}}
}

// jwks is the key as a set.
func (k Signer) jwks() string {
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.public}})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Sign makes a JWT.
func (k Signer) Sign(claims map[string]any, options *jose.SignerOptions) string {
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k.private}, options)
	if err != nil {
		panic(err)
	}
	text, err := jwt.Signed(made).Claims(claims).Serialize()
	if err != nil {
		panic(err)
	}
	return text
}

// Way is one in which what justifies a connection can end.
type Way struct {
	Name      string
	Client    App
	End, Undo func()
	Status    int // of a refresh
	Code      string
	Restores  bool // Undo brings the consent back, and with it a code that is younger than a minute
}

// Ways are all the ways in which what justifies Ben's connection of a client in atlas can end, in an order in which one does not hinder the next.
func (h *House) Ways() []Way {
	invalidGrant := func(name string, end, undo func()) Way {
		return Way{name, h.Insight, end, undo, http.StatusBadRequest, "invalid_grant", false}
	}
	suspended := func(name string, end, undo func()) Way {
		return Way{name, h.Insight, end, undo, http.StatusBadRequest, "invalid_grant", true}
	}
	none := func() {}
	return []Way{
		invalidGrant("the grant is revoked", func() {
			grants, err := h.DB.Grants(h.Context(), authz.GrantFilter{Client: h.Insight.ID})
			h.OK(err)
			for _, g := range grants {
				h.OK(h.DB.RevokeGrant(h.Context(), g.ID))
			}
		}, none),
		invalidGrant("the team blocks the client", func() {
			h.Block("Not here")
		}, func() { h.OK(h.Govern.Unblock(h.Context(), team.CommandLine, h.Atlas.ID, h.Insight.ID)) }),
		suspended("the team's policy allows nothing", func() { h.SetPolicy(govern.Nobody) }, func() { h.SetPolicy(govern.Everyone) }),
		suspended("the team's policy asks for an approval that there is not", func() {
			h.SetPolicy(govern.Nobody)
			h.SetPolicy(govern.ApproveFirst)
		}, func() { h.SetPolicy(govern.Everyone) }),
		invalidGrant("the person leaves the team", func() { h.OK(h.Directory.RemoveMember(h.Context(), team.CommandLine, "atlas", Ben)) }, func() {
			_, err := h.Directory.AddMember(h.Context(), team.CommandLine, "atlas", Ben, team.Member)
			h.OK(err)
		}),
		invalidGrant("the person is disabled", func() {
			_, err := h.Directory.DisableUser(h.Context(), team.CommandLine, Ben)
			h.OK(err)
		}, func() {
			_, err := h.Directory.EnableUser(h.Context(), team.CommandLine, Ben)
			h.OK(err)
		}),
		{
			"the client is disabled", h.Insight, func() { h.OK(h.DB.DisableClient(h.Context(), h.Insight.ID, h.Clock.Now())) },
			func() { h.OK(h.DB.EnableClient(h.Context(), h.Insight.ID)) }, http.StatusUnauthorized, "invalid_client", false,
		},
		{"the client is removed", h.Notes, func() { h.OK(h.DB.RemoveClient(h.Context(), h.Notes.ID)) }, none, http.StatusUnauthorized, "invalid_client", false},
		invalidGrant("the team is removed", func() {
			_, err := h.Directory.RemoveTeam(h.Context(), team.CommandLine, "atlas")
			h.OK(err)
		}, none),
	}
}

// Members are the names in an object, sorted.
func Members(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

const Grace = time.Minute
