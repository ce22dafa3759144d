ALTER TABLE author_aliases DROP COLUMN joined_at;
ALTER TABLE author_aliases DROP COLUMN acts_as;
