// Command zitadel is an application on zitadel/oidc's relying party: it signs people in, calls the API and renews its token.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log"
	"net/http"
	"net/url"
	"os"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/gatehouse-auth/gatehouse/e2e/strangers/api"
)

func main() {
	base := os.Getenv("BASE")
	address, err := url.Parse(base)
	if err != nil {
		log.Fatal(err)
	}
	key := []byte("sixteen bytes 16")
	cookies := httphelper.NewCookieHandler(key, key, httphelper.WithUnsecure()) // plain HTTP, on loopback
	scope := []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, "chatbot:read"}
	party, err := rp.NewRelyingPartyOIDC(context.Background(), os.Getenv("ISSUER"), os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"), base+"/callback", scope,
		rp.WithCookieHandler(cookies), rp.WithPKCE(cookies))
	if err != nil {
		log.Fatal(err)
	}
	signedIn := func(w http.ResponseWriter, r *http.Request, tokens *oidc.Tokens[*oidc.IDTokenClaims], _ string, party rp.RelyingParty, info *oidc.UserInfo) {
		renewed, err := rp.RefreshTokens[*oidc.IDTokenClaims](r.Context(), party, tokens.RefreshToken, "", "")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		me, err := api.Me(renewed.AccessToken)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"user": info, "me": me, "refreshed": renewed.AccessToken != tokens.AccessToken})
	}
	http.Handle("/login", rp.AuthURLHandler(rand.Text, party))
	http.Handle("/callback", rp.CodeExchangeHandler(rp.UserinfoCallback(signedIn), party))
	log.Fatal(http.ListenAndServe(address.Host, nil))
}
