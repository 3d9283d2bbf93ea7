package app

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// logAssertionClients names the clients that authenticate by private_key_jwt. Their assertions have to name the issuer alone
// as the audience, which earlier releases did not require: an operator who upgrades sees which clients have to change.
func (a *App) logAssertionClients(ctx context.Context) {
	clients, err := a.Store.Clients(ctx)
	if err != nil {
		a.Log.Error("load the clients that authenticate by private_key_jwt", "error", err)
		return
	}
	var strict, excepted []string
	for _, c := range clients {
		switch {
		case c.InsecureAssertionAudience:
			excepted = append(excepted, string(c.ID))
		case c.Method() == oauth.AuthPrivateKeyJWT:
			strict = append(strict, string(c.ID))
		}
	}
	if len(strict) > 0 {
		a.Log.Info("the assertions of these clients (private_key_jwt) have to name the issuer alone as aud, as a string", "clients", strict)
	}
	if len(excepted) > 0 {
		a.Log.Warn("insecure_assertion_audience: assertions of these clients may have been made for another server", "clients", excepted)
	}
}
