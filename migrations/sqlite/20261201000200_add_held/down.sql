ALTER TABLE rooms DROP COLUMN rejected_until;
ALTER TABLE rooms DROP COLUMN held_count;
DROP TABLE authors;
DROP TABLE held_messages;
