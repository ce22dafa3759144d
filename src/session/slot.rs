use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    hint::black_box,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{Recipient, clock::Instant};
use bytes::Bytes;
use tokio::task::yield_now;

use super::{messages::SessionEnd, outbox::Outbox, send_queue::Full};
use chat_metrics::Metrics;
use chat_rooms::{Place, RoomKey, SessionId};
use chat_wire::{CloseCode, HeartbeatPayload, ReconnectPayload, ServerFrame};

/// A part of a time, from 0 to 1.
fn share(of: Duration, part: f64) -> Duration {
    Duration::try_from_secs_f64(of.as_secs_f64() * part.clamp(0.0, 1.0)).unwrap_or(of)
}

/// How long sessions may stay silent or unfinished.
#[derive(Debug, Clone)]
pub struct SessionTimes {
    /// Between two HEARTBEATs.
    pub heartbeat: Duration,
    /// Without a sign of life: 4002.
    pub silence_max: Duration,
    /// Without a JOIN: 4004.
    pub join_max: Duration,
    /// After a close frame was sent, before the socket is cut.
    pub close_max: Duration,
}

/// A session as its thread's hub sees it.
pub struct Slot {
    /// Which session.
    pub id: SessionId,
    /// Its frames on their way out.
    pub outbox: Rc<Outbox>,
    /// To tell it that it was closed. Set once the actor runs.
    pub session: RefCell<Option<Recipient<SessionEnd>>>,
    /// Its connection was cut.
    is_cut: Cell<bool>,
    /// It is among those that [`Slots::flush`] writes for next.
    is_due: Cell<bool>,
    /// Its room and its place among that room's members on this thread.
    place: Cell<Option<(RoomKey, usize)>>,
    last_heard: Cell<Instant>,
    join_by: Cell<Instant>,
    next_heartbeat: Cell<Instant>,
    /// Closed with this code; to be cut at that time.
    closed: Cell<Option<(CloseCode, Instant)>>,
    /// It went without a close frame.
    gone: Cell<bool>,
    /// To be told to come back at that time, while the server drains.
    drain_at: Cell<Option<Instant>>,
    /// Its moment has come: it takes no more messages, and is told once the last one is answered.
    leaving: Cell<bool>,
    /// Messages that its room has and has not answered.
    n_unanswered: Cell<usize>,
}

impl Slot {
    /// A session that was just opened. `phase` is 0 to 1: where in the interval its first heartbeat comes,
    /// so that sessions that came together do not beat together.
    pub fn new(id: SessionId, outbox: Rc<Outbox>, times: &SessionTimes, phase: f64) -> Rc<Self> {
        let now = Instant::now();
        Rc::new(Self {
            id,
            outbox,
            session: RefCell::default(),
            is_cut: Cell::new(false),
            is_due: Cell::new(false),
            place: Cell::new(None),
            last_heard: Cell::new(now),
            join_by: Cell::new(now + times.join_max),
            next_heartbeat: Cell::new(now + share(times.heartbeat, 0.5 + phase / 2.0)),
            closed: Cell::new(None),
            gone: Cell::new(false),
            drain_at: Cell::new(None),
            leaving: Cell::new(false),
            n_unanswered: Cell::new(0),
        })
    }

    /// Something came from the client.
    pub fn heard(&self, now: Instant) {
        self.last_heard.set(now);
    }

    /// Its room took a message and will answer it.
    pub fn asked(&self) {
        self.n_unanswered.set(self.n_unanswered.get() + 1);
    }

    /// Whether it takes no more messages, as it is about to be moved: the client sends them again where it comes to.
    pub fn is_leaving(&self) -> bool {
        self.leaving.get()
    }

    /// A JOIN was refused; the client may try again within the same time.
    pub fn extend_join(&self, until: Instant) {
        self.join_by.set(until);
    }

    /// Drops what waits and cuts the connection. Once: who was cut may need a moment to end.
    fn cut(&self) {
        if !self.is_cut.replace(true) {
            self.outbox.cut();
            self.tell(SessionEnd::Gone);
        }
    }

    fn tell(&self, end: SessionEnd) {
        if let Some(session) = &*self.session.borrow() {
            #[expect(clippy::disallowed_methods, reason = "at most twice per session, and must not be lost")]
            session.do_send(end);
        }
    }

    /// Whether its peer went without a close frame.
    pub fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// The code it was closed with, if it was.
    pub fn closed_with(&self) -> Option<CloseCode> {
        self.closed.get().map(|(code, _)| code)
    }
}

/// The sessions of one thread and which room each is in. Shared by the hub and the sessions of its thread.
pub struct Slots {
    times: SessionTimes,
    metrics: Arc<Metrics>,
    sessions: RefCell<HashMap<SessionId, Rc<Slot>>>,
    rooms: RefCell<HashMap<RoomKey, RoomMembers>>,
    /// Sessions whose outboxes have something to write.
    due: RefCell<Vec<Rc<Slot>>>,
}

/// Most sockets that are written to in a row before others have their turn on the thread.
const WRITES_IN_A_ROW_MAX: usize = 128;
/// So many sessions' memory is fetched before the first of them is written to. Each write leaves little of the caches,
/// and one session after the other would wait for memory again and again: that was a tenth of what a delivery costs.
const FETCHED_AT_ONCE: usize = 16;

/// A delivery looks at outboxes only.
#[derive(Clone)]
struct Member {
    outbox: Rc<Outbox>,
    slot: Rc<Slot>,
}

#[derive(Default)]
struct RoomMembers {
    /// Shared with a delivery that is under way: who comes and goes meanwhile changes a copy.
    members: Rc<Vec<Member>>,
    rev: i64,
}

impl Slots {
    /// No sessions.
    pub fn new(times: SessionTimes, metrics: Arc<Metrics>) -> Rc<Self> {
        Rc::new(Self {
            times,
            metrics,
            sessions: RefCell::default(),
            rooms: RefCell::default(),
            due: RefCell::default(),
        })
    }

    /// The times that sessions are held to.
    pub fn times(&self) -> &SessionTimes {
        &self.times
    }

    /// A session opened.
    pub fn add(&self, slot: Rc<Slot>) {
        self.sessions.borrow_mut().insert(slot.id, slot);
    }

    /// A session ended.
    pub fn remove(&self, id: SessionId) {
        let slot = self.sessions.borrow_mut().remove(&id);
        if let Some(slot) = slot {
            self.detach(&slot);
        }
    }

    /// A session is a member from here on and gets its WELCOME.
    pub fn attach(&self, room: RoomKey, id: SessionId, welcome: [Bytes; 4], at: Place) {
        let Some(slot) = self.sessions.borrow().get(&id).filter(|s| s.closed.get().is_none()).cloned() else { return };
        self.detach(&slot);
        for chunk in welcome {
            slot.outbox.push_uncounted(chunk);
        }
        self.set_due(&slot);
        let mut rooms = self.rooms.borrow_mut();
        let members = Rc::make_mut(&mut rooms.entry(room).or_default().members);
        slot.outbox.welcome(at);
        slot.place.set(Some((room, members.len())));
        members.push(Member { outbox: slot.outbox.clone(), slot });
    }

    fn detach(&self, slot: &Slot) {
        let Some((room, place)) = slot.place.take() else { return };
        let mut rooms = self.rooms.borrow_mut();
        let Some(entry) = rooms.get_mut(&room) else { return };
        // A wrong place would be a fault of ours: the hub of a whole thread must not end by it.
        if place < entry.members.len() {
            #[expect(clippy::disallowed_methods, reason = "it was just looked at")]
            Rc::make_mut(&mut entry.members).swap_remove(place);
        }
        if let Some(moved) = entry.members.get(place) {
            moved.slot.place.set(Some((room, place)));
        }
        if entry.members.is_empty() {
            rooms.remove(&room);
        }
    }

    /// Frames, with their places, for every member of a room on this thread that was not told them yet: one write for
    /// each. Who cannot take them is cut. Others have their turn in between, as a large room takes a while.
    pub async fn broadcast(&self, room: RoomKey, frames: &[(Bytes, Place)]) {
        if frames.is_empty() {
            return;
        }
        let Some(members) = self.rooms.borrow().get(&room).map(|entry| entry.members.clone()) else { return };
        for (n, members) in members.chunks(FETCHED_AT_ONCE).enumerate() {
            if n % (WRITES_IN_A_ROW_MAX / FETCHED_AT_ONCE) == 0 && n > 0 {
                yield_now().await;
            }
            black_box(members.iter().filter(|member| member.outbox.glance()).count());
            for Member { outbox, slot } in members {
                if outbox.send(frames) == Err(Full) {
                    self.cut_slow(slot);
                }
            }
        }
    }

    /// A frame for one session, behind those for its whole `room` that it was not told yet, and whether it answers a
    /// message of its.
    pub fn direct(&self, room: RoomKey, id: SessionId, frame: Bytes, answers: bool, before: &[(Bytes, Place)]) {
        let slot = self.sessions.borrow().get(&id).filter(|slot| slot.closed.get().is_none()).cloned();
        let Some(slot) = slot else { return };
        if answers {
            slot.n_unanswered.set(slot.n_unanswered.get().saturating_sub(1));
        }
        let is_member = slot.place.get().is_some_and(|(of, _)| of == room);
        match slot.outbox.push_untold(if is_member { before } else { &[] }).and_then(|()| slot.outbox.push(frame)) {
            Ok(()) => self.set_due(&slot),
            Err(Full) => self.cut_slow(&slot),
        }
    }

    /// A frame for a session of this thread, written at once. One that cannot take it is cut.
    pub fn send(&self, slot: &Slot, frame: Bytes) {
        if slot.closed.get().is_some() {
            return;
        }
        match slot.outbox.push(frame) {
            Ok(()) => slot.outbox.flush(),
            Err(Full) => self.cut_slow(slot),
        }
    }

    fn set_due(&self, slot: &Rc<Slot>) {
        if !slot.is_due.replace(true) {
            self.due.borrow_mut().push(slot.clone());
        }
    }

    /// Writes what attach and direct queued: one write for each session, whatever it is sent. Others have their turn in
    /// between, as many may come at once.
    pub async fn flush(&self) {
        let due = self.due.take();
        for (n, slot) in due.iter().enumerate() {
            if n % WRITES_IN_A_ROW_MAX == WRITES_IN_A_ROW_MAX - 1 {
                yield_now().await;
            }
            slot.is_due.set(false);
            slot.outbox.flush();
        }
    }

    /// The counter that members of `room` have been shown.
    pub fn set_rev(&self, room: RoomKey, rev: i64) {
        if let Some(entry) = self.rooms.borrow_mut().get_mut(&room) {
            entry.rev = rev;
        }
    }

    /// Closes every member of a room on this thread whose WELCOME was before this place, behind the frames before.
    pub fn close_room(&self, room: RoomKey, code: CloseCode, at: Place, before: &[(Bytes, Place)]) {
        let members = self.rooms.borrow().get(&room).map(|e| e.members.clone()).unwrap_or_default();
        for Member { outbox, slot } in members.iter().filter(|member| member.outbox.told() < at) {
            match outbox.push_untold(before) {
                Ok(()) => self.close(slot, code),
                Err(Full) => self.cut_slow(slot),
            }
        }
    }

    /// Closes a session: what is queued goes first, then the close frame. Its socket is cut if the peer
    /// does not answer in time.
    pub fn close(&self, slot: &Slot, code: CloseCode) {
        if slot.closed.get().is_some() {
            return;
        }
        self.detach(slot);
        slot.outbox.say_last(chat_wire::close_frame(code));
        self.end(slot, code, Instant::now() + self.times.close_max);
    }

    /// The peer is gone without a word: nothing can be told any more.
    pub fn drop_gone(&self, slot: &Slot) {
        slot.gone.set(true);
        self.detach(slot);
        self.end(slot, CloseCode::Done, Instant::now());
        slot.cut();
    }

    /// A peer that does not read cannot be told anything: cut at once.
    fn cut_slow(&self, slot: &Slot) {
        if slot.closed.get().is_none() {
            self.metrics.outbox_evictions.inc();
            self.detach(slot);
            self.end(slot, CloseCode::TooSlow, Instant::now());
            slot.cut();
        }
    }

    fn end(&self, slot: &Slot, code: CloseCode, cut_at: Instant) {
        slot.closed.set(Some((code, cut_at)));
        slot.tell(SessionEnd::Closing);
    }

    /// What time brings: heartbeats, and the end of those that are silent, unjoined or did not close.
    pub fn tick(&self, now: Instant) {
        let sessions = self.sessions.borrow().values().cloned().collect::<Vec<_>>();
        let mut beats: HashMap<RoomKey, Bytes> = HashMap::new();
        for slot in sessions {
            if let Some((_, cut_at)) = slot.closed.get() {
                if cut_at <= now {
                    slot.cut();
                }
            } else if slot.last_heard.get() + self.times.silence_max <= now {
                self.close(&slot, CloseCode::NoSignOfLife);
            } else if let Some((room, _)) = slot.place.get() {
                if slot.next_heartbeat.get() <= now {
                    slot.next_heartbeat.set(now + self.times.heartbeat);
                    let beat = beats.entry(room).or_insert_with(|| self.heartbeat(room)).clone();
                    self.send(&slot, beat);
                }
            } else if slot.join_by.get() <= now {
                self.close(&slot, CloseCode::NotJoined);
            }
        }
    }

    /// HEARTBEAT and a ping, for one write.
    fn heartbeat(&self, room: RoomKey) -> Bytes {
        let rev = self.rooms.borrow().get(&room).map_or(0, |e| e.rev);
        let json = chat_wire::encode(&ServerFrame::Heartbeat(HeartbeatPayload { rev }));
        [chat_wire::text_frame(&json), chat_wire::ping_frame()].concat().into()
    }

    /// Gives every session its own moment within `window` to be told to come back (P6).
    pub fn plan_drain(&self, now: Instant, window: Duration, mut random: impl FnMut() -> f64) {
        for slot in self.sessions.borrow().values() {
            slot.drain_at.set(Some(now + share(window, random())));
        }
    }

    /// Tells those whose moment has come to come back, each after its own random wait of at most `after_max`. One
    /// with messages under way hears of them first, for at most `answer_max`.
    pub fn drain(&self, now: Instant, after_max: Duration, answer_max: Duration, mut random: impl FnMut() -> f64) {
        let due = |slot: &&Rc<Slot>| slot.closed.get().is_none() && slot.drain_at.get().is_none_or(|at| at <= now);
        let due = self.sessions.borrow().values().filter(due).cloned().collect::<Vec<_>>();
        for slot in due {
            slot.leaving.set(true);
            let is_over = slot.drain_at.get().is_none_or(|at| at + answer_max <= now);
            if slot.n_unanswered.get() > 0 && !is_over {
                continue;
            }
            let after = share(after_max, random());
            let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            let json = chat_wire::encode(&ServerFrame::Reconnect(ReconnectPayload { after_ms }));
            slot.outbox.push_uncounted(chat_wire::text_frame(&json));
            self.close(&slot, CloseCode::Restart);
        }
    }
}
