//! The settings of the server, in groups. `--help` lists them in the order in which they stand here, with these
//! comments.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use ipnet::IpNet;

use super::values::{
    Registering, RoomListFor, Secret, Switch, advertise_url, at_least_one, database_url, days, email, months, network,
    origin, outbox_kib, plain_origin, seconds, seconds_from_one, secret, sites, some_seconds, threads,
};
use crate::{amqp_client::AmqpUrl, redis_client::BusUrl};
use crate::{http::BasePath, logging::Format};
use chat_accounts::{Email, Sites};
use chat_mail::{Sender, SmtpUrl};
use chat_store::{DatabaseUrl, Pooler, ServerId};

/// How the server serves. Each flag has a twin in the environment.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeConfig {
    /// How it is reached, and what it trusts.
    #[command(flatten)]
    pub site: SiteConfig,
    /// How much of everything there may be.
    #[command(flatten)]
    pub limits: LimitConfig,
    /// How the database is used.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// How often visitors may do what.
    #[command(flatten)]
    pub rates: RateConfig,
    /// How long sessions may do nothing, and how much waits for them.
    #[command(flatten)]
    pub sessions: SessionConfig,
    /// How people are written to.
    #[command(flatten)]
    pub mail: MailConfig,
    /// How programs that speak gRPC reach it.
    #[command(flatten)]
    pub grpc: GrpcConfig,
    /// How the server stops.
    #[command(flatten)]
    pub drain: DrainConfig,
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

/// How the server is reached, where its messages are, and whom it trusts.
#[derive(Debug, Clone, clap::Args)]
pub struct SiteConfig {
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
    /// Token that opens /api/v1/admin and the details of /healthz to whoever sends it, at least 16 characters; unset: none does.
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
    pub log_format: Format,
    /// Key that public ids are derived with, at least 16 characters; unset: one made and kept in the database.
    #[arg(long, env = "CHAT_SECRET", value_name = "TEXT", hide_env_values = true, value_parser = secret)]
    pub secret: Option<Secret>,
    /// Who may make an account: who is invited, everybody, or nobody.
    #[arg(long, env = "CHAT_REGISTRATION", default_value = "invite", value_name = "invite|open|closed")]
    pub registration: Registering,
    /// Origins beside the server's own that may open a WebSocket, with commas: https://app.example,...
    #[arg(long, env = "CHAT_ORIGINS", value_name = "ORIGINS", value_delimiter = ',', value_parser = plain_origin)]
    pub origins: Vec<String>,
    /// Origins that may embed the page (CSP frame-ancestors), with commas; unset: every one.
    #[arg(long, env = "CHAT_EMBED_ORIGINS", value_name = "ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub embed_origins: Vec<String>,
    /// Who may list the rooms: those with the right to say what a room is, or everybody.
    #[arg(long, env = "CHAT_ROOM_LIST", default_value = "team", value_name = "team|public")]
    pub room_list: RoomListFor,
    /// Blogs whose own users are believed: a list in JSON of {"iss", "aud", "alg", "secret", "key" or "jwks"}; unset: none.
    #[arg(long, env = "CHAT_SITES", value_name = "JSON", default_value = "", hide_default_value = true,
        hide_env_values = true, value_parser = sites)]
    pub sites: Sites,
    /// Networks of proxies whose X-Forwarded-For is believed, with commas: 10.0.0.0/8,...
    #[arg(long, env = "CHAT_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
    /// Networks that webhooks may go to beside public addresses, with commas: 10.1.0.0/16,...
    #[arg(long, env = "CHAT_WEBHOOK_NETWORKS", value_name = "NETWORKS", value_delimiter = ',', value_parser = network)]
    pub webhook_networks: Vec<IpNet>,
    /// A RabbitMQ that is told what webhooks are told: amqp://user:password@host:port/vhost, or amqps:// with TLS; unset: none.
    #[arg(long, env = "CHAT_AMQP_URL", value_name = "URL", hide_env_values = true, value_parser = AmqpUrl::parse)]
    pub amqp_url: Option<AmqpUrl>,
    /// How many proxies a request passes at most: so many entries of X-Forwarded-For are believed, from its end.
    #[arg(long, env = "CHAT_TRUSTED_HOPS", value_name = "N", value_parser = at_least_one)]
    pub trusted_hops: Option<usize>,
}

/// How many sessions, connections and rooms there may be.
#[derive(Debug, Clone, clap::Args)]
pub struct LimitConfig {
    /// "off" lifts the rate, address and identity limits and the one on broken frames, for load tests.
    #[arg(long, env = "CHAT_RATE_LIMITS", default_value = "on", value_name = "on|off")]
    pub rate_limits: Switch,
    /// "off" leaves raids to whoever keeps order; without it the guard is on where --rate-limits is.
    #[arg(long, env = "CHAT_GUARD", value_name = "on|off")]
    pub guard: Option<Switch>,
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
    /// How old a message may be that an anonymous author edits, in seconds; 0: none is edited.
    #[arg(long, env = "CHAT_EDIT_WINDOW_SECS", default_value = "900", value_name = "SECONDS", value_parser = seconds)]
    pub edit_window: Duration,
    /// How long an empty room stays live, in seconds.
    #[arg(long, env = "CHAT_ROOM_IDLE_SECS", default_value = "60", value_name = "SECONDS", value_parser = seconds)]
    pub room_idle: Duration,
}

/// How the database is used, and shared with other servers.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseConfig {
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
    /// What carries news between servers on one database: redis://user:password@host:port/0, rediss:// with TLS, or none
    /// (PostgreSQL alone; the database's poll brings it).
    #[arg(long, env = "CHAT_BUS", default_value = "none", value_name = "none|URL", hide_env_values = true,
        value_parser = BusUrl::parse)]
    pub bus: BusUrl,
    /// How many days messages are kept, 7 or more; unset: for good.
    #[arg(long, env = "CHAT_RETENTION_DAYS", value_name = "DAYS", value_parser = days)]
    pub retention_days: Option<u32>,
    /// After how many months messages go into the archive, 1 or more; unset: never.
    #[arg(long, env = "CHAT_ARCHIVE_MONTHS", value_name = "MONTHS", value_parser = months)]
    pub archive_months: Option<u32>,
    /// How long to rest after all rooms were gone through, in seconds: for tests of what removes old messages.
    #[cfg(feature = "fault-injection")]
    #[arg(long, env = "CHAT_KEEPING_REST_SECS", value_name = "SECONDS", value_parser = seconds, hide = true)]
    pub keeping_rest: Option<Duration>,
    /// A folder of migrations that follow the program's own: for tests of how they are applied.
    #[cfg(feature = "fault-injection")]
    #[arg(long, env = "CHAT_MORE_MIGRATIONS", value_name = "FOLDER", hide = true, global = true)]
    pub more_migrations: Option<PathBuf>,
}

/// How often visitors may do what: by identity, session and address.
#[derive(Debug, Clone, clap::Args)]
pub struct RateConfig {
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
    /// Reactions that one identity may send at once.
    #[arg(long, env = "CHAT_REACTION_BURST", default_value = "5", value_name = "N")]
    pub reaction_burst: NonZeroU32,
    /// Reactions a second that one identity may send after that; beyond: RATE_LIMITED.
    #[arg(long, env = "CHAT_REACTIONS_PER_SECOND", default_value = "2", value_name = "N")]
    pub reactions_per_second: NonZeroU32,
    /// Reactions a second that all people of one room may send; as many at once.
    #[arg(long, env = "CHAT_ROOM_REACTIONS_PER_SECOND", default_value = "50", value_name = "N")]
    pub room_reactions_per_second: NonZeroU32,
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
}

/// How people are written to.
#[derive(Debug, Clone, clap::Args)]
pub struct MailConfig {
    /// Server that takes mail: smtps://user:password@host:465, or smtp://user:password@host:587 with STARTTLS; unset: no mail.
    #[arg(long, env = "CHAT_SMTP_URL", value_name = "URL", hide_env_values = true, value_parser = SmtpUrl::parse)]
    pub smtp_url: Option<SmtpUrl>,
    /// Path of a PEM file with the authority that the mail server's certificate is signed by; unset: those of the system.
    #[arg(long, env = "CHAT_SMTP_CA", value_name = "PATH")]
    pub smtp_ca: Option<PathBuf>,
    /// Whose name and address mail bears: Chat <chat@blog.example>.
    #[arg(long, env = "CHAT_MAIL_FROM", value_name = "MAILBOX", value_parser = Sender::from_str)]
    pub mail_from: Option<Sender>,
    /// Where visitors reach the chat, for links in mail: https://chat.blog.example.
    #[arg(long, env = "CHAT_PUBLIC_URL", value_name = "URL", value_parser = advertise_url)]
    pub public_url: Option<String>,
    /// Address that the contact form writes to; unset: there is no contact form.
    #[arg(long, env = "CHAT_CONTACT_TO", value_name = "ADDRESS", value_parser = email)]
    pub contact_to: Option<Email>,
    /// Seconds between two mails about answers in one room to one address; what is answered meanwhile goes together.
    #[arg(long, env = "CHAT_ANSWERS_EVERY_SECS", default_value = "600", value_name = "SECONDS", value_parser = seconds_from_one)]
    pub answers_every: Duration,
}

/// How programs that speak gRPC reach the server.
#[derive(Debug, Clone, clap::Args)]
pub struct GrpcConfig {
    /// Address for gRPC, of its own; unset: there is none. Needs a program that was built with the feature grpc, as the image is.
    #[arg(long, env = "CHAT_GRPC_LISTEN", value_name = "IP:PORT")]
    pub grpc_listen: Option<SocketAddr>,
    /// Path of a PEM file with the certificate for gRPC, and those that it was signed by behind it; unset: no TLS.
    #[arg(long, env = "CHAT_GRPC_TLS_CERT", value_name = "PATH")]
    pub grpc_tls_cert: Option<PathBuf>,
    /// Path of a PEM file with the key of that certificate.
    #[arg(long, env = "CHAT_GRPC_TLS_KEY", value_name = "PATH")]
    pub grpc_tls_key: Option<PathBuf>,
}

/// What holds for each session.
#[derive(Debug, Clone, clap::Args)]
pub struct SessionConfig {
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
    /// "on" compresses frames of more than 512 bytes for clients that offer it (permessage-deflate), as browsers do.
    #[arg(long, env = "CHAT_COMPRESSION", default_value = "on", value_name = "on|off")]
    pub compression: Switch,
}

/// How the server stops.
#[derive(Debug, Clone, clap::Args)]
pub struct DrainConfig {
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
}
