-- A team may require the sign-in at another provider.

-- +goose Up
ALTER TABLE gh_teams ADD COLUMN require_provider TEXT NOT NULL DEFAULT ''; -- the provider's id in the configuration; '' for none
