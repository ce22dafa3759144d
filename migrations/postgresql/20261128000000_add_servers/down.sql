ALTER TABLE meta DROP COLUMN name, DROP COLUMN control_rev;
DROP TABLE servers;
