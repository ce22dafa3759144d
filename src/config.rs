//! The only reader of flags and environment. Each setting is typed, checked at start and documented by
//! `--help`.

use std::{ffi::OsString, net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use clap::{
    CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};
use ipnet::IpNet;

use crate::http::BasePath;
use chat_load::LoadOptions;
use chat_store::{DatabaseUrl, Pooler, ServerId};

/// What the program is asked to do.
#[derive(Debug, Parser)]
#[command(name = "realtime-chat", version, about, disable_help_subcommand = true)]
pub struct Config {
    /// What to do; without a command: serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeConfig,
}

/// A command beside serving. Its help lists what it takes; the settings of the server that matter to it as well (how
/// the database is reached) are read from the environment.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Bring the database's schema up to date, and end.
    #[command(after_help = OTHER_SETTINGS)]
    Migrate(DatabaseFlags),
    /// Begin a new epoch of every room (after a restore from a backup), and end.
    #[command(after_help = OTHER_SETTINGS)]
    NewEpoch {
        /// Of this room only: whoever is in it starts over with what the database has (after a message was removed
        /// by hand).
        #[arg(long, value_name = "ID")]
        room: Option<String>,
        /// Which database.
        #[command(flatten)]
        flags: DatabaseFlags,
    },
    /// SQLite: copy the database into a new file while a server uses it, and end.
    Backup {
        /// The file to make.
        file: PathBuf,
        /// Which database.
        #[command(flatten)]
        flags: DatabaseFlags,
    },
    /// SQLite: put a backup where there is no database yet, begin a new epoch of every room, and end.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Which database.
        #[command(flatten)]
        flags: DatabaseFlags,
    },
    /// Ask the server that listens on CHAT_LISTEN whether it is live, and end with 0 or 1.
    Healthcheck {
        /// Ask whether it is ready for visitors instead (red while it starts or stops).
        #[arg(long)]
        ready: bool,
        /// Address that the server listens on. [env: CHAT_LISTEN] [default: 127.0.0.1:8080]
        #[arg(long, value_name = "IP:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Play many visitors against a server, and say what they saw.
    Load(Box<LoadOptions>),
}

const OTHER_SETTINGS: &str =
    "How the database is reached is a matter of the environment as well: `realtime-chat --help` lists every setting.";

/// Flags of the commands that work on the database. They have no variable of their own: one that is given wins over the
/// setting of the same name, which has.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DatabaseFlags {
    /// Where messages are kept. [env: DATABASE_URL] [default: sqlite://data/chat.db]
    #[arg(long, value_name = "URL", value_parser = database_url)]
    pub database_url: Option<DatabaseUrl>,
    /// What a line of the log looks like. [env: CHAT_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "text|json")]
    pub log_format: Option<LogFormat>,
}

/// Whether something applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// It does.
    On,
    /// It does not.
    Off,
}

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object for each line.
    Json,
}

/// The commit that this was built from, where whoever built it said so. No build depends on anything else than the
/// sources and this.
pub const BUILD_COMMIT: &str = match option_env!("CHAT_BUILD_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// How the server serves. Each flag has a twin in the environment.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeConfig {
    /// Address to listen on.
    #[arg(long, env = "CHAT_LISTEN", default_value = "127.0.0.1:8080", value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// Path that the chat is served under, as /chat; unset: the root of a host name.
    #[arg(long, env = "CHAT_BASE_PATH", default_value = "", hide_default_value = true, value_name = "PATH",
        value_parser = BasePath::parse)]
    pub base_path: BasePath,
    /// How long an idle HTTP connection is kept, in seconds: longer than whatever stands in front keeps its own.
    #[arg(long, env = "CHAT_KEEP_ALIVE_SECS", default_value = "130", value_name = "SECONDS",
        value_parser = seconds_from_one)]
    pub keep_alive: Duration,
    /// Token that shows the details of /healthz to whoever sends it, at least 16 characters; unset: none does.
    #[arg(long, env = "CHAT_ADMIN_TOKEN", value_name = "TEXT", hide_env_values = true, value_parser = secret)]
    pub admin_token: Option<Secret>,
    /// Where messages are kept: postgres://user:password@host:port/database or sqlite://path.
    #[arg(long, env = "DATABASE_URL", default_value = "sqlite://data/chat.db", value_name = "URL",
        hide_env_values = true, value_parser = database_url)]
    pub database_url: DatabaseUrl,
    /// Address for /metrics; unset: served with everything else.
    #[arg(long, env = "CHAT_METRICS_ADDR", value_name = "IP:PORT")]
    pub metrics_addr: Option<SocketAddr>,
    /// What a line of the log looks like: text for people, or a JSON object.
    #[arg(long, env = "CHAT_LOG_FORMAT", default_value = "text", value_name = "text|json")]
    pub log_format: LogFormat,
    /// Key that public ids are derived with, at least 16 characters; unset: one made and kept in the database.
    #[arg(long, env = "CHAT_SECRET", value_name = "TEXT", hide_env_values = true, value_parser = secret)]
    pub secret: Option<Secret>,
    /// Origins beside the server's own that may open a WebSocket, with commas: https://app.example,...
    #[arg(long, env = "CHAT_ORIGINS", value_name = "ORIGINS", value_delimiter = ',', value_parser = plain_origin)]
    pub origins: Vec<String>,
    /// Origins that may embed the page (CSP frame-ancestors), with commas; unset: every one.
    #[arg(long, env = "CHAT_EMBED_ORIGINS", value_name = "ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub embed_origins: Vec<String>,
    /// Networks of proxies whose X-Forwarded-For is believed, with commas: 10.0.0.0/8,...
    #[arg(long, env = "CHAT_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
    /// How many proxies a request passes at most: so many entries of X-Forwarded-For are believed, from its end.
    #[arg(long, env = "CHAT_TRUSTED_HOPS", value_name = "N", value_parser = at_least_one)]
    pub trusted_hops: Option<usize>,
    /// "off" lifts the rate, address and identity limits and the one on broken frames, for load tests.
    #[arg(long, env = "CHAT_RATE_LIMITS", default_value = "on", value_name = "on|off")]
    pub rate_limits: Switch,
    /// Sessions on this server; beyond: close 4005. Lowered to what the descriptor limit allows.
    #[arg(long, env = "CHAT_SESSIONS_MAX", default_value = "15000", value_name = "N", value_parser = at_least_one)]
    pub sessions_max: usize,
    /// Sessions in one room; beyond: OVERLOADED.
    #[arg(long, env = "CHAT_ROOM_SESSIONS_MAX", default_value = "10000", value_name = "N", value_parser = at_least_one)]
    pub room_sessions_max: usize,
    /// Sessions of one identity; beyond: close 4103.
    #[arg(long, env = "CHAT_IDENTITY_SESSIONS_MAX", default_value = "20", value_name = "N", value_parser = at_least_one)]
    pub identity_sessions_max: usize,
    /// Sessions of one address; beyond: close 4006.
    #[arg(long, env = "CHAT_ADDRESS_SESSIONS_MAX", default_value = "600", value_name = "N", value_parser = at_least_one)]
    pub address_sessions_max: usize,
    /// Connections of one address that are no sessions; beyond, the one that has waited longest for a request is closed.
    #[arg(long, env = "CHAT_ADDRESS_CONNECTIONS_MAX", default_value = "256", value_name = "N", value_parser = at_least_one)]
    pub address_connections_max: usize,
    /// Live rooms; beyond, the one that was empty longest goes, and with none empty: OVERLOADED.
    #[arg(long, env = "CHAT_ROOMS_MAX", default_value = "20000", value_name = "N", value_parser = at_least_one)]
    pub rooms_max: usize,
    /// Memory for the recent messages of all live rooms, in MiB; beyond, rooms that were quiet longest keep fewer.
    #[arg(long, env = "CHAT_BACKLOG_MIB", default_value = "128", value_name = "MIB", value_parser = at_least_one)]
    pub backlog_mib: usize,
    /// How long an empty room stays live, in seconds.
    #[arg(long, env = "CHAT_ROOM_IDLE_SECS", default_value = "60", value_name = "SECONDS", value_parser = seconds)]
    pub room_idle: Duration,
    /// Messages waiting for the database; beyond: OVERLOADED.
    #[arg(long, env = "CHAT_QUEUE_MAX", default_value = "10000", value_name = "N", value_parser = at_least_one)]
    pub queue_max: usize,
    /// Messages of one commit at most.
    #[arg(long, env = "CHAT_BATCH_MAX", default_value = "500", value_name = "N", value_parser = at_least_one)]
    pub batch_max: usize,
    /// How long a message waits for a database that is away, in seconds; then STORE_UNAVAILABLE.
    #[arg(long, env = "CHAT_STORE_WAIT_SECS", default_value = "5", value_name = "SECONDS", value_parser = seconds)]
    pub store_wait: Duration,
    /// How long a JOIN or a page waits for the database, in seconds; then STORE_UNAVAILABLE.
    #[arg(long, env = "CHAT_READ_WAIT_SECS", default_value = "1.8", value_name = "SECONDS", value_parser = some_seconds)]
    pub read_wait: Duration,
    /// Database connections that read; one more writes.
    #[arg(long, env = "CHAT_POOL_SIZE", default_value = "8", value_name = "N", value_parser = at_least_one)]
    pub pool_size: usize,
    /// What is between this server and PostgreSQL: transaction (a pooler in transaction mode, as pgbouncer with
    /// pool_mode=transaction), none, or auto (asked when the first connection is made).
    #[arg(long, env = "CHAT_POOLER", default_value = "auto", value_name = "auto|transaction|none")]
    pub pooler: Pooler,
    /// How often the database is asked what other servers stored, in seconds.
    #[arg(long, env = "CHAT_POLL_SECS", default_value = "1", value_name = "SECONDS", value_parser = some_seconds)]
    pub poll: Duration,
    /// This server's name among those on one database; unset: the host's name and a random part.
    #[arg(long, env = "CHAT_SERVER_ID", value_name = "ID", value_parser = ServerId::parse)]
    pub server_id: Option<ServerId>,
    /// Where the other servers reach this one: http://10.0.0.5:8080.
    #[arg(long, env = "CHAT_ADVERTISE_URL", value_name = "URL", value_parser = advertise_url)]
    pub advertise_url: Option<String>,
    /// A folder of migrations that follow the program's own: for tests of how they are applied.
    #[cfg(feature = "fault-injection")]
    #[arg(long, env = "CHAT_MORE_MIGRATIONS", value_name = "FOLDER", hide = true, global = true)]
    pub more_migrations: Option<PathBuf>,
    /// Messages that one identity may send at once.
    #[arg(long, env = "CHAT_MESSAGE_BURST", default_value = "10", value_name = "N")]
    pub message_burst: NonZeroU32,
    /// Messages a second that one identity may send after that; beyond: RATE_LIMITED.
    #[arg(long, env = "CHAT_MESSAGES_PER_SECOND", default_value = "1", value_name = "N")]
    pub messages_per_second: NonZeroU32,
    /// Profile changes a minute of one identity; beyond: RATE_LIMITED.
    #[arg(long, env = "CHAT_PROFILES_PER_MINUTE", default_value = "3", value_name = "N")]
    pub profiles_per_minute: NonZeroU32,
    /// Messages a minute of one identity in one room that say the same; beyond: RATE_LIMITED.
    #[arg(long, env = "CHAT_REPEATS_PER_MINUTE", default_value = "10", value_name = "N")]
    pub repeats_per_minute: NonZeroU32,
    /// Messages a second that all people of one address may send to one room; as many at once.
    #[arg(long, env = "CHAT_ADDRESS_ROOM_MESSAGES_PER_SECOND", default_value = "30", value_name = "N")]
    pub address_room_messages_per_second: NonZeroU32,
    /// KiB a second that all people of one address may send to one room, counted as readers get them; as many at once.
    #[arg(long, env = "CHAT_ADDRESS_ROOM_KIB_PER_SECOND", default_value = "32", value_name = "KIB")]
    pub address_room_kib_per_second: NonZeroU32,
    /// Messages a second that all people of one address may send to all rooms; those of ten seconds at once.
    #[arg(long, env = "CHAT_ADDRESS_MESSAGES_PER_SECOND", default_value = "100", value_name = "N")]
    pub address_messages_per_second: NonZeroU32,
    /// KiB a second that all people of one address may send to all rooms; those of ten seconds at once.
    #[arg(long, env = "CHAT_ADDRESS_KIB_PER_SECOND", default_value = "64", value_name = "KIB")]
    pub address_kib_per_second: NonZeroU32,
    /// Frames that one session may send at once, of whatever kind.
    #[arg(long, env = "CHAT_FRAME_BURST", default_value = "100", value_name = "N")]
    pub frame_burst: NonZeroU32,
    /// Frames a second that one session may send after that; beyond: RATE_LIMITED, 50 of those: close 4102.
    #[arg(long, env = "CHAT_FRAMES_PER_SECOND", default_value = "20", value_name = "N")]
    pub frames_per_second: NonZeroU32,
    /// HTTP requests that one address may make at once.
    #[arg(long, env = "CHAT_ADDRESS_REQUEST_BURST", default_value = "4000", value_name = "N")]
    pub address_request_burst: NonZeroU32,
    /// HTTP requests a second that one address may make after that; beyond: 429.
    #[arg(long, env = "CHAT_ADDRESS_REQUESTS_PER_SECOND", default_value = "200", value_name = "N")]
    pub address_requests_per_second: NonZeroU32,
    /// Bytes of answers that one address may get at once, in MiB.
    #[arg(long, env = "CHAT_ADDRESS_BYTES_BURST_MIB", default_value = "64", value_name = "MIB")]
    pub address_bytes_burst_mib: NonZeroU32,
    /// Bytes of answers a second that one address may get after that, in KiB; beyond: 429.
    #[arg(long, env = "CHAT_ADDRESS_BYTES_KIB_PER_SECOND", default_value = "8192", value_name = "KIB")]
    pub address_bytes_kib_per_second: NonZeroU32,
    /// WebSockets that one address may open at once.
    #[arg(long, env = "CHAT_ADDRESS_CONNECT_BURST", default_value = "600", value_name = "N")]
    pub address_connect_burst: NonZeroU32,
    /// WebSockets a second that one address may open after that; beyond: 429.
    #[arg(long, env = "CHAT_ADDRESS_CONNECTS_PER_SECOND", default_value = "20", value_name = "N")]
    pub address_connects_per_second: NonZeroU32,
    /// Seconds between two HEARTBEATs.
    #[arg(long, env = "CHAT_HEARTBEAT_SECS", default_value = "30", value_name = "SECONDS", value_parser = seconds_from_one)]
    pub heartbeat: Duration,
    /// Seconds without a sign of life of a client; then close 4002.
    #[arg(long, env = "CHAT_SILENCE_SECS", default_value = "75", value_name = "SECONDS", value_parser = seconds_from_one)]
    pub silence: Duration,
    /// Seconds without a JOIN; then close 4004.
    #[arg(long, env = "CHAT_JOIN_SECS", default_value = "10", value_name = "SECONDS", value_parser = seconds_from_one)]
    pub join: Duration,
    /// Bytes that wait for one slow reader, in KiB; beyond, it is cut.
    #[arg(long, env = "CHAT_OUTBOX_KIB", default_value = "256", value_name = "KIB", value_parser = outbox_kib)]
    pub outbox_kib: usize,
    /// On SIGTERM: seconds in which all goes on.
    #[arg(long, env = "CHAT_DRAIN_GRACE_SECS", default_value = "5", value_name = "SECONDS", value_parser = seconds)]
    pub drain_grace: Duration,
    /// After that: seconds within which each session is told to come back.
    #[arg(long, env = "CHAT_DRAIN_WINDOW_SECS", default_value = "10", value_name = "SECONDS", value_parser = seconds)]
    pub drain_window: Duration,
    /// How long such a session is told to wait at most, in seconds.
    #[arg(long, env = "CHAT_DRAIN_AFTER_SECS", default_value = "1", value_name = "SECONDS", value_parser = seconds)]
    pub drain_after: Duration,
    /// Seconds after the signal when what could not be stored is given up.
    #[arg(long, env = "CHAT_DRAIN_FLUSH_SECS", default_value = "30", value_name = "SECONDS", value_parser = seconds)]
    pub drain_flush: Duration,
    /// Secrets that were given as flags, which everybody on the machine may read.
    #[arg(skip)]
    pub secrets_in_flags: Vec<&'static str>,
    /// Threads for sockets and rooms; unset: as many as there are cores.
    #[arg(long, env = "CHAT_THREADS", value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,
    /// What to do wrong on purpose: for tests of the fault tests.
    #[cfg(feature = "fault-injection")]
    #[arg(long, env = "CHAT_BROKEN", value_name = "HOW", hide = true)]
    pub broken: Option<crate::fault_injection::Broken>,
}

/// Text that must never be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Config {
    /// Reads flags and environment. Where one is wrong, prints one line that names it, without its value
    /// (it may be a password), and ends the process with 2.
    pub fn read() -> Self {
        Self::read_from(std::env::args_os()).map(Self::settled).unwrap_or_else(|error| {
            match wrong_setting(&error, std::env::args()).or_else(|| wrong_usage(&error)) {
                Some(line) => {
                    eprintln!("error: {line}");
                    std::process::exit(2)
                }
                None => error.exit(),
            }
        })
    }

    fn read_from(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(arguments)?;
        let is_flag = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let mut config = Self::from_arg_matches(&matches)?;
        if is_flag("secret") {
            config.serve.secrets_in_flags.push("CHAT_SECRET");
        }
        let has_password = |url: &str| {
            let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
            let login = rest.and_then(|rest| rest.rsplit_once('@'));
            login.is_some_and(|(login, _)| login.contains(':'))
        };
        let url = matches.get_raw("database_url").into_iter().flatten().map(|url| url.to_string_lossy().into_owned());
        if is_flag("database_url") && url.into_iter().any(|url| has_password(&url)) {
            config.serve.secrets_in_flags.push("DATABASE_URL");
        }
        Ok(config)
    }

    /// What a command was given behind its name takes the place of the setting of that name.
    fn settled(mut self) -> Self {
        match &self.command {
            Some(
                Command::Migrate(flags)
                | Command::NewEpoch { flags, .. }
                | Command::Backup { flags, .. }
                | Command::Restore { flags, .. },
            ) => {
                let DatabaseFlags { database_url, log_format } = flags.clone();
                self.serve.database_url = database_url.unwrap_or(self.serve.database_url);
                self.serve.log_format = log_format.unwrap_or(self.serve.log_format);
            }
            Some(Command::Healthcheck { listen: Some(listen), .. }) => self.serve.listen = *listen,
            Some(Command::Healthcheck { .. } | Command::Load(_)) | None => {}
        }
        self
    }
}

/// The host's name as Linux has it, or nothing: a part of the name that a server gives itself.
pub fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// Whether a terminal may be written to in colours (no-color.org).
pub fn likes_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// One line for a setting's value that could not be read. The load tester's options have no variables, but some have the
/// name of a setting.
fn wrong_setting(error: &clap::Error, arguments: impl Iterator<Item = String>) -> Option<String> {
    let program = Config::command();
    let is_command = |argument: &String| program.get_subcommands().any(|command| command.get_name() == *argument);
    let command = arguments.skip(1).find(is_command);
    if command.as_deref() == Some("load") { None } else { wrong_value(error) }
}

fn wrong_value(error: &clap::Error) -> Option<String> {
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        return None;
    }
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
    let flag = argument.split_whitespace().next()?;
    let command = Config::command();
    let known = command.get_arguments().find(|a| a.get_long().is_some_and(|long| flag == format!("--{long}")))?;
    let variable = known.get_env().map(|e| e.to_string_lossy().into_owned())?;
    let why = match std::error::Error::source(error) {
        Some(cause) => cause.to_string(),
        None => format!("expected {}", known.get_value_names()?.iter().map(|n| n.to_string()).collect::<String>()),
    };
    Some(format!("{variable} ({flag}) is wrong: {why}"))
}

/// One line for whatever else is wrong with the arguments; nothing where help or the version was asked for.
fn wrong_usage(error: &clap::Error) -> Option<String> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return None;
    }
    let text = error.render().to_string();
    let first: Vec<_> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    Some(first.join(" ").trim_start_matches("error: ").to_owned())
}

fn database_url(text: &str) -> Result<DatabaseUrl, String> {
    let url = DatabaseUrl::parse(text).map_err(|e| e.to_string())?;
    match sqlite_path(&url) {
        Some(path) if path.is_dir() => Err("the path of the SQLite file is that of a folder".into()),
        _ => Ok(url),
    }
}

fn secret(text: &str) -> Result<Secret, String> {
    if text.chars().count() < 16 {
        return Err("it has at least 16 characters".into());
    }
    Ok(Secret(text.to_owned()))
}

/// `scheme://host[:port]` without a path.
fn origin(text: &str) -> Result<String, String> {
    let lower = text.trim().trim_end_matches('/').to_ascii_lowercase();
    let host = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '*');
    if host.is_empty() || !host.chars().all(plain) {
        return Err("an origin is https://host or http://host, with :port where it is not the default one".into());
    }
    Ok(lower)
}

/// The same without a wildcard, which a WebSocket's Origin never matches.
fn plain_origin(text: &str) -> Result<String, String> {
    let origin = origin(text)?;
    if origin.contains('*') { Err("an origin here has no '*'".into()) } else { Ok(origin) }
}

fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| "a network is an address with or without a prefix length, as 10.0.0.0/8".into())
}

/// `http[s]://host[:port]` and perhaps a path; it is shown to operators, so it has no password.
fn advertise_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | ':' | '[' | ']' | '/');
    if rest.is_empty() || rest.starts_with(['/', ':']) || text.len() > 255 || !rest.chars().all(plain) {
        return Err("it is http:// or https://, a host, and a port where it is not the default one".into());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is a number of seconds".to_owned())?;
    let range = "it is a number of seconds from 0 to 86400";
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err(range.into());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| range.into())
}

/// Nothing would ever be in time, or everything always.
fn some_seconds(text: &str) -> Result<Duration, String> {
    let duration = seconds(text)?;
    if duration < Duration::from_millis(10) {
        Err("it is a number of seconds from 0.01 to 86400".into())
    } else {
        Ok(duration)
    }
}

/// Sessions are looked at once a second, so less has no meaning.
fn seconds_from_one(text: &str) -> Result<Duration, String> {
    let duration = seconds(text)?;
    if duration < Duration::from_secs(1) {
        Err("it is a number of seconds from 1 to 86400".into())
    } else {
        Ok(duration)
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n >= 1 => Ok(n),
        _ => Err("it is a whole number from 1".into()),
    }
}

/// A frame of 2,000 characters and its escapes must fit.
fn outbox_kib(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (128..=65_536).contains(&n) => Ok(n),
        _ => Err("it is a number of KiB from 128 to 65536".into()),
    }
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=1_024).contains(&n) => Ok(n),
        _ => Err("it is a number from 1 to 1024".into()),
    }
}

fn sqlite_path(url: &DatabaseUrl) -> Option<&PathBuf> {
    match url {
        DatabaseUrl::Sqlite(path) => Some(path),
        DatabaseUrl::Postgres(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &[&str]) -> Result<Config, clap::Error> {
        Config::try_parse_from([&["realtime-chat"], flags].concat())
    }

    #[test]
    fn a_wrong_value_is_named_and_never_printed() {
        for (flag, value, variable) in [
            ("--listen", "nowhere", "CHAT_LISTEN"),
            ("--database-url", "mysql://hidden", "DATABASE_URL"),
            ("--secret", "hidden", "CHAT_SECRET"),
            ("--rate-limits", "maybe", "CHAT_RATE_LIMITS"),
            ("--heartbeat", "-1", "CHAT_HEARTBEAT_SECS"),
            ("--sessions-max", "many", "CHAT_SESSIONS_MAX"),
            ("--trusted-proxies", "10.0.0.0/99", "CHAT_TRUSTED_PROXIES"),
            ("--origins", "app.example", "CHAT_ORIGINS"),
            ("--server-id", "one and a half", "CHAT_SERVER_ID"),
            ("--advertise-url", "http://user:hidden@host", "CHAT_ADVERTISE_URL"),
            ("--base-path", "//hidden", "CHAT_BASE_PATH"),
            ("--keep-alive", "0.5", "CHAT_KEEP_ALIVE_SECS"),
            ("--admin-token", "hidden", "CHAT_ADMIN_TOKEN"),
        ] {
            let error = parse(&[&format!("{flag}={value}")]).expect_err(flag);
            let line = wrong_value(&error).expect(flag);
            assert!(line.contains(variable) && line.contains(flag), "{line}");
            assert!(!line.contains(value) && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn a_secret_in_a_flag_is_noticed() {
        let of = |flags: &[&str]| {
            let config = Config::read_from([&["realtime-chat"], flags].concat()).expect("valid");
            config.serve.secrets_in_flags
        };
        assert!(of(&[]).is_empty());
        assert!(of(&["--database-url", "postgres://chat@db/chat"]).is_empty());
        assert!(of(&["--database-url=sqlite://data/a:b@c.db"]).is_empty(), "a path");
        assert_eq!(of(&["--secret", "0123456789abcdef"]), ["CHAT_SECRET"]);
        assert_eq!(of(&["--database-url", "postgres://chat:hidden@db/chat"]), ["DATABASE_URL"]);
    }

    #[test]
    fn every_setting_has_a_twin_in_the_environment_and_a_description() {
        for argument in
            Config::command().get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str()))
        {
            assert!(argument.get_env().is_some() && argument.get_help().is_some(), "{}", argument.get_id());
        }
    }

    #[test]
    fn each_command_lists_what_it_takes_and_nothing_else() {
        let expected = [
            ("migrate", &["database-url", "log-format"][..]),
            ("new-epoch", &["room", "database-url", "log-format"]),
            ("backup", &["database-url", "log-format"]),
            ("restore", &["database-url", "log-format"]),
            ("healthcheck", &["ready", "listen"]),
        ];
        let mut program = Config::command();
        program.build();
        let settings: Vec<_> = Config::command().get_arguments().filter_map(|a| a.get_env().map(Into::into)).collect();
        for command in program.get_subcommands() {
            let flags: Vec<&str> = command
                .get_arguments()
                .filter(|a| !a.is_hide_set())
                .filter_map(|a| a.get_long())
                .filter(|f| *f != "help")
                .collect();
            match expected.iter().find(|(name, _)| *name == command.get_name()) {
                Some((name, takes)) => assert_eq!(&flags, takes, "{name}"),
                None => {
                    assert_eq!(command.get_name(), "load");
                    assert!(flags.contains(&"url") && !flags.contains(&"database-url"), "{flags:?}");
                    assert!(!flags.contains(&"listen") && !flags.contains(&"log-format"), "{flags:?}");
                }
            }
            // Whatever a help names as a variable is one.
            let help = command.clone().render_long_help().to_string();
            for named in help.split("[env: ").skip(1).filter_map(|rest| rest.split([']', '=']).next()) {
                assert!(settings.contains(&OsString::from(named)), "{named}");
            }
        }
    }

    #[test]
    fn an_option_of_the_load_tester_is_not_taken_for_a_setting() {
        let said = |flags: &[&str]| {
            let error = parse(flags).expect_err("a wrong value");
            let arguments = ["realtime-chat"].iter().chain(flags).map(|s| (*s).to_owned());
            wrong_setting(&error, arguments).or_else(|| wrong_usage(&error)).expect("a line")
        };
        let line = said(&["load", "--threads=0"]);
        assert!(line.contains("--threads") && line.contains("1 to 64") && !line.contains("CHAT_"), "{line}");
        assert!(said(&["--threads=0"]).contains("CHAT_THREADS"));
        assert!(said(&["migrate", "--database-url=mysql://x"]).contains("DATABASE_URL"));
    }

    #[test]
    fn a_flag_behind_the_command_wins_over_one_before_it() {
        let listen = |flags: &[&str]| parse(flags).expect("valid").settled().serve.listen.port();
        assert_eq!(listen(&["--listen=127.0.0.1:1", "healthcheck"]), 1);
        assert_eq!(listen(&["--listen=127.0.0.1:1", "healthcheck", "--listen=127.0.0.1:2"]), 2);
        let config = parse(&["backup", "copy.db", "--database-url=sqlite://other.db", "--log-format=json"]);
        let serve = config.expect("valid").settled().serve;
        assert_eq!(sqlite_path(&serve.database_url), Some(&PathBuf::from("other.db")));
        assert_eq!(serve.log_format, LogFormat::Json);
        assert!(parse(&["load", "--database-url=sqlite://other.db"]).is_err(), "the load tester has no database");
    }

    /// The same test without the feature: the switch is not there.
    #[test]
    fn only_builds_with_fault_injection_can_be_broken_on_purpose() {
        assert_eq!(parse(&["--broken=early-ack"]).is_ok(), cfg!(feature = "fault-injection"));
        let help = Config::command().render_long_help().to_string();
        assert!(help.contains("--threads"), "{help}");
        assert!(!help.contains("--broken") && !help.contains("CHAT_BROKEN"), "{help}");
    }

    #[test]
    fn lists_are_read() {
        let config = parse(&["--origins", "https://A.example,http://b:81/", "--trusted-proxies", "10.0.0.0/8, ::1"]);
        let serve = config.expect("valid").serve;
        assert_eq!(serve.origins, ["https://a.example", "http://b:81"]);
        assert_eq!(serve.trusted_proxies.len(), 2);
    }
}
