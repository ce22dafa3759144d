-- As on PostgreSQL.
CREATE TABLE bans (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    room_id VARCHAR(255),
    author_id VARCHAR(255),
    network BIGINT,
    with_network BOOLEAN NOT NULL DEFAULT 0,
    reason VARCHAR(500) NOT NULL DEFAULT '' CHECK (length(reason) <= 500 AND instr(reason, char(0)) = 0),
    by_author VARCHAR(255) NOT NULL,
    at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    until BIGINT,
    lifted_at BIGINT,
    rev BIGINT NOT NULL
);
CREATE INDEX idx_bans_rev ON bans (rev);
CREATE INDEX idx_bans_author ON bans (author_id);

CREATE TABLE reports (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    room_id VARCHAR(255) NOT NULL,
    message_id BIGINT NOT NULL,
    by_author VARCHAR(255) NOT NULL,
    reason VARCHAR(500) NOT NULL CHECK (length(reason) <= 500 AND instr(reason, char(0)) = 0),
    state SMALLINT NOT NULL DEFAULT 0,
    at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    CONSTRAINT reports_message_by UNIQUE (message_id, by_author)
);
CREATE INDEX idx_reports_open ON reports (room_id, id) WHERE state = 0;

CREATE TABLE audit_log (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    room_id VARCHAR(255),
    actor VARCHAR(255) NOT NULL,
    action VARCHAR(32) NOT NULL,
    target TEXT NOT NULL,
    before TEXT NOT NULL DEFAULT 'null',
    after TEXT NOT NULL DEFAULT 'null',
    at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    undone_at BIGINT,
    undone_by VARCHAR(255)
);
CREATE INDEX idx_audit_log_room ON audit_log (room_id, id);

ALTER TABLE messages ADD COLUMN badge SMALLINT;
