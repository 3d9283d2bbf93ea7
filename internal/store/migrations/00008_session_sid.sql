-- The public identifier of a sign-in (sid). '' in the sessions of before: theirs is derived from the id.
-- +goose Up
ALTER TABLE gh_sessions ADD COLUMN sid TEXT NOT NULL DEFAULT '';
UPDATE gh_revisions SET name = 'users' WHERE name = 'visitors';
