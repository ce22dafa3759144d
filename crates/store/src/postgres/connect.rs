//! How connections to PostgreSQL are made: encrypted as the URL says, to a server that can do the work.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::{dsl::sql, select, sql_types::Integer};
use diesel_async::{
    RunQueryDsl, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod},
};
use futures_util::FutureExt;
use tokio::time::timeout;
use tokio_postgres::{
    Client, Config, Connection, Row, SimpleQueryMessage, Socket,
    config::{SslMode, TargetSessionAttrs},
    error::SqlState,
    tls::MakeTlsConnect,
    types::{ToSql, Type},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    connection::PgConnection,
    pooler::{ROUNDS, Sharing, sessions_are_shared},
    session::{Purpose, Session},
};
use crate::{
    error::{Failure, StoreError, of_connecting, of_direct, through_diesel},
    primary::{Server, SharedPrimary},
    settings::{PostgresUrl, StoreSettings, TlsMode, tls},
    worker::Task,
};

/// The oldest version that the program is used with: 13 ended in November 2025, and nothing that is older than the
/// versions that the tests run on is promised. All statements are of 9.5 or older.
const VERSION_MIN: u32 = 130_000;

/// What must be known of a server before it is used. `reset_val` is the default of the server, the database and the
/// role, whatever somebody has set in a session that a pooler shares.
const FACTS: &str = "SELECT
    extract(epoch FROM pg_postmaster_start_time())::text || ' ' || current_setting('port') AS id,
    pg_is_in_recovery()
        OR (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only') AS is_read_only,
    current_setting('server_encoding') AS encoding,
    current_setting('server_version_num') AS version";

/// A connection outside the pools and without diesel, which prepares its statements by name. Nothing is set up on its
/// session: behind a pooler that shares sessions nothing would stay. Closed when dropped.
pub(crate) struct Direct {
    pub client: Client,
    /// Tells whether it leads to a server that was left (see [`crate::primary::Primary::is_fresh`]).
    pub made: Instant,
    /// Drives the connection.
    _driver: Task,
}

impl Direct {
    /// The rows that a statement gives with these texts as its values. `doing` is what the log says of a failure.
    pub async fn rows(&self, doing: &str, statement: &str, values: &[&str]) -> Result<Vec<Row>, StoreError> {
        let mut typed: Vec<(&(dyn ToSql + Sync), Type)> = Vec::with_capacity(values.len());
        for value in values {
            typed.push((value, Type::TEXT));
        }
        self.client.query_typed(statement, &typed).await.map_err(|e| of_direct(doing, &e))
    }
}

#[derive(Clone)]
pub(crate) struct Connector {
    /// Goes to the first server that takes writes.
    writable: Arc<Config>,
    /// Goes to the first server that answers.
    any: Arc<Config>,
    tls: MakeRustlsConnect,
    mode: TlsMode,
    connect_max: Duration,
    /// What all connections together know of the servers.
    pub primary: SharedPrimary,
    sharing: Arc<Sharing>,
}

type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// A connection to a server of which enough is known.
struct Reached {
    client: Client,
    connection: Connection<Socket, Stream>,
    server: Server,
}

/// Why there is none.
enum Unreached {
    /// What answers takes no writes.
    ReadOnly,
    Other(StoreError),
}

impl From<Unreached> for StoreError {
    fn from(unreached: Unreached) -> Self {
        match unreached {
            Unreached::ReadOnly => Self::Unavailable(
                "it can only be read: it is a standby, or default_transaction_read_only is on; messages need one that \
                 takes writes"
                    .into(),
            ),
            Unreached::Other(error) => error,
        }
    }
}

impl Connector {
    /// # Errors
    /// [`StoreError::Refused`] where a certificate's file cannot be used.
    pub fn new(url: &PostgresUrl, settings: &StoreSettings) -> Result<Self, StoreError> {
        let mut config = url.config.clone();
        config.connect_timeout(settings.connect_timeout);
        // A peer that vanished is noticed within seconds, on a busy connection and on an idle one.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(settings.statement_timeout);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_idle(Duration::from_secs(15));
            config.keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
        }
        if config.get_application_name().is_none() {
            config.application_name("realtime-chat");
        }
        // Each host has the driver's time to take the connection, and is asked twice where none takes writes; a
        // frozen one takes it and says nothing more.
        let n_hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
        let n_looks = if n_hosts > 1 { n_hosts.saturating_mul(2) } else { 1 };
        let any = Arc::new(config.clone());
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self {
            writable: Arc::new(config),
            any,
            tls: url.tls.connector()?,
            mode: url.tls.mode,
            connect_max: settings.connect_timeout.saturating_mul(n_looks),
            primary: SharedPrimary::default(),
            sharing: Arc::new(Sharing::new(settings.pooler)),
        })
    }

    pub fn manager(&self, session: Session) -> AsyncDieselConnectionManager<PgConnection> {
        let connector = self.clone();
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_| {
            let (connector, session) = (connector.clone(), session.clone());
            async move { connector.connect(&session).await.map_err(through_diesel) }.boxed()
        });
        // The manager's own URL is never used: it would be one more copy of the password.
        AsyncDieselConnectionManager::new_with_config("", config)
    }

    /// Connects and sets the session up, where it is the connection's own. The task that drives the connection lives
    /// on the runtime that calls this: the store's own.
    pub async fn connect(&self, session: &Session) -> Result<PgConnection, StoreError> {
        let is_shared = match self.sharing.get() {
            Some(is_shared) => is_shared,
            None => self.ask_for_pooler(session.purpose).await?,
        };
        let mut c = self.connect_as_is(session, is_shared).await?;
        if !is_shared {
            let setting_up = async { c.batch_execute(&session.set_up()).await.map_err(Failure::from) };
            self.in_time(setting_up).await?;
        }
        Ok(c)
    }

    async fn connect_as_is(&self, session: &Session, is_shared: bool) -> Result<PgConnection, StoreError> {
        let Reached { client, connection, .. } = self.reach_in_time(session.purpose).await?;
        let (begin, sharing) = (session.transaction(is_shared).into(), Arc::clone(&self.sharing));
        Ok(PgConnection::new(client, connection, begin, is_shared, sharing))
    }

    /// Whether a pooler gives its server's sessions to whoever asks: two connections are asked in turn which one they
    /// have. The question is a transaction of its own and leaves nothing behind.
    async fn ask_for_pooler(&self, purpose: Purpose) -> Result<bool, StoreError> {
        let plain = Session::plain(purpose);
        let mut first = self.connect_as_is(&plain, true).await?;
        let mut second = self.connect_as_is(&plain, true).await?;
        let asking = async {
            let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                for (c, seen) in [(&mut first, &mut of_first), (&mut second, &mut of_second)] {
                    let pid = select(sql::<Integer>("pg_backend_pid()")).get_result(c).await.map_err(Failure::from)?;
                    seen.push(pid);
                }
                if sessions_are_shared(&of_first, &of_second) {
                    return Ok(true);
                }
            }
            Ok::<_, Failure>(false)
        };
        if self.in_time(asking).await? {
            self.sharing.found_out();
        } else {
            self.sharing.not_seen();
        }
        // Another connection may have asked at the same time, and have seen more.
        Ok(self.sharing.is_known())
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, StoreError> {
        Ok(timeout(self.connect_max, work).await.map_err(|_| late())??)
    }

    /// The same without diesel and without a session's settings, to a server that takes writes. Lives on the runtime
    /// that calls this.
    pub async fn direct(&self) -> Result<Direct, StoreError> {
        let Reached { client, connection, .. } = self.reach_in_time(Purpose::Write).await?;
        // Whoever waits for a statement gets to know why it ended.
        let driver = Task::spawn(connection.map(drop));
        Ok(Direct { client, made: Instant::now(), _driver: driver })
    }

    /// A server that will do, and what that says of all others.
    async fn reach_in_time(&self, purpose: Purpose) -> Result<Reached, StoreError> {
        let reached = timeout(self.connect_max, self.reach(purpose)).await;
        let reached = reached.unwrap_or_else(|_| Err(Unreached::Other(late())));
        self.judge(reached, purpose)
    }

    /// Says what was found out to all other connections; whether this one may be used.
    fn judge(&self, reached: Result<Reached, Unreached>, purpose: Purpose) -> Result<Reached, StoreError> {
        let (mut primary, now) = (self.primary.lock(), Instant::now());
        match (reached, purpose) {
            (Ok(reached), Purpose::Write) => {
                if primary.writer_connected(&reached.server, now) {
                    log::info!("PostgreSQL was restarted, or another server takes messages now: connecting anew");
                }
                Ok(reached)
            }
            (Ok(reached), Purpose::Read) => {
                let is_right = primary.reader_connected(&reached.server, now);
                let behind = "this connection leads to a standby, or to a server that no longer takes messages";
                if is_right { Ok(reached) } else { Err(StoreError::Unavailable(behind.into())) }
            }
            (Err(unreached), purpose) => {
                if purpose == Purpose::Write {
                    primary.writer_failed(matches!(unreached, Unreached::ReadOnly), now);
                }
                Err(unreached.into())
            }
        }
    }

    /// Looks for a server that takes writes; for reading, one that does not will do where there is no other.
    async fn reach(&self, purpose: Purpose) -> Result<Reached, Unreached> {
        let failure = match self.open(&self.writable).await {
            Ok(reached) if !reached.server.is_read_only => return Ok(reached),
            Ok(_) => Unreached::ReadOnly,
            Err(failure) => failure,
        };
        if matches!(failure, Unreached::Other(_)) && self.any.get_hosts().len() < 2 {
            return Err(failure);
        }
        match self.open(&self.any).await {
            Ok(reached) if purpose == Purpose::Read || !reached.server.is_read_only => Ok(reached),
            Ok(_) => Err(Unreached::ReadOnly),
            Err(_) => Err(failure),
        }
    }

    async fn open(&self, config: &Config) -> Result<Reached, Unreached> {
        let connected = match config.connect(self.tls.clone()).await {
            // As libpq: what need not be encrypted is tried without where encrypting does not work, or where the
            // server's rules (pg_hba.conf) do not allow it.
            Err(error)
                if self.mode == TlsMode::Prefer
                    && (tls::is_about_tls(&error)
                        || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)) =>
            {
                let mut plain = config.clone();
                plain.ssl_mode(SslMode::Disable).connect(self.tls.clone()).await
            }
            connected => connected,
        };
        let (client, mut connection) = connected.map_err(|error| match tls::why(&error) {
            _ if is_read_only(&error) => Unreached::ReadOnly,
            Some(why) => Unreached::Other(why),
            None => Unreached::Other(of_connecting(&error)),
        })?;
        let answer = tokio::select! {
            answer = client.simple_query(FACTS) => answer.map_err(|error| Unreached::Other(of_connecting(&error)))?,
            // It is driven here until somebody has it.
            _ = &mut connection => return Err(Unreached::Other(lost())),
        };
        Ok(Reached { client, connection, server: facts(&answer).map_err(Unreached::Other)? })
    }
}

fn late() -> StoreError {
    StoreError::Unavailable("connecting took too long".into())
}

fn lost() -> StoreError {
    StoreError::Unavailable("the connection was lost".into())
}

/// The driver's sentence where none of a URL's hosts takes writes.
fn is_read_only(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.to_string() == "database does not allow writes")
}

/// Reads [`FACTS`]; an error where the server cannot hold what the product promises.
fn facts(answer: &[SimpleQueryMessage]) -> Result<Server, StoreError> {
    let row = answer.iter().find_map(|m| if let SimpleQueryMessage::Row(row) = m { Some(row) } else { None });
    let get = |name: &str| row.and_then(|row| row.try_get(name).ok().flatten());
    let (Some(id), Some(is_read_only), Some(encoding), Some(version)) =
        (get("id"), get("is_read_only"), get("encoding"), get("version"))
    else {
        return Err(StoreError::Broken("the server did not say what it is".into()));
    };
    if version.parse::<u32>().is_ok_and(|version| version < VERSION_MIN) {
        let needed = VERSION_MIN / 10_000;
        let text = format!("its version is too old ({version}): PostgreSQL {needed} or newer is needed");
        return Err(StoreError::Refused(text.into()));
    }
    if encoding != "UTF8" {
        let text = format!(
            "its encoding is {encoding}, which cannot hold every message: make it anew, CREATE DATABASE ... \
             ENCODING 'UTF8' TEMPLATE template0"
        );
        return Err(StoreError::Refused(text.into()));
    }
    Ok(Server { id: id.to_owned(), is_read_only: is_read_only == "t" })
}
