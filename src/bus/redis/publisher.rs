use std::{collections::HashMap, collections::VecDeque, sync::Arc, time::Instant};

use chat_domain::RoomId;
use chat_rooms::{Outgoing, Said, Summary};
use redis::{Pipeline, RedisError, aio::MultiplexedConnection};
use tokio::time::{MissedTickBehavior, interval};

use super::shared::{CHUNK, Pauses, Shared, now_ms};
use crate::bus::{frame::From, pulse::BEAT_EVERY};

/// How long the people of a room stand in Redis without being said again, in seconds.
const PEOPLE_KEPT_SECS: i64 = 60;

/// Who is in which room here, as it was last said: said again over each new connection. As many as live rooms with
/// somebody in them.
type LastPeople = HashMap<RoomId, Arc<Summary>>;

/// Publishes what rooms say and that this server lives, through whatever happens to the connection. While there is none,
/// what rooms say waits in their port, which is bounded.
pub(super) async fn publish(shared: &Shared) {
    let (mut pauses, mut people) = (Pauses::new(), LastPeople::new());
    loop {
        match shared.redis.connect().await {
            Ok(connection) => {
                pauses = Pauses::new();
                shared.set_commands(Some(connection.clone()));
                let Err(error) = publish_over(shared, connection, &mut people).await;
                shared.set_commands(None);
                shared.between.metrics.bus_reconnects.inc();
                log::debug!("publishing over Redis failed: {error}");
            }
            Err(error) => log::debug!("Redis is not reached for publishing: {error}"),
        }
        pauses.pause().await;
    }
}

async fn publish_over(
    shared: &Shared,
    mut connection: MultiplexedConnection,
    people: &mut LastPeople,
) -> Result<std::convert::Infallible, RedisError> {
    say_people(shared, &mut connection, people).await?;
    let mut beats = interval(BEAT_EVERY);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            (said, n_dropped) = shared.between.port.take_said() => {
                if let Some(dropped) = shared.between.metrics.bus_dropped.of("queue_full") {
                    dropped.inc_by(n_dropped);
                }
                send(shared, &mut connection, said, people).await?;
            }
            _ = beats.tick() => {
                let n = shared.pulse.sends(Instant::now());
                let mut pipeline = Pipeline::new();
                pipeline.publish(shared.names.beats(), from(shared).beat(n)).ignore();
                pipeline.exec_async(&mut connection).await?;
                shared.between.metrics.bus_published.inc("beat");
            }
        }
    }
}

fn from(shared: &Shared) -> From<'_> {
    From { server: &shared.between.server, at: now_ms() }
}

async fn send(
    shared: &Shared,
    connection: &mut MultiplexedConnection,
    said: VecDeque<Outgoing>,
    people: &mut LastPeople,
) -> Result<(), RedisError> {
    let (mut pipeline, mut n_commands) = (Pipeline::new(), 0);
    for Outgoing { room, said } in said {
        let kind = match &said {
            Said::Changes { .. } => "change",
            Said::Typing(_) => "ephemeral",
            Said::People(summary) => {
                keep_people(shared, &mut pipeline, &room, summary);
                match summary.count {
                    0 => drop(people.remove(&room)),
                    _ => drop(people.insert(room.clone(), summary.clone())),
                }
                "people"
            }
        };
        pipeline.publish(shared.names.channel(&room), from(shared).said(&said)).ignore();
        shared.between.metrics.bus_published.inc(kind);
        n_commands += 1;
        if n_commands >= CHUNK {
            std::mem::take(&mut pipeline).exec_async(connection).await?;
            n_commands = 0;
        }
    }
    if n_commands > 0 { pipeline.exec_async(connection).await } else { Ok(()) }
}

/// Who is in a room here, for servers on which it comes to life later.
fn keep_people(shared: &Shared, pipeline: &mut Pipeline, room: &RoomId, summary: &Summary) {
    let (key, server) = (shared.names.people(room), &*shared.between.server);
    if summary.count == 0 {
        pipeline.hdel(key, server).ignore();
    } else {
        pipeline.hset(&key, server, summary.to_json()).ignore();
        pipeline.expire(key, PEOPLE_KEPT_SECS).ignore();
    }
}

/// Over a new connection: Redis may have been started empty.
async fn say_people(
    shared: &Shared,
    connection: &mut MultiplexedConnection,
    people: &LastPeople,
) -> Result<(), RedisError> {
    let all = people.iter().collect::<Vec<_>>();
    for some in all.chunks(CHUNK) {
        let mut pipeline = Pipeline::new();
        for (room, summary) in some {
            keep_people(shared, &mut pipeline, room, summary);
            let said = Said::People((*summary).clone());
            pipeline.publish(shared.names.channel(room), from(shared).said(&said)).ignore();
        }
        pipeline.exec_async(connection).await?;
    }
    Ok(())
}
