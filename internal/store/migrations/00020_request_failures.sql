-- Requests of clients that failed, for those who build the client. Equal ones are one row with a count; the number of rows of a client is bounded.

-- +goose Up
CREATE TABLE gh_request_failures (
    client_id   TEXT    NOT NULL REFERENCES gh_clients (id) ON DELETE CASCADE,
    proven      BOOLEAN NOT NULL, -- the client had authenticated
    digest      TEXT    NOT NULL, -- of what makes failures equal
    endpoint    TEXT    NOT NULL,
    code        TEXT    NOT NULL,
    description TEXT    NOT NULL, -- without what was received
    cause       TEXT    NOT NULL,
    received    TEXT    NOT NULL, -- scheme, host and path of a URI that is not registered
    auth_method TEXT    NOT NULL,
    network     TEXT    NOT NULL, -- of the latest, as the request id
    request_id  TEXT    NOT NULL,
    first_at    BIGINT  NOT NULL,
    last_at     BIGINT  NOT NULL,
    happened    BIGINT  NOT NULL, -- how often
    expires_at  BIGINT  NOT NULL,
    PRIMARY KEY (client_id, proven, digest)
);
CREATE INDEX gh_request_failures_latest ON gh_request_failures (client_id, proven, last_at);
CREATE INDEX gh_request_failures_expiry ON gh_request_failures (expires_at);
