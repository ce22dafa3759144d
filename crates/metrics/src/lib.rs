//! Every metric of the program, declared once; docs/METRICS.md says what each means. Named by the Prometheus
//! conventions.
//!
//! Invariant: no label has a value that a visitor chose, so the number of series is fixed. The counter of each label's
//! value is looked up when it is declared, so that counting is one atomic addition.

use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

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

/// What was done to a stored message.
pub const CHANGE_KINDS: [&str; 5] = ["edit", "deletion", "reaction", "pin", "restore"];

/// Why a connection was ended: its address, or the server, had too many.
pub const CUT_REASONS: [&str; 2] = ["address", "server"];

/// What the bus carries between servers.
pub const BUS_KINDS: [&str; 5] = ["change", "people", "ephemeral", "control", "beat"];

/// Why something that was to go over the bus, or came over it, was dropped: too much waited for it; it could not be read;
/// its version, database or kind is another one; its room is not live, or had it already; it was too old.
pub const BUS_DROPS: [&str; 6] = ["queue_full", "malformed", "foreign", "not_live", "known", "late"];

/// What makes a raid of it for the unattended guard.
pub const GUARD_REASONS: [&str; 7] = ["crowd", "repeats", "flood", "addresses", "links", "blocked", "reports"];

/// What became of a letter: a server took it, it goes again later, it was refused for good, or nobody waits for it any more.
pub const MAIL_OUTCOMES: [&str; 4] = ["sent", "later", "refused", "given_up"];

/// What becomes of a try to tell a webhook.
pub const WEBHOOK_OUTCOMES: [&str; 2] = ["taken", "failed"];

/// What becomes of a try to publish something to RabbitMQ.
pub const AMQP_OUTCOMES: [&str; 7] = ["taken", "away", "late", "login", "exchange", "blocked", "refused"];

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

/// The metrics as a table: field, type, how it is declared, name, and help, which is its documentation as well.
macro_rules! metrics {
    ($labels:ident: $($field:ident: $kind:ty = $declare:ident($name:literal, $help:literal $(, $more:expr)*);)+) => {
        /// The chat's own metrics; actix-web-prom adds those of HTTP, the process collector those of the process.
        pub struct Metrics {
            $(#[doc = $help] pub $field: $kind,)+
        }

        impl Metrics {
            /// Declares all metrics in `registry`.
            ///
            /// # Errors
            /// Where a name is declared twice.
            pub fn new(registry: &Registry, $labels: &Labels) -> Result<Self, prometheus::Error> {
                let declared = Declared::new(registry, $labels.build)?;
                Ok(Self { $($field: declared.$declare($name, $help $(, $more)*)?,)+ })
            }
        }
    };
}

metrics! { labels:
    upgrades: Counters = counters("chat_upgrades_total",
        "Requests for a WebSocket by outcome.", "outcome", UPGRADE_OUTCOMES);
    sessions_opened: IntCounter = counter("chat_sessions_opened_total", "WebSocket sessions opened.");
    sessions_live: IntGauge = gauge("chat_sessions_live", "WebSocket sessions open now.");
    sessions_max: IntGauge = gauge("chat_sessions_max", "WebSocket sessions that this server takes.");
    sessions_closed: Counters = counters("chat_sessions_closed_total",
        "WebSocket sessions ended, by close code; 1006: the connection broke without one.", "code", &labels.close_codes);
    connections: IntGauge = gauge("chat_http_connections", "Connections open now that are no WebSocket sessions.");
    connections_cut: Counters = counters("chat_http_connections_cut_total",
        "Connections ended, or refused, because their address or the server had too many.", "reason", CUT_REASONS);
    joins: Counters = counters("chat_joins_total", "JOINs by outcome.", "outcome", JOIN_OUTCOMES);
    rooms_live: IntGauge = gauge("chat_rooms_live", "Rooms live now.");
    rooms_max: IntGauge = gauge("chat_rooms_max", "Live rooms that this server takes.");
    room_people: Histogram = histogram("chat_room_people",
        "People in a live room; each live room is looked at every ten seconds.", &ROOM_PEOPLE);
    messages_accepted: IntCounter = counter("chat_messages_accepted_total", "Messages that a room gave to the store.");
    messages_stored: IntCounter = counter("chat_messages_stored_total", "Messages stored by this server.");
    changes_stored: Counters = counters("chat_changes_stored_total",
        "Changes of stored messages that this server stored, by kind; reactions to one message at once are one.", "kind",
        CHANGE_KINDS);
    messages_expired: IntCounter = counter("chat_messages_expired_total",
        "Messages that this server removed because they were older than CHAT_RETENTION_DAYS.");
    messages_archived: IntCounter = counter("chat_messages_archived_total",
        "Messages that this server moved into the archive because they were older than CHAT_ARCHIVE_MONTHS.");
    messages_repeated: IntCounter = counter("chat_messages_repeated_total", "Messages that had been stored before.");
    messages_refused: Counters = counters("chat_messages_refused_total",
        "Messages answered by an ERROR, by its code.", "code", &labels.error_codes);
    history_replaced: IntCounter = counter("chat_history_replaced_total",
        "Rooms that started over because the database had no longer what was shown.");
    resumes_ahead: IntCounter = counter("chat_resumes_ahead_total",
        "JOINs that claim to have seen more than the database has.");
    messages_limited: Counters = counters("chat_messages_limited_total",
        "Messages that a limit of their identity or address held back, by limit.", "limit", &labels.message_limits);
    guard_raids: Counters = counters("chat_guard_raids_total",
        "Raids for which the unattended guard switched the raid preset on, by what weighed most.", "why", GUARD_REASONS);
    errors: Counters = counters("chat_errors_total", "ERROR frames by code.", "code", &labels.error_codes);
    delivery_seconds: Histogram = histogram("chat_delivery_duration_seconds",
        "From the receipt of a message to the last outbox of its room on this server.", &SECONDS);
    delivery_commit_seconds: Histogram = histogram("chat_delivery_commit_duration_seconds",
        "From the receipt of a message to its commit.", &SECONDS);
    delivery_fan_out_seconds: Histogram = histogram("chat_delivery_fan_out_duration_seconds",
        "From the commit of a message to the last outbox of its room on this server.", &SECONDS);
    batch_messages: Histogram = histogram("chat_batch_messages", "Messages in one commit.", &BATCH_MESSAGES);
    commit_seconds: Histogram = histogram("chat_commit_duration_seconds", "Length of a commit.", &SECONDS);
    commit_failures: IntCounter = counter("chat_commit_failures_total", "Commits that the database did not take.");
    messages_refused_by_store: IntCounter = counter("chat_messages_refused_by_store_total",
        "Messages that the database does not take, though it takes others.");
    locked_rooms: IntGauge = gauge("chat_locked_rooms", "Rooms that wait for another transaction's lock.");
    store_queue: IntGauge = gauge("chat_store_queue_messages", "Messages that wait for the database or are committed.");
    store_queue_max: IntGauge = gauge("chat_store_queue_max_messages", "Messages that may wait for the database.");
    outbox_evictions: IntCounter = counter("chat_outbox_evictions_total",
        "Sessions cut because they read too slowly: their outbox was full.");
    outbox_bytes: IntGauge = gauge("chat_outbox_bytes", "Bytes that wait in outboxes.");
    database_up: IntGauge = gauge("chat_database_up", "1 while the database answers and takes messages, else 0.");
    servers_live: IntGauge = gauge("chat_servers_live",
        "Servers on this database whose lease lives, this one included; as of the last renewal of its own.");
    lease_failures: IntCounter = counter("chat_lease_failures_total", "Renewals of this server's lease that failed.");
    bus_up: IntGauge = gauge("chat_bus_up",
        "1 while what this server sends over the bus comes back to it in time, else 0; 1 without a bus.");
    bus_published: Counters = counters("chat_bus_published_total",
        "What this server gave to the bus, by kind.", "kind", BUS_KINDS);
    bus_received: Counters = counters("chat_bus_received_total",
        "What came over the bus from other servers, by kind.", "kind", BUS_KINDS);
    bus_dropped: Counters = counters("chat_bus_dropped_total",
        "What was to go over the bus, or came over it, and was dropped, by reason.", "reason", BUS_DROPS);
    bus_gaps: IntCounter = counter("chat_bus_gaps_total",
        "Changes that came over the bus while something before them was missing: the database was read.");
    bus_echo_seconds: Histogram = histogram("chat_bus_echo_duration_seconds",
        "From a beat of this server to its return over the bus.", &SECONDS);
    bus_reconnects: IntCounter = counter("chat_bus_reconnects_total",
        "Connections to the bus that were made anew.");
    people_age_seconds: Gauge = gauge_f64("chat_people_age_seconds",
        "How long ago the other server that was silent longest was heard of; 0 where there is none.");
    backlog_bytes: IntGauge = gauge("chat_backlog_bytes", "Memory that the recent messages of live rooms take.");
    backlog_max_bytes: IntGauge = gauge("chat_backlog_max_bytes", "Memory that they may take.");
    backlogs_trimmed: IntCounter = counter("chat_backlogs_trimmed_total",
        "Rooms that keep fewer recent messages because all together took too much memory.");
    pool_open: IntGauge = pool_connections("open", "Database connections that exist.");
    pool_in_use: IntGauge = pool_connections("in_use", "Database connections that work.");
    pool_waiting: IntGauge = pool_connections("waiting", "Jobs that wait for a connection.");
    pool_max: IntGauge = gauge("chat_store_pool_max_connections", "Database connections that this server may have.");
    mails: Counters = counters("chat_mails_total", "Tries to mail a letter, by what became of it.",
        "outcome", MAIL_OUTCOMES);
    webhooks: Counters = counters("chat_webhooks_total", "Tries to tell a webhook, by what became of it.",
        "outcome", WEBHOOK_OUTCOMES);
    webhooks_failing_seconds: IntGauge = gauge("chat_webhooks_failing_seconds",
        "For how long the webhook that fails longest, and is not given up, has failed; 0 where none does.");
    webhooks_off: IntGauge = gauge("chat_webhooks_off", "Webhooks that were given up.");
    amqp: Counters = counters("chat_amqp_total", "Tries to publish something to RabbitMQ, by what became of it.",
        "outcome", AMQP_OUTCOMES);
    amqp_failing_seconds: IntGauge = gauge("chat_amqp_failing_seconds",
        "For how long RabbitMQ has not taken what happens; 0 where it does, or there is none.");
    log_lines: Counters = counters("chat_log_lines_total", "Log lines of failures by level.", "level", LOG_LEVELS);
    log_lines_dropped: IntCounter = counter("chat_log_lines_dropped_total",
        "Log lines that standard error did not take: its reader is slow or gone, or its disk is full.");
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
struct Declared<'a> {
    registry: &'a Registry,
    pool: IntGaugeVec,
}

impl<'a> Declared<'a> {
    fn new(registry: &'a Registry, build: [&str; 3]) -> Result<Self, prometheus::Error> {
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let family = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        let help = "1; its labels say what runs: version, commit it was built from, kind of database.";
        gauges("chat_build_info", help, &["version", "commit", "database"])?.with_label_values(&build).set(1);
        let pool = gauges("chat_store_pool_connections", "Database connections by state.", &["state"])?;
        Ok(Self { registry, pool })
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        let counter = IntCounter::new(name, help)?;
        self.registry.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn counters<V: AsRef<str>>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Counters, prometheus::Error> {
        let family = IntCounterVec::new(Opts::new(name, help), &[label])?;
        self.registry.register(Box::new(family.clone()))?;
        let resolved = |value: V| (value.as_ref().to_owned(), family.with_label_values(&[value.as_ref()]));
        Ok(Counters(values.into_iter().map(resolved).collect()))
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        let gauge = IntGauge::new(name, help)?;
        self.registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn gauge_f64(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        let gauge = Gauge::new(name, help)?;
        self.registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    /// One state of the pool's connections; the help is the whole family's.
    fn pool_connections(&self, state: &str, _: &str) -> Result<IntGauge, prometheus::Error> {
        Ok(self.pool.with_label_values(&[state]))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, prometheus::Error> {
        let histogram = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
        self.registry.register(Box::new(histogram.clone()))?;
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
