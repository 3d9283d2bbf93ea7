-- From here on, a database has the schema of ../00004_schema.sql. TestEverySchemaIsUpgraded compares them.
-- The names of indices and of tables share one namespace. 00004_prefix.sqlite.sql does the same on SQLite.

-- +goose Up
ALTER TABLE users RENAME TO gh_users;
ALTER TABLE gh_users RENAME CONSTRAINT users_pkey TO gh_users_pkey;
ALTER TABLE gh_users RENAME CONSTRAINT users_email_key TO gh_users_email_key;

ALTER TABLE teams RENAME TO gh_teams;
ALTER TABLE gh_teams RENAME CONSTRAINT teams_pkey TO gh_teams_pkey;
ALTER TABLE gh_teams RENAME CONSTRAINT teams_slug_key TO gh_teams_slug_key;

ALTER TABLE memberships RENAME TO gh_memberships;
ALTER TABLE gh_memberships RENAME CONSTRAINT memberships_pkey TO gh_memberships_pkey;
ALTER TABLE gh_memberships RENAME CONSTRAINT memberships_user_id_fkey TO gh_memberships_user_id_fkey;
ALTER TABLE gh_memberships RENAME CONSTRAINT memberships_team_id_fkey TO gh_memberships_team_id_fkey;
ALTER INDEX memberships_team RENAME TO gh_memberships_team;

ALTER TABLE clients RENAME TO gh_clients;
ALTER TABLE gh_clients RENAME CONSTRAINT clients_pkey TO gh_clients_pkey;
ALTER TABLE gh_clients RENAME CONSTRAINT clients_team_id_fkey TO gh_clients_team_id_fkey;
ALTER INDEX clients_team RENAME TO gh_clients_team;
ALTER INDEX clients_public RENAME TO gh_clients_public;

ALTER TABLE client_secrets RENAME TO gh_client_secrets;
ALTER TABLE gh_client_secrets RENAME CONSTRAINT client_secrets_pkey TO gh_client_secrets_pkey;
ALTER TABLE gh_client_secrets RENAME CONSTRAINT client_secrets_client_id_fkey TO gh_client_secrets_client_id_fkey;

ALTER TABLE team_blocks RENAME TO gh_team_blocks;
ALTER TABLE gh_team_blocks RENAME CONSTRAINT team_blocks_pkey TO gh_team_blocks_pkey;
ALTER TABLE gh_team_blocks RENAME CONSTRAINT team_blocks_team_id_fkey TO gh_team_blocks_team_id_fkey;
ALTER TABLE gh_team_blocks RENAME CONSTRAINT team_blocks_client_id_fkey TO gh_team_blocks_client_id_fkey;
ALTER INDEX team_blocks_client RENAME TO gh_team_blocks_client;

ALTER TABLE grants RENAME TO gh_grants;
ALTER TABLE gh_grants RENAME CONSTRAINT grants_pkey TO gh_grants_pkey;
ALTER TABLE gh_grants RENAME CONSTRAINT grants_user_id_team_id_client_id_key TO gh_grants_user_id_team_id_client_id_key;
ALTER TABLE gh_grants RENAME CONSTRAINT grants_user_id_team_id_fkey TO gh_grants_user_id_team_id_fkey;
ALTER TABLE gh_grants RENAME CONSTRAINT grants_client_id_fkey TO gh_grants_client_id_fkey;
ALTER INDEX grants_client RENAME TO gh_grants_client;
ALTER INDEX grants_team RENAME TO gh_grants_team;

ALTER TABLE families RENAME TO gh_families;
ALTER TABLE gh_families RENAME CONSTRAINT families_pkey TO gh_families_pkey;
ALTER TABLE gh_families RENAME CONSTRAINT families_grant_id_fkey TO gh_families_grant_id_fkey;
ALTER INDEX families_grant RENAME TO gh_families_grant;

ALTER TABLE sessions RENAME TO gh_sessions;
ALTER TABLE gh_sessions RENAME CONSTRAINT sessions_pkey TO gh_sessions_pkey;
ALTER TABLE gh_sessions RENAME CONSTRAINT sessions_user_id_fkey TO gh_sessions_user_id_fkey;
ALTER INDEX sessions_user RENAME TO gh_sessions_user;
ALTER INDEX sessions_expiry RENAME TO gh_sessions_expiry;

ALTER TABLE throttle RENAME TO gh_throttle;
ALTER TABLE gh_throttle RENAME CONSTRAINT throttle_pkey TO gh_throttle_pkey;
ALTER INDEX throttle_reset RENAME TO gh_throttle_reset;

ALTER TABLE keyring RENAME TO gh_keyring;
ALTER TABLE gh_keyring RENAME CONSTRAINT keyring_pkey TO gh_keyring_pkey;
ALTER TABLE gh_keyring RENAME CONSTRAINT keyring_slot_key TO gh_keyring_slot_key;

ALTER TABLE endings RENAME TO gh_endings;
ALTER TABLE gh_endings RENAME CONSTRAINT endings_pkey TO gh_endings_pkey;
ALTER INDEX endings_expiry RENAME TO gh_endings_expiry;

ALTER TABLE assertions RENAME TO gh_assertions;
ALTER TABLE gh_assertions RENAME CONSTRAINT assertions_pkey TO gh_assertions_pkey;
ALTER INDEX assertions_expiry RENAME TO gh_assertions_expiry;

ALTER TABLE notices RENAME TO gh_notices;
ALTER TABLE gh_notices RENAME CONSTRAINT notices_pkey TO gh_notices_pkey;
ALTER INDEX notices_next_try RENAME TO gh_notices_next_try;
ALTER INDEX notices_expiry RENAME TO gh_notices_expiry;

ALTER TABLE audit RENAME TO gh_audit;
ALTER TABLE gh_audit RENAME CONSTRAINT audit_pkey TO gh_audit_pkey;
ALTER INDEX audit_team RENAME TO gh_audit_team;
ALTER INDEX audit_user RENAME TO gh_audit_user;
ALTER INDEX audit_notable RENAME TO gh_audit_notable;
ALTER INDEX audit_machine RENAME TO gh_audit_machine;

ALTER TABLE revisions RENAME TO gh_revisions;
ALTER TABLE gh_revisions RENAME CONSTRAINT revisions_pkey TO gh_revisions_pkey;
