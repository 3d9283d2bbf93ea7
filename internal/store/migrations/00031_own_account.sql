-- The language of a mail to somebody who has no account any more when it is delivered, and what people download about themselves.

-- +goose Up
ALTER TABLE gh_notices ADD COLUMN language TEXT NOT NULL DEFAULT '';
CREATE INDEX gh_invitations_email ON gh_invitations (email_key);
CREATE INDEX gh_invitations_by ON gh_invitations (invited_by);
CREATE INDEX gh_notices_user ON gh_notices (user_id);
