-- What webhooks are told beside messages: how far each receiver was told of the lists of deeds, reports and held messages. A
-- new table first; of what was there before only the small log of tries gets columns, without a default.

CREATE TABLE webhook_positions (
    hook_id UUID NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    list SMALLINT NOT NULL,
    position BIGINT NOT NULL,
    held_until TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (hook_id, list)
);
COMMENT ON TABLE webhook_positions IS 'How far each receiver was told of each list that it wants something of.';
COMMENT ON COLUMN webhook_positions.list IS '1: audit_log, 2: reports, 3: held_messages.';
COMMENT ON COLUMN webhook_positions.position IS 'The id of the last row that it was told of, or that was not for it.';
COMMENT ON COLUMN webhook_positions.held_until IS 'As in webhook_cursors.';

ALTER TABLE webhook_deliveries
    ADD COLUMN list SMALLINT,
    ADD COLUMN entry BIGINT;
COMMENT ON COLUMN webhook_deliveries.entry IS 'Which row of the list it was of; null: a message, or that a room was made.';
