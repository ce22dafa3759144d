-- A SQLite file belongs to one server, so nobody else's people are in its rooms: nothing to add.
SELECT 1;
