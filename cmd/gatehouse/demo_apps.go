package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/examples/chatapi/api"
	"github.com/gatehouse-auth/gatehouse/examples/webclient/webapp"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

const demoCallbackPath = "/callback"

// demoAPI returns the example API, which is mounted on the server. It fetches the server's keys over HTTP like any other API.
func demoAPI(ctx context.Context, e *env, at demoAddresses, docs demoCredentials, log *slog.Logger) (http.Handler, error) {
	nonceKey := make([]byte, 32) // with nonces, the clock of an application that uses DPoP does not matter
	rand.Read(nonceKey)
	guard, err := resourceserver.New(ctx, at.url(), resourceserver.Options{Now: e.now, Log: log, NonceKey: nonceKey})
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{Issuer: at.url(), PublicURL: at.url(), DocsClientID: string(docs.ID), Guard: guard, Now: e.now}), nil
}

// demoWebApp returns the example application. It knows no more than any third party.
func demoWebApp(e *env, at demoAddresses, client demoCredentials) (http.Handler, error) {
	return webapp.New(webapp.Config{
		Name: demoWebClient, Issuer: at.url(), ClientID: string(client.ID), ClientSecret: client.Secret,
		RedirectURI: at.appURL() + demoCallbackPath, Now: e.now,
	})
}
