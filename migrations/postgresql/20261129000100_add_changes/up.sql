-- What becomes of a message after it was written. Only the table of messages was there before: it is locked for the
-- foreign keys of the new ones and for its columns, whose defaults are constant, so that no row is written anew.

CREATE TABLE reactions (
    message_id BIGINT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    author_id VARCHAR(255) COLLATE "C" NOT NULL,
    emoji VARCHAR(64) COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, author_id, emoji)
);
COMMENT ON TABLE reactions IS 'Who reacts to what with which emoji. messages.reactions is the aggregate of this.';

CREATE TABLE message_edits (
    message_id BIGINT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    version INT NOT NULL,
    content TEXT NOT NULL,
    client_id UUID NOT NULL,
    edited_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, version)
);
COMMENT ON TABLE message_edits IS 'What messages said before they were edited, for those who moderate.';
COMMENT ON COLUMN message_edits.version IS 'The version that had this content.';
COMMENT ON COLUMN message_edits.client_id IS 'The key of the edit that replaced it: the same edit sent again is known by it.';

CREATE TABLE removed_texts (
    message_id BIGINT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    content TEXT NOT NULL,
    until TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE removed_texts IS 'What others than their authors deleted, for those who moderate and may undo it.';
COMMENT ON COLUMN removed_texts.until IS 'Kept until then.';

ALTER TABLE messages
    ADD COLUMN version INT NOT NULL DEFAULT 1,
    ADD COLUMN edited_at TIMESTAMPTZ,
    ADD COLUMN deleted_at TIMESTAMPTZ,
    ADD COLUMN deleted_by SMALLINT,
    ADD COLUMN pinned_at TIMESTAMPTZ,
    ADD COLUMN reply_to BIGINT,
    ADD COLUMN reply_to_seq BIGINT,
    ADD COLUMN reactions TEXT,
    ADD COLUMN mentions TEXT;
COMMENT ON COLUMN messages.version IS '1 as it was sent, one more with each edit.';
COMMENT ON COLUMN messages.deleted_by IS '1: its author, 2: somebody with the right to. The content is empty then.';
COMMENT ON COLUMN messages.reply_to IS 'The id of the message that it answers.';
COMMENT ON COLUMN messages.reactions IS 'JSON, in the order of first use: emoji, count, the first authors.';
COMMENT ON COLUMN messages.mentions IS 'JSON: author id, first code point, the one behind the last.';
