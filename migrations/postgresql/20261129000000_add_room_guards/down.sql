ALTER TABLE rooms DROP COLUMN settings_rev, DROP COLUMN settings, DROP COLUMN title, DROP COLUMN guard_rev;
