use std::time::Instant;

use chat_rooms::CheckHeads;
use futures_util::StreamExt;
use redis::{
    RedisError,
    aio::{PubSubSink, PubSubStream},
};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    ears::Ears,
    shared::{CHUNK, Pauses, Shared},
};
use crate::bus::pulse::{BEAT_EVERY, SILENCE_MAX};
use chat_domain::RoomId;

/// Listens for what other servers say, through whatever happens to the connection.
pub(super) async fn listen(shared: &Shared) {
    let (mut pauses, ears) = (Pauses::new(), Ears::new(shared));
    // Said once for each time that it is away.
    let mut was_said = false;
    loop {
        ears.cannot_hear();
        let why = listen_once(shared, &ears).await;
        if ears.is_reachable() {
            (pauses, was_said) = (Pauses::new(), false);
        }
        if !std::mem::replace(&mut was_said, true) {
            let address = shared.redis.address();
            log::warn!("the bus carries nothing (Redis at {address}): {why}; the database's poll does it meanwhile");
        }
        ears.cannot_hear();
        shared.between.metrics.bus_reconnects.inc();
        pauses.pause().await;
    }
}

/// Listens over one connection, and tells why it ended.
async fn listen_once(shared: &Shared, ears: &Ears<'_>) -> String {
    let connection = match shared.redis.listen().await {
        Ok(connection) => connection,
        Err(error) => return error.to_string(),
    };
    let (since, (sink, stream)) = (Instant::now(), connection.split());
    tokio::select! {
        () = hear(ears, stream) => "the connection has ended".to_owned(),
        error = subscribe(shared, ears, sink) => error.to_string(),
        () = watch(shared, ears, since) => "what this server says does not come back".to_owned(),
    }
}

/// Takes in what comes until nothing does any more.
async fn hear(ears: &Ears<'_>, mut stream: PubSubStream) {
    while let Some(message) = stream.next().await {
        ears.hear(message.get_channel_name(), message.get_payload_bytes());
    }
}

/// Keeps the subscriptions as the live rooms are. Ends with why one could not be made.
async fn subscribe(shared: &Shared, ears: &Ears<'_>, mut sink: PubSubSink) -> RedisError {
    if let Err(error) = sink.subscribe(shared.names.beats()).await {
        return error;
    }
    // Those that came and went meanwhile are among all.
    ears.set_rooms(shared.between.port.rooms());
    let mut came = ears.rooms();
    let mut went = Vec::<RoomId>::new();
    loop {
        for some in went.chunks(CHUNK) {
            let channels = some.iter().map(|room| shared.names.channel(room)).collect::<Vec<_>>();
            if let Err(error) = sink.unsubscribe(channels).await {
                return error;
            }
        }
        for some in came.chunks(CHUNK) {
            let channels = some.iter().map(|room| shared.names.channel(room)).collect::<Vec<_>>();
            if let Err(error) = sink.subscribe(channels).await {
                return error;
            }
            // What was committed before is in the database, what comes after comes over the bus.
            if let Err(late) = shared.between.registry.try_send(CheckHeads(some.to_vec())) {
                log::debug!("the poll looks after rooms that were subscribed: {late}");
            }
            ears.read_people(some).await;
        }
        (came, went) = ears.take_in(shared.between.port.take_rooms().await);
    }
}

/// Looks each second whether this server hears itself, and which others it hears. Ends where it does not hear itself.
async fn watch(shared: &Shared, ears: &Ears<'_>, since: Instant) {
    let mut seconds = interval(BEAT_EVERY);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        let now = Instant::now();
        if shared.pulse.is_heard(since, now) {
            ears.can_hear();
        } else if now.saturating_duration_since(since) >= SILENCE_MAX {
            return;
        }
        ears.forget_the_gone(now);
        ears.read_unread().await;
    }
}
