-- As on PostgreSQL.
CREATE TABLE bots (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    owner_id BLOB REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    ended_at BIGINT
);
CREATE INDEX idx_bots_owner ON bots (owner_id);

CREATE TABLE api_keys (
    id BLOB NOT NULL PRIMARY KEY,
    prefix VARCHAR(16) NOT NULL,
    hash VARCHAR(64) NOT NULL UNIQUE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    scopes INTEGER NOT NULL,
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT,
    ended_rev BIGINT
);
CREATE INDEX idx_api_keys_user ON api_keys (user_id);
CREATE INDEX idx_api_keys_ended ON api_keys (ended_rev) WHERE ended_rev IS NOT NULL;
