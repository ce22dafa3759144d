-- Who is mailed of answers to what they wrote. New tables only.

CREATE TABLE answer_mails (
    id UUID PRIMARY KEY,
    room_id VARCHAR(255) COLLATE "C" NOT NULL,
    author_id VARCHAR(255) COLLATE "C" NOT NULL,
    email VARCHAR(254) NOT NULL,
    address_key VARCHAR(64) COLLATE "C" NOT NULL,
    language VARCHAR(16) NOT NULL,
    asked INT NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ,
    first_rev BIGINT NOT NULL DEFAULT 0,
    last_rev BIGINT NOT NULL DEFAULT 0,
    told_rev BIGINT NOT NULL DEFAULT 0,
    queued_at TIMESTAMPTZ,
    next_at TIMESTAMPTZ NOT NULL,
    last_at TIMESTAMPTZ NOT NULL,
    UNIQUE (room_id, author_id, address_key)
);
CREATE INDEX idx_answer_mails_address ON answer_mails (address_key);
CREATE INDEX idx_answer_mails_author ON answer_mails (author_id);
COMMENT ON TABLE answer_mails IS 'Who waits for answers, where, and at which address. Nothing but the question whether they want it is mailed before confirmed_at.';
COMMENT ON COLUMN answer_mails.address_key IS 'Keyed hash of the address: what a link that ends it has in it, and nothing that the address can be read from.';
COMMENT ON COLUMN answer_mails.asked IS 'So many letters that ask for a confirmation went since asked_at, until there was one.';
COMMENT ON COLUMN answer_mails.first_rev IS 'The first answer that is not mailed yet; last_rev is the newest one. What is at or below told_rev was mailed, or is none of theirs.';
COMMENT ON COLUMN answer_mails.queued_at IS 'A job waits that takes along whatever comes until it is done.';
COMMENT ON COLUMN answer_mails.last_at IS 'When something was last confirmed or mailed: 90 days later it is over.';

CREATE TABLE answer_rooms (
    room_id VARCHAR(255) COLLATE "C" PRIMARY KEY,
    epoch UUID NOT NULL,
    rev BIGINT NOT NULL
);
COMMENT ON TABLE answer_rooms IS 'Rooms in which somebody waits, and how far answers were looked for there.';
