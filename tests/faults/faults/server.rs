//! Servers that die, are replaced, or are broken on purpose.

use rand::RngExt;

use crate::{
    support::connect,
    world::{Fault, Spec, World},
};

/// Times of the stop that fit a short run; the steps are the same.
const QUICK: &[(&str, &str)] = &[("CHAT_DRAIN_GRACE_SECS", "0.5"), ("CHAT_DRAIN_WINDOW_SECS", "1.5")];

pub fn faults() -> Vec<Fault> {
    let broken = |how| Spec { settings: how, ..Spec::POSTGRES };
    let replaced = "a rolling replacement of two servers on one database, one after the other";
    let two = Spec { n_servers: 2, settings: QUICK, ..Spec::POSTGRES };
    let early_ack = "kill -9 of a server that acknowledges before the commit: the checker must find the loss";
    let order = "a server whose rooms swap changes: the checker must find it";
    let (early, swapped) = (broken(&[("CHAT_BROKEN", "early-ack")]), broken(&[("CHAT_BROKEN", "swapped-order")]));
    vec![
        Fault::new("server-killed", "kill -9 of the server, on PostgreSQL", Spec::POSTGRES, |w| Box::pin(kill(w))),
        Fault::new("server-killed-sqlite", "kill -9 of the server, on SQLite", Spec::SQLITE, |w| Box::pin(kill(w))),
        Fault::new("servers-replaced", replaced, two, |w| Box::pin(replace(w))),
        Fault::new("broken-early-ack", early_ack, early, |w| Box::pin(kill_before_commit(w)))
            .bit(|ended| ended.needs("commits kept from being made"))
            .expects(&["Lost", "Phantom"]),
        Fault::new("broken-order", order, swapped, |w| Box::pin(w.pause(100, 200))).expects(&["Swapped"]),
    ]
}

/// In the middle of traffic: right after somebody was told that a message is stored.
async fn kill(world: &mut World) {
    let n = world.rng.random_range(1..10);
    world.acked(n).await;
    // A new server takes changes once it knows that no older one lives: most would not live to see any.
    if world.ended.n_strikes == 0 || world.rng.random_ratio(1, 5) {
        let n = world.rng.random_range(1..4);
        world.changed(n).await;
    }
    let server = world.withdraw_server();
    world.keep_log(&server);
    server.kill9().await;
    world.pause(0, 200).await;
    world.start_server().await;
}

/// Any number that nobody else takes a lock by.
const LATE: i64 = 8_128;

/// No commit of a message is made from some moment on, so whoever is told afterwards that one is stored is told wrong.
/// Nothing here depends on which of two is faster.
async fn kill_before_commit(world: &mut World) {
    if world.ended.n_strikes == 0 {
        let waits = format!(
            "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_advisory_xact_lock_shared({LATE}); RETURN NULL; END'"
        );
        let at_commit = "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON messages
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()";
        world.database.run(&waits).await;
        world.database.run(at_commit).await;
    }
    let gate = connect(&world.database.url).await.expect("a connection");
    gate.query_one("SELECT pg_advisory_lock($1)", &[&LATE]).await.expect("the lock");
    let waiting =
        format!("SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND objid = {LATE} AND NOT granted");
    world.cluster().is("a commit that is kept from being made", &waiting).await;
    world.count("commits kept from being made");
    // Those who wrote what is in it are told now, if they were not yet.
    world.pause(200, 600).await;
    let server = world.withdraw_server();
    world.keep_log(&server);
    server.kill9().await;
    // PostgreSQL does not notice that the server is gone before it has made the commit.
    let ended =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'realtime-chat'";
    world.cluster().sql(&[ended]).await;
    let gone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'realtime-chat'";
    world.cluster().is("the server's connections to end", gone).await;
    drop(gate);
    world.start_server().await;
}

/// As an orchestrator does it: the new one is ready before the old one is told to go.
async fn replace(world: &mut World) {
    world.start_server().await;
    let mut old = world.withdraw_server();
    old.signal("TERM");
    let status = old.end().await;
    world.keep_log(&old);
    assert_eq!(status.code(), Some(0), "a server that was told to stop ends with 0");
}
