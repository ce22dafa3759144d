-- What a room is, and what commands are checked against. Constant defaults, so that no row is written anew.
-- settings is JSON in a text: it is read and written as a whole, and SQLite has no other type for it.

ALTER TABLE rooms
    ADD COLUMN guard_rev BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN title VARCHAR(200),
    ADD COLUMN settings TEXT NOT NULL DEFAULT '{}',
    ADD COLUMN settings_rev BIGINT NOT NULL DEFAULT 0;
COMMENT ON COLUMN rooms.guard_rev IS 'Goes up, under the lock of this row, with whatever changes who may do what here.';
COMMENT ON COLUMN rooms.settings IS 'What its owner has set: an object of JSON.';
COMMENT ON COLUMN rooms.settings_rev IS 'Goes up with each change of title and settings.';
