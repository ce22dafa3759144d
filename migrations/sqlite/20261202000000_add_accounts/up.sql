-- As on PostgreSQL.
CREATE TABLE refresh_tokens (
    hash VARCHAR(64) NOT NULL PRIMARY KEY,
    login_id BLOB NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
    successor_hash VARCHAR(64),
    used_at BIGINT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX idx_refresh_tokens_login ON refresh_tokens (login_id);
CREATE INDEX idx_refresh_tokens_expires ON refresh_tokens (expires_at);

CREATE TABLE author_claims (
    author_id VARCHAR(255) NOT NULL PRIMARY KEY CHECK (length(author_id) <= 255 AND instr(author_id, char(0)) = 0),
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    rev BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX idx_author_claims_user ON author_claims (user_id);
CREATE INDEX idx_author_claims_rev ON author_claims (rev);

CREATE TABLE invites (
    id BLOB NOT NULL PRIMARY KEY,
    role VARCHAR(16) NOT NULL,
    uses_left INTEGER NOT NULL,
    created_by VARCHAR(255) NOT NULL,
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    expires_at BIGINT NOT NULL
);

CREATE TABLE signing_keys (
    kid VARCHAR(32) NOT NULL PRIMARY KEY,
    secret BLOB NOT NULL,
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    retired_at BIGINT
);

ALTER TABLE one_time_codes ADD COLUMN kind SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE one_time_codes ADD COLUMN login_id BLOB;

ALTER TABLE logins ADD COLUMN last_seen_at BIGINT;
ALTER TABLE logins ADD COLUMN ended_rev BIGINT;
CREATE INDEX idx_logins_user ON logins (user_id);
CREATE INDEX idx_logins_ended ON logins (ended_rev) WHERE ended_rev IS NOT NULL;

ALTER TABLE users ADD COLUMN email VARCHAR(254) CHECK (length(email) <= 254 AND instr(email, char(0)) = 0);
ALTER TABLE users ADD COLUMN password_hash VARCHAR(200);
ALTER TABLE users ADD COLUMN site VARCHAR(255);
ALTER TABLE users ADD COLUMN subject VARCHAR(255);
ALTER TABLE users ADD COLUMN status_text VARCHAR(100);
ALTER TABLE users ADD COLUMN status_emoji VARCHAR(64);
ALTER TABLE users ADD COLUMN status_until BIGINT;
ALTER TABLE users ADD COLUMN locale VARCHAR(16);
ALTER TABLE users ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
CREATE UNIQUE INDEX users_email ON users (lower(email));
CREATE UNIQUE INDEX users_site_subject ON users (site, subject);
