package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/go-jose/go-jose/v4"
)

// Only the operator may make a client less safe than the default. Others who may register clients may still change a loosened client
// in another respect.
func TestAttackLooseningByOthers(t *testing.T) {
	admin := team.ActingUser(team.User{ID: "ada"}, []team.Membership{{Team: team.Team{ID: "t"}, Role: team.Admin}})
	strict := Client{}
	nonce, audience := Client{PKCE: oauth.PKCENonce}, Client{InsecureAssertionAudience: true}
	both := Client{PKCE: oauth.PKCENonce, InsecureAssertionAudience: true}
	for _, tt := range []struct {
		name          string
		before, after Client
		operatorOnly  bool
	}{
		{"nothing", strict, strict, false},
		{"pkce", strict, nonce, true},
		{"audience", strict, audience, true},
		{"both", strict, both, true},
		{"pkce too", audience, both, true},
		{"audience too", nonce, both, true},
		{"one for the other", nonce, audience, true},
		{"as it was", both, both, false},
		{"stricter", both, nonce, false},
		{"as strict as can be", both, strict, false},
	} {
		if err := mayLoosen(team.CommandLine, tt.before, tt.after); err != nil {
			t.Errorf("%s, by the operator: %v", tt.name, err)
		}
		if err := mayLoosen(admin, tt.before, tt.after); errors.Is(err, team.ErrForbidden) != tt.operatorOnly {
			t.Errorf("%s, by an admin: %v; want ErrForbidden: %v", tt.name, err, tt.operatorOnly)
		}
	}
}

// What a profile refuses, and in words that name the profile or the setting.
func TestClientsThatFitAProfile(t *testing.T) {
	const (
		ec      = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`                                                                                                                                                                                                                                                      // RFC 7517 A.1
		rsaN    = `"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"` // RFC 7517 A.1
		keysURI = "https://a.example/jwks"
	)
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec384, err := json.Marshal(jose.JSONWebKey{Key: large.Public()})
	if err != nil {
		t.Fatal(err)
	}
	set := func(keys string) string { return `{"keys":[` + keys + `]}` }
	for _, tt := range []struct {
		name   string
		client Client
		says   string // "" when it fits
	}{
		{"keys", Client{JWKS: set(ec)}, ""},
		{"keys elsewhere", Client{JWKSURI: keysURI}, ""},
		{"a machine with keys", Client{JWKSURI: keysURI, Machine: true}, ""},
		{"an RSA key for any algorithm", Client{JWKS: set("{" + rsaN + "}")}, ""},
		{"an RSA key for PS256", Client{JWKS: set("{" + rsaN + `,"alg":"PS256"}`)}, ""},
		{"ES256", Client{JWKSURI: keysURI, IDTokenAlgorithm: "ES256"}, ""},
		{"a good key beside another", Client{JWKS: set(string(ec384) + "," + ec)}, ""},
		{"public", Client{Public: true}, "public"},
		{"a secret", Client{}, "private_key_jwt"},
		{"a machine with a secret", Client{Machine: true}, "private_key_jwt"},
		{"an RSA key for RS256", Client{JWKS: set("{" + rsaN + `,"alg":"RS256"}`)}, "PS256"},
		{"a key of P-384", Client{JWKS: set(string(ec384))}, "ES256"},
		{"a key for encryption", Client{JWKS: set("{" + rsaN + `,"use":"enc"}`)}, "PS256"},
		{"RS256", Client{JWKSURI: keysURI, IDTokenAlgorithm: "RS256"}, "ES256"},
		{"nonce", Client{JWKSURI: keysURI, PKCE: oauth.PKCENonce}, "pkce nonce"},
		{"neither PKCE nor nonce", Client{JWKSURI: keysURI, InsecureNoPKCENoNonce: true}, "insecure_no_pkce_no_nonce"},
		{"audience", Client{JWKSURI: keysURI, InsecureAssertionAudience: true}, "insecure_assertion_audience"},
	} {
		if err := tt.client.Fits(oauth.ProfileNone); err != nil {
			t.Errorf("%s, without a profile: %v", tt.name, err)
		}
		err := tt.client.Fits(oauth.ProfileFAPI2)
		if (err == nil) != (tt.says == "") || err != nil && !(strings.Contains(err.Error(), "fapi2") && strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v, want words about %q", tt.name, err, tt.says)
		}
	}
}

// Every setting that is named Insecure is one that Loosened knows.
func TestLoosenedKnowsEveryInsecureSetting(t *testing.T) {
	fields := reflect.TypeFor[Client]()
	found := 0
	for i := range fields.NumField() {
		if name := fields.Field(i).Name; len(name) > 8 && name[:8] == "Insecure" {
			found++
			var c Client
			reflect.ValueOf(&c).Elem().Field(i).SetBool(true)
			if len(c.Loosened()) != 1 {
				t.Errorf("%s is not among what Loosened names: %q", name, c.Loosened())
			}
		}
	}
	if found == 0 {
		t.Error("a Client has no field whose name begins with Insecure")
	}
}
