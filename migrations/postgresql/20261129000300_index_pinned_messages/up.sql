CREATE INDEX CONCURRENTLY idx_messages_room_pinned ON messages (room_id, pinned_at) WHERE pinned_at IS NOT NULL;
