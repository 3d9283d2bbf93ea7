-- Pushed authorization requests for which a code was issued.

-- +goose Up
CREATE TABLE gh_used_requests (
    id         TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL -- when nobody can go on with the request any more
);
CREATE INDEX gh_used_requests_expiry ON gh_used_requests (expires_at);
