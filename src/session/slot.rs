use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
};

use actix::{Recipient, clock::Instant};

use super::{
    liveness::{Liveness, SessionTimes},
    messages::SessionEvent,
    outbox::Outbox,
    phase::Phase,
};
use chat_rooms::{RoomKey, SessionId};
use chat_wire::CloseCode;

/// A session as its thread's hub sees it.
pub struct Slot {
    /// Which session.
    pub id: SessionId,
    /// Its frames on their way out, and the phase that its connection is in.
    pub outbox: Rc<Outbox>,
    /// To tell it what the hub did with it. Set once the actor runs.
    pub session: OnceCell<Recipient<SessionEvent>>,
    /// When something is to be done about it.
    pub liveness: RefCell<Liveness>,
    /// The rooms it is in, and its index among the members of each. One today: a list is smaller than a map.
    rooms: RefCell<Vec<(RoomKey, usize)>>,
    /// It is among those that the hub writes for next.
    pub is_due: Cell<bool>,
    /// Why it was closed. None as long as it is not, and where its client went without a close frame.
    pub close_code: Cell<Option<CloseCode>>,
}

impl Slot {
    /// A session that was just opened. `spread` is as in [`Liveness::new`].
    pub fn new(id: SessionId, outbox: Rc<Outbox>, times: &SessionTimes, spread: f64) -> Rc<Self> {
        Rc::new(Self {
            id,
            outbox,
            session: OnceCell::new(),
            liveness: RefCell::new(Liveness::new(Instant::now(), times, spread)),
            rooms: RefCell::default(),
            is_due: Cell::new(false),
            close_code: Cell::new(None),
        })
    }

    /// The phase its connection is in.
    pub fn phase(&self) -> Phase {
        self.outbox.phase()
    }

    /// Its index among a room's members, where it is one.
    pub fn index_in(&self, room: RoomKey) -> Option<usize> {
        self.rooms.borrow().iter().find(|(key, _)| *key == room).map(|(_, index)| *index)
    }

    /// The rooms it is in.
    pub fn rooms(&self) -> Vec<RoomKey> {
        self.rooms.borrow().iter().map(|(room, _)| *room).collect()
    }

    /// Whether it is in a room.
    pub fn is_member(&self) -> bool {
        !self.rooms.borrow().is_empty()
    }

    /// It is in a room, with this index among the members.
    pub fn set_index(&self, room: RoomKey, index: usize) {
        let mut rooms = self.rooms.borrow_mut();
        match rooms.iter_mut().find(|(key, _)| *key == room) {
            Some(entry) => entry.1 = index,
            None => {
                // A list that grows by itself begins with room for four.
                rooms.reserve_exact(1);
                rooms.push((room, index));
            }
        }
    }

    /// It is no longer in a room.
    pub fn forget(&self, room: RoomKey) {
        self.rooms.borrow_mut().retain(|(key, _)| *key != room);
    }

    /// The hub ended it, and cuts its connection at that time. `code` is none where its client went without a close
    /// frame.
    pub fn ended(&self, code: Option<CloseCode>, cut_at: Instant) {
        self.close_code.set(code);
        self.liveness.borrow_mut().cut_at = Some(cut_at);
        self.tell(SessionEvent::Closed);
    }

    /// Drops what waits and cuts the connection, once.
    pub fn cut(&self) {
        if self.outbox.cut() {
            self.tell(SessionEvent::Cut);
        }
    }

    /// Tells the session's actor.
    pub fn tell(&self, event: SessionEvent) {
        if let Some(session) = self.session.get() {
            #[expect(clippy::disallowed_methods, reason = "twice per session, once per room of it; must not be lost")]
            session.do_send(event);
        }
    }
}
