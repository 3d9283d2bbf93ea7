-- Whether the person proved their e-mail address, or the operator vouches for it.

-- +goose Up
ALTER TABLE gh_users ADD COLUMN email_verified BOOLEAN NOT NULL DEFAULT FALSE;
