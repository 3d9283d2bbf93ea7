-- Invitations to teams. The link in the mail is a row of gh_links, which goes when it has expired; what became of an invitation stays for a while.

-- +goose Up
CREATE TABLE gh_invitations (
    id         TEXT   NOT NULL PRIMARY KEY,
    team_id    TEXT   NOT NULL REFERENCES gh_teams (id) ON DELETE CASCADE,
    email      TEXT   NOT NULL, -- as typed
    email_key  TEXT   NOT NULL, -- the form in which it is compared
    role       TEXT   NOT NULL,
    invited_by TEXT   NOT NULL, -- a person's id; '' is the operator
    state      TEXT   NOT NULL, -- sent, accepted, declined
    link_id    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX gh_invitations_team ON gh_invitations (team_id, created_at);
CREATE UNIQUE INDEX gh_invitations_link ON gh_invitations (link_id);
