package store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// UseAssertion saves that an assertion was used, until it expires. client.ErrUsed when it was used before.
func (db *DB) UseAssertion(ctx context.Context, id oauth.ClientID, jti string, expires time.Time) error {
	hash := sha256.Sum256([]byte(jti)) // the client chooses it, and its length
	return db.write(ctx, "UseAssertion", func(t *tx) error {
		return t.MustChange(client.ErrUsed, `INSERT INTO gh_assertions (client_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT (client_id, jti) DO NOTHING`,
			id, base64.RawURLEncoding.EncodeToString(hash[:]), engine.Millis(expires))
	})
}
