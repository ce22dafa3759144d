-- What the guard did and nobody has undone is asked for now and then, among all that was ever done.
CREATE INDEX CONCURRENTLY idx_audit_log_guard ON audit_log (id) WHERE undone_at IS NULL AND actor = 'guard';
