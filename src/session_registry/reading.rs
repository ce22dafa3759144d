use redis::{RedisError, aio::MultiplexedConnection};
use uuid::Uuid;

use super::{record::Record, redis::Everywhere};
use chat_domain::AuthorId;

/// Records that are read at once.
const RECORDS_AT_ONCE: usize = 256;

/// Which sessions are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Those of these servers, in this order. Others are taken for gone.
    pub servers: &'a [String],
    /// Those of one person.
    pub user: Option<&'a AuthorId>,
    /// Those behind this session of this server.
    pub after: Option<(&'a str, Uuid)>,
    /// At most so many.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Sessions: a person's by their ids, others by server and id.
    pub records: Vec<Record>,
    /// Whether there are more behind them.
    pub has_more: bool,
}

impl Everywhere {
    /// The sessions that all servers said they have; none where Redis is not reached or does not answer.
    pub async fn find(&self, wanted: Wanted<'_>) -> Option<Found> {
        let mut connection = self.connection()?;
        match self.read(&mut connection, wanted).await {
            Ok(found) => Some(found),
            Err(error) => {
                log::debug!("sessions are not read from Redis: {error}");
                None
            }
        }
    }

    async fn read(&self, connection: &mut MultiplexedConnection, wanted: Wanted<'_>) -> Result<Found, RedisError> {
        let mut found = Found::default();
        // One list for a person, one for each server: what was seen of it already is left out.
        let lists = match (wanted.user, wanted.after) {
            (Some(user), after) => vec![(self.names.of_user(user), after.map(|(_, id)| id))],
            (None, None) => wanted.servers.iter().map(|s| (self.names.of_server(s), None)).collect(),
            (None, Some((server, id))) => {
                let rest = wanted.servers.iter().filter(|s| s.as_str() >= server);
                rest.map(|s| (self.names.of_server(s), (s == server).then_some(id))).collect()
            }
        };
        for (key, after) in lists {
            let mut ids = self.ids(connection, &key).await?;
            ids.retain(|id| after.is_none_or(|after| *id > after));
            for ids in ids.chunks(RECORDS_AT_ONCE) {
                for record in self.records(connection, ids).await?.into_iter().flatten() {
                    let is_meant = wanted.servers.contains(&record.server_id)
                        && wanted.user.is_none_or(|user| record.user_id == user.as_str())
                        && (wanted.user.is_some() || key == self.names.of_server(&record.server_id));
                    if is_meant && found.records.len() == wanted.limit {
                        found.has_more = true;
                        return Ok(found);
                    }
                    found.records.extend(Some(record).filter(|_| is_meant));
                }
            }
        }
        Ok(found)
    }
}
