-- How people want pages, and their pictures: at most one row of each for a person.

-- +goose Up
CREATE TABLE gh_profiles (
    user_id  TEXT NOT NULL PRIMARY KEY REFERENCES gh_users (id) ON DELETE CASCADE,
    language TEXT NOT NULL, -- '' and the next one '': not chosen
    zone     TEXT NOT NULL
);
CREATE TABLE gh_pictures (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES gh_users (id) ON DELETE CASCADE,
    name    TEXT NOT NULL UNIQUE, -- random, in the picture's address
    type    TEXT NOT NULL,
    content TEXT NOT NULL -- base64: BLOB and BYTEA are spelled differently
);
