-- As on PostgreSQL.
CREATE TABLE answer_mails (
    id BLOB NOT NULL PRIMARY KEY,
    room_id VARCHAR(255) NOT NULL,
    author_id VARCHAR(255) NOT NULL,
    email VARCHAR(254) NOT NULL CHECK (length(email) <= 254 AND instr(email, char(0)) = 0),
    address_key VARCHAR(64) NOT NULL,
    language VARCHAR(16) NOT NULL CHECK (length(language) <= 16),
    asked INTEGER NOT NULL,
    asked_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    first_rev BIGINT NOT NULL DEFAULT 0,
    last_rev BIGINT NOT NULL DEFAULT 0,
    told_rev BIGINT NOT NULL DEFAULT 0,
    queued_at BIGINT,
    next_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    UNIQUE (room_id, author_id, address_key)
);
CREATE INDEX idx_answer_mails_address ON answer_mails (address_key);
CREATE INDEX idx_answer_mails_author ON answer_mails (author_id);

CREATE TABLE answer_rooms (
    room_id VARCHAR(255) NOT NULL PRIMARY KEY,
    epoch BLOB NOT NULL,
    rev BIGINT NOT NULL
) WITHOUT ROWID;
