-- As on PostgreSQL.
ALTER TABLE author_aliases ADD COLUMN acts_as VARCHAR(255) CHECK (length(acts_as) <= 255 AND instr(acts_as, char(0)) = 0);
ALTER TABLE author_aliases ADD COLUMN joined_at BIGINT;
