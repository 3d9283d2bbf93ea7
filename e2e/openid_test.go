package e2e_test

import (
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"golang.org/x/oauth2"
)

// A client as in go-oidc's documentation: discovery, an ID token with nonce and at_hash, UserInfo, and the same after a refresh.
func TestGoOIDCSignsIn(t *testing.T) {
	house := newHouse(t)
	for _, algorithm := range []string{"RS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			h, ctx := house.in(t), t.Context()
			client := h.registerAs(client.Registration{IDTokenAlgorithm: algorithm})
			provider, err := oidc.NewProvider(ctx, h.url)
			h.ok(err)
			config := oauth2.Config{
				ClientID: client.id, ClientSecret: client.secret, RedirectURL: client.redirectURI, Endpoint: provider.Endpoint(),
				Scopes: []string{oidc.ScopeOpenID, "profile", "email", "chatbot:read"},
			}
			verifier := oauth2.GenerateVerifier()
			answer := h.person().connect(config.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier), oidc.Nonce("n0nce")))
			issued, err := config.Exchange(ctx, parameter(answer, "code"), oauth2.VerifierOption(verifier))
			h.ok(err)

			verify := provider.Verifier(&oidc.Config{ClientID: client.id, SupportedSigningAlgs: []string{algorithm}})
			raw, _ := issued.Extra("id_token").(string)
			idToken, err := verify.Verify(ctx, raw)
			h.ok(err)
			h.ok(idToken.VerifyAccessToken(issued.AccessToken))
			if idToken.Nonce != "n0nce" || idToken.Subject == "" {
				t.Errorf("got the nonce %q for %q, want n0nce", idToken.Nonce, idToken.Subject)
			}
			var claims struct{ Team, Name, Email string }
			h.ok(idToken.Claims(&claims))
			if claims.Team != "acme" {
				t.Errorf("the ID token says %+v, want the team acme", claims)
			}
			info, err := provider.UserInfo(ctx, config.TokenSource(ctx, issued))
			h.ok(err)
			if info.Subject != idToken.Subject || info.Email != annEmail {
				t.Errorf("userinfo says %s, %s; want %s, %s", info.Subject, info.Email, idToken.Subject, annEmail)
			}

			refreshed, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: issued.RefreshToken}).Token()
			h.ok(err)
			raw, _ = refreshed.Extra("id_token").(string)
			again, err := verify.Verify(ctx, raw)
			h.ok(err)
			h.ok(again.VerifyAccessToken(refreshed.AccessToken))
			if again.Subject != idToken.Subject || refreshed.RefreshToken == issued.RefreshToken {
				t.Error("the refreshed ID token is somebody else's, or the refresh token is the same")
			}
			if _, err := provider.Verifier(&oidc.Config{ClientID: "another"}).Verify(ctx, raw); err == nil {
				t.Error("the ID token is accepted by another application")
			}
			if _, err := verify.Verify(ctx, refreshed.AccessToken); err == nil {
				t.Error("an access token is accepted as an ID token")
			}
		})
	}
}
