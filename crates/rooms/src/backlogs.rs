use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use actix::{Message, Recipient};

use super::ids::RoomKey;

/// What the backlogs of all live rooms may take together. Each room says what its own takes; where that is too much,
/// the rooms that were used longest ago keep their last message alone and read the rest again when somebody comes.
#[derive(Debug)]
pub struct Backlogs {
    n_bytes: AtomicUsize,
    n_bytes_max: usize,
    /// Counts uses: what was used last has the highest number.
    n_uses: AtomicU64,
    rooms: Mutex<Rooms>,
}

type Rooms = HashMap<RoomKey, (Arc<Use>, Recipient<Trim>)>;

/// What one room's backlog takes, and when it was used last.
#[derive(Debug, Default)]
struct Use {
    n_bytes: AtomicUsize,
    used_at: AtomicU64,
}

/// A room is to keep as little of its backlog as it can.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Trim;

/// A backlog that takes less than this is not worth a trim.
const WORTH_BYTES: usize = 4 * 1024;

impl Backlogs {
    /// No backlogs, and what they may take.
    pub fn new(n_bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { n_bytes: AtomicUsize::new(0), n_bytes_max, n_uses: AtomicU64::new(0), rooms: Mutex::default() })
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What they take.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes.load(Ordering::Relaxed)
    }

    /// What they may take.
    pub fn n_bytes_max(&self) -> usize {
        self.n_bytes_max
    }

    /// The share of a room that begins to live; `trim` reaches it.
    pub fn share(self: &Arc<Self>, room: RoomKey, trim: Recipient<Trim>) -> Share {
        let of = Arc::<Use>::default();
        self.rooms().insert(room, (of.clone(), trim));
        Share { backlogs: self.clone(), room, of }
    }

    /// Those that are to trim their backlogs now: none while all fit, else those that were used longest ago, until an
    /// eighth would be free.
    pub fn overdue(&self) -> Vec<Recipient<Trim>> {
        let n_bytes = self.n_bytes();
        if n_bytes <= self.n_bytes_max {
            return Vec::new();
        }
        let mut n_wanted = n_bytes - self.n_bytes_max + self.n_bytes_max / 8;
        let mut rooms: Vec<_> = self
            .rooms()
            .values()
            .map(|(of, trim)| (of.used_at.load(Ordering::Relaxed), of.n_bytes.load(Ordering::Relaxed), trim.clone()))
            .filter(|(_, n_bytes, _)| *n_bytes >= WORTH_BYTES)
            .collect();
        rooms.sort_unstable_by_key(|(used_at, ..)| *used_at);
        let is_wanted = |(_, n_bytes, _): &(u64, usize, Recipient<Trim>)| {
            let is_wanted = n_wanted > 0;
            n_wanted = n_wanted.saturating_sub(*n_bytes);
            is_wanted
        };
        rooms.into_iter().take_while(is_wanted).map(|(.., trim)| trim).collect()
    }
}

/// What one room's backlog takes of it all, until it is dropped.
#[derive(Debug)]
pub struct Share {
    backlogs: Arc<Backlogs>,
    room: RoomKey,
    of: Arc<Use>,
}

impl Share {
    /// It takes so much now; a change is a use.
    pub fn set(&self, n_bytes: usize) {
        let before = self.of.n_bytes.swap(n_bytes, Ordering::Relaxed);
        let all = &self.backlogs.n_bytes;
        match n_bytes.checked_sub(before) {
            Some(0) => return,
            Some(more) => all.fetch_add(more, Ordering::Relaxed),
            None => all.fetch_sub(before - n_bytes, Ordering::Relaxed),
        };
        if n_bytes > before {
            self.touch();
        }
    }

    /// Somebody uses it.
    pub fn touch(&self) {
        let now = self.backlogs.n_uses.fetch_add(1, Ordering::Relaxed) + 1;
        self.of.used_at.store(now, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
        self.backlogs.rooms().remove(&self.room);
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Addr, Context, Handler};

    use super::*;

    struct Quiet;

    impl Actor for Quiet {
        type Context = Context<Self>;
    }

    impl Handler<Trim> for Quiet {
        type Result = ();

        fn handle(&mut self, _: Trim, _: &mut Self::Context) {}
    }

    #[actix::test]
    async fn those_used_longest_ago_are_trimmed_until_the_rest_fits() {
        let backlogs = Backlogs::new(80_000);
        let rooms: Vec<Addr<Quiet>> = (0..5).map(|_| Quiet.start()).collect();
        let shares: Vec<Share> =
            (0..).zip(&rooms).map(|(key, room)| backlogs.share(RoomKey(key), room.clone().recipient())).collect();
        let is_among = |overdue: &[Recipient<Trim>]| {
            rooms.iter().map(|room| overdue.contains(&room.clone().recipient())).collect::<Vec<_>>()
        };
        for share in shares.iter().take(4) {
            share.set(20_000);
        }
        assert_eq!(backlogs.n_bytes(), 80_000);
        assert!(backlogs.overdue().is_empty(), "all fits");
        shares[0].touch();
        shares[4].set(20_000);
        // 20,000 are too much and 10,000 are to be free: the two that were used longest ago.
        assert_eq!(is_among(&backlogs.overdue()), [false, true, true, false, false]);
        shares[1].set(100);
        shares[2].set(100);
        assert!(backlogs.overdue().is_empty());
        // What is small already is left alone, however long ago it was used.
        shares[4].set(61_000);
        assert_eq!(is_among(&backlogs.overdue()), [true, false, false, true, false]);
        drop(shares);
        assert_eq!((backlogs.n_bytes(), backlogs.rooms().len()), (0, 0));
    }
}
