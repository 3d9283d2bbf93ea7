-- The latest changes of each revision, so that a process forgets only what has changed.

-- +goose Up
ALTER TABLE gh_revisions ADD COLUMN changes TEXT NOT NULL DEFAULT '';
