-- What the consent pages showed of the client. For a grant of before, that is the client as it is now.

-- +goose Up
ALTER TABLE gh_grants ADD COLUMN seen_name TEXT NOT NULL DEFAULT '';
ALTER TABLE gh_grants ADD COLUMN seen_owner TEXT NOT NULL DEFAULT '';
ALTER TABLE gh_grants ADD COLUMN seen_redirect_uris TEXT NOT NULL DEFAULT '[]'; -- a JSON array
UPDATE gh_grants SET seen_name = c.name, seen_owner = c.owner, seen_redirect_uris = c.redirect_uris FROM gh_clients c WHERE c.id = gh_grants.client_id;
