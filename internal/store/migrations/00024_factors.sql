-- How people sign in besides their password: an authenticator app, recovery codes, passkeys; and which teams require a second factor.

-- +goose Up
CREATE TABLE gh_apps (
    user_id    TEXT   NOT NULL PRIMARY KEY REFERENCES gh_users (id) ON DELETE CASCADE,
    secret     TEXT   NOT NULL, -- sealed under a key of the keyring
    step       BIGINT NOT NULL, -- of the last code that was used; none counts twice
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE gh_recovery_codes (
    user_id    TEXT   NOT NULL REFERENCES gh_users (id) ON DELETE CASCADE,
    hash       TEXT   NOT NULL, -- argon2id; the codes of one person have one salt
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, hash)
);
CREATE TABLE gh_passkeys (
    id            TEXT    NOT NULL PRIMARY KEY,
    user_id       TEXT    NOT NULL REFERENCES gh_users (id) ON DELETE CASCADE,
    handle        TEXT    NOT NULL, -- user.id of WebAuthn
    credential_id TEXT    NOT NULL UNIQUE,
    credential    TEXT    NOT NULL, -- the public key and what belongs to it, as the library writes it
    name          TEXT    NOT NULL,
    sign_count    BIGINT  NOT NULL,
    synced        BOOLEAN NOT NULL,
    created_at    BIGINT  NOT NULL,
    used_at       BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX gh_passkeys_user ON gh_passkeys (user_id);
ALTER TABLE gh_teams ADD COLUMN require_second_factor BOOLEAN NOT NULL DEFAULT FALSE;
