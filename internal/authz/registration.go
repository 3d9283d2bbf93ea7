package authz

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Registry registers and changes clients, grants and blocks: what the command line and the pages call.
type Registry struct {
	Store     Store
	Catalogue Catalogue
	Now       func() time.Time
}

// Registration is what a new client brings.
type Registration struct {
	Name         string
	Owner        string    // optional
	Team         team.Team // zero for a global client
	Public       bool
	Machine      bool // must have a team, has no redirect URI
	RedirectURIs []string
	Scope        oauth.Scope // empty: every API scope
}

// AddClient registers a client and returns it with its secret, which is shown once (zero for a public client).
func (r *Registry) AddClient(ctx context.Context, reg Registration) (Client, token.Secret, error) {
	panic("contract")
}

// ClientChange is what to replace; nil fields stay.
type ClientChange struct {
	Name         *string
	RedirectURIs []string
	Scope        oauth.Scope
}

// UpdateClient replaces what change has.
func (r *Registry) UpdateClient(ctx context.Context, id ClientID, change ClientChange) (Client, error) {
	panic("contract")
}

// RotateSecret gives a client a new secret. The newest old one stays valid unless revokeOld: two live secrets at most.
func (r *Registry) RotateSecret(ctx context.Context, id ClientID, revokeOld bool) (token.Secret, error) {
	panic("contract")
}

// BlockClient keeps a client out of a team and ends its grants there.
func (r *Registry) BlockClient(ctx context.Context, t team.ID, id ClientID, reason string) error {
	panic("contract")
}
