// Command cap is an application on hashicorp/cap, the library by which Vault and Boundary sign people in. It has no way to renew a token.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/hashicorp/cap/oidc"
	"github.com/hashicorp/cap/oidc/callback"
	"golang.org/x/oauth2"

	"github.com/gatehouse-auth/gatehouse/e2e/strangers/api"
)

func main() {
	address, err := url.Parse(os.Getenv("BASE"))
	if err != nil {
		log.Fatal(err)
	}
	back := address.String() + "/callback"
	config, err := oidc.NewConfig(os.Getenv("ISSUER"), os.Getenv("CLIENT_ID"), oidc.ClientSecret(os.Getenv("CLIENT_SECRET")), []oidc.Alg{oidc.RS256}, []string{back})
	if err != nil {
		log.Fatal(err)
	}
	provider, err := oidc.NewProvider(config)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := oidc.NewCodeVerifier()
	if err != nil {
		log.Fatal(err)
	}
	request, err := oidc.NewRequest(time.Minute, back, oidc.WithPKCE(verifier), oidc.WithScopes("profile", "email", "chatbot:read"))
	if err != nil {
		log.Fatal(err)
	}
	failed := func(_ string, answer *callback.AuthenErrorResponse, err error, w http.ResponseWriter, _ *http.Request) {
		http.Error(w, fmt.Sprint(answer, err), http.StatusInternalServerError)
	}
	signedIn := func(_ string, token oidc.Token, w http.ResponseWriter, r *http.Request) {
		var claims, user map[string]any
		err := token.IDToken().Claims(&claims)
		if err == nil {
			subject, _ := claims["sub"].(string)
			bearer := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: string(token.AccessToken())})
			err = provider.UserInfo(r.Context(), bearer, subject, &user)
		}
		var me json.RawMessage
		if err == nil {
			me, err = api.Me(string(token.AccessToken()))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"user": user, "claims": claims, "me": me})
	}
	handler, err := callback.AuthCode(context.Background(), provider, &callback.SingleRequestReader{Request: request}, signedIn, failed)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/callback", handler)
	http.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		target, err := provider.AuthURL(r.Context(), request)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, target, http.StatusFound)
	})
	log.Fatal(http.ListenAndServe(address.Host, nil))
}
