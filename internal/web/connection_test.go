package web_test

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
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// What tests do with a connection once there is one.

// pairs is a form of names and values.
func pairs(namesAndValues ...string) url.Values {
	values := url.Values{}
	for i := 0; i < len(namesAndValues); i += 2 {
		values.Add(namesAndValues[i], namesAndValues[i+1])
	}
	return values
}

// asClient is a form in which a client authenticates in the body, and the rest.
func asClient(client app, namesAndValues ...string) url.Values {
	values := url.Values{"client_id": {string(client.ID)}}
	if client.secret != "" {
		values.Set("client_secret", client.secret)
	}
	maps.Copy(values, pairs(namesAndValues...))
	return values
}

// call posts a form of a client's.
func (h *house) call(path string, client app, namesAndValues ...string) *answer {
	h.Helper()
	return h.program().post(path, asClient(client, namesAndValues...))
}

// connection is the tokens of a client after somebody at b agreed, in a team.
func (b *browser) connection(client app, in team.Team, changes ...string) tokens {
	b.Helper()
	return b.redeem(client, b.connect(client, in, changes...)).wantTokens()
}

func (h *house) refresh(client app, refreshToken string, namesAndValues ...string) *answer {
	h.Helper()
	return h.call("/o/token/", client, append([]string{"grant_type", "refresh_token", "refresh_token", refreshToken}, namesAndValues...)...)
}

// introspect is what a client is told of a token.
func (h *house) introspect(client app, text string) map[string]any {
	h.Helper()
	a := h.call("/o/introspect/", client, "token", text).wantStatus(http.StatusOK)
	if kind, cache := a.header.Get("Content-Type"), a.header.Get("Cache-Control"); kind != "application/json" || cache != "no-store" {
		h.Errorf("introspection: Content-Type %q, Cache-Control %q", kind, cache)
	}
	var claims map[string]any
	h.ok(json.Unmarshal([]byte(a.body), &claims))
	if active := claims["active"] == true; !active && strings.TrimSpace(a.body) != `{"active":false}` {
		h.Errorf("an inactive token: %s, want nothing else", a.body)
	}
	return claims
}

// live reports whether a token is alive, as its client is told.
func (h *house) live(client app, text string) bool {
	h.Helper()
	return h.introspect(client, text)["active"] == true
}

func (h *house) userInfo(accessToken string, headers ...string) *answer {
	h.Helper()
	return h.program().get("/o/userinfo/", append([]string{"Authorization", "Bearer " + accessToken}, headers...)...)
}

// wantChallenge checks the refusal of a protected resource (RFC 6750 §3): an error code in body and header, under the scheme.
func (a *answer) wantChallenge(status int, scheme, code string) string {
	a.Helper()
	says := a.wantJSON(status, code)
	for _, challenge := range a.header.Values("WWW-Authenticate") {
		if strings.HasPrefix(challenge, scheme+" ") && strings.Contains(challenge, `error="`+code+`"`) {
			return says
		}
	}
	a.Errorf("WWW-Authenticate is %q, want %s with %s", a.header.Values("WWW-Authenticate"), scheme, code)
	return says
}

// wantOK checks an empty 200 that no cache keeps.
func (a *answer) wantOK() {
	a.Helper()
	a.wantStatus(http.StatusOK)
	if a.body != "" || a.header.Get("Cache-Control") != "no-store" {
		a.Errorf("the answer is %q with %v, want nothing, not to be stored", a.body, a.header)
	}
}

// happened counts the events of a kind in the audit trail.
func (h *house) happened(kind audit.Kind) int {
	h.Helper()
	events, err := h.db.Events(h.Context(), audit.Filter{Kind: kind})
	h.ok(err)
	return len(events)
}

// payload is what a JWT says, verified with the JWKS.
func (h *house) payload(text string, algorithm jose.SignatureAlgorithm) (claims map[string]any, header jose.Header) {
	h.Helper()
	var keys jose.JSONWebKeySet
	h.ok(json.Unmarshal([]byte(h.program().get("/.well-known/jwks.json").wantStatus(http.StatusOK).body), &keys))
	parsed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{algorithm})
	h.ok(err)
	h.ok(parsed.Claims(keys, &claims))
	return claims, parsed.Headers[0]
}

// signer is a key that a test holds.
type signer struct {
	private *ecdsa.PrivateKey
	public  jose.JSONWebKey
}

func (h *house) newSigner() signer {
	h.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h.ok(err)
	return signer{private, jose.JSONWebKey{Key: private.Public(), KeyID: token.NewID(), Algorithm: "ES256", Use: "sig"}}
}

// jwks is the key as a set.
func (k signer) jwks() string {
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.public}})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// sign makes a JWT.
func (k signer) sign(claims map[string]any, options *jose.SignerOptions) string {
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

// way is one in which what justifies a connection can end.
type way struct {
	name      string
	client    app
	end, undo func()
	status    int // of a refresh
	code      string
}

// ways are all the ways in which what justifies Ben's connection of a client in atlas can end, in an order in which one does not hinder the next.
func (h *house) ways() []way {
	invalidGrant := func(name string, end, undo func()) way {
		return way{name, h.insight, end, undo, http.StatusBadRequest, "invalid_grant"}
	}
	none := func() {}
	return []way{
		invalidGrant("the grant is revoked", func() {
			grants, err := h.db.Grants(h.Context(), authz.GrantFilter{Client: h.insight.ID})
			h.ok(err)
			for _, g := range grants {
				h.ok(h.db.RevokeGrant(h.Context(), g.ID))
			}
		}, none),
		invalidGrant("the team blocks the client", func() {
			h.ok(h.govern.Block(h.Context(), team.CommandLine, h.atlas.ID, h.insight.ID, "Not here"))
		}, func() { h.ok(h.db.Unblock(h.Context(), h.atlas.ID, h.insight.ID)) }),
		invalidGrant("the person leaves the team", func() { h.ok(h.directory.RemoveMember(h.Context(), team.CommandLine, "atlas", ben)) }, func() {
			_, err := h.directory.AddMember(h.Context(), team.CommandLine, "atlas", ben, team.Member)
			h.ok(err)
		}),
		invalidGrant("the person is disabled", func() {
			_, err := h.directory.DisableUser(h.Context(), team.CommandLine, ben)
			h.ok(err)
		}, func() {
			_, err := h.directory.EnableUser(h.Context(), team.CommandLine, ben)
			h.ok(err)
		}),
		{
			"the client is disabled", h.insight, func() { h.ok(h.db.DisableClient(h.Context(), h.insight.ID, h.clock.now())) },
			func() { h.ok(h.db.EnableClient(h.Context(), h.insight.ID)) }, http.StatusUnauthorized, "invalid_client",
		},
		{"the client is removed", h.notes, func() { h.ok(h.db.RemoveClient(h.Context(), h.notes.ID)) }, none, http.StatusUnauthorized, "invalid_client"},
		invalidGrant("the team is removed", func() {
			_, err := h.directory.RemoveTeam(h.Context(), team.CommandLine, "atlas")
			h.ok(err)
		}, none),
	}
}

// members are the names in an object, sorted.
func members(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

const grace = 10 * time.Second
