-- From here on, a database has the schema of ../00004_schema.sql. TestEverySchemaIsUpgraded compares them.
-- SQLite cannot rename an index. 00004_prefix.postgres.sql does the same on PostgreSQL.

-- +goose Up
ALTER TABLE users RENAME TO gh_users;
ALTER TABLE teams RENAME TO gh_teams;
ALTER TABLE memberships RENAME TO gh_memberships;
ALTER TABLE clients RENAME TO gh_clients;
ALTER TABLE client_secrets RENAME TO gh_client_secrets;
ALTER TABLE team_blocks RENAME TO gh_team_blocks;
ALTER TABLE grants RENAME TO gh_grants;
ALTER TABLE families RENAME TO gh_families;
ALTER TABLE sessions RENAME TO gh_sessions;
ALTER TABLE throttle RENAME TO gh_throttle;
ALTER TABLE keyring RENAME TO gh_keyring;
ALTER TABLE endings RENAME TO gh_endings;
ALTER TABLE assertions RENAME TO gh_assertions;
ALTER TABLE notices RENAME TO gh_notices;
ALTER TABLE audit RENAME TO gh_audit;
ALTER TABLE revisions RENAME TO gh_revisions;

DROP INDEX memberships_team;
CREATE INDEX gh_memberships_team ON gh_memberships (team_id);
DROP INDEX clients_team;
CREATE INDEX gh_clients_team ON gh_clients (team_id);
DROP INDEX clients_public;
CREATE INDEX gh_clients_public ON gh_clients (id) WHERE public;
DROP INDEX team_blocks_client;
CREATE INDEX gh_team_blocks_client ON gh_team_blocks (client_id);
DROP INDEX grants_client;
CREATE INDEX gh_grants_client ON gh_grants (client_id, team_id);
DROP INDEX grants_team;
CREATE INDEX gh_grants_team ON gh_grants (team_id);
DROP INDEX families_grant;
CREATE INDEX gh_families_grant ON gh_families (grant_id, id, ended_at);
DROP INDEX sessions_user;
CREATE INDEX gh_sessions_user ON gh_sessions (user_id);
DROP INDEX sessions_expiry;
CREATE INDEX gh_sessions_expiry ON gh_sessions (expires_at);
DROP INDEX throttle_reset;
CREATE INDEX gh_throttle_reset ON gh_throttle (resets_at);
DROP INDEX endings_expiry;
CREATE INDEX gh_endings_expiry ON gh_endings (expires_at);
DROP INDEX assertions_expiry;
CREATE INDEX gh_assertions_expiry ON gh_assertions (expires_at);
DROP INDEX notices_next_try;
CREATE INDEX gh_notices_next_try ON gh_notices (next_try);
DROP INDEX notices_expiry;
CREATE INDEX gh_notices_expiry ON gh_notices (expires_at);
DROP INDEX audit_team;
CREATE INDEX gh_audit_team ON gh_audit (team_id, id);
DROP INDEX audit_user;
CREATE INDEX gh_audit_user ON gh_audit (user_id, id) WHERE kind NOT IN ('token.issued', 'token.refreshed', 'token.machine');
DROP INDEX audit_notable;
CREATE INDEX gh_audit_notable ON gh_audit (team_id, id) WHERE kind NOT IN ('token.issued', 'token.refreshed', 'token.machine');
DROP INDEX audit_machine;
CREATE INDEX gh_audit_machine ON gh_audit (client_id, id) WHERE kind = 'token.machine';
