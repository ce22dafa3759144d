-- As on PostgreSQL, without partitions.
CREATE TABLE messages_archive (
    id INTEGER NOT NULL PRIMARY KEY,
    room_id VARCHAR(255) NOT NULL,
    anonymous_id VARCHAR(255) NOT NULL,
    nickname VARCHAR(50) NOT NULL,
    avatar VARCHAR(32) NOT NULL,
    content TEXT NOT NULL,
    client_id BLOB NOT NULL,
    seq BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    version INTEGER NOT NULL,
    edited_at BIGINT,
    deleted_at BIGINT,
    deleted_by SMALLINT,
    pinned_at BIGINT,
    reply_to BIGINT,
    reply_to_seq BIGINT,
    reactions TEXT,
    mentions TEXT,
    badge SMALLINT,
    reactors TEXT,
    edits TEXT
);
CREATE UNIQUE INDEX idx_messages_archive_room_seq ON messages_archive (room_id, seq);
CREATE INDEX idx_messages_archive_room_author ON messages_archive (room_id, anonymous_id);
CREATE INDEX idx_messages_archive_room_created_at ON messages_archive (room_id, created_at);
CREATE INDEX idx_messages_archive_room_rev ON messages_archive (room_id, rev) WHERE rev <> seq;

ALTER TABLE rooms ADD COLUMN archived_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN archived_rev BIGINT NOT NULL DEFAULT 0;
