CREATE INDEX idx_audit_log_guard ON audit_log (id) WHERE undone_at IS NULL AND actor = 'guard';
