//! Servers that die, are replaced, or are broken on purpose.

use futures_util::{FutureExt, future::LocalBoxFuture};
use rand::RngExt;

use crate::world::{Fault, Spec, World};

/// Times of the stop that fit a short run; the steps are the same.
const QUICK: &[(&str, &str)] = &[("CHAT_DRAIN_GRACE_SECS", "0.5"), ("CHAT_DRAIN_WINDOW_SECS", "1.5")];

pub fn faults() -> Vec<Fault> {
    let broken = |how| Spec { settings: how, ..Spec::POSTGRES };
    vec![
        Fault::new("server-killed", "kill -9 of the server, on PostgreSQL", Spec::POSTGRES, kill),
        Fault::new("server-killed-sqlite", "kill -9 of the server, on SQLite", Spec::SQLITE, kill),
        Fault::new(
            "servers-replaced",
            "a rolling replacement of two servers on one database, one after the other",
            Spec { n_servers: 2, settings: QUICK, ..Spec::POSTGRES },
            replace,
        ),
        Fault {
            expects: &["Lost", "Phantom"],
            ..Fault::new(
                "broken-early-ack",
                "kill -9 of a server that acknowledges before the commit: the checker must find the loss",
                broken(&[("CHAT_BROKEN", "early-ack")]),
                kill,
            )
        },
        Fault {
            expects: &["Swapped"],
            ..Fault::new(
                "broken-order",
                "a server whose rooms swap changes: the checker must find it",
                broken(&[("CHAT_BROKEN", "swapped-order")]),
                nothing,
            )
        },
    ]
}

/// In the middle of traffic: right after somebody was told that a message is stored.
fn kill(world: &mut World) -> LocalBoxFuture<'_, ()> {
    async {
        let n = world.rng.random_range(1..10);
        world.acked(n).await;
        let server = world.withdraw_server();
        world.keep_log(&server);
        server.kill9().await;
        world.pause(0, 200).await;
        world.start_server().await;
    }
    .boxed_local()
}

/// As an orchestrator does it: the new one is ready before the old one is told to go.
fn replace(world: &mut World) -> LocalBoxFuture<'_, ()> {
    async {
        world.start_server().await;
        let mut old = world.withdraw_server();
        old.signal("TERM");
        let status = old.end().await;
        world.keep_log(&old);
        assert_eq!(status.code(), Some(0), "a server that was told to stop ends with 0");
    }
    .boxed_local()
}

fn nothing(world: &mut World) -> LocalBoxFuture<'_, ()> {
    world.pause(100, 200).boxed_local()
}
