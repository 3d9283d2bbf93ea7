-- The public identifier of a sign-in (sid). '' in the sessions of before: theirs is derived from the id.
-- +goose Up
ALTER TABLE gh_sessions ADD COLUMN sid TEXT NOT NULL DEFAULT '';
DELETE FROM gh_revisions WHERE name = 'visitors'; -- the name of before
