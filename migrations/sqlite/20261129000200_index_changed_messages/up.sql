-- What changed above a value of the counter is asked by this and by seq: a new message adds no entry here.
CREATE INDEX idx_messages_room_rev ON messages (room_id, rev) WHERE rev <> seq;
