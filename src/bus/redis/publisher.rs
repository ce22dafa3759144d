use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use chat_domain::RoomId;
use chat_rooms::{Outgoing, Said, Summary};
use redis::{Pipeline, RedisError, aio::MultiplexedConnection};
use tokio::time::{MissedTickBehavior, interval};

use super::shared::{CHUNK, Pauses, Shared, now_ms};
use crate::bus::{frame::From, pulse::BEAT_EVERY};

/// How long the people of a room stand in Redis without being said again. That nobody is there any more stands as long:
/// who could not listen when it was said reads it.
const PEOPLE_KEPT: Duration = Duration::from_secs(60);

/// Who is in which room here, as it was last said: said again over each new connection. As many as live rooms with
/// somebody in them, and those that were left lately.
#[derive(Debug, Default)]
struct LastPeople {
    /// Each with when it was left, where nobody is there.
    of: HashMap<RoomId, (Arc<Summary>, Option<Instant>)>,
    /// When rooms were left, in the order of time. There may be somebody in one of them again.
    left: VecDeque<(Instant, RoomId)>,
}

impl LastPeople {
    fn say(&mut self, room: RoomId, summary: Arc<Summary>, now: Instant) {
        let left_at = (summary.count == 0).then_some(now);
        if let Some(at) = left_at {
            self.left.push_back((at, room.clone()));
        }
        self.of.insert(room, (summary, left_at));
    }

    /// Takes out the rooms that were left so long ago that everybody knows it.
    fn forget(&mut self, now: Instant) -> Vec<RoomId> {
        let mut forgotten = Vec::new();
        while let Some((at, room)) = self.left.pop_front_if(|(at, _)| now.saturating_duration_since(*at) >= PEOPLE_KEPT)
        {
            if self.of.get(&room).is_some_and(|(_, left_at)| *left_at == Some(at)) {
                self.of.remove(&room);
                forgotten.push(room);
            }
        }
        forgotten
    }
}

/// Publishes what rooms say and that this server lives, through whatever happens to the connection. While there is none,
/// what rooms say waits in their port, which is bounded.
pub(super) async fn publish(shared: &Shared) {
    let (mut pauses, mut people) = (Pauses::new(), LastPeople::default());
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
                for room in people.forget(Instant::now()) {
                    pipeline.hdel(shared.names.people(&room), &*shared.between.server).ignore();
                }
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
    // Before anything is sent: what a connection takes with it is said over the next one.
    for Outgoing { room, said } in &said {
        if let Said::People(summary) = said {
            people.say(room.clone(), summary.clone(), Instant::now());
        }
    }
    let (mut pipeline, mut n_commands) = (Pipeline::new(), 0);
    for Outgoing { room, said } in said {
        let kind = match &said {
            Said::Changes { .. } => "change",
            Said::Typing(_) => "ephemeral",
            Said::Control => "control",
            Said::People(summary) => {
                keep_people(shared, &mut pipeline, &room, summary);
                "people"
            }
        };
        put(shared, &mut pipeline, &room, &said);
        shared.between.metrics.bus_published.inc(kind);
        n_commands += 1;
        if n_commands >= CHUNK {
            std::mem::take(&mut pipeline).exec_async(connection).await?;
            n_commands = 0;
        }
    }
    if n_commands > 0 { pipeline.exec_async(connection).await } else { Ok(()) }
}

/// What a room says goes out.
fn put(shared: &Shared, pipeline: &mut Pipeline, room: &RoomId, said: &Said) {
    let channel = match said {
        // Where all servers listen, whichever rooms they have.
        Said::Control => shared.names.beats().to_owned(),
        _ => shared.names.channel(room),
    };
    let frame = from(shared).said(said);
    #[cfg(feature = "fault-injection")]
    if let Some(way) = &mut *shared.way.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
        for (channel, frame) in way((channel, frame)) {
            pipeline.publish(channel, frame).ignore();
        }
        return;
    }
    pipeline.publish(channel, frame).ignore();
}

/// Who is in a room here, for servers on which it comes to life later.
fn keep_people(shared: &Shared, pipeline: &mut Pipeline, room: &RoomId, summary: &Summary) {
    let (key, server) = (shared.names.people(room), &*shared.between.server);
    pipeline.hset(&key, server, summary.to_json()).ignore();
    pipeline.expire(key, PEOPLE_KEPT.as_secs().cast_signed()).ignore();
}

/// Over a new connection: Redis may have been started empty.
async fn say_people(
    shared: &Shared,
    connection: &mut MultiplexedConnection,
    people: &LastPeople,
) -> Result<(), RedisError> {
    let all = people.of.iter().collect::<Vec<_>>();
    for some in all.chunks(CHUNK) {
        let mut pipeline = Pipeline::new();
        for (room, (summary, _)) in some {
            keep_people(shared, &mut pipeline, room, summary);
            let said = Said::People(summary.clone());
            put(shared, &mut pipeline, room, &said);
        }
        pipeline.exec_async(connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(version: u64, count: usize) -> Arc<Summary> {
        let json = format!(r#"{{"version":{version},"count":{count}}}"#);
        Arc::new(Summary::from_json(json.as_bytes()).expect("a summary"))
    }

    #[test]
    fn a_room_that_was_left_is_said_again_for_a_minute_and_then_forgotten() {
        let (mut people, start) = (LastPeople::default(), Instant::now());
        let second = |n| start + Duration::from_secs(n);
        let [a, b] = ["room-a", "room-b"].map(|id| RoomId::parse(id).expect("a room id"));
        people.say(a.clone(), summary(1, 2), second(0));
        people.say(b.clone(), summary(1, 1), second(0));
        people.say(a.clone(), summary(2, 0), second(1));
        people.say(b.clone(), summary(2, 0), second(1));
        people.say(b.clone(), summary(3, 1), second(2));
        people.say(b.clone(), summary(4, 0), second(30));
        assert!(people.forget(second(60)).is_empty() && people.of.len() == 2);
        assert_eq!(people.forget(second(61)), [a]);
        assert!(people.forget(second(89)).is_empty());
        assert_eq!(people.forget(second(90)), [b]);
        assert!(people.of.is_empty() && people.left.is_empty());
    }
}
