ALTER TABLE rooms DROP COLUMN settings_rev;
ALTER TABLE rooms DROP COLUMN settings;
ALTER TABLE rooms DROP COLUMN title;
ALTER TABLE rooms DROP COLUMN guard_rev;
