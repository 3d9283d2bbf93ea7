-- A client may have a shorter grace for replaced refresh tokens than the server, and one that the official OpenID suite tests may do without PKCE and nonce.

-- +goose Up
ALTER TABLE gh_clients ADD COLUMN insecure_no_pkce_no_nonce BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE gh_clients ADD COLUMN refresh_grace BIGINT NOT NULL DEFAULT 0; -- milliseconds; 0 is the server's
