//! Three servers on one PostgreSQL, one chat, while one of them, their Redis or their database fails.

use rand::RngExt;

use crate::{
    client::Habits,
    place::Stop,
    support::until,
    world::{Fault, Spec, World},
};

/// A client notices a server that stands still by its silence.
const QUICK: &[(&str, &str)] = &[("CHAT_HEARTBEAT_SECS", "2"), ("CHAT_SILENCE_SECS", "6"), ("CHAT_POOL_SIZE", "4")];
const LOSSY: &[(&str, &str)] =
    &[("CHAT_HEARTBEAT_SECS", "2"), ("CHAT_SILENCE_SECS", "6"), ("CHAT_POOL_SIZE", "4"), ("CHAT_BROKEN", "lossy-bus")];
/// Who reads too slowly is cut off soon.
const SMALL: &[&str] = &["--client-output-buffer-limit", "pubsub 64kb 64kb 1"];

/// Three servers have to do all that one does: fewer messages are as good.
const CALM: Habits = Habits { pause_ms: (80, 500), ..Habits::USUAL };

pub const ALONE: Spec = Spec { n_servers: 3, database_proxy: true, settings: QUICK, habits: CALM, ..Spec::POSTGRES };
pub const BUS: Spec = Spec { bus: Some(&[]), ..ALONE };

pub fn faults() -> Vec<Fault> {
    let small = Spec { bus: Some(SMALL), ..ALONE };
    let lossy = Spec { settings: LOSSY, ..BUS };
    let hole = "nothing comes from Redis to the servers any more, and Redis cuts those who do not read";
    let poll = "no Redis at all: the poll carries, while connections to PostgreSQL are cut";
    let all = "several of these at once, over a bus that loses, doubles and swaps";
    vec![
        Fault::new("cluster-all", all, lossy, |w| Box::pin(all_at_once(w))),
        Fault::new("cluster-freeze", "one of three servers stands still (SIGSTOP) and goes on", BUS, |w| {
            Box::pin(freeze(w))
        })
        .bit(|ended| ended.needs("servers outlived their lease")),
        Fault::new("cluster-black-hole", hole, small, |w| Box::pin(black_hole(w))),
        Fault::new("cluster-kill", "kill -9 of one of three servers; another one comes", BUS, |w| Box::pin(kill(w))),
        Fault::new("cluster-redis-kill", "Redis is killed, and comes back empty", BUS, |w| Box::pin(kill_redis(w))),
        Fault::new("cluster-redis-flush", "FLUSHALL, and Redis ends all connections that listen", BUS, |w| {
            Box::pin(flush_redis(w))
        })
        .bit(|ended| ended.needs("servers listened anew")),
        Fault::new("cluster-lossy", "a bus that loses a tenth, and doubles and swaps as much", lossy, |w| {
            Box::pin(lose_some(w))
        })
        .bit(|ended| ended.needs("gaps were filled")),
        Fault::new("cluster-postgres-restart", "PostgreSQL is restarted under three servers with a bus", BUS, |w| {
            Box::pin(restart_postgres(w))
        })
        .told(),
        Fault::new("cluster-poll-only", poll, ALONE, |w| Box::pin(poll_only(w))),
    ]
}

async fn kill(world: &mut World) {
    let n = world.rng.random_range(1..10);
    world.acked(n).await;
    let server = world.withdraw_server();
    world.keep_log(&server);
    server.kill9().await;
    world.pause(0, 200).await;
    world.start_server().await;
    world.all_are_right().await;
}

/// The first time for longer than its lease lives.
async fn freeze(world: &mut World) {
    let is_long = world.ended.n_strikes == 0;
    let frozen = world.freeze_server();
    world.acked(5).await;
    if is_long {
        world.pause(6_000, 6_500).await;
        world.count("servers outlived their lease");
    } else {
        world.pause(100, 2_000).await;
    }
    world.thaw_server(frozen);
    world.all_are_right().await;
}

async fn kill_redis(world: &mut World) {
    world.bus_is(true).await;
    world.redis().kill();
    world.bus_is(false).await;
    world.acked(5).await;
    world.all_have_all().await;
    world.replace_redis().await;
    world.bus_is(true).await;
    world.all_are_right().await;
}

async fn flush_redis(world: &mut World) {
    const RECONNECTS: &str = "chat_bus_reconnects_total";
    world.bus_is(true).await;
    let before = world.sum(RECONNECTS).await;
    world.redis().ask::<String>(&["FLUSHALL"]).await;
    let n_ended: usize = world.redis().ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    if n_ended > 0 {
        let anew = async || (world.sum(RECONNECTS).await > before).then_some(());
        until("servers to listen anew", anew).await;
        world.count("servers listened anew");
    }
    if world.rng.random() {
        world.redis().ask::<usize>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    }
    world.bus_is(true).await;
    world.all_are_right().await;
}

/// What Redis says comes to no server; what they say comes to Redis.
async fn black_hole(world: &mut World) {
    world.bus_is(true).await;
    world.bus_wire().set(|w| w.holds_answers = true);
    fill_outputs(world).await;
    world.bus_is(false).await;
    world.acked(5).await;
    world.all_have_all().await;
    world.bus_wire().calm();
    world.bus_is(true).await;
    world.all_are_right().await;
}

/// Says so much to everybody who listens that Redis cuts who does not read.
async fn fill_outputs(world: &mut World) {
    let channels: Vec<String> = world.redis().ask(&["PUBSUB", "CHANNELS"]).await;
    let (noise, before) = ("x".repeat(32 * 1_024), world.n_cut_by_redis());
    let mut connection = world.redis().connection().await;
    until("Redis to cut who does not read", async || {
        let mut pipeline = redis::pipe();
        for channel in channels.iter().cycle().take(32) {
            pipeline.publish(channel, &noise).ignore();
        }
        pipeline.query_async::<()>(&mut connection).await.expect("an answer");
        (world.n_cut_by_redis() > before).then_some(())
    })
    .await;
}

async fn lose_some(world: &mut World) {
    world.acked(10).await;
    world.all_are_right().await;
    if world.sum("chat_bus_gaps_total").await > 0.0 {
        world.count("gaps were filled");
    }
}

async fn restart_postgres(world: &mut World) {
    let how = if world.rng.random() { Stop::Fast } else { Stop::Immediate };
    world.cluster().stop(how).await;
    world.stays_away(800).await;
    world.cluster().start().await;
    world.told_back().await;
    world.all_are_right().await;
}

async fn poll_only(world: &mut World) {
    world.acked(5).await;
    if world.rng.random() {
        world.wire().cut();
    }
    world.all_are_right().await;
}

/// Each of them fails or not, in any combination, and comes back while the others may be away.
async fn all_at_once(world: &mut World) {
    let [server, redis, postgres] = loop {
        let fails: [bool; 3] = world.rng.random();
        if fails.iter().filter(|fails| **fails).count() > 1 {
            break fails;
        }
    };
    let mut frozen = None;
    if server && world.rng.random() {
        frozen = Some(world.freeze_server());
    } else if server {
        let killed = world.withdraw_server();
        world.keep_log(&killed);
        killed.kill9().await;
    }
    let is_killed = world.rng.random();
    match redis {
        true if is_killed => world.redis().kill(),
        true => world.bus_wire().set(|w| w.holds_answers = true),
        false => {}
    }
    world.pause(0, 300).await;
    if postgres {
        world.cluster().stop(Stop::Immediate).await;
        world.stays_away(500).await;
        world.cluster().start().await;
    }
    world.pause(0, 1_000).await;
    match frozen {
        Some(frozen) => world.thaw_server(frozen),
        None if server => world.start_server().await,
        None => {}
    }
    if redis && is_killed {
        world.replace_redis().await;
    }
    world.bus_wire().calm();
    world.told_back().await;
    world.bus_is(true).await;
    world.all_are_right().await;
}
