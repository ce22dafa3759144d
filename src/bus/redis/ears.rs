use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use actix::Recipient;
use bytes::Bytes;
use chat_domain::RoomId;
use chat_rooms::{CheckHeads, Heard, Summary};
use redis::{Pipeline, RedisError};

use super::shared::{CHUNK, Shared, now_ms};
use crate::bus::{
    BusReport, BusState,
    frame::{self, Received, What},
    others::Others,
};

/// Takes in what comes over the bus, and gives it to the rooms.
pub(super) struct Ears<'a> {
    shared: &'a Shared,
    rooms: RefCell<HashMap<RoomId, Recipient<Heard>>>,
    others: RefCell<Others>,
    is_reachable: Cell<bool>,
    /// Rooms of which it could not be read yet who is in them on other servers. Live ones only.
    unread: RefCell<HashSet<RoomId>>,
}

impl<'a> Ears<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        // Rooms that come to life before this server hears itself know that they hear nobody.
        shared.between.port.set_reachable(false);
        let (rooms, others, is_reachable, unread) = Default::default();
        Self { shared, rooms, others, is_reachable, unread }
    }

    /// All rooms that live.
    pub(super) fn set_rooms(&self, rooms: Vec<(RoomId, Recipient<Heard>)>) {
        *self.rooms.borrow_mut() = rooms.into_iter().collect();
    }

    pub(super) fn rooms(&self) -> Vec<RoomId> {
        self.rooms.borrow().keys().cloned().collect()
    }

    /// Takes in which rooms came or went. Gives those that have to be subscribed, and those that have not any more.
    pub(super) fn take_in(&self, changed: Vec<(RoomId, Option<Recipient<Heard>>)>) -> (Vec<RoomId>, Vec<RoomId>) {
        let (mut came, mut went) = (Vec::new(), Vec::new());
        let mut rooms = self.rooms.borrow_mut();
        for (room, hears) in changed {
            match hears {
                Some(hears) => {
                    rooms.insert(room.clone(), hears);
                    came.push(room);
                }
                None if rooms.remove(&room).is_some() => {
                    self.others.borrow_mut().forget_room(&room);
                    self.unread.borrow_mut().remove(&room);
                    went.push(room);
                }
                None => {}
            }
        }
        (came, went)
    }

    /// A message has come on this channel.
    pub(super) fn hear(&self, channel: &str, payload: &[u8]) {
        let metrics = &self.shared.between.metrics;
        let received = match frame::read(&Bytes::copy_from_slice(payload), &self.shared.between.server) {
            Ok(Some(received)) => received,
            Ok(None) => return,
            Err(frame::Malformed) => return metrics.bus_dropped.inc("malformed"),
        };
        if let What::Beat(n) = received.what
            && *received.server == *self.shared.between.server
        {
            return self.hear_own_beat(n);
        }
        match received.what.kind() {
            Some(kind) => metrics.bus_received.inc(kind),
            None => return metrics.bus_dropped.inc("foreign"),
        }
        let server = self.others.borrow_mut().heard(&received.server, received.at, Instant::now(), now_ms());
        match received.what {
            What::Beat(_) => {}
            What::Control => self.check_heads(Vec::new()),
            _ => match self.shared.names.room(channel) {
                Some(room) => self.hear_in(room, server, received),
                None => metrics.bus_dropped.inc("foreign"),
            },
        }
    }

    fn hear_in(&self, room: RoomId, server: Arc<str>, received: Received) {
        let metrics = &self.shared.between.metrics;
        let rooms = self.rooms.borrow();
        let Some(hears) = rooms.get(&room) else { return metrics.bus_dropped.inc("not_live") };
        let heard = match received.what {
            What::Changes(epoch, changes) => Heard::Changes { epoch, changes },
            What::Look(epoch, rev) => Heard::Look { epoch, rev },
            What::People(summary) => {
                self.others.borrow_mut().has_people(&server, &room);
                Heard::People { server, summary: Some(Arc::new(summary)), is_known: false }
            }
            What::Typing(_) if self.others.borrow().is_late(&server, received.at, now_ms()) => {
                return metrics.bus_dropped.inc("late");
            }
            What::Typing(author) => Heard::Typing(author),
            What::Control | What::Beat(_) | What::Unknown => return,
        };
        if hears.try_send(heard).is_err() {
            // It has too much to do, or has ended. What it missed is in the database.
            metrics.bus_dropped.inc("queue_full");
            self.check_heads(vec![room.clone()]);
        }
    }

    fn hear_own_beat(&self, n: i64) {
        if let Some(echo) = self.shared.pulse.heard(n, Instant::now()) {
            self.shared.between.metrics.bus_echo_seconds.observe(echo.as_secs_f64());
            let state = if self.is_reachable.get() { BusState::Ok } else { BusState::Degraded };
            self.shared.between.status.set(BusReport { state, echo: Some(echo) });
        }
    }

    fn check_heads(&self, rooms: Vec<RoomId>) {
        if let Err(late) = self.shared.between.registry.try_send(CheckHeads(rooms)) {
            log::debug!("the poll looks instead: {late}");
        }
    }

    /// Rooms came to life, or Redis came back: who is in them on other servers.
    pub(super) async fn read_people(&self, rooms: &[RoomId]) {
        let is_read = self.try_read_people(rooms).await.unwrap_or_else(|error| {
            log::debug!("who is in rooms elsewhere could not be read: {error}");
            false
        });
        if !is_read {
            self.unread.borrow_mut().extend(rooms.iter().cloned());
        }
    }

    /// Those that could not be read, again.
    pub(super) async fn read_unread(&self) {
        let unread: Vec<RoomId> = self.unread.take().into_iter().collect();
        for some in unread.chunks(CHUNK) {
            self.read_people(some).await;
        }
    }

    /// Whether it could be asked: there may be no connection for commands yet.
    async fn try_read_people(&self, rooms: &[RoomId]) -> Result<bool, RedisError> {
        let Some(mut connection) = self.shared.commands() else { return Ok(false) };
        let mut pipeline = Pipeline::new();
        for room in rooms {
            pipeline.hgetall(self.shared.names.people(room));
        }
        let found: Vec<HashMap<String, Vec<u8>>> = pipeline.query_async(&mut connection).await?;
        let now = Instant::now();
        for (room, parts) in rooms.iter().zip(found) {
            let hears = self.rooms.borrow().get(room).cloned();
            let Some(hears) = hears else { continue };
            for (server, json) in parts {
                if *server == *self.shared.between.server {
                    continue;
                }
                let Ok(summary) = Summary::from_json(&json) else {
                    self.shared.between.metrics.bus_dropped.inc("malformed");
                    continue;
                };
                let server = self.others.borrow_mut().stands(&server, now);
                self.others.borrow_mut().has_people(&server, room);
                // A room with too much to do hears of it again.
                let _ = hears.try_send(Heard::People { server, summary: Some(Arc::new(summary)), is_known: true });
            }
        }
        Ok(true)
    }

    /// This server hears itself.
    pub(super) fn can_hear(&self) {
        if self.is_reachable.replace(true) {
            return;
        }
        log::info!("the bus carries (Redis at {})", self.shared.redis.address());
        self.others.borrow_mut().excuse_all(Instant::now());
        self.tell_reachable();
    }

    /// It does not.
    pub(super) fn cannot_hear(&self) {
        let was_reachable = self.is_reachable.replace(false);
        self.shared.between.metrics.bus_up.set(0);
        self.shared.between.status.set(BusReport { state: BusState::Degraded, echo: None });
        if was_reachable {
            self.tell_reachable();
        }
    }

    pub(super) fn is_reachable(&self) -> bool {
        self.is_reachable.get()
    }

    fn tell_reachable(&self) {
        let is_reachable = self.is_reachable.get();
        if is_reachable {
            self.shared.between.metrics.bus_up.set(1);
            let echo = self.shared.between.status.get().echo;
            self.shared.between.status.set(BusReport { state: BusState::Ok, echo });
        }
        self.shared.between.port.set_reachable(is_reachable);
    }

    /// Servers that were silent for too long are gone, and so are their people.
    pub(super) fn forget_the_gone(&self, now: Instant) {
        self.shared.between.metrics.people_age_seconds.set(self.others.borrow().age(now).as_secs_f64());
        if !self.is_reachable.get() {
            return;
        }
        let gone = self.others.borrow_mut().gone(now);
        for (server, of) in gone {
            log::info!("server {server} is not heard any more; its people are gone");
            let rooms = self.rooms.borrow();
            for hears in of.iter().filter_map(|room| rooms.get(room)) {
                // One with too much to do shows them until it hears of that server again.
                let _ = hears.try_send(Heard::People { server: server.clone(), summary: None, is_known: false });
            }
        }
    }
}
