-- What several servers on one database know of each other. New tables first, so that the lock on the old one is
-- held for the shortest time. The default of meta.name is not constant, so meta is rewritten: it has one row.

CREATE TABLE servers (
    id VARCHAR(64) COLLATE "C" PRIMARY KEY,
    token UUID NOT NULL,
    url VARCHAR(255),
    version VARCHAR(64) NOT NULL,
    features TEXT NOT NULL DEFAULT '',
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    sessions BIGINT NOT NULL DEFAULT 0,
    rooms BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON TABLE servers IS 'A lease for each running server, renewed each second; who was not seen for 5 s is gone.';
COMMENT ON COLUMN servers.id IS 'CHAT_SERVER_ID, or the host''s name and a random part.';
COMMENT ON COLUMN servers.token IS 'Made at each start: tells two processes with one id apart.';
COMMENT ON COLUMN servers.url IS 'CHAT_ADVERTISE_URL: where the other servers reach this one.';
COMMENT ON COLUMN servers.features IS 'Names of what this build understands of others'' changes, with spaces between.';
COMMENT ON COLUMN servers.seen_at IS 'The last renewal, by the clock of this database and never by a server''s.';
COMMENT ON COLUMN servers.sessions IS 'WebSocket sessions open at the last renewal.';
COMMENT ON COLUMN servers.rooms IS 'Live rooms at the last renewal.';

ALTER TABLE meta
    ADD COLUMN control_rev BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN name VARCHAR(32) NOT NULL DEFAULT left(replace(gen_random_uuid()::text, '-', ''), 12);
COMMENT ON COLUMN meta.control_rev IS 'Goes up with every change that concerns all rooms: a ban, a role, a revocation.';
COMMENT ON COLUMN meta.name IS 'Names this database for good, as in the keys of a bus that several databases share.';
