DROP TABLE activity;
DROP TABLE author_names;
DROP TABLE people;
