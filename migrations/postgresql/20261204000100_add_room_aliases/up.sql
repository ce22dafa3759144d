-- Other names of rooms. No row of a message is touched by a rename: the room keeps the id that it began with.

CREATE TABLE room_aliases (
    alias VARCHAR(255) COLLATE "C" PRIMARY KEY,
    room_id VARCHAR(255) COLLATE "C" NOT NULL,
    by_author VARCHAR(255) COLLATE "C" NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    ended_at TIMESTAMPTZ,
    rev BIGINT NOT NULL
);
CREATE INDEX idx_room_aliases_room ON room_aliases (room_id);
CREATE INDEX idx_room_aliases_rev ON room_aliases (rev);
COMMENT ON TABLE room_aliases IS 'Names under which rooms are reached beside their ids, since they were renamed.';
COMMENT ON COLUMN room_aliases.room_id IS 'The id of a room, never another alias.';
COMMENT ON COLUMN room_aliases.ended_at IS 'When the rename was undone.';
COMMENT ON COLUMN room_aliases.rev IS 'meta.control_rev of the last change of this row: servers read what is above what they know.';
