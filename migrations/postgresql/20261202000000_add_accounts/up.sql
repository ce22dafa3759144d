-- Accounts with a password: what they have, how long their logins last, who was invited. New tables first; those that were
-- there before have a few rows each, and get columns that need none of them written anew.

CREATE TABLE refresh_tokens (
    hash VARCHAR(64) PRIMARY KEY,
    login_id UUID NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
    successor_hash VARCHAR(64),
    used_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX idx_refresh_tokens_login ON refresh_tokens (login_id);
CREATE INDEX idx_refresh_tokens_expires ON refresh_tokens (expires_at);
COMMENT ON TABLE refresh_tokens IS 'What renews a login, each once: a keyed hash, the secret is stored nowhere.';
COMMENT ON COLUMN refresh_tokens.successor_hash IS 'What took its place. A replay within 30 s gets the same one, a later one ends the login.';

CREATE TABLE author_claims (
    author_id VARCHAR(255) COLLATE "C" PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    rev BIGINT NOT NULL
);
CREATE INDEX idx_author_claims_user ON author_claims (user_id);
CREATE INDEX idx_author_claims_rev ON author_claims (rev);
COMMENT ON TABLE author_claims IS 'Browsers whose identity somebody with an account has taken over.';
COMMENT ON COLUMN author_claims.rev IS 'meta.control_rev of the claim.';

CREATE TABLE invites (
    id UUID PRIMARY KEY,
    role VARCHAR(16) NOT NULL,
    uses_left INT NOT NULL,
    created_by VARCHAR(255) NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE invites IS 'Who may register, and as what. Its code is derived from the id with the server''s key, and stored nowhere.';

CREATE TABLE signing_keys (
    kid VARCHAR(32) PRIMARY KEY,
    secret BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    retired_at TIMESTAMPTZ
);
COMMENT ON TABLE signing_keys IS 'What access tokens are signed with (Ed25519, PKCS #8). A retired key is good for nothing.';

ALTER TABLE one_time_codes
    ADD COLUMN kind SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN login_id UUID;
COMMENT ON COLUMN one_time_codes.kind IS '0: signs in, 1: sets the first owner up, 2: sets a password, 3: a ticket for a socket.';

ALTER TABLE logins
    ADD COLUMN last_seen_at TIMESTAMPTZ,
    ADD COLUMN ended_rev BIGINT;
CREATE INDEX idx_logins_user ON logins (user_id);
CREATE INDEX idx_logins_ended ON logins (ended_rev) WHERE ended_rev IS NOT NULL;
COMMENT ON COLUMN logins.ended_rev IS 'meta.control_rev of its end.';

ALTER TABLE users
    ADD COLUMN email VARCHAR(254),
    ADD COLUMN password_hash VARCHAR(200),
    ADD COLUMN site VARCHAR(255),
    ADD COLUMN subject VARCHAR(255),
    ADD COLUMN status_text VARCHAR(100),
    ADD COLUMN status_emoji VARCHAR(64),
    ADD COLUMN status_until TIMESTAMPTZ,
    ADD COLUMN locale VARCHAR(16),
    ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
CREATE UNIQUE INDEX users_email ON users (lower(email));
CREATE UNIQUE INDEX users_site_subject ON users (site, subject);
COMMENT ON COLUMN users.kind IS '0: a place kept for the first owner, 1: an account of this chat.';
COMMENT ON COLUMN users.email IS 'In lower case.';
COMMENT ON COLUMN users.password_hash IS 'Argon2id, as a PHC string.';
