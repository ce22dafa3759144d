ALTER TABLE author_aliases DROP COLUMN joined_at, DROP COLUMN acts_as;
