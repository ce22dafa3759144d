//! Between the same room on several servers: what it says to the others, and hears from them.
//!
//! The bus owes nothing (P9 of docs/ARCHITECTURE.md): it may lose, repeat, reorder and delay. Whatever comes over it is a
//! hint that is faster than the poll; the database stays the truth. Rooms and the registry never wait for it.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use actix::{Message, Recipient};
use bytes::Bytes;
use chat_domain::{Author, Change, Epoch, RoomId};
use tokio::sync::Notify;

use crate::{event::Event, ids::RoomKey, people::Summary};

/// Bytes of changes that may wait for the bus; beyond it the oldest fall out, and the others find them by their poll.
pub const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a room says to the same room on other servers.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Which room.
    pub room: RoomId,
    /// What.
    pub said: Said,
}

/// See [`Outgoing`].
#[derive(Debug, Clone)]
pub enum Said {
    /// Changes that this server has committed: in counter order, without a gap.
    Changes {
        /// The room's epoch.
        epoch: Epoch,
        /// Each with the event that it is shown as, where it was shown already: its bytes are shared.
        changes: Vec<(Change, Option<Arc<Event>>)>,
    },
    /// Who is in the room on this server. The last one counts.
    People(Arc<Summary>),
    /// Somebody is typing.
    Typing(Author),
}

impl Said {
    /// About how many bytes it takes.
    fn n_bytes(&self) -> usize {
        const HEAD: usize = 200;
        HEAD + match self {
            Self::Changes { changes, .. } => changes.iter().map(|(c, _)| c.message.n_bytes_as_json()).sum(),
            Self::People(summary) => summary.n_bytes(),
            Self::Typing(author) => author.n_bytes_as_json(),
        }
    }
}

/// What a room hears from the other servers.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum Heard {
    /// Changes that another server has committed: in counter order, without a gap.
    Changes {
        /// The room's epoch there.
        epoch: Epoch,
        /// Each with the bytes that version 1 of the protocol writes the message as, where they came along.
        changes: Vec<(Change, Option<Bytes>)>,
    },
    /// The room is elsewhere in the database, as far as another server knows.
    Look {
        /// The room's epoch there.
        epoch: Epoch,
        /// Its counter.
        rev: i64,
    },
    /// Who is in the room on another server.
    People {
        /// The server.
        server: Arc<str>,
        /// Who. None: nobody any more, as the server is gone.
        summary: Option<Arc<Summary>>,
        /// This is how it was when the room came to life here, or when the bus came back: nobody comes or goes by it.
        is_known: bool,
    },
    /// Whether the other servers can be heard. While they cannot, what they said of people is old.
    Reachable(bool),
    /// Somebody is typing on another server.
    Typing(Author),
}

/// Where rooms leave what they say, and where whoever brings it to other servers takes it. Shared by all threads; nothing
/// here waits. Off where this server is alone for good (SQLite).
#[derive(Debug, Clone, Default)]
pub struct BusPort(Option<Arc<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    /// Something is there to be taken.
    news: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Outgoing>,
    n_bytes: usize,
    n_dropped: u64,
    rooms: HashMap<RoomId, (RoomKey, Recipient<Heard>)>,
    /// Rooms that came or went since they were last taken.
    changed: HashSet<RoomId>,
}

/// What there is for the bus, taken at once.
#[derive(Debug, Default)]
pub struct Taken {
    /// What rooms say, in their order.
    pub outgoing: VecDeque<Outgoing>,
    /// Rooms that came to life or went, each with where it hears; none where it went.
    pub rooms: Vec<(RoomId, Option<Recipient<Heard>>)>,
    /// How much fell out since the last time because too much waited.
    pub n_dropped: u64,
}

impl BusPort {
    /// One that takes things in.
    pub fn open() -> Self {
        Self(Some(Arc::default()))
    }

    /// Whether anybody takes what is left here.
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }

    fn with(&self, change: impl FnOnce(&mut Inner)) {
        if let Some(shared) = &self.0 {
            change(&mut shared.lock());
            shared.news.notify_one();
        }
    }

    /// A room says something to the others. Beyond [`WAITING_BYTES_MAX`] the oldest falls out.
    pub fn say(&self, outgoing: Outgoing) {
        self.with(|inner| inner.say(outgoing));
    }

    /// A room has come to life.
    pub fn came(&self, room: RoomId, key: RoomKey, hears: Recipient<Heard>) {
        self.with(|inner| {
            inner.changed.insert(room.clone());
            inner.rooms.insert(room, (key, hears));
        });
    }

    /// A room has gone. Another one of the same id, which came meanwhile, stays.
    pub fn went(&self, room: &RoomId, key: RoomKey) {
        self.with(|inner| {
            if inner.rooms.get(room).is_some_and(|(other, _)| *other == key) {
                inner.rooms.remove(room);
                inner.changed.insert(room.clone());
            }
        });
    }

    /// Waits until there is something, and takes it all. For ever, where nothing is ever left here.
    pub async fn take(&self) -> Taken {
        let Some(shared) = &self.0 else { return std::future::pending().await };
        loop {
            {
                let mut inner = shared.lock();
                if !inner.waiting.is_empty() || !inner.changed.is_empty() || inner.n_dropped > 0 {
                    return inner.take();
                }
            }
            shared.news.notified().await;
        }
    }

    /// All rooms that live, each with where it hears.
    pub fn rooms(&self) -> Vec<(RoomId, Recipient<Heard>)> {
        let Some(shared) = &self.0 else { return vec![] };
        shared.lock().rooms.iter().map(|(id, (_, hears))| (id.clone(), hears.clone())).collect()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn say(&mut self, outgoing: Outgoing) {
        self.n_bytes += outgoing.said.n_bytes();
        self.waiting.push_back(outgoing);
        while self.n_bytes > WAITING_BYTES_MAX
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.n_bytes -= oldest.said.n_bytes();
            self.n_dropped += 1;
        }
    }

    fn take(&mut self) -> Taken {
        self.n_bytes = 0;
        let rooms = &self.rooms;
        let changed = std::mem::take(&mut self.changed);
        let hears = |id: RoomId| {
            let hears = rooms.get(&id).map(|(_, hears)| hears.clone());
            (id, hears)
        };
        Taken {
            rooms: changed.into_iter().map(hears).collect(),
            outgoing: std::mem::take(&mut self.waiting),
            n_dropped: std::mem::take(&mut self.n_dropped),
        }
    }
}
