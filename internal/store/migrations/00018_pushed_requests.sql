-- Pushed authorization requests: sealed, short-lived, and at most a hundred for a client (limits.pushed_requests).

-- +goose Up
CREATE TABLE gh_pushed_requests (
    id         TEXT   NOT NULL PRIMARY KEY, -- the end of the request_uri
    client_id  TEXT   NOT NULL REFERENCES gh_clients (id) ON DELETE CASCADE,
    sealed     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX gh_pushed_requests_client ON gh_pushed_requests (client_id, expires_at, id);
CREATE INDEX gh_pushed_requests_expiry ON gh_pushed_requests (expires_at);
