package app

import (
	"context"
	"maps"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// warnAboutClients names the clients that an operator has to know about: those that the profile refuses, those that are less safe than the default, and those that
// authenticate by private_key_jwt. Assertions have to name the issuer alone as the audience, which earlier releases did not require:
// an operator who upgrades sees which clients have to change.
func (a *App) warnAboutClients(ctx context.Context) {
	clients, err := a.Store.Clients(ctx)
	if err != nil {
		a.Log.Error("load the clients to warn about", "error", err)
		return
	}
	refused := map[string][]string{} // by the reason
	for _, c := range clients {
		if err := c.Fits(a.Config.Authz.Profile); err != nil && c.DisabledAt.IsZero() {
			refused[err.Error()] = append(refused[err.Error()], string(c.ID))
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(refused)) {
		a.Log.Warn("these clients are refused: "+reason, "clients", refused[reason])
	}
	if strict := idsOf(clients, func(c client.Client) bool {
		return c.Method() == oauth.AuthPrivateKeyJWT && !c.InsecureAssertionAudience
	}); len(strict) > 0 {
		a.Log.Info("the assertions of these clients (private_key_jwt) have to name the issuer alone as aud, as a string", "clients", strict)
	}
	if excepted := idsOf(clients, func(c client.Client) bool { return c.InsecureAssertionAudience }); len(excepted) > 0 {
		a.Log.Warn("insecure_assertion_audience: assertions of these clients may have been made for another server", "clients", excepted)
	}
	if open := idsOf(clients, func(c client.Client) bool { return c.InsecureNoPKCENoNonce }); len(open) > 0 {
		a.Log.Warn("insecure_no_pkce_no_nonce: a stolen code of these clients can be used in another sign-in; it is for the official OpenID suite only", "clients", open)
	}
	if nonce := idsOf(clients, func(c client.Client) bool { return c.PKCE != oauth.PKCERequired }); len(nonce) > 0 {
		a.Log.Warn("pkce nonce: a stolen code of these clients can be used in another sign-in, unless they compare the nonce", "clients", nonce)
	}
}

func idsOf(clients []client.Client, which func(client.Client) bool) (ids []string) {
	for _, c := range clients {
		if which(c) {
			ids = append(ids, string(c.ID))
		}
	}
	return ids
}
