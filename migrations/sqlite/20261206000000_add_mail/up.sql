-- As on PostgreSQL.
CREATE TABLE jobs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR(32) NOT NULL,
    subject TEXT NOT NULL CHECK (instr(subject, char(0)) = 0),
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    next_at BIGINT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX idx_jobs_next ON jobs (next_at, id);

CREATE TABLE inquiries (
    id BLOB NOT NULL PRIMARY KEY,
    name VARCHAR(50) CHECK (length(name) <= 50 AND instr(name, char(0)) = 0),
    email VARCHAR(254) NOT NULL CHECK (length(email) <= 254 AND instr(email, char(0)) = 0),
    subject VARCHAR(200) NOT NULL CHECK (length(subject) <= 200 AND instr(subject, char(0)) = 0),
    text TEXT NOT NULL CHECK (instr(text, char(0)) = 0),
    locale VARCHAR(16) NOT NULL CHECK (length(locale) <= 16 AND instr(locale, char(0)) = 0),
    created_at BIGINT NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    mailed_at BIGINT
);
CREATE INDEX idx_inquiries_created ON inquiries (created_at);
