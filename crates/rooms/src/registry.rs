use std::{sync::Arc, time::Duration};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, MessageResult, Recipient, WrapFuture,
    clock::Instant,
};

use super::{
    backlogs::Trim,
    directory::Directory,
    event::Refusal,
    messages::{CountPeople, Retire, RoomIdle, SharedPosition},
    poll::Poll,
    poll_pace::PollPace,
    room::{Join, Room, RoomLimits},
};
use crate::persistence::Append;
use chat_domain::RoomId;
use chat_metrics::{Metrics, gauge};
use chat_store::{Heads, Position, Store, StoreError, Work};

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

/// Whether another server lives on the same database.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct OthersLive(pub bool);

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
}

impl RoomRegistry {
    /// The actor, not started.
    pub fn new(limits: RegistryLimits, store: Store, persistence: Recipient<Append>, metrics: Arc<Metrics>) -> Self {
        let directory = Directory::new(limits.n_rooms_max);
        let pace = PollPace::new(limits.poll_interval);
        Self { directory, poll: Poll::default(), limits, store, persistence, metrics, pace }
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
    fn polled(&mut self, before: Vec<(RoomId, Option<Position>)>, heads: Result<Heads, StoreError>) {
        let heads = match heads {
            Ok(heads) => heads,
            Err(error) => return self.store.failed(Work::Reading, &error),
        };
        self.store.succeeded(Work::Reading);
        let found = self.poll.compare(before, heads, |id| self.directory.get(id)?.position.get());
        for (id, check) in found {
            if let Some(live) = self.directory.get(&id) {
                // A room whose mailbox is full is told a second later.
                let _ = live.room.try_send(check);
            }
        }
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
        if self.directory.get(&join.room).is_some_and(|live| !live.room.connected()) {
            log::error!("a room ended by itself; it is started again");
            self.directory.forget(&join.room);
        }
        let spawn = |key| {
            let room = Room::new(
                key,
                join.room.clone(),
                self.limits.room.clone(),
                self.store.clone(),
                self.persistence.clone(),
                ctx.address().recipient(),
                self.metrics.clone(),
            );
            let position = room.position();
            LiveRoom { room: Room::start_in_arbiter(&join.thread, move |_| room), position }
        };
        let Some((LiveRoom { room, .. }, evicted)) = self.directory.join(&join.room, spawn) else {
            // The session may be gone; then nobody needs the answer.
            let _ = join.reply.send(Err(Refusal::Overloaded));
            return;
        };
        if let Some(evicted) = evicted {
            retire(&evicted.room);
        }
        // A join that was counted must arrive, so it is queued even where the mailbox is full; each session
        // has at most one under way.
        #[expect(clippy::disallowed_methods, reason = "bounded by the number of sessions, must not be lost")]
        room.do_send(join);
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

impl Handler<OthersLive> for RoomRegistry {
    type Result = ();

    fn handle(&mut self, OthersLive(others_live): OthersLive, _: &mut Self::Context) {
        self.pace.set_others_live(others_live);
    }
}
