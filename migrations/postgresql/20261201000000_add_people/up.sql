-- Who has an account, what they may do, and how they prove it. Nothing of what was there before is touched.

CREATE TABLE users (
    id UUID PRIMARY KEY,
    kind SMALLINT NOT NULL,
    nickname VARCHAR(50) NOT NULL,
    avatar VARCHAR(32) NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    disabled_at TIMESTAMPTZ
);
COMMENT ON TABLE users IS 'People with an account. Who only reads or talks has none.';
COMMENT ON COLUMN users.kind IS '1: an account of this chat.';

CREATE TABLE workspaces (
    id UUID PRIMARY KEY,
    settings TEXT NOT NULL DEFAULT '{}',
    settings_rev BIGINT NOT NULL DEFAULT 0
);
COMMENT ON TABLE workspaces IS 'The home workspace: all rooms of the chat are its.';
COMMENT ON COLUMN workspaces.settings IS 'What holds for all its rooms where they say nothing else: an object of JSON.';
INSERT INTO workspaces (id) VALUES ('00000000-0000-0000-0000-000000000001');

CREATE TABLE workspace_members (
    workspace_id UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role VARCHAR(16) NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
COMMENT ON COLUMN workspace_members.role IS 'owner, admin, moderator or member.';

CREATE TABLE logins (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash VARCHAR(64) NOT NULL UNIQUE,
    user_agent VARCHAR(200) NOT NULL DEFAULT '',
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    revoked_at TIMESTAMPTZ
);
COMMENT ON TABLE logins IS 'A device of somebody with an account, or a blog on which they are signed in.';
COMMENT ON COLUMN logins.token_hash IS 'A keyed hash of the secret that the device has; the secret is stored nowhere.';

CREATE TABLE one_time_codes (
    name VARCHAR(8) PRIMARY KEY,
    hash VARCHAR(64) NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    tries_left INT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE one_time_codes IS 'Codes that make a login once: the first four characters name the row, the others prove it.';
COMMENT ON COLUMN one_time_codes.hash IS 'A keyed hash of the other characters.';
