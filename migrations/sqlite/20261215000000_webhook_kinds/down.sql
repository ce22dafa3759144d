ALTER TABLE webhook_deliveries DROP COLUMN list;
ALTER TABLE webhook_deliveries DROP COLUMN entry;
DROP TABLE webhook_positions;
