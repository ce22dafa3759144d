DROP TABLE one_time_codes;
DROP TABLE logins;
DROP TABLE workspace_members;
DROP TABLE workspaces;
DROP TABLE users;
