-- A SQLite file belongs to one server, so there are no leases here: only what meta gains.
-- SQLite adds no column whose default is an expression; the one row moves to a table that has it.
-- control_rev goes up with every change that concerns all rooms. name names this database for good.

CREATE TABLE meta_new (
    id SMALLINT NOT NULL PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    epoch BLOB NOT NULL,
    secret BLOB NOT NULL,
    control_rev BIGINT NOT NULL DEFAULT 0,
    name VARCHAR(32) NOT NULL DEFAULT (lower(hex(randomblob(6))))
);
INSERT INTO meta_new (id, epoch, secret) SELECT id, epoch, secret FROM meta;
DROP TABLE meta;
ALTER TABLE meta_new RENAME TO meta;
