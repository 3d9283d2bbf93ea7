-- Clients that follow OpenID Connect Core §9 may name the token endpoint as the audience of their assertions.

-- +goose Up
ALTER TABLE gh_clients ADD COLUMN insecure_assertion_audience BOOLEAN NOT NULL DEFAULT FALSE;
