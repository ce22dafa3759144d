//! Who is in which room on which server, in PostgreSQL's table `presence`.
//!
//! Over a connection of its own, so that nobody waits for it. Each piece of work is one transaction that is sent at once
//! and prepares nothing by name, so that it works behind a pooler in transaction mode. That a failover or a crash of the
//! database empties the table shows by a row of each server that is about no room.

use std::time::Duration;

use futures_util::future::join3;
use tokio::time::timeout;
use tokio_postgres::Row;

use super::{Postgres, connect::Direct, servers::lease};
use crate::{
    error::{StoreError, of_direct},
    presence::{PresenceFound, PresencePart, PresenceWrite},
};
use chat_domain::RoomId;

/// How long one piece of work may take, connecting included.
const WORK_MAX: Duration = Duration::from_secs(2);
/// What has changed so long ago is found by who reads each second, and a moment later than it should.
const RECENT: &str = "5 seconds";
/// What the log calls it.
const DOING: &str = "who is in rooms";
const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '1s';
    SET LOCAL statement_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// `$1` is the server, `$2` what it says of its rooms, `$3` the rooms of which it says nothing any more, `$4` whether
/// whatever else stands there of it goes. A server that has ended its lease leaves nothing behind.
const WRITE: &str = "WITH said AS (
        SELECT room_id, version, summary
        FROM json_to_recordset($2::json) AS said (room_id text, version bigint, summary text)
    ), removed AS (
        DELETE FROM presence WHERE server_id = $1
            AND (room_id IN (SELECT json_array_elements_text($3::json))
                OR $4 = 'all' AND room_id NOT IN (SELECT room_id FROM said))
    )
    INSERT INTO presence (room_id, server_id, version, summary)
    SELECT room_id, $1, version, summary FROM said WHERE EXISTS (SELECT 1 FROM servers WHERE id = $1) ORDER BY room_id
    ON CONFLICT (room_id, server_id)
    DO UPDATE SET version = EXCLUDED.version, summary = EXCLUDED.summary, changed_at = now()";

/// A JSON text of texts.
fn json(texts: impl Iterator<Item = String>) -> String {
    format!("[{}]", texts.collect::<Vec<_>>().join(","))
}

/// A text as JSON has it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn rooms_json(rooms: &[RoomId]) -> String {
    json(rooms.iter().map(|room| quoted(room.as_str())))
}

/// `$1` is the server that asks, `$2` the rooms of which all is wanted, and not only what is recent. The index of the one
/// is not the index of the other, so they are asked for apart.
fn read_statement() -> String {
    let lease = lease();
    format!(
        "WITH living AS (
            SELECT id, started_at, floor(extract(epoch FROM started_at) * 1000000)::bigint::text AS life
            FROM servers WHERE id <> $1 AND seen_at > now() - {lease}
         ), wanted AS (
            SELECT json_array_elements_text($2::json) AS room_id
         )
         SELECT id, life, NULL AS room_id, NULL::bigint AS version, NULL AS summary FROM living
         UNION ALL
         SELECT id, life, room_id, version, summary FROM wanted JOIN presence USING (room_id)
            JOIN living ON id = server_id AND changed_at >= started_at
         UNION ALL
         SELECT id, life, room_id, version, summary FROM presence
            JOIN living ON id = server_id AND changed_at >= started_at
            WHERE changed_at > now() - interval '{RECENT}' AND room_id <> ''
         UNION ALL
         SELECT server_id, NULL, room_id, version, NULL FROM presence WHERE server_id = $1 AND room_id = ''"
    )
}

impl Postgres {
    /// Writes what this server says of its rooms.
    pub async fn write_presence(&self, write: &PresenceWrite) -> Result<(), StoreError> {
        let own = (String::new(), 0, String::new());
        let said = write.said.iter().map(|part| (part.room.as_str().to_owned(), part.version, part.summary.clone()));
        // Its own row is written where it begins anew.
        let said = said.chain(write.replaces_all.then_some(own)).map(|(room, version, summary)| {
            format!(r#"{{"room_id":{},"version":{version},"summary":{}}}"#, quoted(&room), quoted(&summary))
        });
        let (said, silent) = (json(said), rooms_json(&write.silent));
        let goes = if write.replaces_all { "all" } else { "" };
        self.on_presence_connection(WRITE, &[&write.server, &said, &silent, goes]).await.map(drop)
    }

    /// What other servers say of who is in which room: what is recent, and all of the rooms that are `wanted`.
    pub async fn read_presence(&self, server: &str, wanted: &[RoomId]) -> Result<PresenceFound, StoreError> {
        let rows = self.on_presence_connection(&read_statement(), &[server, &rooms_json(wanted)]).await?;
        let mut found = PresenceFound::default();
        for row in &rows {
            match (text(row, 0)?, text(row, 1)?, text(row, 2)?) {
                (Some(server), Some(life), None) => found.living.push((server, life)),
                (Some(server), Some(_), Some(room)) => {
                    let Ok(room) = RoomId::parse(&room) else { continue };
                    let version = row.try_get::<_, Option<i64>>(3).map_err(|e| of_direct(DOING, &e))?;
                    let (version, summary) = (version.unwrap_or_default(), text(row, 4)?.unwrap_or_default());
                    found.parts.push((server, PresencePart { room, version, summary }));
                }
                _ => found.has_own_row = true,
            }
        }
        Ok(found)
    }

    /// Runs a statement in a transaction of its own, in one round trip. A connection on which something failed is not
    /// used again.
    async fn on_presence_connection(&self, statement: &str, values: &[&str]) -> Result<Vec<Row>, StoreError> {
        let work = async {
            let mut held = self.presence.lock().await;
            let kept = held.take().filter(|c| self.connector.primary.lock().is_fresh(c.made));
            let c: Box<Direct> = match kept {
                Some(c) => c,
                None => Box::new(self.connector.direct().await?),
            };
            let work = c.rows(DOING, statement, values);
            let (begun, rows, ended) =
                join3(c.client.batch_execute(BEGIN), work, c.client.batch_execute("COMMIT")).await;
            begun.map_err(|e| of_direct(DOING, &e))?;
            let rows = rows?;
            ended.map_err(|e| of_direct(DOING, &e))?;
            *held = Some(c);
            Ok(rows)
        };
        let late = || StoreError::Unavailable(format!("{DOING}: the database did not answer in time").into());
        timeout(WORK_MAX, work).await.unwrap_or_else(|_| Err(late()))
    }
}

fn text(row: &Row, at: usize) -> Result<Option<String>, StoreError> {
    row.try_get::<_, Option<String>>(at).map_err(|e| of_direct(DOING, &e))
}
