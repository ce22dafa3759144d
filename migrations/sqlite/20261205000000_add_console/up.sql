-- As on PostgreSQL.
CREATE TABLE people (
    author_id VARCHAR(255) NOT NULL PRIMARY KEY CHECK (length(author_id) <= 255 AND instr(author_id, char(0)) = 0),
    nickname VARCHAR(50) NOT NULL DEFAULT '' CHECK (length(nickname) <= 50 AND instr(nickname, char(0)) = 0),
    avatar VARCHAR(32) NOT NULL DEFAULT '' CHECK (length(avatar) <= 32 AND instr(avatar, char(0)) = 0),
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX idx_people_last_seen ON people (last_seen_at DESC, author_id);

CREATE TABLE author_names (
    author_id VARCHAR(255) NOT NULL CHECK (length(author_id) <= 255 AND instr(author_id, char(0)) = 0),
    nickname VARCHAR(50) NOT NULL CHECK (length(nickname) <= 50 AND instr(nickname, char(0)) = 0),
    first_seen_at BIGINT NOT NULL,
    PRIMARY KEY (author_id, nickname)
) WITHOUT ROWID;

CREATE TABLE activity (
    days SMALLINT NOT NULL,
    at BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    people BIGINT NOT NULL,
    rooms BIGINT NOT NULL,
    PRIMARY KEY (days, at)
) WITHOUT ROWID;

INSERT INTO people (author_id, first_seen_at, last_seen_at)
SELECT author_id, min(first_seen_at), max(last_message_at) FROM authors
WHERE last_message_at IS NOT NULL GROUP BY author_id;
