ALTER TABLE messages DROP COLUMN badge;
DROP TABLE audit_log;
DROP TABLE reports;
DROP TABLE bans;
