-- Who is in which room on which server, for servers without a bus between them. Not logged: it is written each second, and
-- worth nothing a few seconds later. Empty after a crash of the database, which the servers notice.

CREATE UNLOGGED TABLE presence (
    room_id VARCHAR(255) COLLATE "C" NOT NULL,
    server_id VARCHAR(64) COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    summary TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (room_id, server_id)
);
CREATE INDEX idx_presence_changed_at ON presence (changed_at);
COMMENT ON TABLE presence IS 'Who is in a room on one server. Counts while the server''s lease lives.';
COMMENT ON COLUMN presence.room_id IS 'Empty in the row by which a server sees that its rows are still here.';
COMMENT ON COLUMN presence.server_id IS 'As in servers.';
COMMENT ON COLUMN presence.version IS 'Goes up with each change, also over restarts of the server.';
COMMENT ON COLUMN presence.summary IS 'JSON: how many people, and who they are as far as there are few.';
COMMENT ON COLUMN presence.changed_at IS 'By the clock of this database; older than the server''s lease: of a former life of it.';
