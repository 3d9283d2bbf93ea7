-- E-mail addresses are kept as they were typed, and compared in one form. The server fills that in where it is NULL, because SQL knows
-- no Unicode forms; an address of ASCII characters was already kept in that form.

-- +goose Up
ALTER TABLE gh_users ADD COLUMN email_key TEXT;
UPDATE gh_users SET email_key = email WHERE OCTET_LENGTH(email) = LENGTH(email);
CREATE UNIQUE INDEX gh_users_compared_email ON gh_users (email_key);
