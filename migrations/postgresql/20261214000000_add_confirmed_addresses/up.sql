-- One column without a default: no row is written, and the lock is held for a moment.
ALTER TABLE users ADD COLUMN email_confirmed_at TIMESTAMPTZ;
