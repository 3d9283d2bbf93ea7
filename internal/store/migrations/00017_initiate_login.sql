-- Where people start to sign in to an application, for the link on the page of connected applications (OpenID Connect Core §4).

-- +goose Up
ALTER TABLE gh_clients ADD COLUMN initiate_login_uri TEXT NOT NULL DEFAULT '';
