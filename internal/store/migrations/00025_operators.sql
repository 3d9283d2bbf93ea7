-- Removing a person asks whether another operator is left.

-- +goose Up
CREATE INDEX gh_users_operators ON gh_users (id) WHERE operator;
