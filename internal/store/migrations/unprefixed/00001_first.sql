-- One text for both databases: TEXT, BIGINT (Unix milliseconds, 0 for never) and BOOLEAN are all there is.
-- What ends together is tied by foreign keys: a grant cannot outlive its membership or its client, nor a family its grant.
-- There is no way down: a release that must be taken back is restored from a backup.

-- +goose Up
CREATE TABLE users (
    id              TEXT    NOT NULL PRIMARY KEY,
    email           TEXT    NOT NULL UNIQUE,
    name            TEXT    NOT NULL,
    operator        BOOLEAN NOT NULL,
    password_hash   TEXT    NOT NULL DEFAULT '',
    password_set_at BIGINT  NOT NULL DEFAULT 0,
    created_at      BIGINT  NOT NULL,
    disabled_at     BIGINT  NOT NULL DEFAULT 0
);

CREATE TABLE teams (
    id         TEXT   NOT NULL PRIMARY KEY,
    slug       TEXT   NOT NULL UNIQUE,
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE memberships (
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    team_id    TEXT   NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    role       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, team_id)
);
CREATE INDEX memberships_team ON memberships (team_id);

CREATE TABLE clients (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    owner         TEXT    NOT NULL,
    public        BOOLEAN NOT NULL,
    machine       BOOLEAN NOT NULL,
    team_id       TEXT    REFERENCES teams (id) ON DELETE CASCADE, -- NULL: global
    redirect_uris TEXT    NOT NULL, -- a JSON array: always read and replaced whole, never searched
    scope         TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    disabled_at   BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX clients_team ON clients (team_id);
CREATE INDEX clients_public ON clients (id) WHERE public;

CREATE TABLE client_secrets (
    client_id  TEXT   NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    seq        BIGINT NOT NULL, -- grows with every secret: two may be made in one millisecond
    hash       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (client_id, seq)
);

CREATE TABLE team_blocks (
    team_id    TEXT   NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    client_id  TEXT   NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    reason     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, client_id)
);
CREATE INDEX team_blocks_client ON team_blocks (client_id);

CREATE TABLE grants (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL,
    team_id    TEXT   NOT NULL,
    client_id  TEXT   NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (user_id, team_id, client_id),
    FOREIGN KEY (user_id, team_id) REFERENCES memberships (user_id, team_id) ON DELETE CASCADE
);
CREATE INDEX grants_client ON grants (client_id, team_id);
CREATE INDEX grants_team ON grants (team_id);

CREATE TABLE families (
    id         TEXT   NOT NULL PRIMARY KEY,
    grant_id   TEXT   NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    scope      TEXT   NOT NULL,
    auth_time  BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX families_grant ON families (grant_id);
CREATE INDEX families_expiry ON families (expires_at);

CREATE TABLE sessions (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    auth_time  BIGINT NOT NULL,
    methods    TEXT   NOT NULL, -- amr values, separated by spaces
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE throttle (
    bucket    TEXT   NOT NULL PRIMARY KEY,
    failures  BIGINT NOT NULL,
    resets_at BIGINT NOT NULL
);
CREATE INDEX throttle_reset ON throttle (resets_at);

CREATE TABLE keyring (
    id                  TEXT   NOT NULL PRIMARY KEY,
    slot                TEXT   NOT NULL UNIQUE,
    purpose             TEXT   NOT NULL,
    algorithm           TEXT   NOT NULL,
    sealed              TEXT   NOT NULL, -- base64: BLOB and BYTEA are spelled differently
    created_at          BIGINT NOT NULL,
    signs_from          BIGINT NOT NULL,
    predecessor_dead_at BIGINT NOT NULL DEFAULT 0
);
