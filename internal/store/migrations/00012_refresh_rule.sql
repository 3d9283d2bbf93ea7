-- A refresh token may be used many times without being replaced, and a late retry is granted once in a while.

-- +goose Up
ALTER TABLE gh_families ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0; -- when a refresh token was last used; 0 also when that was before this column
ALTER TABLE gh_families ADD COLUMN late_retry_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE gh_families ADD COLUMN late_retry_generation BIGINT NOT NULL DEFAULT 0; -- the newest one at that time
