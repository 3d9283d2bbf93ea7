package authz

import (
	"cmp"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Options are the settings of a Server.
type Options struct {
	Issuer              string        // the public URL, without a trailing slash
	Audience            string        // the API's identifier; Issuer when empty
	Catalogue           Catalogue     // API scopes
	CodeLifetime        time.Duration // 60 s when zero
	AccessTokenLifetime time.Duration // 1 h when zero
	RequestLifetime     time.Duration // how long a person may take over sign-in and consent: 1 h when zero
}

// Server answers authorization and token requests.
type Server struct {
	store Store
	keys  *token.Keyring
	now   func() time.Time
	opts  Options // with the defaults filled in
}

// New is a Server. now is the clock.
func New(store Store, keys *token.Keyring, now func() time.Time, opts Options) *Server {
	opts.Audience = cmp.Or(opts.Audience, opts.Issuer)
	opts.CodeLifetime = cmp.Or(opts.CodeLifetime, time.Minute)
	opts.AccessTokenLifetime = cmp.Or(opts.AccessTokenLifetime, time.Hour)
	opts.RequestLifetime = cmp.Or(opts.RequestLifetime, time.Hour)
	return &Server{store: store, keys: keys, now: now, opts: opts}
}
