use std::{collections::HashSet, sync::Arc, time::Duration};

use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message, MessageResult, Recipient,
    WrapFuture, clock::Instant,
};

use super::{
    backlogs::Trim,
    directory::Directory,
    event::Refusal,
    messages::{Ask, CheckHead, CountPeople, DefaultsChanged, Inform, Place, Retire, RoomIdle, SharedPosition},
    poll::Poll,
    poll_pace::PollPace,
    room::{Join, Room, RoomLimits},
};
use crate::persistence::Append;
use chat_domain::RoomId;
use chat_metrics::{Metrics, gauge};
use chat_store::{Heads, Store, StoreError, Work};
use tokio::sync::watch;

/// How many rooms may live and for how long an empty one does.
#[derive(Debug, Clone)]
pub struct RegistryLimits {
    /// Live rooms; beyond it the one that was empty longest goes.
    pub n_rooms_max: usize,
    /// How long an empty room stays.
    pub idle_max: Duration,
    /// How often the database is asked for the counters of the live rooms, while no other server uses it.
    pub poll_interval: Duration,
    /// What each room gets.
    pub room: RoomLimits,
}

/// How often each live room says how many people are in it: below the usual scrape interval of 15 s.
const COUNT_PEOPLE_INTERVAL: Duration = Duration::from_secs(10);

/// The least pause behind a poll, also where it took longer than the interval.
const POLL_PAUSE_MIN: Duration = Duration::from_millis(10);

/// Asks for a live room.
#[derive(Debug, Message)]
#[rtype(result = "Option<Addr<Room>>")]
pub struct Lookup(pub RoomId);

/// Asks how many rooms live.
#[derive(Debug, Message)]
#[rtype(result = "usize")]
pub struct LiveRoomCount;

/// Whether another server lives on the same database of which only the poll tells.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct OthersLive(pub bool);

/// Something for those members of a room who have a right; nothing where it does not live.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct InformRoom(pub RoomId, pub Inform);

/// Something may have been missed of these rooms, or where there are none of any and of what concerns all: the database is
/// asked now, and not with the next poll.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CheckHeads(pub Vec<RoomId>);

/// What the registry has of a room.
#[derive(Clone)]
struct LiveRoom {
    room: Addr<Room>,
    position: SharedPosition,
}

/// The actor that spawns and retires rooms. All joins pass through it; no message text does.
pub struct RoomRegistry {
    directory: Directory<LiveRoom>,
    poll: Poll,
    limits: RegistryLimits,
    store: Store,
    persistence: Recipient<Append>,
    metrics: Arc<Metrics>,
    pace: PollPace,
    /// Rooms that are to be asked for once the question under way is answered. At most as many as live.
    to_check: Option<HashSet<RoomId>>,
    is_checking: bool,
    /// What goes up with every change that concerns all rooms.
    control: watch::Sender<i64>,
}

impl RoomRegistry {
    /// The actor, not started.
    pub fn new(limits: RegistryLimits, store: Store, persistence: Recipient<Append>, metrics: Arc<Metrics>) -> Self {
        let directory = Directory::new(limits.n_rooms_max);
        let pace = PollPace::new(limits.poll_interval);
        Self {
            directory,
            poll: Poll::default(),
            limits,
            store,
            persistence,
            metrics,
            pace,
            to_check: None,
            is_checking: false,
            control: watch::Sender::new(0),
        }
    }

    /// Tells of each change that concerns all rooms (a ban, a role, a revocation), by the database's `control_rev`: 0
    /// before the first poll.
    pub fn control(&self) -> watch::Receiver<i64> {
        self.control.subscribe()
    }

    /// The room for something that is forwarded to it now; made where it does not live. `None` where there are as many as
    /// there may be.
    fn room_for(&mut self, id: &RoomId, thread: &ArbiterHandle, ctx: &mut Context<Self>) -> Option<Addr<Room>> {
        if self.directory.get(id).is_some_and(|live| !live.room.connected()) {
            log::error!("a room ended by itself; it is started again");
            self.directory.forget(id);
        }
        let spawn = |key| {
            let room = Room::new(
                key,
                id.clone(),
                self.limits.room.clone(),
                self.store.clone(),
                self.persistence.clone(),
                ctx.address().recipient(),
                self.metrics.clone(),
            );
            let position = room.position();
            LiveRoom { room: Room::start_in_arbiter(thread, move |_| room), position }
        };
        let (LiveRoom { room, .. }, evicted) = self.directory.join(id, spawn)?;
        if let Some(evicted) = evicted {
            retire(&evicted.room);
        }
        Some(room)
    }

    /// Asks the database where the live rooms are, and tells those that are elsewhere: another server may have
    /// written (docs/adr/0004), or the epoch may have changed. The next poll follows when this one is done.
    fn poll(&mut self, ctx: &mut Context<Self>) {
        let begun = Instant::now();
        if self.directory.len() == 0 {
            ctx.run_later(self.pace.wait_after(Duration::ZERO), Self::poll);
            return;
        }
        let before: Vec<_> = self.directory.rooms().map(|(id, live)| (id.clone(), live.position.get())).collect();
        let rooms = before.iter().map(|(id, _)| id.clone()).collect();
        let store = self.store.clone();
        let asked = async move { store.heads(rooms).await };
        let asked = asked.into_actor(self).map(move |heads, this, ctx| {
            let wait = this.pace.wait_after(begun.elapsed()).max(POLL_PAUSE_MIN);
            this.polled(before, heads);
            ctx.run_later(wait, Self::poll);
        });
        ctx.spawn(asked);
    }

    /// `before` is where the rooms were when the database was asked.
    fn polled(&mut self, before: Vec<(RoomId, Option<Place>)>, heads: Result<Heads, StoreError>) {
        let heads = match heads {
            Ok(heads) => heads,
            Err(error) => return self.store.failed(Work::Reading, &error),
        };
        self.store.succeeded(Work::Reading);
        self.tell_control(&heads);
        let found = self.poll.compare(before, heads, |id| self.directory.get(id)?.position.get());
        self.send_to_rooms(found);
    }

    fn send_to_rooms(&self, found: Vec<(RoomId, CheckHead)>) {
        for (id, check) in found {
            if let Some(live) = self.directory.get(&id) {
                // A room whose mailbox is full is told with the next poll.
                let _ = live.room.try_send(check);
            }
        }
    }

    /// Asks for the rooms that may have missed something. What comes meanwhile is asked for behind it.
    fn check_heads(&mut self, ctx: &mut Context<Self>) {
        if self.is_checking {
            return;
        }
        let Some(rooms) = self.to_check.take() else { return };
        self.is_checking = true;
        let rooms: Vec<_> = rooms.into_iter().filter(|id| self.directory.get(id).is_some()).collect();
        let (store, asked) = (self.store.clone(), rooms.clone());
        let asking = async move { store.heads(asked).await };
        ctx.spawn(asking.into_actor(self).map(move |heads, this, ctx| {
            this.is_checking = false;
            // Where the database does not answer the poll says so, and finds what there is.
            if let Ok(heads) = heads {
                this.tell_control(&heads);
                // None of them is found lower: that is for two polls to say.
                let before = rooms.into_iter().map(|id| (id, None)).collect();
                let found = Poll::default().compare(before, heads, |id| this.directory.get(id)?.position.get());
                this.send_to_rooms(found);
            }
            this.check_heads(ctx);
        }));
    }

    fn tell_control(&self, heads: &Heads) {
        self.control.send_if_modified(|known| std::mem::replace(known, heads.control_rev) != heads.control_rev);
    }
}

/// Ends a room that the directory took out.
fn retire(room: &Addr<Room>) {
    #[expect(clippy::disallowed_methods, reason = "the last message a room gets, once")]
    room.do_send(Retire);
}

impl Actor for RoomRegistry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(8_192);
        ctx.run_interval(Duration::from_secs(1), |this, _| {
            for retired in this.directory.retire(Instant::now(), this.limits.idle_max) {
                retire(&retired.room);
            }
            this.metrics.rooms_live.set(gauge(this.directory.len()));
            let backlogs = &this.limits.room.backlogs;
            for room in backlogs.overdue() {
                // A room whose mailbox is full is asked again a second later.
                let _ = room.try_send(Trim);
            }
            this.metrics.backlog_bytes.set(gauge(backlogs.n_bytes()));
        });
        ctx.run_interval(COUNT_PEOPLE_INTERVAL, |this, _| {
            for (_, live) in this.directory.rooms() {
                // A room whose mailbox is full is counted the next time.
                let _ = live.room.try_send(CountPeople);
            }
        });
        self.metrics.rooms_max.set(gauge(self.limits.n_rooms_max));
        self.metrics.backlog_max_bytes.set(gauge(self.limits.room.backlogs.n_bytes_max()));
        ctx.run_later(self.limits.poll_interval, Self::poll);
    }
}

impl Handler<Join> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, join: Join, ctx: &mut Self::Context) {
        let Some(room) = self.room_for(&join.room, &join.thread, ctx) else {
            // The session may be gone; then nobody needs the answer.
            let _ = join.reply.send(Err(Refusal::Overloaded));
            return;
        };
        // A join that was counted must arrive, so it is queued even where the mailbox is full; each session
        // has at most one under way.
        #[expect(clippy::disallowed_methods, reason = "bounded by the number of sessions, must not be lost")]
        room.do_send(join);
    }
}

impl Handler<Ask> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, Ask { room, thread, asked }: Ask, ctx: &mut Self::Context) {
        match self.room_for(&room, &thread, ctx) {
            // As a join: it was counted. Each request has one under way, and each connection one request.
            #[expect(clippy::disallowed_methods, reason = "bounded by the number of connections, must not be lost")]
            Some(room) => room.do_send(asked),
            None => asked.refuse(Refusal::Overloaded),
        }
    }
}

impl Handler<RoomIdle> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, idle: RoomIdle, _: &mut Self::Context) {
        self.directory.set_idle(&idle.room, idle.key, idle.n_joins_seen, Instant::now());
    }
}

impl Handler<Lookup> for RoomRegistry {
    type Result = MessageResult<Lookup>;

    fn handle(&mut self, Lookup(room): Lookup, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.directory.get(&room).map(|live| live.room.clone()))
    }
}

impl Handler<LiveRoomCount> for RoomRegistry {
    type Result = usize;

    fn handle(&mut self, _: LiveRoomCount, _: &mut Self::Context) -> usize {
        self.directory.len()
    }
}

impl Handler<CheckHeads> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, CheckHeads(rooms): CheckHeads, ctx: &mut Self::Context) {
        let to_check = self.to_check.get_or_insert_default();
        match rooms.is_empty() {
            true => to_check.extend(self.directory.rooms().map(|(id, _)| id.clone())),
            false => to_check.extend(rooms),
        }
        self.check_heads(ctx);
    }
}

impl Handler<DefaultsChanged> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, changed: DefaultsChanged, _: &mut Self::Context) {
        for (_, live) in self.directory.rooms() {
            // A room whose mailbox is full goes by them with its next command, and tells its members with its next change.
            let _ = live.room.try_send(changed);
        }
    }
}

impl Handler<InformRoom> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, InformRoom(room, inform): InformRoom, _: &mut Self::Context) {
        if let Some(live) = self.directory.get(&room) {
            // Whoever keeps order there sees it with their next look.
            let _ = live.room.try_send(inform);
        }
    }
}

impl Handler<OthersLive> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, OthersLive(others_live): OthersLive, _: &mut Self::Context) {
        self.pace.set_others_live(others_live);
    }
}
