ALTER TABLE rooms DROP COLUMN archived_rev, DROP COLUMN archived_seq;
DROP TABLE messages_archive;
