-- Confidential clients that know no PKCE may send a nonce instead: '' is required, 'nonce' is that exception.

-- +goose Up
ALTER TABLE gh_clients ADD COLUMN pkce TEXT NOT NULL DEFAULT '';
