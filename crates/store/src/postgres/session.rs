//! What a session with PostgreSQL is set up with. A session of one's own is set up once; where a pooler shares sessions,
//! each transaction brings its settings along.

use std::time::Duration;

/// Settings and their values.
type Settings = &'static [(&'static str, &'static str)];

/// For all work.
const ALWAYS: Settings = &[("jit", "off"), ("idle_in_transaction_session_timeout", "30s")];

/// A plan is kept as long as its connection, and may have been made while the tables were empty or had no
/// statistics, where reading all of a table, or all of a room to sort it, looks cheapest. Every query here has
/// its index.
const INDEXED: Settings = &[("enable_seqscan", "off"), ("enable_bitmapscan", "off"), ("enable_sort", "off")];

/// For what writes: the batch is planned once, not at each call, and its joins are never nested
/// loops over what the planner takes for one row (docs/adr/0003).
const WRITING: Settings = &[("plan_cache_mode", "force_generic_plan"), ("enable_nestloop", "off")];

/// Not READ WRITE: a server that was fenced off by `default_transaction_read_only` must refuse what is written to it.
const BEGIN_WRITING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// What reads sees one moment.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Only a server that takes writes will do.
    Write,
    /// One that does not will do while there is no other.
    Read,
}

/// How a connection's transactions begin, and with which settings they run.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Which server it goes to.
    pub purpose: Purpose,
    begin: &'static str,
    settings: Vec<(&'static str, String)>,
}

impl Session {
    fn new(purpose: Purpose, begin: &'static str, settings: &[Settings]) -> Self {
        let owned = |(name, value): &(&'static str, &str)| (*name, (*value).to_owned());
        Self { purpose, begin, settings: settings.iter().copied().flatten().map(owned).collect() }
    }

    /// For batches.
    pub fn writing() -> Self {
        Self::new(Purpose::Write, BEGIN_WRITING, &[ALWAYS, INDEXED, WRITING])
    }

    /// For what only reads.
    pub fn reading() -> Self {
        Self::new(Purpose::Read, BEGIN_READING, &[ALWAYS, INDEXED])
    }

    /// For what writes beside messages: planned anew each time, and always by an index.
    pub fn background() -> Self {
        Self::new(Purpose::Write, BEGIN_WRITING, &[ALWAYS, INDEXED])
    }

    /// For what is rare and long.
    pub fn administration() -> Self {
        Self::new(Purpose::Write, BEGIN_WRITING, &[ALWAYS])
    }

    /// Without settings: for a question about the connection itself.
    pub fn plain(purpose: Purpose) -> Self {
        Self::new(purpose, "BEGIN", &[])
    }

    /// With a setting that is a time.
    pub fn and(mut self, name: &'static str, limit: Duration) -> Self {
        self.settings.push((name, limit.as_millis().to_string()));
        self
    }

    /// Sets up a session that is the connection's own: once, all that its transactions need.
    pub fn set_up(&self) -> String {
        let begin =
            if self.begin == BEGIN_WRITING { "SET default_transaction_isolation = 'read committed'; " } else { "" };
        format!("{begin}{}", self.set("SET", "false"))
    }

    /// Begins a transaction. Where sessions are shared each brings its settings along, and leaves none behind.
    pub fn transaction(&self, is_shared: bool) -> String {
        if is_shared { format!("{}; {}", self.begin, self.set("SET LOCAL", "true")) } else { self.begin.to_owned() }
    }

    /// No commit is acknowledged before it is on the disk, whatever the database's default is.
    fn set(&self, set: &str, is_local: &str) -> String {
        let each: String = self.settings.iter().map(|(name, value)| format!("{set} {name} = '{value}'; ")).collect();
        format!(
            "{each}SELECT set_config('synchronous_commit', 'on', {is_local})
                WHERE current_setting('synchronous_commit') = 'off'"
        )
    }
}
