-- As on PostgreSQL.
CREATE TABLE room_aliases (
    alias VARCHAR(255) NOT NULL PRIMARY KEY CHECK (length(alias) <= 255 AND instr(alias, char(0)) = 0),
    room_id VARCHAR(255) NOT NULL CHECK (length(room_id) <= 255 AND instr(room_id, char(0)) = 0),
    by_author VARCHAR(255) NOT NULL CHECK (length(by_author) <= 255 AND instr(by_author, char(0)) = 0),
    at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    ended_at BIGINT,
    rev BIGINT NOT NULL
);
CREATE INDEX idx_room_aliases_room ON room_aliases (room_id);
CREATE INDEX idx_room_aliases_rev ON room_aliases (rev);
