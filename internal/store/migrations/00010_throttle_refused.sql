-- When a counter of failures refused somebody first in its window, so that this can be told once.

-- +goose Up
ALTER TABLE gh_throttle ADD COLUMN refused_at BIGINT NOT NULL DEFAULT 0;
