-- What every redemption and every refresh pays for: an index must earn more than it costs there.

-- +goose Up
-- The first letters of a family's id are its time, so the primary key finds what is new and what is old. Those of one grant are found in that order,
-- and which of them have ended without looking at each.
DROP INDEX families_grant;
CREATE INDEX families_grant ON families (grant_id, id, ended_at);
-- What has expired is found by walking through the table, a few rows at a time. With no index on what a refresh changes, PostgreSQL can leave all of them alone.
DROP INDEX families_expiry;
-- The families of a session are among those of its person's grants.
DROP INDEX families_session;

-- Nearly all events say that a token was issued or refreshed. They are read by team, or from the newest on; the others also by whom they concern.
DROP INDEX audit_user;
DROP INDEX audit_client;
DROP INDEX audit_kind;
CREATE INDEX audit_user ON audit (user_id, id) WHERE kind NOT IN ('token.issued', 'token.refreshed', 'token.machine');
CREATE INDEX audit_notable ON audit (team_id, id) WHERE kind NOT IN ('token.issued', 'token.refreshed', 'token.machine');
CREATE INDEX audit_machine ON audit (client_id, id) WHERE kind = 'token.machine';

-- Changes whenever something has changed that processes remember.
CREATE TABLE revisions (
    name     TEXT   NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);
