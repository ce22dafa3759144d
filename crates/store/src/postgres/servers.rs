//! The leases of servers, in PostgreSQL's table `servers`.
//!
//! They have a connection of their own: the one that writes is busy with batches, those that read cannot write, and
//! neither must wait for this. One message a second goes over it, and the commit waits for no disk: a lease that is
//! lost with the database's machine is written again a second later. A table that is not logged would do without the
//! log too, but it is empty after a failover, when each server would think itself alone.

use std::time::Duration;

use chrono::DateTime;
use tokio::time::timeout;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use super::{Postgres, connect::Direct};
use crate::{
    error::{StoreError, of_direct},
    servers::{LivingServer, OwnServer, Renewal, SERVER_LEASE},
};

/// How long one renewal may take, connecting included.
const RENEWAL_MAX: Duration = Duration::from_secs(2);

/// What is read of a server.
const COLUMNS: &str = "id, url, version, features, floor(extract(epoch FROM started_at) * 1000)::bigint AS started_ms,
    floor(extract(epoch FROM seen_at) * 1000)::bigint AS seen_ms, sessions, rooms";

/// Rows of servers that have been gone for so long are removed by the next one that starts.
const KEPT: &str = "10 minutes";

impl Postgres {
    /// Takes this server's lease or renews it, and reads the others'.
    pub async fn renew_lease(&self, own: &OwnServer, sessions: i64, rooms: i64) -> Result<Renewal, StoreError> {
        let rows = self.on_lease_connection(&renewal(own, sessions, rooms)).await?;
        let holds = |row: &SimpleQueryRow| row.get("holds") == Some("t");
        let is_held = rows.first().is_some_and(holds);
        let servers = rows.iter().filter(|row| row.get("id").is_some()).map(read).collect::<Result<Vec<_>, _>>()?;
        let (same_id, others): (Vec<_>, Vec<_>) = servers.into_iter().partition(|s| s.id == own.id.as_str());
        match same_id.into_iter().next() {
            Some(other) if !is_held => Ok(Renewal::Taken(other)),
            // Not held and nobody there: it died between the two halves of the statement.
            None if !is_held => Err(StoreError::Unavailable("the lease: somebody else was faster".into())),
            _ => Ok(Renewal::Held(others)),
        }
    }

    /// Ends this server's lease, where it has one.
    pub async fn end_lease(&self, own: &OwnServer) -> Result<(), StoreError> {
        let remove = format!(
            "WITH ended AS (DELETE FROM servers WHERE id = '{}' AND token = '{}' RETURNING id)
             DELETE FROM presence USING ended WHERE server_id = ended.id",
            own.id, own.token
        );
        self.on_lease_connection(&remove).await.map(|_| ())
    }

    /// Removes the rows of servers that are gone for long, and who was in rooms on any that is gone.
    pub async fn forget_dead_servers(&self) -> Result<(), StoreError> {
        let remove = format!(
            "DELETE FROM servers WHERE seen_at < now() - interval '{KEPT}';
             DELETE FROM presence WHERE server_id NOT IN (SELECT id FROM servers WHERE seen_at > now() - {})",
            lease()
        );
        self.on_lease_connection(&remove).await.map(|_| ())
    }

    /// All servers whose lease lives, this one included.
    pub async fn living_servers(&self) -> Result<Vec<LivingServer>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM servers WHERE seen_at > now() - {} ORDER BY id", lease());
        self.on_lease_connection(&query).await?.iter().map(read).collect()
    }

    /// Runs a statement in one message and gives its rows. A connection on which something failed is not used again.
    async fn on_lease_connection(&self, statement: &str) -> Result<Vec<SimpleQueryRow>, StoreError> {
        let work = async {
            let mut held = self.lease.lock().await;
            // One that leads to a server that was left would renew the lease there.
            let kept = held.take().filter(|c| self.connector.primary.lock().is_fresh(c.made));
            let c: Box<Direct> = match kept {
                Some(c) => c,
                None => Box::new(self.connector.direct().await?),
            };
            let transaction = format!(
                "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '1s';
                 SET LOCAL statement_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '5s';
                 {statement}; COMMIT"
            );
            let messages = c.client.simple_query(&transaction).await.map_err(|e| of_direct("the lease", &e))?;
            *held = Some(c);
            Ok(messages)
        };
        let late = || StoreError::Unavailable("the lease: the database did not answer in time".into());
        let messages = timeout(RENEWAL_MAX, work).await.unwrap_or_else(|_| Err(late()))?;
        let row = |message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None };
        Ok(messages.into_iter().filter_map(row).collect())
    }
}

pub(super) fn lease() -> String {
    format!("interval '{} seconds'", SERVER_LEASE.as_secs())
}

/// One statement that writes and reads. It reads what was there before it wrote: a lease of this id that another
/// process holds is still reported.
fn renewal(own: &OwnServer, sessions: i64, rooms: i64) -> String {
    let url = own.url.as_deref().map_or_else(|| "NULL".to_owned(), quoted);
    let (id, token, lease) = (quoted(own.id.as_str()), own.token, lease());
    let (version, features) = (quoted(env!("CARGO_PKG_VERSION")), quoted(&OwnServer::features()));
    format!(
        "WITH mine AS (
            INSERT INTO servers AS s (id, token, url, version, features, sessions, rooms)
            VALUES ({id}, '{token}', {url}, {version}, {features}, {sessions}, {rooms})
            ON CONFLICT (id) DO UPDATE SET
                started_at = CASE WHEN s.token = EXCLUDED.token THEN s.started_at ELSE now() END,
                token = EXCLUDED.token, url = EXCLUDED.url, version = EXCLUDED.version, features = EXCLUDED.features,
                sessions = EXCLUDED.sessions, rooms = EXCLUDED.rooms, seen_at = now()
            WHERE s.token = EXCLUDED.token OR s.seen_at <= now() - {lease}
            RETURNING 1
         )
         SELECT EXISTS (SELECT 1 FROM mine) AS holds, {COLUMNS}
         FROM (SELECT) AS one LEFT JOIN servers ON seen_at > now() - {lease}"
    )
}

/// A text as a literal. Backslashes are no escapes with `standard_conforming_strings`, and what comes here has none.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn read(row: &SimpleQueryRow) -> Result<LivingServer, StoreError> {
    let text = |name: &str| row.get(name).unwrap_or_default().to_owned();
    let number = |name: &str| {
        let number = row.get(name).and_then(|text| text.parse::<i64>().ok());
        number.ok_or_else(|| StoreError::Broken(format!("the lease: {name} could not be read").into()))
    };
    let time = |name: &str| number(name).map(|ms| DateTime::from_timestamp_millis(ms).unwrap_or_default());
    Ok(LivingServer {
        id: text("id"),
        url: row.get("url").map(str::to_owned),
        version: text("version"),
        features: text("features").split_whitespace().map(str::to_owned).collect(),
        started_at: time("started_ms")?,
        seen_at: time("seen_ms")?,
        n_sessions: number("sessions")?,
        n_rooms: number("rooms")?,
    })
}
