-- The same schema as migrations/postgresql. What SQLite lacks is written out:
-- a time is BIGINT, milliseconds since 1970 UTC; a UUID is its 16 bytes;
-- the lengths, and the NUL that PostgreSQL refuses in text, are CHECKs.
-- The reference to rooms is deferred: a batch writes a room's row behind its messages.

CREATE TABLE meta (
    id SMALLINT NOT NULL PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    epoch BLOB NOT NULL,
    secret BLOB NOT NULL
);

CREATE TABLE rooms (
    id VARCHAR(255) NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    epoch BLOB NOT NULL,
    last_rev BIGINT NOT NULL DEFAULT 0,
    message_count BIGINT NOT NULL DEFAULT 0,
    last_message_at BIGINT
);

CREATE TABLE messages (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    room_id VARCHAR(255) NOT NULL REFERENCES rooms (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
        CHECK (length(room_id) <= 255 AND instr(room_id, char(0)) = 0),
    anonymous_id VARCHAR(255) NOT NULL CHECK (length(anonymous_id) <= 255 AND instr(anonymous_id, char(0)) = 0),
    nickname VARCHAR(50) NOT NULL CHECK (length(nickname) <= 50 AND instr(nickname, char(0)) = 0),
    avatar VARCHAR(32) NOT NULL CHECK (length(avatar) <= 32 AND instr(avatar, char(0)) = 0),
    content TEXT NOT NULL CHECK (instr(content, char(0)) = 0),
    client_id BLOB NOT NULL,
    seq BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    CONSTRAINT messages_room_seq UNIQUE (room_id, seq),
    CONSTRAINT messages_room_author_client UNIQUE (room_id, anonymous_id, client_id)
);
CREATE INDEX idx_messages_room_created_at ON messages (room_id, created_at DESC);
