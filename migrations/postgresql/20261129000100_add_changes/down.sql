DROP TABLE removed_texts;
DROP TABLE message_edits;
DROP TABLE reactions;
ALTER TABLE messages
    DROP COLUMN mentions, DROP COLUMN reactions, DROP COLUMN reply_to_seq, DROP COLUMN reply_to, DROP COLUMN pinned_at,
    DROP COLUMN deleted_by, DROP COLUMN deleted_at, DROP COLUMN edited_at, DROP COLUMN version;
