DROP TABLE device_codes;
DROP TABLE author_aliases;
