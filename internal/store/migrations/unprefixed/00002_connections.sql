-- The life of a connection after its code: refreshing, ending, telling, and the record of it all.
-- Rows of the tables made here outlive what they tell about, so nothing ties them to it. Each has its time, and is pruned when that is over.

-- +goose Up
ALTER TABLE clients ADD COLUMN resource_server TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN resources TEXT NOT NULL DEFAULT '[]'; -- a JSON array, as redirect_uris
ALTER TABLE clients ADD COLUMN jwks TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN jwks_uri TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN id_token_algorithm TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN post_logout_redirect_uris TEXT NOT NULL DEFAULT '[]'; -- a JSON array
ALTER TABLE clients ADD COLUMN backchannel_logout_uri TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN require_par BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE clients ADD COLUMN require_dpop BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE families ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE families ADD COLUMN rotated_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE families ADD COLUMN token_dead_at BIGINT NOT NULL DEFAULT 0; -- when the last access token issued under it has expired
ALTER TABLE families ADD COLUMN nonce TEXT NOT NULL DEFAULT '';
ALTER TABLE families ADD COLUMN methods TEXT NOT NULL DEFAULT ''; -- amr values, separated by spaces
ALTER TABLE families ADD COLUMN session_id TEXT NOT NULL DEFAULT ''; -- the sid of tokens, from which the session cannot be found
ALTER TABLE families ADD COLUMN resource TEXT NOT NULL DEFAULT ''; -- URIs, separated by spaces
ALTER TABLE families ADD COLUMN dpop_key TEXT NOT NULL DEFAULT '';
CREATE INDEX families_session ON families (session_id);

-- What has ended before its access tokens have expired.
CREATE TABLE endings (
    kind       TEXT   NOT NULL, -- grant, family, token or client
    id         TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    expires_at BIGINT NOT NULL, -- when the last access token has expired
    PRIMARY KEY (kind, id)
);
CREATE INDEX endings_expiry ON endings (expires_at);

-- Client assertions that have been used (RFC 7523 §3). jti is a hash of theirs.
CREATE TABLE assertions (
    client_id  TEXT   NOT NULL,
    jti        TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, jti)
);
CREATE INDEX assertions_expiry ON assertions (expires_at);

-- What is still to be told to someone outside.
CREATE TABLE notices (
    id         TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,
    client_id  TEXT   NOT NULL,
    team_id    TEXT   NOT NULL,
    session_id TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    tries      BIGINT NOT NULL DEFAULT 0,
    next_try   BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX notices_next_try ON notices (next_try);
CREATE INDEX notices_expiry ON notices (expires_at);

-- What happened. The id begins with the time, so that the newest, the next page and what is old enough to go are found by it.
CREATE TABLE audit (
    id         BIGINT NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,
    team_id    TEXT   NOT NULL,
    client_id  TEXT   NOT NULL,
    grant_id   TEXT   NOT NULL,
    family_id  TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    request_id TEXT   NOT NULL,
    detail     TEXT   NOT NULL
);
CREATE INDEX audit_team ON audit (team_id, id);
CREATE INDEX audit_user ON audit (user_id, id);
CREATE INDEX audit_client ON audit (client_id, id);
CREATE INDEX audit_kind ON audit (kind, id);
