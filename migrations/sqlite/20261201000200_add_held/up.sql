-- As on PostgreSQL.
CREATE TABLE held_messages (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    room_id VARCHAR(255) NOT NULL CHECK (length(room_id) <= 255 AND instr(room_id, char(0)) = 0),
    author_id VARCHAR(255) NOT NULL CHECK (length(author_id) <= 255 AND instr(author_id, char(0)) = 0),
    nickname VARCHAR(50) NOT NULL CHECK (length(nickname) <= 50 AND instr(nickname, char(0)) = 0),
    avatar VARCHAR(32) NOT NULL CHECK (length(avatar) <= 32 AND instr(avatar, char(0)) = 0),
    badge SMALLINT,
    client_id BLOB NOT NULL,
    content TEXT NOT NULL CHECK (instr(content, char(0)) = 0),
    reply_to BIGINT,
    mentions TEXT,
    reason VARCHAR(16) NOT NULL CHECK (length(reason) <= 16),
    state SMALLINT NOT NULL DEFAULT 0,
    at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    decided_at BIGINT,
    CONSTRAINT held_messages_room_author_client UNIQUE (room_id, author_id, client_id)
);
CREATE INDEX idx_held_messages_waiting ON held_messages (room_id, id) WHERE state = 0;
CREATE INDEX idx_held_messages_at ON held_messages (at);

CREATE TABLE authors (
    room_id VARCHAR(255) NOT NULL CHECK (length(room_id) <= 255 AND instr(room_id, char(0)) = 0),
    author_id VARCHAR(255) NOT NULL CHECK (length(author_id) <= 255 AND instr(author_id, char(0)) = 0),
    first_seen_at BIGINT NOT NULL,
    last_message_at BIGINT,
    PRIMARY KEY (room_id, author_id)
) WITHOUT ROWID;
CREATE INDEX idx_authors_author ON authors (author_id, first_seen_at);

ALTER TABLE rooms ADD COLUMN held_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN rejected_until BIGINT;
