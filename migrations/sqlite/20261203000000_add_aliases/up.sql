-- As on PostgreSQL.
CREATE TABLE author_aliases (
    author_id VARCHAR(255) NOT NULL PRIMARY KEY CHECK (length(author_id) <= 255 AND instr(author_id, char(0)) = 0),
    of_author VARCHAR(255) NOT NULL CHECK (length(of_author) <= 255 AND instr(of_author, char(0)) = 0),
    rev BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX idx_author_aliases_of ON author_aliases (of_author);
CREATE INDEX idx_author_aliases_rev ON author_aliases (rev);

CREATE TABLE device_codes (
    name VARCHAR(8) NOT NULL PRIMARY KEY,
    hash VARCHAR(64) NOT NULL,
    author_id VARCHAR(255) NOT NULL CHECK (length(author_id) <= 255 AND instr(author_id, char(0)) = 0),
    nickname VARCHAR(50) NOT NULL CHECK (length(nickname) <= 50 AND instr(nickname, char(0)) = 0),
    avatar VARCHAR(32) NOT NULL CHECK (length(avatar) <= 32 AND instr(avatar, char(0)) = 0),
    tries_left INTEGER NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX idx_device_codes_author ON device_codes (author_id);
CREATE INDEX idx_device_codes_expires ON device_codes (expires_at);
