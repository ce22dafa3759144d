use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{Pipeline, RedisError, aio::MultiplexedConnection};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use uuid::Uuid;

use super::{
    names::Names,
    record::{Place, Record},
    roster::{Listing, N_PARTS, Roster, Taken, now_ms},
};
use crate::redis_client::RedisServer;
use chat_domain::AuthorId;

/// Everything is said to Redis anew once in so long: a part of it each second.
pub const REFRESH: Duration = Duration::from_secs(20);
/// How often changes are said.
const TURN: Duration = Duration::from_secs(1);
/// How long a session stands in Redis that is not said again, in seconds: three refreshes may fail.
const SESSION_KEPT_SECS: u64 = 90;
/// The same for a person who is online.
const ONLINE_KEPT_SECS: u64 = 60;
/// What is over for so long by this server's clock is over by every server's, in seconds. Who reads meets no session
/// that is over in any case: its record is gone.
const CLOCKS_DIFFER_SECS: u64 = 600;
/// How long the removal at a quiet stop may take.
const END_MAX: Duration = Duration::from_secs(2);
/// The pause after an error, and how long it grows.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Sessions of one pipeline: five commands each, and a few for all of them, are at most 512.
const SESSIONS_AT_ONCE: usize = 100;
/// Most sessions that are looked at under one name, whatever Redis says.
const IDS_MAX: isize = 100_000;

/// The sessions of all servers, in Redis: this server says its own, and whoever asks reads all.
pub struct Everywhere {
    redis: RedisServer,
    pub(super) names: Names,
    pub(super) place: Place,
    roster: Arc<Roster>,
    /// The connection, while there is one.
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Everywhere {
    /// The sessions of the servers on the database that is called `db` for good; this one is at `place`.
    pub fn new(redis: RedisServer, db: &str, place: Place, roster: Arc<Roster>) -> Self {
        roster.follow();
        Self { redis, names: Names::new(db), place, roster, connection: Mutex::default() }
    }

    pub(super) fn connection(&self) -> Option<MultiplexedConnection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_connection(&self, connection: Option<MultiplexedConnection>) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    /// Says what this server has for as long as it runs, through whatever happens to the connection. What is there is
    /// said, not what happened: while Redis is away nothing piles up.
    pub async fn keep(self: Arc<Self>) {
        let (mut pause, mut has_said) = (PAUSE, false);
        loop {
            let Err(error) = self.keep_over_one_connection(|| pause = PAUSE, &mut has_said).await;
            self.set_connection(None);
            // A Redis that is away the bus speaks of. One that answers and refuses is for whoever set it up.
            if error.code().is_some() && !std::mem::replace(&mut has_said, true) {
                log::warn!("Redis does not take this server's sessions: {error}");
            } else {
                log::debug!("sessions are not said to Redis: {error}");
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn keep_over_one_connection(
        &self,
        mut worked: impl FnMut(),
        has_said: &mut bool,
    ) -> Result<Infallible, RedisError> {
        let mut connection = self.redis.connect().await?;
        // What this server left there before it crashed, or could not take back.
        self.remove(&mut connection, |session| !self.roster.has(session)).await?;
        self.set_connection(Some(connection.clone()));
        let mut turns = interval(TURN);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut part = 0;
        loop {
            turns.tick().await;
            self.say(&mut connection, part).await?;
            part = (part + 1) % N_PARTS;
            worked();
            if std::mem::take(has_said) {
                log::info!("Redis takes this server's sessions again");
            }
        }
    }

    /// Says what changed, and all of one part.
    async fn say(&self, connection: &mut MultiplexedConnection, part: usize) -> Result<(), RedisError> {
        let now = now_ms() / 1_000;
        let mut sum = Taken::default();
        for n in 0..N_PARTS {
            let Taken { gone, live } = self.roster.take(n, n == part);
            sum.gone.extend(gone);
            sum.live.extend(live);
        }
        for gone in sum.gone.chunks(SESSIONS_AT_ONCE) {
            let mut pipeline = Pipeline::new();
            for (session, user) in gone {
                self.forget(&mut pipeline, *session, Some(user));
            }
            pipeline.exec_async(connection).await?;
        }
        for live in sum.live.chunks(SESSIONS_AT_ONCE) {
            self.state(live, now).exec_async(connection).await?;
        }
        let mut pipeline = Pipeline::new();
        pipeline
            .zrembyscore(self.names.of_server(&self.place.id), "-inf", now.saturating_sub(CLOCKS_DIFFER_SECS))
            .ignore();
        pipeline.exec_async(connection).await
    }

    /// These sessions, as they are.
    fn state(&self, live: &[Listing], now: u64) -> Pipeline {
        let over = now.saturating_add(SESSION_KEPT_SECS);
        let kept = i64::try_from(SESSION_KEPT_SECS).unwrap_or(i64::MAX);
        let mut pipeline = Pipeline::new();
        for listing in live {
            let (of_user, id) = (self.names.of_user(&listing.user), listing.session.to_string());
            let record = Record::new(listing, &self.place).to_json();
            set(&mut pipeline, self.names.session(listing.session), &record, SESSION_KEPT_SECS);
            pipeline.zadd(&of_user, &id, over).ignore();
            // What other servers left behind that are gone.
            pipeline.zrembyscore(&of_user, "-inf", now.saturating_sub(CLOCKS_DIFFER_SECS)).ignore();
            pipeline.expire(&of_user, kept).ignore();
            set(&mut pipeline, self.names.online(&listing.user), &self.place.id, ONLINE_KEPT_SECS);
        }
        let members: Vec<(u64, String)> = live.iter().map(|l| (over, l.session.to_string())).collect();
        let of_server = self.names.of_server(&self.place.id);
        pipeline.zadd_multiple(&of_server, &members).ignore();
        pipeline.expire(&of_server, kept).ignore();
        pipeline
    }

    /// That a session is over. Whether the person is online elsewhere this server does not know: that ends by itself.
    fn forget(&self, pipeline: &mut Pipeline, session: Uuid, user: Option<&AuthorId>) {
        let id = session.to_string();
        pipeline.del(self.names.session(session)).ignore();
        pipeline.zrem(self.names.of_server(&self.place.id), &id).ignore();
        if let Some(user) = user {
            pipeline.zrem(self.names.of_user(user), &id).ignore();
        }
    }

    /// Removes those sessions of this server from Redis that are meant.
    async fn remove(
        &self,
        connection: &mut MultiplexedConnection,
        is_meant: impl Fn(Uuid) -> bool,
    ) -> Result<(), RedisError> {
        let key = self.names.of_server(&self.place.id);
        let ids: Vec<Uuid> = self.ids(connection, &key).await?.into_iter().filter(|id| is_meant(*id)).collect();
        for ids in ids.chunks(SESSIONS_AT_ONCE) {
            let records = self.records(connection, ids).await?;
            let mut pipeline = Pipeline::new();
            for (session, record) in ids.iter().zip(records) {
                // A session that Redis says is another server's is left to that one.
                if record.as_ref().is_some_and(|record| record.server_id != self.place.id) {
                    pipeline.zrem(&key, session.to_string()).ignore();
                } else {
                    self.forget(&mut pipeline, *session, record.and_then(|r| r.user()).as_ref());
                }
            }
            pipeline.exec_async(connection).await?;
        }
        Ok(())
    }

    /// Removes all that this server has there, at its quiet stop, when it is no longer kept. Bounded in time: what stays
    /// ends by itself.
    pub async fn end(&self) {
        let Some(mut connection) = self.connection() else { return };
        match timeout(END_MAX, self.remove(&mut connection, |_| true)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::debug!("sessions stay in Redis until they are over: {error}"),
            Err(_) => log::debug!("sessions stay in Redis until they are over: it did not answer in time"),
        }
    }

    /// The sessions under a name, by their ids. Some may be over.
    pub(super) async fn ids(&self, connection: &mut MultiplexedConnection, key: &str) -> Result<Vec<Uuid>, RedisError> {
        let mut range = redis::cmd("ZRANGE");
        let ids: Vec<Vec<u8>> = range.arg(key).arg(0).arg(IDS_MAX).query_async(connection).await?;
        let mut ids: Vec<Uuid> = ids.iter().filter_map(|id| Uuid::try_parse_ascii(id).ok()).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// What Redis has of these sessions, each in its place.
    pub(super) async fn records(
        &self,
        connection: &mut MultiplexedConnection,
        ids: &[Uuid],
    ) -> Result<Vec<Option<Record>>, RedisError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = redis::cmd("MGET");
        for id in ids {
            get.arg(self.names.session(*id));
        }
        let values: Vec<Option<Vec<u8>>> = get.query_async(connection).await?;
        Ok(ids.iter().zip(values).map(|(id, json)| Record::read(&json?, *id)).collect())
    }
}

/// Sets a key for so many seconds. Not by SETEX, which the rights of docs/CLUSTER.md do without.
fn set(pipeline: &mut Pipeline, key: String, value: &str, seconds: u64) {
    pipeline.cmd("SET").arg(key).arg(value).arg("EX").arg(seconds).ignore();
}
