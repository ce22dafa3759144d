-- As on PostgreSQL.
CREATE TABLE reactions (
    message_id BIGINT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    author_id VARCHAR(255) NOT NULL CHECK (length(author_id) <= 255 AND instr(author_id, char(0)) = 0),
    emoji VARCHAR(64) NOT NULL CHECK (length(emoji) <= 64 AND instr(emoji, char(0)) = 0),
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    PRIMARY KEY (message_id, author_id, emoji)
) WITHOUT ROWID;

CREATE TABLE message_edits (
    message_id BIGINT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    content TEXT NOT NULL CHECK (instr(content, char(0)) = 0),
    client_id BLOB NOT NULL,
    edited_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    PRIMARY KEY (message_id, version)
);

CREATE TABLE removed_texts (
    message_id BIGINT NOT NULL PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    content TEXT NOT NULL CHECK (instr(content, char(0)) = 0),
    until BIGINT NOT NULL
);

ALTER TABLE messages ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE messages ADD COLUMN edited_at BIGINT;
ALTER TABLE messages ADD COLUMN deleted_at BIGINT;
ALTER TABLE messages ADD COLUMN deleted_by SMALLINT;
ALTER TABLE messages ADD COLUMN pinned_at BIGINT;
ALTER TABLE messages ADD COLUMN reply_to BIGINT;
ALTER TABLE messages ADD COLUMN reply_to_seq BIGINT;
ALTER TABLE messages ADD COLUMN reactions TEXT;
ALTER TABLE messages ADD COLUMN mentions TEXT;
