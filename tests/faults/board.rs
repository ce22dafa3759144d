//! Where clients say how far they are and what they are told of the people in their room, so that a world sees when
//! all are right again.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What a client that is in knows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seat {
    room: String,
    rev: i64,
    /// How many people are in the room, as it was last told.
    count: usize,
}

/// The clients of a world that are in, by their numbers.
#[derive(Debug, Default)]
pub struct Board(Mutex<BTreeMap<usize, Seat>>);

impl Board {
    fn seats(&self) -> MutexGuard<'_, BTreeMap<usize, Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It was welcomed.
    pub fn came(&self, client: usize, room: &str, rev: i64, count: usize) {
        self.seats().insert(client, Seat { room: room.to_owned(), rev, count });
    }

    /// Its connection has ended.
    pub fn went(&self, client: usize) {
        self.seats().remove(&client);
    }

    /// It was told a change.
    pub fn moved(&self, client: usize, rev: i64) {
        if let Some(seat) = self.seats().get_mut(&client) {
            seat.rev = seat.rev.max(rev);
        }
    }

    /// It was told how many people are there.
    pub fn told(&self, client: usize, count: usize) {
        if let Some(seat) = self.seats().get_mut(&client) {
            seat.count = count;
        }
    }

    /// Whether so many are in, and each has all of its room up to here.
    pub fn have_all(&self, n_clients: usize, revs: &BTreeMap<String, i64>) -> bool {
        let seats = self.seats();
        seats.len() == n_clients && seats.values().all(|seat| seat.rev >= revs.get(&seat.room).copied().unwrap_or(0))
    }

    /// Whether so many are in, and each is told as many people as are in its room.
    pub fn agree(&self, n_clients: usize) -> bool {
        let seats = self.seats();
        let n_in = |room: &str| seats.values().filter(|seat| seat.room == room).count();
        seats.len() == n_clients && seats.values().all(|seat| seat.count == n_in(&seat.room))
    }

    /// For whoever waits in vain.
    pub fn describe(&self) -> String {
        let told = |(client, seat): (&usize, &Seat)| format!("{client} at {}: {} people", seat.rev, seat.count);
        self.seats().iter().map(told).collect::<Vec<_>>().join(", ")
    }
}
