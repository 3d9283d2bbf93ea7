-- Slugs that teams gave up. For some time no other team gets one: access tokens name the team by its slug too.

-- +goose Up
CREATE TABLE gh_former_slugs (
    slug       TEXT   NOT NULL PRIMARY KEY,
    team_id    TEXT   NOT NULL, -- whose it was; the team may be gone
    expires_at BIGINT NOT NULL  -- when it is free again
);
CREATE INDEX gh_former_slugs_expiry ON gh_former_slugs (expires_at);
CREATE INDEX gh_former_slugs_team ON gh_former_slugs (team_id);
