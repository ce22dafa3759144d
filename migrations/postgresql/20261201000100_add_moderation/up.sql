-- Who is shut out, what was reported, and what was done by whom. New tables first; of what was there before only the table
-- of messages gets a column without a default, so that no row is written anew.

CREATE TABLE bans (
    id BIGSERIAL PRIMARY KEY,
    room_id VARCHAR(255) COLLATE "C",
    author_id VARCHAR(255) COLLATE "C",
    network BIGINT,
    with_network BOOLEAN NOT NULL DEFAULT false,
    reason VARCHAR(500) NOT NULL DEFAULT '',
    by_author VARCHAR(255) COLLATE "C" NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    until TIMESTAMPTZ,
    lifted_at TIMESTAMPTZ,
    rev BIGINT NOT NULL
);
CREATE INDEX idx_bans_rev ON bans (rev);
CREATE INDEX idx_bans_author ON bans (author_id);
COMMENT ON COLUMN bans.room_id IS 'None: in all rooms.';
COMMENT ON COLUMN bans.network IS 'A keyed hash of the address, or of the /64; the address itself is stored nowhere.';
COMMENT ON COLUMN bans.with_network IS 'Servers that know where this author is add a row for that network.';
COMMENT ON COLUMN bans.until IS 'None: for good.';
COMMENT ON COLUMN bans.rev IS 'meta.control_rev of the last change of this row: servers read what is above what they know.';

CREATE TABLE reports (
    id BIGSERIAL PRIMARY KEY,
    room_id VARCHAR(255) COLLATE "C" NOT NULL,
    message_id BIGINT NOT NULL,
    by_author VARCHAR(255) COLLATE "C" NOT NULL,
    reason VARCHAR(500) NOT NULL,
    state SMALLINT NOT NULL DEFAULT 0,
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT reports_message_by UNIQUE (message_id, by_author)
);
CREATE INDEX idx_reports_open ON reports (room_id, id) WHERE state = 0;
COMMENT ON COLUMN reports.state IS '0: open, 1: settled.';

CREATE TABLE audit_log (
    id BIGSERIAL PRIMARY KEY,
    room_id VARCHAR(255) COLLATE "C",
    actor VARCHAR(255) COLLATE "C" NOT NULL,
    action VARCHAR(32) NOT NULL,
    target TEXT NOT NULL,
    before TEXT NOT NULL DEFAULT 'null',
    after TEXT NOT NULL DEFAULT 'null',
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    undone_at TIMESTAMPTZ,
    undone_by VARCHAR(255) COLLATE "C"
);
CREATE INDEX idx_audit_log_room ON audit_log (room_id, id);
COMMENT ON TABLE audit_log IS 'What those with rights did. Ids and settings, never what somebody wrote.';
COMMENT ON COLUMN audit_log.target IS 'JSON: whom or what it was done to.';
COMMENT ON COLUMN audit_log.before IS 'JSON: what was before, for the undo.';

ALTER TABLE messages ADD COLUMN badge SMALLINT;
COMMENT ON COLUMN messages.badge IS 'The mark that its author had when it was written: 1 owner, 2 moderator, 3 member.';
