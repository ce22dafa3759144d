//! A SQLite file that somebody else locks, that turns read-only, or has no more space.

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use crate::{
    client::Habits,
    world::{Fault, Home, Spec, World},
};

pub fn faults() -> Vec<Fault> {
    let long = Habits { length_max: 1_500, ..Habits::USUAL };
    let small = Spec { home: Home::Sqlite { disk_mib: Some(48) }, habits: long, ..Spec::SQLITE };
    let fake = Spec { fake_disk: true, ..Spec::SQLITE };
    let read_only = "the file system with the SQLite file turns read-only";
    vec![
        Fault::new("sqlite-locked", "another process holds the SQLite file", Spec::SQLITE, |w| Box::pin(lock(w)))
            .told(),
        Fault::new("sqlite-read-only", read_only, fake, |w| Box::pin(refuse(w))).told(),
        Fault::new("sqlite-disk-full", "no space for the SQLite file", small, |w| Box::pin(fill(w))).told(),
    ]
}

async fn lock(world: &mut World) {
    let mut other = SqliteConnection::establish(&world.sqlite_path()).expect("the file");
    let hold = "PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE";
    world.take_away(|_| other.batch_execute(hold).expect("a lock")).await;
    other.batch_execute("COMMIT").expect("its end");
    world.told_back().await;
}

async fn refuse(world: &mut World) {
    world.refuse_writes(true);
    world.stays_away(800).await;
    world.refuse_writes(false);
    world.told_back().await;
}

async fn fill(world: &mut World) {
    world.disk.as_ref().expect("a small disk").fill();
    world.stays_away(800).await;
    world.disk.as_ref().expect("a small disk").free();
    world.told_back().await;
}
