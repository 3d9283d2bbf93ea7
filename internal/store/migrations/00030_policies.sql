-- Which applications may reach a team: its policy, what it decided about each application, and who has asked. What follows for a grant is written on it.

-- +goose Up
ALTER TABLE gh_teams ADD COLUMN applications_policy TEXT NOT NULL DEFAULT 'everyone';
ALTER TABLE gh_teams ADD COLUMN applications_strict BOOLEAN NOT NULL DEFAULT FALSE; -- the policy is also for the team's own applications and the operator's
ALTER TABLE gh_clients ADD COLUMN first_party BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE gh_clients ADD COLUMN optional_scope TEXT NOT NULL DEFAULT '';
CREATE TABLE gh_team_applications (
    team_id    TEXT    NOT NULL REFERENCES gh_teams (id) ON DELETE CASCADE,
    client_id  TEXT    NOT NULL REFERENCES gh_clients (id) ON DELETE CASCADE,
    state      TEXT    NOT NULL, -- approved, declined, blocked
    scope      TEXT    NOT NULL DEFAULT '', -- approved: the ceiling; declined: what was asked for
    reason     TEXT    NOT NULL DEFAULT '',
    decided_by TEXT    NOT NULL DEFAULT '', -- a person's id; '' is the operator
    decided_at BIGINT  NOT NULL,
    review_by  BIGINT  NOT NULL DEFAULT 0,
    used_since BOOLEAN NOT NULL DEFAULT FALSE, -- approved because it was in use when the policy came
    PRIMARY KEY (team_id, client_id)
);
CREATE INDEX gh_team_applications_client ON gh_team_applications (client_id);
INSERT INTO gh_team_applications (team_id, client_id, state, reason, decided_at)
SELECT team_id, client_id, 'blocked', reason, created_at FROM gh_team_blocks;
DROP TABLE gh_team_blocks;
CREATE TABLE gh_application_requests (
    team_id    TEXT   NOT NULL,
    client_id  TEXT   NOT NULL REFERENCES gh_clients (id) ON DELETE CASCADE,
    user_id    TEXT   NOT NULL,
    scope      TEXT   NOT NULL,
    note       TEXT   NOT NULL,
    asked_at   BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, client_id, user_id),
    FOREIGN KEY (user_id, team_id) REFERENCES gh_memberships (user_id, team_id) ON DELETE CASCADE
);
CREATE INDEX gh_application_requests_user ON gh_application_requests (user_id, team_id);
CREATE INDEX gh_application_requests_client ON gh_application_requests (client_id);
CREATE INDEX gh_application_requests_expiry ON gh_application_requests (expires_at);
ALTER TABLE gh_grants ADD COLUMN consented TEXT NOT NULL DEFAULT ''; -- what the person agreed to; scope is what is left of it under the team's policy
ALTER TABLE gh_grants ADD COLUMN suspended_at BIGINT NOT NULL DEFAULT 0; -- since when nothing is left of it; 0 while it counts
UPDATE gh_grants SET consented = scope;
CREATE INDEX gh_grants_suspended ON gh_grants (suspended_at) WHERE suspended_at > 0;
