-- As on PostgreSQL.
CREATE TABLE webhook_positions (
    hook_id BLOB NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    list SMALLINT NOT NULL,
    position BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    PRIMARY KEY (hook_id, list)
) WITHOUT ROWID;

ALTER TABLE webhook_deliveries ADD COLUMN list SMALLINT;
ALTER TABLE webhook_deliveries ADD COLUMN entry BIGINT;
