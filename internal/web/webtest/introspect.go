package webtest

import (
	"github.com/gatehouse-auth/gatehouse/internal/client"
)

// The rows of "POST /o/introspect/".

// ResourceServer registers an API that may introspect tokens of an audience.
func (h *House) ResourceServer(audience string) App {
	h.Helper()
	return h.Register(client.Registration{Name: "API of " + audience, ResourceServer: audience})
}
