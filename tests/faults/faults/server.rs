//! Servers that die, are replaced, or are broken on purpose.

use rand::RngExt;

use crate::world::{Fault, Spec, World};

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
        Fault::new("broken-early-ack", early_ack, early, |w| Box::pin(kill(w))).expects(&["Lost", "Phantom"]),
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

/// As an orchestrator does it: the new one is ready before the old one is told to go.
async fn replace(world: &mut World) {
    world.start_server().await;
    let mut old = world.withdraw_server();
    old.signal("TERM");
    let status = old.end().await;
    world.keep_log(&old);
    assert_eq!(status.code(), Some(0), "a server that was told to stop ends with 0");
}
