//! Every metric of the program, declared once. Named by the Prometheus conventions.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// The chat's own metrics; actix-web-prom adds those of HTTP, the process collector those of the process.
pub struct Metrics {
    /// WebSocket sessions open now.
    pub sessions_live: IntGauge,
    /// Sessions closed, by close code.
    pub sessions_closed: IntCounterVec,
    /// Rooms live now.
    pub rooms_live: IntGauge,
    /// Joins by outcome.
    pub joins: IntCounterVec,
    /// Messages stored by this server.
    pub messages_stored: IntCounter,
    /// ERROR frames by code.
    pub errors: IntCounterVec,
    /// Rows of a commit.
    pub batch_messages: Histogram,
    /// Length of a commit.
    pub commit_seconds: Histogram,
    /// From the receipt of a message to the outboxes of one thread.
    pub delivery_seconds: Histogram,
    /// Sessions cut because their outbox was full.
    pub outbox_evictions: IntCounter,
    /// Bytes that wait in outboxes.
    pub outbox_bytes: IntGauge,
    /// Log lines that nobody took in time.
    pub log_lines_dropped: IntCounter,
    /// Database connections by state.
    pub pool_connections: IntGaugeVec,
}

impl Metrics {
    /// Declares all metrics in `registry`.
    ///
    /// # Errors
    /// Where a name is declared twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let counters = |name: &str, help: &str, label: &str| {
            let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let histogram = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let pool_connections =
            IntGaugeVec::new(Opts::new("chat_store_pool_connections", "Database connections by state."), &["state"])?;
        registry.register(Box::new(pool_connections.clone()))?;
        let seconds = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
        Ok(Self {
            sessions_live: gauge("chat_sessions_live", "WebSocket sessions open now.")?,
            sessions_closed: counters("chat_sessions_closed_total", "Sessions closed, by close code.", "code")?,
            rooms_live: gauge("chat_rooms_live", "Rooms live now.")?,
            joins: counters("chat_joins_total", "Joins by outcome.", "outcome")?,
            messages_stored: counter("chat_messages_stored_total", "Messages stored by this server.")?,
            errors: counters("chat_errors_total", "ERROR frames by code.", "code")?,
            batch_messages: histogram(
                "chat_batch_messages",
                "Messages in one commit.",
                &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0],
            )?,
            commit_seconds: histogram("chat_commit_duration_seconds", "Length of a commit.", &seconds)?,
            delivery_seconds: histogram(
                "chat_delivery_duration_seconds",
                "From the receipt of a message to the outboxes of one thread.",
                &seconds,
            )?,
            outbox_evictions: counter("chat_outbox_evictions_total", "Sessions cut because their outbox was full.")?,
            outbox_bytes: gauge("chat_outbox_bytes", "Bytes that wait in outboxes.")?,
            log_lines_dropped: counter(
                "chat_log_lines_dropped_total",
                "Log lines that standard error did not take: its reader is slow or gone, or its disk is full.",
            )?,
            pool_connections,
        })
    }
}
