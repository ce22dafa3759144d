//! A clock that is set back while everything runs.

use chrono::DateTime;
use rand::RngExt;

use crate::world::{Ended, Fault, Spec, World};

pub fn faults() -> Vec<Fault> {
    let stepping = |name, about, spec| {
        Fault::new(name, about, Spec { fake_clock: true, ..spec }, |w| Box::pin(step(w))).bit(went_back)
    };
    vec![
        stepping("clock-back", "the clock steps back and forth, on PostgreSQL", Spec::POSTGRES),
        stepping("clock-back-sqlite", "the clock steps back and forth, on SQLite", Spec::SQLITE),
    ]
}

async fn step(world: &mut World) {
    // All within the longest time in which a message may be edited.
    let offset = world.rng.random_range(-80_000_i64..3_600);
    world.set_clock(offset);
    world.pause(200, 900).await;
}

/// That a later message has an earlier time.
fn went_back(ended: &Ended) -> Result<(), String> {
    let time = |text: &str| DateTime::parse_from_rfc3339(text).expect("a time").timestamp();
    let back = ended
        .run
        .rooms
        .values()
        .any(|room| room.rows.windows(2).any(|two| time(&two[1].created_at) + 60 < time(&two[0].created_at)));
    if back { Ok(()) } else { Err("no message is older than the one before it".into()) }
}
