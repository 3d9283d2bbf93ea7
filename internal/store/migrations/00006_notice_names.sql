-- Names for mails about what is gone when they are delivered. applications has one name a line.

-- +goose Up
ALTER TABLE gh_notices ADD COLUMN team_name TEXT NOT NULL DEFAULT '';
ALTER TABLE gh_notices ADD COLUMN applications TEXT NOT NULL DEFAULT '';
