-- The language of a mail to somebody who has no account any more when it is delivered.

-- +goose Up
ALTER TABLE gh_notices ADD COLUMN language TEXT NOT NULL DEFAULT '';
