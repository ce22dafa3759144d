-- What waits for a moderator, and since when who is known. New tables first; of what was there before only the table of
-- rooms gets a column, whose default is constant, so that no row is written anew.

CREATE TABLE held_messages (
    id BIGSERIAL PRIMARY KEY,
    room_id VARCHAR(255) COLLATE "C" NOT NULL,
    author_id VARCHAR(255) COLLATE "C" NOT NULL,
    nickname VARCHAR(50) NOT NULL,
    avatar VARCHAR(32) NOT NULL,
    badge SMALLINT,
    client_id UUID NOT NULL,
    content TEXT NOT NULL,
    reply_to BIGINT,
    mentions TEXT,
    reason VARCHAR(16) NOT NULL,
    state SMALLINT NOT NULL DEFAULT 0,
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    decided_at TIMESTAMPTZ,
    CONSTRAINT held_messages_room_author_client UNIQUE (room_id, author_id, client_id)
);
CREATE INDEX idx_held_messages_waiting ON held_messages (room_id, id) WHERE state = 0;
CREATE INDEX idx_held_messages_at ON held_messages (at);
COMMENT ON TABLE held_messages IS 'What waits for a moderator, and what one has rejected, for 7 days. Approved, it is a message.';
COMMENT ON COLUMN held_messages.reason IS 'first, links or all.';
COMMENT ON COLUMN held_messages.state IS '0: waits, 1: rejected.';

CREATE TABLE authors (
    room_id VARCHAR(255) COLLATE "C" NOT NULL,
    author_id VARCHAR(255) COLLATE "C" NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    last_message_at TIMESTAMPTZ,
    PRIMARY KEY (room_id, author_id)
);
CREATE INDEX idx_authors_author ON authors (author_id, first_seen_at);
COMMENT ON TABLE authors IS 'Since when who is known in which room. Who wrote before this table was made is found in messages.';
COMMENT ON COLUMN authors.last_message_at IS 'None: was here, and has written nothing.';

ALTER TABLE rooms ADD COLUMN held_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN rejected_until TIMESTAMPTZ;
COMMENT ON COLUMN rooms.held_count IS 'How many of held_messages wait. Going up from 0 it takes guard_rev along.';
COMMENT ON COLUMN rooms.rejected_until IS 'Until when repeats of rejected messages are looked for.';
