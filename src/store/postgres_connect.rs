//! How connections to PostgreSQL are made.

use std::{sync::Arc, time::Duration};

use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod},
};
use futures_util::FutureExt;
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{Client, Config, NoTls};

use super::{
    StoreSettings,
    error::{Failure, StoreError, of_connecting, through_diesel},
};

/// A connection outside the pools and without diesel, which keeps no SQLSTATE and prepares its statements by name.
/// Nothing is set up on its session: behind a pooler that shares sessions nothing would stay. Closed when dropped.
pub(super) struct Direct {
    pub client: Client,
    /// Drives the connection, and ends with it.
    driver: JoinHandle<()>,
}

impl Drop for Direct {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[derive(Clone)]
pub(super) struct Connector {
    config: Arc<Config>,
    connect_max: Duration,
}

impl Connector {
    pub fn new(config: &Config, settings: &StoreSettings) -> Self {
        let mut config = config.clone();
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
        // Each host has the driver's time to take the connection; a frozen one takes it and says nothing more.
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
        Self { config: Arc::new(config), connect_max: settings.connect_timeout.saturating_mul(hosts) }
    }

    pub fn manager(&self, session: Arc<str>) -> AsyncDieselConnectionManager<AsyncPgConnection> {
        let connector = self.clone();
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_| {
            let (connector, session) = (connector.clone(), Arc::clone(&session));
            async move { connector.connect(&session).await.map_err(through_diesel) }.boxed()
        });
        // The manager's own URL is never used: it would be one more place that holds the password.
        AsyncDieselConnectionManager::new_with_config("", config)
    }

    /// Connects and sets the session up. The task that drives the connection lives on the runtime that
    /// calls this: the store's own.
    pub async fn connect(&self, session: &str) -> Result<AsyncPgConnection, StoreError> {
        let connecting = async {
            let (client, connection) = self.config.connect(NoTls).await.map_err(|e| of_connecting(&e))?;
            let made = AsyncPgConnection::try_from_client_and_connection(client, connection).await;
            let mut c = made.map_err(Failure::from)?;
            c.batch_execute(session).await.map_err(Failure::from)?;
            Ok(c)
        };
        let late = || StoreError::Unavailable("connecting took too long".into());
        timeout(self.connect_max, connecting).await.unwrap_or_else(|_| Err(late()))
    }

    /// The same without diesel and without a session's settings. Lives on the runtime that calls this.
    pub async fn direct(&self) -> Result<Direct, StoreError> {
        let connecting = async {
            let (client, connection) = self.config.connect(NoTls).await.map_err(|e| of_connecting(&e))?;
            // Why it ended is told to whoever waits for a statement.
            let driver = tokio::spawn(async move { drop(connection.await) });
            Ok(Direct { client, driver })
        };
        let late = || StoreError::Unavailable("connecting took too long".into());
        timeout(self.connect_max, connecting).await.unwrap_or_else(|_| Err(late()))
    }
}
