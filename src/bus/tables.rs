//! Who is in rooms on which server, by way of a table of PostgreSQL: for servers that have nothing but their database
//! between them. Changes of messages they find by the poll of counters, and who is typing stays on one server.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    time::Duration,
};

use actix::{
    Recipient,
    clock::{Instant, sleep_until},
};
use chat_domain::RoomId;
use futures_util::{FutureExt, future::LocalBoxFuture};
use tokio::sync::Notify;

use super::{Between, Bus, ledger::Ledger, parts::Parts};
use chat_rooms::{BusPort, Heard, Said};
use chat_store::{Store, StoreError};

/// How often what has changed is written, and what others have written is read.
const EVERY: Duration = Duration::from_secs(1);
/// A room that has come to life need not wait so long: only until others have come with it.
const GATHER: Duration = Duration::from_millis(250);
/// Without a good read for so long the other servers cannot be heard.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// What others wrote is recent for five seconds, and a read may take two: after so long it may not be any more.
const LATE_AFTER: Duration = Duration::from_secs(3);

/// The table `presence`.
pub struct PresenceTable {
    store: Store,
}

impl PresenceTable {
    /// The table of this store, not read yet.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Bus for PresenceTable {
    fn carry(self: Box<Self>, between: Between) -> LocalBoxFuture<'static, ()> {
        let carrier = Carrier {
            store: self.store,
            between,
            ledger: RefCell::default(),
            parts: RefCell::default(),
            rooms: RefCell::default(),
            untold: RefCell::default(),
            rooms_came: Notify::new(),
        };
        async move {
            tokio::join!(carrier.take(), carrier.exchange());
        }
        .boxed_local()
    }

    fn port(&self) -> BusPort {
        BusPort::for_people()
    }
}

struct Carrier {
    store: Store,
    between: Between,
    /// What this server has to say.
    ledger: RefCell<Ledger>,
    /// What the others have said.
    parts: RefCell<Parts>,
    /// The rooms that live here.
    rooms: RefCell<HashMap<RoomId, Recipient<Heard>>>,
    /// Those that have not heard whether the others can be heard, as they had too much to do.
    untold: RefCell<HashSet<RoomId>>,
    rooms_came: Notify,
}

impl Carrier {
    /// Takes what rooms say, whether or not the database is there: of each room only the last word counts.
    async fn take(&self) {
        loop {
            let taken = self.between.port.take().await;
            for outgoing in taken.outgoing {
                if let Said::People(summary) = outgoing.said {
                    self.ledger.borrow_mut().say(outgoing.room, summary);
                }
            }
            for (room, hears) in taken.rooms {
                self.take_in_room(room, hears);
            }
        }
    }

    /// A room has come to life, or gone.
    fn take_in_room(&self, room: RoomId, hears: Option<Recipient<Heard>>) {
        let mut parts = self.parts.borrow_mut();
        match hears {
            Some(hears) => {
                parts.came(&room);
                if !parts.is_reachable() {
                    self.untold.borrow_mut().insert(room.clone());
                }
                self.rooms.borrow_mut().insert(room, hears);
                self.rooms_came.notify_one();
            }
            None => {
                parts.went(&room);
                self.rooms.borrow_mut().remove(&room);
                self.untold.borrow_mut().remove(&room);
            }
        }
    }

    fn tell(&self, room: &RoomId, heard: Heard) -> bool {
        // One that has ended is about to be taken out.
        self.rooms.borrow().get(room).is_none_or(|hears| hears.try_send(heard).is_ok())
    }

    /// Tells rooms whether the others can be heard that have not heard it yet.
    fn tell_untold(&self) {
        let is_reachable = self.parts.borrow().is_reachable();
        self.untold.borrow_mut().retain(|room| !self.tell(room, Heard::Reachable(is_reachable)));
    }

    fn tell_all(&self) {
        self.untold.borrow_mut().extend(self.rooms.borrow().keys().cloned());
    }

    /// Writes and reads, for as long as it is asked to.
    async fn exchange(&self) {
        let mut last_good = Instant::now();
        let mut next_at = Instant::now();
        loop {
            let begun = Instant::now();
            let is_time = begun >= next_at;
            if is_time {
                next_at = begun + EVERY;
            }
            match self.read(begun.saturating_duration_since(last_good)).await {
                Ok(()) => {
                    last_good = begun;
                    if is_time {
                        self.write().await;
                    }
                }
                Err(error) => {
                    // A database that is away says so itself. What is to be written waits until it can be read.
                    log::debug!("who is in rooms on other servers could not be read: {error}");
                    self.lost(last_good);
                }
            }
            self.tell_untold();
            let is_over = sleep_until(next_at);
            let rooms_came = async {
                self.rooms_came.notified().await;
                sleep_until(begun + GATHER).await;
            };
            tokio::select! {
                () = is_over => {}
                () = rooms_came => {}
            }
        }
    }

    async fn write(&self) {
        let Some(write) = self.ledger.borrow_mut().begin(&self.between.server, Instant::now()) else { return };
        let is_written = self.store.write_presence(write).await;
        if let Err(error) = &is_written {
            log::debug!("who is in rooms here could not be written, and is written later: {error}");
        }
        self.ledger.borrow_mut().end(is_written.is_ok(), Instant::now());
    }

    /// `since`: how long ago the last good read began.
    async fn read(&self, since: Duration) -> Result<(), StoreError> {
        let wanted = self.parts.borrow_mut().begin(since >= LATE_AFTER);
        let found = self.store.read_presence(&self.between.server, wanted).await;
        let mut parts = self.parts.borrow_mut();
        let found = found.inspect_err(|_| parts.failed())?;
        if !found.has_own_row {
            self.ledger.borrow_mut().was_lost();
        }
        self.between.metrics.people_age_seconds.set(0.0);
        let is_back = !parts.is_reachable();
        let (told, n_malformed) = parts.take_in(found, Instant::now());
        (0..n_malformed).for_each(|_| self.between.metrics.bus_dropped.inc("malformed"));
        for (room, heard) in told {
            if !self.tell(&room, heard) {
                parts.missed(&room);
            }
        }
        if is_back {
            // Behind how it is now, so that nobody is shown for a moment who went meanwhile.
            self.tell_all();
        }
        Ok(())
    }

    fn lost(&self, last_good: Instant) {
        let mut parts = self.parts.borrow_mut();
        let age = last_good.elapsed();
        if parts.has_others() {
            self.between.metrics.people_age_seconds.set(age.as_secs_f64());
        }
        if age >= LOST_AFTER && parts.lose() {
            self.tell_all();
        }
    }
}
