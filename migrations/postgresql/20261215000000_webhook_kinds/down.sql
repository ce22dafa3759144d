ALTER TABLE webhook_deliveries
    DROP COLUMN list,
    DROP COLUMN entry;
DROP TABLE webhook_positions;
