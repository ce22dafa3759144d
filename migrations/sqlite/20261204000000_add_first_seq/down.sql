ALTER TABLE rooms DROP COLUMN first_seq;
