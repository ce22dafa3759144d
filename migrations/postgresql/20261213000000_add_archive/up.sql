-- Where old messages go. A new table first; of what was there before only the table of rooms gets columns, whose defaults
-- are constant, so that no row is written anew. The server that moves messages makes the partitions, a month each.
-- No reference to rooms: adding a partition would lock that table.

CREATE TABLE messages_archive (
    id BIGINT NOT NULL,
    room_id VARCHAR(255) COLLATE "C" NOT NULL,
    anonymous_id VARCHAR(255) COLLATE "C" NOT NULL,
    nickname VARCHAR(50) NOT NULL,
    avatar VARCHAR(32) NOT NULL,
    content TEXT NOT NULL,
    client_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    version INT NOT NULL,
    edited_at TIMESTAMPTZ,
    deleted_at TIMESTAMPTZ,
    deleted_by SMALLINT,
    pinned_at TIMESTAMPTZ,
    reply_to BIGINT,
    reply_to_seq BIGINT,
    reactions TEXT,
    mentions TEXT,
    badge SMALLINT,
    reactors TEXT,
    edits TEXT,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX idx_messages_archive_room_seq ON messages_archive (room_id, seq);
CREATE INDEX idx_messages_archive_room_author ON messages_archive (room_id, anonymous_id);
CREATE INDEX idx_messages_archive_room_created_at ON messages_archive (room_id, created_at);
CREATE INDEX idx_messages_archive_room_rev ON messages_archive (room_id, rev) WHERE rev <> seq;
COMMENT ON TABLE messages_archive IS 'Messages of long ago, each here or in messages. What changes one moves it back first.';
COMMENT ON COLUMN messages_archive.reactors IS 'JSON: author id, emoji, microseconds since 1970; the rows of reactions.';
COMMENT ON COLUMN messages_archive.edits IS 'JSON: version, content, key, microseconds since 1970; the rows of message_edits.';

ALTER TABLE rooms
    ADD COLUMN archived_seq BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN archived_rev BIGINT NOT NULL DEFAULT 0;
COMMENT ON COLUMN rooms.archived_seq IS 'No message of the room in messages_archive has a higher seq.';
COMMENT ON COLUMN rooms.archived_rev IS 'No message of the room in messages_archive has a higher rev.';
