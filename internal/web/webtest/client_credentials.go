package webtest

import (
	"github.com/gatehouse-auth/gatehouse/internal/client"
)

// The row of the client_credentials grant.

// NewMachine registers a machine client of atlas, as an operator would.
func (h *House) NewMachine(scope ...string) App {
	h.Helper()
	return h.Register(client.Registration{Name: "Nightly", Machine: true, Team: h.Atlas, Scope: scope})
}

func (h *House) MachineToken(client App, namesAndValues ...string) *Answer {
	h.Helper()
	return h.Call("/o/token/", client, append([]string{"grant_type", "client_credentials"}, namesAndValues...)...)
}
