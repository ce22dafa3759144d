-- Ids compare byte by byte (COLLATE "C"): faster, and an index on them stays good
-- when the system's locale data change under the database.

CREATE TABLE meta (
    id SMALLINT PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    epoch UUID NOT NULL,
    secret BYTEA NOT NULL
);
COMMENT ON TABLE meta IS 'One row: what all servers on this database share.';
COMMENT ON COLUMN meta.epoch IS 'The epoch that a new room takes over.';
COMMENT ON COLUMN meta.secret IS 'The key that public author ids are derived with, where CHAT_SECRET is unset.';

CREATE TABLE rooms (
    id VARCHAR(255) COLLATE "C" PRIMARY KEY,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    epoch UUID NOT NULL,
    last_rev BIGINT NOT NULL DEFAULT 0,
    message_count BIGINT NOT NULL DEFAULT 0,
    last_message_at TIMESTAMPTZ
);
COMMENT ON TABLE rooms IS 'A room per blog post, made by its first message.';
COMMENT ON COLUMN rooms.epoch IS 'Names this life of the counter: values of different epochs cannot be compared.';
COMMENT ON COLUMN rooms.last_rev IS 'The change counter. It only goes up, under the lock of this row.';

CREATE TABLE messages (
    id BIGSERIAL PRIMARY KEY,
    room_id VARCHAR(255) COLLATE "C" NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    anonymous_id VARCHAR(255) COLLATE "C" NOT NULL,
    nickname VARCHAR(50) NOT NULL,
    avatar VARCHAR(32) NOT NULL,
    content TEXT NOT NULL,
    client_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT messages_room_seq UNIQUE (room_id, seq),
    CONSTRAINT messages_room_author_client UNIQUE (room_id, anonymous_id, client_id)
);
CREATE INDEX idx_messages_room_created_at ON messages (room_id, created_at DESC);
COMMENT ON COLUMN messages.anonymous_id IS 'The public author id, derived from the browser''s secret; never the secret.';
COMMENT ON COLUMN messages.client_id IS 'The sender''s key: the same message sent again is stored once.';
COMMENT ON COLUMN messages.seq IS 'The room''s counter when the message was created: orders the list.';
COMMENT ON COLUMN messages.rev IS 'The room''s counter at the message''s last change: the resume cursor.';
