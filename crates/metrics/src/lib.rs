//! Every metric of the program, declared once; docs/METRICS.md says what each means. Named by the Prometheus
//! conventions.
//!
//! Invariant: no label has a value that a visitor chose, so the number of series is fixed. The counter of each label's
//! value is looked up when it is declared, so that counting is one atomic addition.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// What became of a JOIN. After the first three the session is a member of the room.
pub const JOIN_OUTCOMES: [&str; 8] = [
    "fresh",
    "resumed",
    "start_over",
    "overloaded",
    "store_unavailable",
    "rate_limited",
    "invalid",
    "too_many_sessions",
];

/// What became of a request for a WebSocket.
pub const UPGRADE_OUTCOMES: [&str; 8] =
    ["opened", "server_full", "address_full", "origin_refused", "rate_limited", "draining", "overloaded", "invalid"];

/// Why a connection was ended: its address, or the server, had too many.
pub const CUT_REASONS: [&str; 2] = ["address", "server"];

/// The levels of log lines that are counted.
pub const LOG_LEVELS: [&str; 2] = ["error", "warn"];

/// Values of labels that other crates define.
pub struct Labels {
    /// Every code of a close frame, and the one that stands for a connection without one.
    pub close_codes: Vec<String>,
    /// Every code of an ERROR frame.
    pub error_codes: Vec<String>,
    /// Every limit on messages.
    pub message_limits: Vec<&'static str>,
    /// Of `chat_build_info`: version, commit, kind of database.
    pub build: [&'static str; 3],
}

/// The chat's own metrics; actix-web-prom adds those of HTTP, the process collector those of the process.
pub struct Metrics {
    /// Requests for a WebSocket by outcome.
    pub upgrades: Counters,
    /// WebSocket sessions opened.
    pub sessions_opened: IntCounter,
    /// WebSocket sessions open now.
    pub sessions_live: IntGauge,
    /// WebSocket sessions there may be.
    pub sessions_max: IntGauge,
    /// Sessions closed, by close code.
    pub sessions_closed: Counters,
    /// Connections that are no WebSocket sessions.
    pub connections: IntGauge,
    /// Connections that were ended, or refused, because there were too many, by reason.
    pub connections_cut: Counters,
    /// Joins by outcome.
    pub joins: Counters,
    /// Rooms live now.
    pub rooms_live: IntGauge,
    /// Live rooms there may be.
    pub rooms_max: IntGauge,
    /// People in each live room, sampled.
    pub room_people: Histogram,
    /// Messages that wait for their commit or were given to it.
    pub messages_accepted: IntCounter,
    /// Messages stored by this server.
    pub messages_stored: IntCounter,
    /// Messages that were stored before.
    pub messages_repeated: IntCounter,
    /// Messages refused, by code.
    pub messages_refused: Counters,
    /// Rooms whose history was replaced.
    pub history_replaced: IntCounter,
    /// JOINs that claim to have seen more than the database has.
    pub resumes_ahead: IntCounter,
    /// Messages refused with RATE_LIMITED, by the limit that was reached.
    pub messages_limited: Counters,
    /// ERROR frames by code.
    pub errors: Counters,
    /// From the receipt of a message to the last outbox it goes into.
    pub delivery_seconds: Histogram,
    /// From the receipt of a message to its commit.
    pub delivery_commit_seconds: Histogram,
    /// From the commit of a message to the last outbox it goes into.
    pub delivery_fan_out_seconds: Histogram,
    /// Rows of a commit.
    pub batch_messages: Histogram,
    /// Length of a commit.
    pub commit_seconds: Histogram,
    /// Commits that the database did not take.
    pub commit_failures: IntCounter,
    /// Messages that the database does not take, though it takes others.
    pub messages_refused_by_store: IntCounter,
    /// Rooms whose messages wait because another transaction has locked their row.
    pub locked_rooms: IntGauge,
    /// Messages that wait for the database or are being committed.
    pub store_queue: IntGauge,
    /// Messages that may wait for the database.
    pub store_queue_max: IntGauge,
    /// Sessions cut because their outbox was full.
    pub outbox_evictions: IntCounter,
    /// Bytes that wait in outboxes.
    pub outbox_bytes: IntGauge,
    /// The database answers, and takes messages.
    pub database_up: IntGauge,
    /// Servers on this database whose lease lives, this one included.
    pub servers_live: IntGauge,
    /// Renewals of this server's lease that failed.
    pub lease_failures: IntCounter,
    /// Memory that the recent messages of all live rooms take.
    pub backlog_bytes: IntGauge,
    /// How much memory that may be.
    pub backlog_max_bytes: IntGauge,
    /// Rooms that had to keep fewer recent messages.
    pub backlogs_trimmed: IntCounter,
    /// Database connections that exist.
    pub pool_open: IntGauge,
    /// Database connections that work.
    pub pool_in_use: IntGauge,
    /// Jobs that wait for a connection.
    pub pool_waiting: IntGauge,
    /// How many connections there may be.
    pub pool_max: IntGauge,
    /// Log lines of failures, by level.
    pub log_lines: Counters,
    /// Log lines that nobody took in time.
    pub log_lines_dropped: IntCounter,
}

/// A counter for each value of one label. All are there from the start: a series that begins with its first event
/// hides that event from `rate()`.
pub struct Counters(Vec<(String, IntCounter)>);

impl Counters {
    /// One more of this value, which must be among those that were declared.
    pub fn inc(&self, value: &str) {
        let counter = self.of(value);
        debug_assert!(counter.is_some(), "{value:?} is not among the values of its label");
        if let Some(counter) = counter {
            counter.inc();
        }
    }

    /// The counter of a value.
    pub fn of(&self, value: &str) -> Option<&IntCounter> {
        self.0.iter().find(|(name, _)| name == value).map(|(_, counter)| counter)
    }
}

/// A number of things as the value of a gauge.
pub fn gauge(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A number of things as an observation.
pub fn observation(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

/// Declares metrics in a registry.
struct Declared<'a>(&'a Registry);

impl Declared<'_> {
    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        let counter = IntCounter::new(name, help)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn counters<'v>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = &'v str>,
    ) -> Result<Counters, prometheus::Error> {
        let family = IntCounterVec::new(Opts::new(name, help), &[label])?;
        self.0.register(Box::new(family.clone()))?;
        let resolved = values.into_iter().map(|value| (value.to_owned(), family.with_label_values(&[value])));
        Ok(Counters(resolved.collect()))
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        let gauge = IntGauge::new(name, help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        let family = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, prometheus::Error> {
        let histogram = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
        self.0.register(Box::new(histogram.clone()))?;
        Ok(histogram)
    }
}

/// Bounds in seconds: from what an idle machine does to what a message may wait for the database.
pub const SECONDS: [f64; 15] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Bounds in messages of one commit.
const BATCH_MESSAGES: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
/// Bounds in people of one room.
const ROOM_PEOPLE: [f64; 13] = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0];

impl Metrics {
    /// Declares all metrics in `registry`.
    ///
    /// # Errors
    /// Where a name is declared twice.
    pub fn new(registry: &Registry, labels: &Labels) -> Result<Self, prometheus::Error> {
        let declared = Declared(registry);
        let counter = |name, help| declared.counter(name, help);
        let gauge = |name, help| declared.gauge(name, help);
        let pool = declared.gauges("chat_store_pool_connections", "Database connections by state.", &["state"])?;
        let build = declared.gauges(
            "chat_build_info",
            "1; its labels say what runs: version, commit it was built from, kind of database.",
            &["version", "commit", "database"],
        )?;
        build.with_label_values(&labels.build).set(1);
        let error_codes = || labels.error_codes.iter().map(String::as_str);
        let seconds = |name, help| declared.histogram(name, help, &SECONDS);
        Ok(Self {
            upgrades: declared.counters(
                "chat_upgrades_total",
                "Requests for a WebSocket by outcome.",
                "outcome",
                UPGRADE_OUTCOMES,
            )?,
            sessions_opened: counter("chat_sessions_opened_total", "WebSocket sessions opened.")?,
            sessions_live: gauge("chat_sessions_live", "WebSocket sessions open now.")?,
            sessions_max: gauge("chat_sessions_max", "WebSocket sessions that this server takes.")?,
            sessions_closed: declared.counters(
                "chat_sessions_closed_total",
                "WebSocket sessions ended, by close code; 1006: the connection broke without one.",
                "code",
                labels.close_codes.iter().map(String::as_str),
            )?,
            connections: gauge("chat_http_connections", "Connections open now that are no WebSocket sessions.")?,
            connections_cut: declared.counters(
                "chat_http_connections_cut_total",
                "Connections ended, or refused, because their address or the server had too many.",
                "reason",
                CUT_REASONS,
            )?,
            joins: declared.counters("chat_joins_total", "JOINs by outcome.", "outcome", JOIN_OUTCOMES)?,
            rooms_live: gauge("chat_rooms_live", "Rooms live now.")?,
            rooms_max: gauge("chat_rooms_max", "Live rooms that this server takes.")?,
            room_people: declared.histogram(
                "chat_room_people",
                "People in a live room; each live room is looked at every ten seconds.",
                &ROOM_PEOPLE,
            )?,
            messages_accepted: counter("chat_messages_accepted_total", "Messages that a room gave to the store.")?,
            messages_stored: counter("chat_messages_stored_total", "Messages stored by this server.")?,
            messages_repeated: counter("chat_messages_repeated_total", "Messages that had been stored before.")?,
            messages_refused: declared.counters(
                "chat_messages_refused_total",
                "Messages answered by an ERROR, by its code.",
                "code",
                error_codes(),
            )?,
            history_replaced: counter(
                "chat_history_replaced_total",
                "Rooms that started over because the database had no longer what was shown.",
            )?,
            resumes_ahead: counter(
                "chat_resumes_ahead_total",
                "JOINs that claim to have seen more than the database has.",
            )?,
            messages_limited: declared.counters(
                "chat_messages_limited_total",
                "Messages that a limit of their identity or address held back, by limit.",
                "limit",
                labels.message_limits.iter().copied(),
            )?,
            errors: declared.counters("chat_errors_total", "ERROR frames by code.", "code", error_codes())?,
            delivery_seconds: seconds(
                "chat_delivery_duration_seconds",
                "From the receipt of a message to the last outbox of its room on this server.",
            )?,
            delivery_commit_seconds: seconds(
                "chat_delivery_commit_duration_seconds",
                "From the receipt of a message to its commit.",
            )?,
            delivery_fan_out_seconds: seconds(
                "chat_delivery_fan_out_duration_seconds",
                "From the commit of a message to the last outbox of its room on this server.",
            )?,
            batch_messages: declared.histogram("chat_batch_messages", "Messages in one commit.", &BATCH_MESSAGES)?,
            commit_seconds: seconds("chat_commit_duration_seconds", "Length of a commit.")?,
            commit_failures: counter("chat_commit_failures_total", "Commits that the database did not take.")?,
            messages_refused_by_store: counter(
                "chat_messages_refused_by_store_total",
                "Messages that the database does not take, though it takes others.",
            )?,
            locked_rooms: gauge("chat_locked_rooms", "Rooms that wait for another transaction's lock.")?,
            store_queue: gauge("chat_store_queue_messages", "Messages that wait for the database or are committed.")?,
            store_queue_max: gauge("chat_store_queue_max_messages", "Messages that may wait for the database.")?,
            outbox_evictions: counter(
                "chat_outbox_evictions_total",
                "Sessions cut because they read too slowly: their outbox was full.",
            )?,
            outbox_bytes: gauge("chat_outbox_bytes", "Bytes that wait in outboxes.")?,
            backlog_bytes: gauge("chat_backlog_bytes", "Memory that the recent messages of live rooms take.")?,
            backlog_max_bytes: gauge("chat_backlog_max_bytes", "Memory that they may take.")?,
            backlogs_trimmed: counter(
                "chat_backlogs_trimmed_total",
                "Rooms that keep fewer recent messages because all together took too much memory.",
            )?,
            database_up: gauge("chat_database_up", "1 while the database answers and takes messages, else 0.")?,
            servers_live: gauge(
                "chat_servers_live",
                "Servers on this database whose lease lives, this one included; as of the last renewal of its own.",
            )?,
            lease_failures: counter("chat_lease_failures_total", "Renewals of this server's lease that failed.")?,
            pool_open: pool.with_label_values(&["open"]),
            pool_in_use: pool.with_label_values(&["in_use"]),
            pool_waiting: pool.with_label_values(&["waiting"]),
            pool_max: gauge("chat_store_pool_max_connections", "Database connections that this server may have.")?,
            log_lines: declared.counters(
                "chat_log_lines_total",
                "Log lines of failures by level.",
                "level",
                LOG_LEVELS,
            )?,
            log_lines_dropped: counter(
                "chat_log_lines_dropped_total",
                "Log lines that standard error did not take: its reader is slow or gone, or its disk is full.",
            )?,
        })
    }
}
