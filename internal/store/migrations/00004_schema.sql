-- The whole schema, one text for both databases: TEXT, BIGINT (Unix milliseconds, 0 for never) and BOOLEAN are all there is.
-- On PostgreSQL every TEXT column then gets the collation "C", which compares bytes, as SQLite does.
-- Tables have a prefix, because a database may be shared and a pooler allows no search_path.
-- What ends together is tied by foreign keys: a grant cannot outlive its membership or its client, nor a family its grant.
-- There is no way down: to go back to an older release, restore a backup.
--
-- Databases that are older than this come here by the files in unprefixed/.

-- +goose Up
CREATE TABLE gh_users (
    id              TEXT    NOT NULL PRIMARY KEY,
    email           TEXT    NOT NULL UNIQUE,
    name            TEXT    NOT NULL,
    operator        BOOLEAN NOT NULL,
    password_hash   TEXT    NOT NULL DEFAULT '',
    password_set_at BIGINT  NOT NULL DEFAULT 0,
    created_at      BIGINT  NOT NULL,
    disabled_at     BIGINT  NOT NULL DEFAULT 0
);

CREATE TABLE gh_teams (
    id         TEXT   NOT NULL PRIMARY KEY,
    slug       TEXT   NOT NULL UNIQUE,
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE gh_memberships (
    user_id    TEXT   NOT NULL REFERENCES gh_users (id) ON DELETE CASCADE,
    team_id    TEXT   NOT NULL REFERENCES gh_teams (id) ON DELETE CASCADE,
    role       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, team_id)
);
CREATE INDEX gh_memberships_team ON gh_memberships (team_id);

-- Columns that hold a JSON array are read and replaced whole, and never searched.
CREATE TABLE gh_clients (
    id                        TEXT    NOT NULL PRIMARY KEY,
    name                      TEXT    NOT NULL,
    owner                     TEXT    NOT NULL,
    public                    BOOLEAN NOT NULL,
    machine                   BOOLEAN NOT NULL,
    team_id                   TEXT    REFERENCES gh_teams (id) ON DELETE CASCADE, -- NULL: global
    redirect_uris             TEXT    NOT NULL, -- a JSON array
    scope                     TEXT    NOT NULL,
    created_at                BIGINT  NOT NULL,
    disabled_at               BIGINT  NOT NULL DEFAULT 0,
    resource_server           TEXT    NOT NULL DEFAULT '',
    resources                 TEXT    NOT NULL DEFAULT '[]', -- a JSON array
    jwks                      TEXT    NOT NULL DEFAULT '',
    jwks_uri                  TEXT    NOT NULL DEFAULT '',
    id_token_algorithm        TEXT    NOT NULL DEFAULT '',
    post_logout_redirect_uris TEXT    NOT NULL DEFAULT '[]', -- a JSON array
    backchannel_logout_uri    TEXT    NOT NULL DEFAULT '',
    require_par               BOOLEAN NOT NULL DEFAULT FALSE,
    require_dpop              BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX gh_clients_team ON gh_clients (team_id);
CREATE INDEX gh_clients_public ON gh_clients (id) WHERE public;

CREATE TABLE gh_client_secrets (
    client_id  TEXT   NOT NULL REFERENCES gh_clients (id) ON DELETE CASCADE,
    seq        BIGINT NOT NULL, -- grows with every secret: two may be made in one millisecond
    hash       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (client_id, seq)
);

CREATE TABLE gh_team_blocks (
    team_id    TEXT   NOT NULL REFERENCES gh_teams (id) ON DELETE CASCADE,
    client_id  TEXT   NOT NULL REFERENCES gh_clients (id) ON DELETE CASCADE,
    reason     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, client_id)
);
CREATE INDEX gh_team_blocks_client ON gh_team_blocks (client_id);

CREATE TABLE gh_grants (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL,
    team_id    TEXT   NOT NULL,
    client_id  TEXT   NOT NULL REFERENCES gh_clients (id) ON DELETE CASCADE,
    scope      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (user_id, team_id, client_id),
    FOREIGN KEY (user_id, team_id) REFERENCES gh_memberships (user_id, team_id) ON DELETE CASCADE
);
CREATE INDEX gh_grants_client ON gh_grants (client_id, team_id);
CREATE INDEX gh_grants_team ON gh_grants (team_id);

-- Every redemption and every refresh pays for an index here, so there is only one. A family's id begins with its time, so
-- the primary key finds what is new and what is old; the index finds those of one grant in that order, and which have ended.
-- Expired families are found by walking through the table, a few rows at a time. Because a refresh changes no indexed
-- column, PostgreSQL can leave the indices alone (a "heap-only tuple").
CREATE TABLE gh_families (
    id            TEXT   NOT NULL PRIMARY KEY,
    grant_id      TEXT   NOT NULL REFERENCES gh_grants (id) ON DELETE CASCADE,
    scope         TEXT   NOT NULL,
    auth_time     BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    ended_at      BIGINT NOT NULL DEFAULT 0,
    generation    BIGINT NOT NULL DEFAULT 0,
    rotated_at    BIGINT NOT NULL DEFAULT 0,
    token_dead_at BIGINT NOT NULL DEFAULT 0, -- when the last access token issued under it has expired
    nonce         TEXT   NOT NULL DEFAULT '',
    methods       TEXT   NOT NULL DEFAULT '', -- amr values, separated by spaces
    session_id    TEXT   NOT NULL DEFAULT '', -- the sid of tokens, from which the session cannot be found
    resource      TEXT   NOT NULL DEFAULT '', -- URIs, separated by spaces
    dpop_key      TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX gh_families_grant ON gh_families (grant_id, id, ended_at);

CREATE TABLE gh_sessions (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES gh_users (id) ON DELETE CASCADE,
    auth_time  BIGINT NOT NULL,
    methods    TEXT   NOT NULL, -- amr values, separated by spaces
    expires_at BIGINT NOT NULL
);
CREATE INDEX gh_sessions_user ON gh_sessions (user_id);
CREATE INDEX gh_sessions_expiry ON gh_sessions (expires_at);

CREATE TABLE gh_throttle (
    bucket    TEXT   NOT NULL PRIMARY KEY,
    failures  BIGINT NOT NULL,
    resets_at BIGINT NOT NULL
);
CREATE INDEX gh_throttle_reset ON gh_throttle (resets_at);

CREATE TABLE gh_keyring (
    id                  TEXT   NOT NULL PRIMARY KEY,
    slot                TEXT   NOT NULL UNIQUE,
    purpose             TEXT   NOT NULL,
    algorithm           TEXT   NOT NULL,
    sealed              TEXT   NOT NULL, -- base64: BLOB and BYTEA are spelled differently
    created_at          BIGINT NOT NULL,
    signs_from          BIGINT NOT NULL,
    predecessor_dead_at BIGINT NOT NULL DEFAULT 0
);

-- The rows of the next four tables outlive what they tell about, so no foreign key ties them to it. Each is deleted when
-- its time is over.

-- What has ended before its access tokens have expired.
CREATE TABLE gh_endings (
    kind       TEXT   NOT NULL, -- grant, family, token or client
    id         TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    expires_at BIGINT NOT NULL, -- when the last access token has expired
    PRIMARY KEY (kind, id)
);
CREATE INDEX gh_endings_expiry ON gh_endings (expires_at);

-- Client assertions that have been used (RFC 7523 §3).
CREATE TABLE gh_assertions (
    client_id  TEXT   NOT NULL,
    jti        TEXT   NOT NULL, -- its hash
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, jti)
);
CREATE INDEX gh_assertions_expiry ON gh_assertions (expires_at);

-- What somebody outside is still to be told.
CREATE TABLE gh_notices (
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
CREATE INDEX gh_notices_next_try ON gh_notices (next_try);
CREATE INDEX gh_notices_expiry ON gh_notices (expires_at);

-- What happened. The id begins with the time, so it finds the newest, the next page, and what is old enough to be deleted.
-- Nearly all events say that a token was issued or refreshed. They are read by team, or from the newest on. The partial
-- indices serve the rest.
CREATE TABLE gh_audit (
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
CREATE INDEX gh_audit_team ON gh_audit (team_id, id);
CREATE INDEX gh_audit_user ON gh_audit (user_id, id) WHERE kind NOT IN ('token.issued', 'token.refreshed', 'token.machine');
CREATE INDEX gh_audit_notable ON gh_audit (team_id, id) WHERE kind NOT IN ('token.issued', 'token.refreshed', 'token.machine');
CREATE INDEX gh_audit_machine ON gh_audit (client_id, id) WHERE kind = 'token.machine';

-- Numbers that change whenever something has changed that processes cache.
CREATE TABLE gh_revisions (
    name     TEXT   NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);
