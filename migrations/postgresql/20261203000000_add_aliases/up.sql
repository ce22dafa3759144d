-- Devices of people without an account. New tables only: nothing that is in use is touched.

CREATE TABLE author_aliases (
    author_id VARCHAR(255) COLLATE "C" PRIMARY KEY,
    of_author VARCHAR(255) COLLATE "C" NOT NULL,
    rev BIGINT NOT NULL
);
CREATE INDEX idx_author_aliases_of ON author_aliases (of_author);
CREATE INDEX idx_author_aliases_rev ON author_aliases (rev);
COMMENT ON TABLE author_aliases IS 'Identities of browsers that act as another one: a second device without an account. Never a chain.';
COMMENT ON COLUMN author_aliases.rev IS 'meta.control_rev of it.';

CREATE TABLE device_codes (
    name VARCHAR(8) PRIMARY KEY,
    hash VARCHAR(64) NOT NULL,
    author_id VARCHAR(255) COLLATE "C" NOT NULL,
    nickname VARCHAR(50) NOT NULL,
    avatar VARCHAR(32) NOT NULL,
    tries_left INT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX idx_device_codes_author ON device_codes (author_id);
CREATE INDEX idx_device_codes_expires ON device_codes (expires_at);
COMMENT ON TABLE device_codes IS 'What makes another device act as this one, once: a keyed hash, the code is stored nowhere.';
