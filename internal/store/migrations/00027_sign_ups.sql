-- Who has asked to sign up. The link in the mail is a row of gh_links, and this goes with it.

-- +goose Up
CREATE TABLE gh_sign_ups (
    link_id  TEXT NOT NULL PRIMARY KEY REFERENCES gh_links (id) ON DELETE CASCADE,
    name     TEXT NOT NULL, -- as typed by who asked
    language TEXT NOT NULL  -- of the page on which they asked
);
