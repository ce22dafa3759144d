//! PostgreSQL that stops, freezes, fills up, or is hard to reach.

use std::time::Duration;

use rand::RngExt;

use crate::{
    client::Habits,
    place::{ClusterSpec, Stop},
    support::until,
    world::{Fault, Home, Spec, World},
};

const fn on(settings: &'static [&'static str], disk_mib: Option<usize>) -> Spec {
    Spec { home: Home::Postgres(ClusterSpec { settings, disk_mib }), ..Spec::POSTGRES }
}

const WIRED: Spec = Spec { database_proxy: true, ..Spec::POSTGRES };

pub fn faults() -> Vec<Fault> {
    let small_pool = on(&["max_connections=20"], None);
    // The log is written long before the data are: a few segments, and what is new needs space at once.
    let small_disk = on(&["max_wal_size=8MB", "min_wal_size=2MB", "shared_buffers=2MB"], Some(96));
    // A commit takes 30 ms, so a stop at any moment is in the middle of one.
    let slow_commit = on(&["commit_delay=30000", "commit_siblings=0"], None);
    let small_disk = Spec { habits: Habits { length_max: 1_500, ..Habits::USUAL }, ..small_disk };
    let slow_commit = Spec { database_proxy: true, ..slow_commit };
    let mid_commit = "PostgreSQL is stopped in the middle of a commit: before it, or before its answer came through";
    let frozen = "all processes of PostgreSQL are stopped (SIGSTOP)";
    let full = "other clients hold all connections of PostgreSQL";
    let fast = "PostgreSQL is stopped (fast) and started again";
    vec![
        Fault::new("postgres-frozen", frozen, Spec::POSTGRES, |w| Box::pin(freeze(w))).told(),
        Fault::new("postgres-disk-full", "no space for PostgreSQL's data and log", small_disk, |w| {
            Box::pin(fill_disk(w))
        })
        .told(),
        Fault::new("postgres-cut", "connections to PostgreSQL are cut, or nothing comes through", WIRED, |w| {
            Box::pin(cut(w))
        })
        .told(),
        Fault::new("postgres-full", full, small_pool, |w| Box::pin(exhaust(w))).told(),
        Fault::new("postgres-mid-commit", mid_commit, slow_commit, |w| Box::pin(stop_in_commit(w)))
            .bit(|ended| ended.needs("commits whose answer was lost")),
        Fault::new("postgres-stopped-fast", fast, Spec::POSTGRES, |w| Box::pin(stop(w, Stop::Fast))).told(),
        Fault::new("postgres-stopped-immediate", "the same, immediate: as after a crash", Spec::POSTGRES, |w| {
            Box::pin(stop(w, Stop::Immediate))
        })
        .told(),
        Fault::new("postgres-slow", "each piece of what goes to PostgreSQL and back is late", WIRED, |w| {
            Box::pin(slow(w))
        }),
    ]
}

async fn stop(world: &mut World, how: Stop) {
    world.cluster().stop(how).await;
    world.stays_away(800).await;
    world.cluster().start().await;
    world.told_back().await;
}

/// Half of the time the commit is known to be made and its answer is not known to the server.
async fn stop_in_commit(world: &mut World) {
    // A short run has few strikes: the first is one for certain.
    if world.ended.n_strikes == 0 || world.rng.random() {
        hold_a_commit(world).await;
        world.count("commits whose answer was lost");
    }
    world.cluster().stop(Stop::Immediate).await;
    world.wire().cut();
    world.wire().calm();
    world.pause(0, 300).await;
    world.cluster().start().await;
    world.told_back().await;
}

/// Until a commit is made whose answer is held back. A server that happens to connect just then cannot; for it, all is
/// well again for a moment.
async fn hold_a_commit(world: &mut World) {
    // Idle since then: the batch was committed, and its answer came to the proxy after that began to hold answers.
    let committed = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'realtime-chat'
        AND state = 'idle' AND query ~ '^WITH (bump|inp) AS' AND state_change > $1";
    for _ in 0..60 {
        world.acked(1).await;
        // Edits and their like have transactions of their own, which stand still at their first statement. Right behind
        // a message it is often their turn.
        world.pause(0, 80).await;
        let watcher = world.cluster().connect().await.expect("a connection");
        world.wire().set(|w| w.holds_answers = true);
        let now = watcher.query_one("SELECT clock_timestamp()", &[]).await.expect("a query");
        let since: std::time::SystemTime = now.get(0);
        for _ in 0..50 {
            let n: i64 = watcher.query_one(committed, &[&since]).await.expect("a query").get(0);
            if n > 0 {
                return;
            }
            world.pause(5, 25).await;
        }
        world.wire().calm();
    }
    panic!("no commit was made while its answer was held back");
}

async fn freeze(world: &mut World) {
    world.take_away(|w| w.cluster().freeze()).await;
    world.cluster().thaw();
    world.told_back().await;
}

async fn cut(world: &mut World) {
    if world.ended.n_degraded > 0 && world.rng.random() {
        for _ in 0..world.rng.random_range(1..6) {
            world.wire().cut();
            world.pause(0, 100).await;
        }
    } else {
        world.take_away(|w| w.wire().set(|w| (w.holds_answers, w.holds_requests) = (true, true))).await;
        // As it is with a broken line: some connections go on, some are gone.
        if world.rng.random() {
            world.wire().cut();
        }
        world.wire().calm();
    }
    world.told_back().await;
}

async fn slow(world: &mut World) {
    let latency = Duration::from_millis(world.rng.random_range(20..300));
    world.wire().set(|w| w.latency = latency);
    world.pause(300, 1_500).await;
    world.wire().calm();
}

/// Others take every connection there is, the server's as well.
async fn exhaust(world: &mut World) {
    let ends = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = 'realtime-chat'";
    let mut held = Vec::new();
    until("all connections to be others'", async || {
        while let Ok(client) = world.cluster().connect().await {
            held.push(client);
        }
        let first = held.first()?;
        let n_ended: i64 = first.query_one(ends, &[]).await.expect("a query").get(0);
        (n_ended == 0 && held.len() >= 18).then_some(())
    })
    .await;
    world.stays_away(500).await;
    drop(held);
    world.told_back().await;
}

async fn fill_disk(world: &mut World) {
    let disk = world.cluster().disk.take().expect("a small disk");
    disk.fill();
    world.stays_away(500).await;
    disk.free();
    world.cluster().disk = Some(disk);
    // Without space for its log it ends itself, and whoever runs it starts it again.
    if world.cluster().is_dead() {
        world.cluster().start().await;
    }
    until("PostgreSQL to take connections", async || world.cluster().connect().await.ok().map(drop)).await;
    world.told_back().await;
}
