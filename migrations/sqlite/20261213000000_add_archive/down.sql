ALTER TABLE rooms DROP COLUMN archived_rev;
ALTER TABLE rooms DROP COLUMN archived_seq;
DROP TABLE messages_archive;
