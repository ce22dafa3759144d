DROP INDEX idx_messages_room_pinned;
