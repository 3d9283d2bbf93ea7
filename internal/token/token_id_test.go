package token_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// An API learns from the jti which family a token comes from, so the writer of the format and both readers have to agree.
func TestTokenIDNamesItsFamily(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	mux := http.NewServeMux()
	issuer := httptest.NewServer(mux)
	t.Cleanup(issuer.Close)
	mux.HandleFunc("/.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"%s/jwks"}`, issuer.URL, issuer.URL)
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		body, _ := keys.JWKS()
		w.Write(body)
	})
	guard, err := resourceserver.New(t.Context(), issuer.URL, resourceserver.Options{Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	var got *resourceserver.Token
	api := guard.Require()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = resourceserver.FromContext(r.Context()) }))
	for _, tt := range []struct {
		id, family string
		machine    bool
	}{
		{token.NewFamilyTokenID("F1"), "F1", false},
		{token.NewMachineTokenID(), "", true},
	} {
		claims := token.AccessClaims{
			Issuer: issuer.URL, Subject: "u1", Audience: token.Audience{issuer.URL}, ClientID: "c1",
			IssuedAt: c.Now().Unix(), Expires: c.Now().Add(time.Hour).Unix(), ID: tt.id, Team: "red", TeamID: "t1",
		}
		if claims.Machine() != tt.machine || !tt.machine && claims.Family() != tt.family {
			t.Errorf("%s: got machine %v and the family %q, want %v and %q", tt.id, claims.Machine(), claims.Family(), tt.machine, tt.family)
		}
		signed, err := keys.SignAccessToken(claims)
		if err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header.Set("Authorization", "Bearer "+signed)
		got = nil
		if api.ServeHTTP(httptest.NewRecorder(), request); got == nil || got.ID != tt.id || got.Family != tt.family {
			t.Errorf("%s: resourceserver reads %+v, want the family %q", tt.id, got, tt.family)
		}
	}
}
