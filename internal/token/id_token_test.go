package token_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func idClaims(at time.Time) token.IDClaims {
	verified := true
	return token.IDClaims{
		Issuer: "https://id.example", Subject: "u1", Audience: "c1", Expires: at.Unix() + 3600, IssuedAt: at.Unix(), AuthTime: at.Unix() - 60, Nonce: "n", ACR: "pwd", AMR: []string{"pwd"},
		AccessTokenHash: "77QmUPtjPfzWtF2AnpK9RQ", SessionID: "s1", Team: "acme", TeamID: "t1", Name: "Ada", Email: "ada@acme.example", EmailVerified: &verified,
	}
}

// OpenID Connect Core, appendix A.3: the access token of the example and its hash in the ID token of the example.
func TestHalfHashOfOpenIDConnect(t *testing.T) {
	if got, want := token.HalfHash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestIDToken(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256} {
		signed, err := keys.SignIDToken(idClaims(c.Now()), string(algorithm))
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := jose.ParseSignedCompact(signed, []jose.SignatureAlgorithm{algorithm})
		if err != nil {
			t.Fatal(err)
		}
		if typ := parsed.Signatures[0].Protected.ExtraHeaders["typ"]; typ != "JWT" {
			t.Errorf("%s: got typ %v, want JWT", algorithm, typ)
		}
		payload, err := parsed.Verify(publishedKeys(t, keys))
		if err != nil {
			t.Fatalf("%s: the published keys do not verify the token: %v", algorithm, err)
		}
		want := `{"iss":"https://id.example","sub":"u1","aud":"c1","exp":1772370000,"iat":1772366400,"auth_time":1772366340,"nonce":"n","acr":"pwd","amr":["pwd"],` +
			`"at_hash":"77QmUPtjPfzWtF2AnpK9RQ","sid":"s1","team":"acme","team_id":"t1","name":"Ada","email":"ada@acme.example","email_verified":true}`
		if diff := cmp.Diff(want, string(payload)); diff != "" {
			t.Errorf("%s: payload (-want +got):\n%s", algorithm, diff)
		}
		c.Advance(24 * time.Hour)
		got, err := keys.VerifyIDToken(signed)
		if err != nil || got.Subject != "u1" || got.Audience != "c1" || got.SessionID != "s1" {
			t.Errorf("%s: as a hint after a day: %v, %v", algorithm, got, err)
		}
		c.Advance(-24 * time.Hour)
	}
}

func TestIDTokenHintCannotBeAltered(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	signed, _ := keys.SignIDToken(idClaims(c.Now()), "RS256")
	refused := func(altered string) {
		t.Helper()
		if got, err := keys.VerifyIDToken(altered); !errors.Is(err, token.ErrNotOurs) || got.Subject != "" {
			t.Errorf("%q: got %v, %v, want ErrNotOurs", altered, got, err)
		}
	}
	for i := range len(signed) {
		refused(signed[:i] + string([]byte{signed[i] ^ 1}) + signed[i+1:])
		refused(signed[:i])
	}
	parts := strings.Split(signed, ".")
	es256, _ := keys.SignIDToken(idClaims(c.Now()), "ES256")
	refused(strings.Split(es256, ".")[0] + "." + parts[1] + "." + parts[2])
	other := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	foreign, _ := other.SignIDToken(idClaims(c.Now()), "RS256")
	refused(foreign)
}

func TestIDClaimsPrintWithoutNameAndEmail(t *testing.T) {
	v := idClaims(newClock().Now())
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
	for _, text := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%+v", struct{ V token.IDClaims }{v}), log.String()} {
		if strings.Contains(text, "Ada") || strings.Contains(text, "ada@") || !strings.Contains(text, "u1") {
			t.Errorf("got %s, want the person's id and nothing else about them", text)
		}
	}
}

func BenchmarkSignIDToken(b *testing.B) {
	c := newClock()
	keys := openKeyring(b, openStore(b), token.NewMasterKey(), c)
	for _, algorithm := range []string{"RS256", "ES256"} {
		b.Run(algorithm, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := keys.SignIDToken(idClaims(c.Now()), algorithm); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
