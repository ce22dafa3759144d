-- As on PostgreSQL.
CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY,
    kind SMALLINT NOT NULL,
    nickname VARCHAR(50) NOT NULL CHECK (length(nickname) <= 50 AND instr(nickname, char(0)) = 0),
    avatar VARCHAR(32) NOT NULL CHECK (length(avatar) <= 32 AND instr(avatar, char(0)) = 0),
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    disabled_at BIGINT
);

CREATE TABLE workspaces (
    id BLOB NOT NULL PRIMARY KEY,
    settings TEXT NOT NULL DEFAULT '{}',
    settings_rev BIGINT NOT NULL DEFAULT 0
);
INSERT INTO workspaces (id) VALUES (X'00000000000000000000000000000001');

CREATE TABLE workspace_members (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role VARCHAR(16) NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);

CREATE TABLE logins (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash VARCHAR(64) NOT NULL UNIQUE,
    user_agent VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(user_agent) <= 200 AND instr(user_agent, char(0)) = 0),
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    revoked_at BIGINT
);

CREATE TABLE one_time_codes (
    name VARCHAR(8) NOT NULL PRIMARY KEY,
    hash VARCHAR(64) NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    tries_left INTEGER NOT NULL,
    expires_at BIGINT NOT NULL
);
