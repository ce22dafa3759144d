-- As on PostgreSQL.
CREATE TABLE webhooks (
    id BLOB NOT NULL PRIMARY KEY,
    url VARCHAR(2000) NOT NULL CHECK (length(url) <= 2000 AND instr(url, char(0)) = 0),
    events INTEGER NOT NULL,
    room_id VARCHAR(255),
    by_author VARCHAR(255) NOT NULL,
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    tries INTEGER NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    failing_since BIGINT,
    off_at BIGINT
);

CREATE TABLE webhook_cursors (
    hook_id BLOB NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    room_id VARCHAR(255) NOT NULL,
    epoch BLOB NOT NULL,
    rev BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    PRIMARY KEY (hook_id, room_id)
) WITHOUT ROWID;

CREATE TABLE webhook_deliveries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    hook_id BLOB NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    webhook_id VARCHAR(64) NOT NULL,
    event VARCHAR(32) NOT NULL,
    room_id VARCHAR(255),
    message_id BIGINT,
    rev BIGINT,
    status SMALLINT,
    error VARCHAR(200) CHECK (length(error) <= 200 AND instr(error, char(0)) = 0),
    millis INTEGER NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX idx_webhook_deliveries_hook ON webhook_deliveries (hook_id, id);

CREATE TABLE inbound_hooks (
    id BLOB NOT NULL PRIMARY KEY,
    hash VARCHAR(64) NOT NULL UNIQUE,
    room_id VARCHAR(255) NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
);
