-- What the owner's console lists: people by name and by when they last wrote, and how much was said in which hour. New
-- tables alone; of what was there before only the small table of authors is read.

CREATE TABLE people (
    author_id VARCHAR(255) COLLATE "C" PRIMARY KEY,
    nickname VARCHAR(50) NOT NULL DEFAULT '',
    avatar VARCHAR(32) NOT NULL DEFAULT '',
    first_seen_at TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX idx_people_last_seen ON people (last_seen_at DESC, author_id);
COMMENT ON TABLE people IS 'Everybody who wrote, once for all rooms, within an hour of when they did.';
COMMENT ON COLUMN people.nickname IS 'The latest; empty of who wrote before this table was made and not since.';

CREATE TABLE author_names (
    author_id VARCHAR(255) COLLATE "C" NOT NULL,
    nickname VARCHAR(50) NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (author_id, nickname)
);
COMMENT ON TABLE author_names IS 'Which names somebody wrote under.';

CREATE TABLE activity (
    days SMALLINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    messages BIGINT NOT NULL,
    people BIGINT NOT NULL,
    rooms BIGINT NOT NULL,
    PRIMARY KEY (days, at)
);
COMMENT ON TABLE activity IS 'How much was written in an hour or a day that is over: counted once, when somebody first asks.';
COMMENT ON COLUMN activity.days IS '0: the hour from then on, 1: the day, in UTC.';
COMMENT ON COLUMN activity.rooms IS 'In how many rooms something was written.';

INSERT INTO people (author_id, first_seen_at, last_seen_at)
SELECT author_id, min(first_seen_at), max(last_message_at) FROM authors
WHERE last_message_at IS NOT NULL GROUP BY author_id;
