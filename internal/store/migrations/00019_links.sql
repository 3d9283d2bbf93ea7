-- Links in mails: each works once, until it expires. The mail has the id and a MAC of it, so nothing here is secret.

-- +goose Up
CREATE TABLE gh_links (
    id         TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    user_id    TEXT   REFERENCES gh_users (id) ON DELETE CASCADE, -- NULL: nobody has this address
    email      TEXT   NOT NULL, -- that the link is sent to, as typed
    email_key  TEXT   NOT NULL, -- the form in which it is compared
    depends_on TEXT   NOT NULL, -- what must still be so when the link is used, e.g. the version of the password
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX gh_links_user ON gh_links (user_id, kind);
CREATE INDEX gh_links_email ON gh_links (email_key, kind);
CREATE INDEX gh_links_expiry ON gh_links (expires_at);

ALTER TABLE gh_notices ADD COLUMN link_id TEXT NOT NULL DEFAULT ''; -- the link that the mail is about
ALTER TABLE gh_notices ADD COLUMN email TEXT NOT NULL DEFAULT '';   -- where the mail goes; '' for the address of its person or link at delivery
