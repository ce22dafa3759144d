//! A SQLite file that somebody else locks, that turns read-only, or has no more space.

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use futures_util::{FutureExt, future::LocalBoxFuture};

use super::postgres::was_told;
use crate::{
    client::Habits,
    world::{Fault, Home, Spec, World},
};

pub fn faults() -> Vec<Fault> {
    let long = Habits { length_max: 1_500, ..Habits::USUAL };
    let small = Spec { home: Home::Sqlite { disk_mib: Some(48) }, habits: long, ..Spec::SQLITE };
    let told = |fault| Fault { bit: was_told, ..fault };
    vec![
        told(Fault::new("sqlite-locked", "another process holds the SQLite file", Spec::SQLITE, lock)),
        told(Fault::new(
            "sqlite-read-only",
            "the file system with the SQLite file turns read-only",
            Spec { fake_disk: true, ..Spec::SQLITE },
            refuse,
        )),
        told(Fault::new("sqlite-disk-full", "no space for the SQLite file", small, fill)),
    ]
}

/// The first time until those who send are told, then for moments.
fn lock(world: &mut World) -> LocalBoxFuture<'_, ()> {
    async {
        let mut other = SqliteConnection::establish(&world.sqlite_path()).expect("the file");
        let mut hold = || other.batch_execute("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE").expect("a lock");
        if world.ended.n_degraded == 0 {
            world.told_senders(|_| hold()).await;
        } else {
            hold();
            world.pause(50, 1_500).await;
        }
        other.batch_execute("COMMIT").expect("its end");
        world.told_back().await;
    }
    .boxed_local()
}

fn refuse(world: &mut World) -> LocalBoxFuture<'_, ()> {
    async {
        world.refuse_writes(true);
        world.told_away().await;
        world.pause(0, 800).await;
        world.refuse_writes(false);
        world.told_back().await;
    }
    .boxed_local()
}

fn fill(world: &mut World) -> LocalBoxFuture<'_, ()> {
    async {
        world.disk.as_ref().expect("a small disk").fill();
        world.told_away().await;
        world.pause(0, 800).await;
        world.disk.as_ref().expect("a small disk").free();
        world.told_back().await;
    }
    .boxed_local()
}
