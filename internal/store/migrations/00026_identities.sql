-- Accounts of people at other OpenID Connect providers, by which they can sign in.

-- +goose Up
CREATE TABLE gh_identities (
    id        TEXT   NOT NULL PRIMARY KEY,
    user_id   TEXT   NOT NULL REFERENCES gh_users (id) ON DELETE CASCADE,
    issuer    TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    provider  TEXT   NOT NULL, -- its id in the configuration
    email     TEXT   NOT NULL, -- what the provider said; for people to read, it decides nothing
    linked_at BIGINT NOT NULL,
    used_at   BIGINT NOT NULL DEFAULT 0,
    UNIQUE (issuer, subject)
);
CREATE INDEX gh_identities_user ON gh_identities (user_id);

-- The provider by which a session was begun; '' when the person signed in here.
ALTER TABLE gh_sessions ADD COLUMN provider TEXT NOT NULL DEFAULT '';
