-- Bots, and the keys that programs show. New tables only.

CREATE TABLE bots (
    user_id UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    owner_id UUID REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    ended_at TIMESTAMPTZ
);
CREATE INDEX idx_bots_owner ON bots (owner_id);
COMMENT ON TABLE bots IS 'Programs that write under a name of their own: rows of users with kind 2.';
COMMENT ON COLUMN bots.owner_id IS 'Who answers for it: once they leave, or may not say any more who has which role, it ends. Null: whoever runs the server.';

CREATE TABLE api_keys (
    id UUID PRIMARY KEY,
    prefix VARCHAR(16) NOT NULL,
    hash VARCHAR(64) NOT NULL UNIQUE,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    scopes INT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    ended_rev BIGINT
);
CREATE INDEX idx_api_keys_user ON api_keys (user_id);
CREATE INDEX idx_api_keys_ended ON api_keys (ended_rev) WHERE ended_rev IS NOT NULL;
COMMENT ON COLUMN api_keys.prefix IS 'What the key begins with, to tell it from others.';
COMMENT ON COLUMN api_keys.hash IS 'A keyed hash of it: the key is stored nowhere.';
COMMENT ON COLUMN api_keys.last_used_at IS 'To the minute.';
COMMENT ON COLUMN api_keys.ended_rev IS 'meta.control_rev of its end.';
