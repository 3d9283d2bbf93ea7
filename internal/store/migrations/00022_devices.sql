-- What people are shown of their sessions: which browser and system, from which network, and when it was last seen.

-- +goose Up
ALTER TABLE gh_sessions ADD COLUMN browser TEXT NOT NULL DEFAULT ''; -- a word of ours, not what the browser sent
ALTER TABLE gh_sessions ADD COLUMN system  TEXT NOT NULL DEFAULT '';
ALTER TABLE gh_sessions ADD COLUMN network TEXT NOT NULL DEFAULT ''; -- /24 or /48, for 90 days
ALTER TABLE gh_sessions ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX gh_sessions_network ON gh_sessions (seen_at) WHERE network <> '';
