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
    /// Something has changed that is none of a room's messages: a ban, a role, what a room is.
    Control,
}

impl Said {
    /// About how many bytes it takes.
    fn n_bytes(&self) -> usize {
        const HEAD: usize = 200;
        HEAD + match self {
            Self::Changes { changes, .. } => changes.iter().map(|(c, _)| c.message.n_bytes_as_json()).sum(),
            Self::People(summary) => summary.n_bytes(),
            Self::Typing(author) => author.n_bytes_as_json(),
            Self::Control => 0,
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
    /// Only who is in a room is taken, and what was taken is never lost.
    is_for_people: bool,
    inner: Mutex<Inner>,
    /// Rooms have said something.
    said: Notify,
    /// Rooms came or went.
    rooms_changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// The other servers cannot be heard: rooms that come to life hear so at once.
    is_unreachable: bool,
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

    /// One that takes in who is in a room, and nothing else, for somebody who loses nothing.
    pub fn for_people() -> Self {
        Self(Some(Arc::new(Shared { is_for_people: true, ..Shared::default() })))
    }

    /// Whether changes, and who is typing, are taken.
    pub fn carries_all(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| !shared.is_for_people)
    }

    /// Whether anybody takes what is left here.
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// A room says something to the others. Beyond [`WAITING_BYTES_MAX`] the oldest falls out.
    pub fn say(&self, outgoing: Outgoing) {
        if let Some(shared) = &self.0 {
            shared.lock().say(outgoing);
            shared.said.notify_one();
        }
    }

    /// A room has come to life.
    pub fn came(&self, room: RoomId, key: RoomKey, hears: Recipient<Heard>) {
        if let Some(shared) = &self.0 {
            shared.lock().came(room, key, hears);
            shared.rooms_changed.notify_one();
        }
    }

    /// A room has gone. Another one of the same id, which came meanwhile, stays.
    pub fn went(&self, room: &RoomId, key: RoomKey) {
        if let Some(shared) = &self.0 {
            shared.lock().went(room, key);
            shared.rooms_changed.notify_one();
        }
    }

    /// Tells all rooms, and each that comes to life from now on, whether the other servers can be heard. A room with too
    /// much to do goes on as it was: what it shows of people may be old.
    pub fn set_reachable(&self, is_reachable: bool) {
        if let Some(shared) = &self.0 {
            shared.lock().set_reachable(is_reachable);
        }
    }

    /// Waits until rooms have said something, and takes it all, in its order, with how much fell out before because too
    /// much waited. For ever, where nothing is ever said. One may wait at a time.
    pub async fn take_said(&self) -> (VecDeque<Outgoing>, u64) {
        let Some(shared) = &self.0 else { return std::future::pending().await };
        loop {
            let taken = shared.lock().take_said();
            if !taken.0.is_empty() || taken.1 > 0 {
                return taken;
            }
            shared.said.notified().await;
        }
    }

    /// Waits until rooms have come to life or gone, and takes which: each with where it hears, none where it went.
    pub async fn take_rooms(&self) -> Vec<(RoomId, Option<Recipient<Heard>>)> {
        let Some(shared) = &self.0 else { return std::future::pending().await };
        loop {
            let taken = shared.lock().take_rooms();
            if !taken.is_empty() {
                return taken;
            }
            shared.rooms_changed.notified().await;
        }
    }

    /// Waits until there is something of either kind, and takes it all.
    pub async fn take(&self) -> Taken {
        tokio::select! {
            (outgoing, n_dropped) = self.take_said() => Taken { outgoing, n_dropped, rooms: Vec::new() },
            rooms = self.take_rooms() => Taken { rooms, ..Taken::default() },
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

    fn came(&mut self, room: RoomId, key: RoomKey, hears: Recipient<Heard>) {
        if self.is_unreachable {
            let _ = hears.try_send(Heard::Reachable(false));
        }
        self.changed.insert(room.clone());
        self.rooms.insert(room, (key, hears));
    }

    fn set_reachable(&mut self, is_reachable: bool) {
        self.is_unreachable = !is_reachable;
        for (_, hears) in self.rooms.values() {
            let _ = hears.try_send(Heard::Reachable(is_reachable));
        }
    }

    fn went(&mut self, room: &RoomId, key: RoomKey) {
        if self.rooms.get(room).is_some_and(|(other, _)| *other == key) {
            self.rooms.remove(room);
            self.changed.insert(room.clone());
        }
    }

    fn take_said(&mut self) -> (VecDeque<Outgoing>, u64) {
        self.n_bytes = 0;
        (std::mem::take(&mut self.waiting), std::mem::take(&mut self.n_dropped))
    }

    fn take_rooms(&mut self) -> Vec<(RoomId, Option<Recipient<Heard>>)> {
        let hears = |id: RoomId| {
            let hears = self.rooms.get(&id).map(|(_, hears)| hears.clone());
            (id, hears)
        };
        std::mem::take(&mut self.changed).into_iter().map(hears).collect()
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Context, Handler};

    use super::*;
    use crate::{test_author, test_message_of};

    /// Keeps whether it was told that the others can be heard.
    #[derive(Default)]
    struct Listener(Arc<Mutex<Vec<bool>>>);

    impl Actor for Listener {
        type Context = Context<Self>;
    }

    impl Handler<Heard> for Listener {
        type Result = ();

        fn handle(&mut self, heard: Heard, _: &mut Context<Self>) {
            if let Heard::Reachable(is_reachable) = heard {
                self.0.lock().expect("nobody panics with it").push(is_reachable);
            }
        }
    }

    #[actix::test]
    async fn a_room_hears_whether_the_others_can_be_heard_also_one_that_comes_to_life_meanwhile() {
        let (port, before, meanwhile, after) =
            (BusPort::open(), Listener::default(), Listener::default(), Listener::default());
        let told = [&before, &meanwhile, &after].map(|listener| listener.0.clone());
        port.came(room(1), RoomKey(1), before.start().recipient());
        port.set_reachable(false);
        port.came(room(2), RoomKey(2), meanwhile.start().recipient());
        port.set_reachable(true);
        port.came(room(3), RoomKey(3), after.start().recipient());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let told = told.map(|told| told.lock().expect("nobody panics with it").clone());
        assert_eq!(told, [vec![false, true], vec![false, true], vec![]]);
    }

    fn room(n: u32) -> RoomId {
        RoomId::parse(&format!("room-{n}")).expect("a room id")
    }

    fn typing(n: u32) -> Outgoing {
        Outgoing { room: room(n), said: Said::Typing(test_author(1)) }
    }

    #[actix::test]
    async fn what_is_said_is_taken_once_and_in_order() {
        let port = BusPort::open();
        (1..=3).for_each(|n| port.say(typing(n)));
        let (said, n_dropped) = port.take_said().await;
        assert_eq!(said.into_iter().map(|s| s.room).collect::<Vec<_>>(), [room(1), room(2), room(3)]);
        assert_eq!(n_dropped, 0);
        port.say(typing(4));
        assert_eq!(port.take().await.outgoing.len(), 1);
    }

    #[actix::test]
    async fn the_oldest_falls_out_of_what_is_too_much() {
        let port = BusPort::open();
        let long = test_message_of(1, &"가".repeat(600));
        let n_said = 8_000;
        for n in 0..n_said {
            let changes = vec![(Change::from(long.clone()), None)];
            port.say(Outgoing { room: room(n), said: Said::Changes { epoch: Epoch::random(), changes } });
        }
        let (said, n_dropped) = port.take_said().await;
        assert!(n_dropped > 0 && said.len() > 2_000, "{n_dropped} fell out, {} are left", said.len());
        assert_eq!(n_dropped + u64::try_from(said.len()).expect("few"), u64::from(n_said));
        assert_eq!(said.back().map(|s| s.room.clone()), Some(room(n_said - 1)), "the newest is there");
        assert_eq!(said.front().map(|s| s.room.clone()), Some(room(u32::try_from(n_dropped).expect("few"))));
        let n_bytes: usize = said.iter().map(|s| s.said.n_bytes()).sum();
        assert!(n_bytes <= WAITING_BYTES_MAX, "{n_bytes} bytes");
    }

    #[actix::test]
    async fn a_room_that_came_again_is_not_taken_for_gone() {
        let (port, hears) = (BusPort::open(), Listener::default().start().recipient());
        port.came(room(1), RoomKey(1), hears.clone());
        port.came(room(1), RoomKey(2), hears);
        port.went(&room(1), RoomKey(1));
        let taken = port.take_rooms().await;
        assert!(taken.len() == 1 && taken[0].1.is_some() && port.rooms().len() == 1);
        port.went(&room(1), RoomKey(2));
        let taken = port.take_rooms().await;
        assert!(taken.len() == 1 && taken[0].1.is_none() && port.rooms().is_empty());
    }

    #[test]
    fn nothing_is_kept_where_nobody_takes_it() {
        let port = BusPort::default();
        port.say(typing(1));
        assert!(!port.is_open() && port.rooms().is_empty());
    }
}
