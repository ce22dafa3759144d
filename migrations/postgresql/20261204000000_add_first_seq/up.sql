-- What of a room is kept: below this its messages are gone. A constant default, so that no row is written anew.
ALTER TABLE rooms ADD COLUMN first_seq BIGINT NOT NULL DEFAULT 0;
COMMENT ON COLUMN rooms.first_seq IS 'Messages with a seq below this are gone for good. It only goes up, under the lock of this row.';
