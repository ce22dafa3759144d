DROP INDEX idx_audit_log_guard;
