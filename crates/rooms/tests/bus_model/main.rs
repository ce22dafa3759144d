//! Two servers, one room, a database and a bus: every order in which things can happen, up to a few changes.
//!
//! What a server shows goes through the real `Timeline`; around it stand the rules of `room/remote.rs`, `room/catch_up.rs`
//! and `poll.rs`, in short. The bus is one of two: it loses, repeats, delays and reorders what it likes, and servers
//! poll (P9 of docs/ARCHITECTURE.md); or it brings everything once, in any order, to those who listen, and nobody polls.
//! With the second one sees that the rules fill each gap by themselves, at the speed of the bus.
//!
//! Rules that are wrong in one point must be found: otherwise this checks nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets what it does not expect fails by panicking"
)]

mod rules;
mod world;

use std::collections::BTreeSet;

use chat_domain::Change;
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::world::{Action, Cluster, Frame, Id, Life, Listens, N_CHANGES_MAX, Room, World, Wrong, as_rev, change};

impl Cluster {
    /// The room comes to life on both servers, with two changes; or it lives there, with three.
    fn new(is_lossy: bool, begins_live: bool) -> Self {
        let n_changes_max = if begins_live { N_CHANGES_MAX } else { 2 };
        // One more than is stored may be said by a server that says too much.
        let revs = (0..=N_CHANGES_MAX + 1).map(as_rev);
        let changes = revs.map(|rev| (0..=N_CHANGES_MAX).map(|id| change(rev, id)).collect());
        Self { is_lossy, begins_live, n_changes_max, n_ends_max: 0, wrong: None, changes: changes.collect() }
    }

    pub fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    fn polls(&self) -> bool {
        self.is_lossy && !self.is(Wrong::NeverPolls)
    }

    pub fn change(&self, rev: i64, id: Id) -> Change {
        self.changes[usize::try_from(rev).expect("a value")][id].clone()
    }

    /// What must happen by itself in the end, if there is anything.
    fn owed(&self, world: &World) -> Option<Action> {
        (0..2).find_map(|at| {
            let room = &world.rooms[at];
            if matches!(room.life, Life::Loading(_)) {
                return Some(Action::Loaded(at));
            }
            if !room.answers.is_empty() {
                return Some(Action::Answer(at));
            }
            if room.reading.is_some() {
                return Some(Action::Read(at));
            }
            if self.is_lossy {
                return None;
            }
            if room.listens == Listens::Asked {
                return Some(Action::Listens(at));
            }
            if !room.to_publish.is_empty() {
                return Some(Action::Publish(at));
            }
            world.bus[at].first().map(|frame| Action::Receive(at, frame.clone()))
        })
    }

    /// Lets everything that is under way come to its end, and nobody write any more; where servers poll, each does once.
    fn rest(&self, world: &World) -> World {
        let mut world = world.clone();
        for polls in [false, self.polls()] {
            for at in (0..2).filter(|_| polls) {
                self.happen(&mut world, Action::Poll(at));
            }
            while let Some(action) = self.owed(&world) {
                self.happen(&mut world, action);
            }
        }
        world
    }

    fn happen(&self, world: &mut World, action: Action) {
        let n_stored = world.stored.len();
        match action {
            Action::Join(at) => {
                world.rooms[at].life = Life::Loading(n_stored);
                // What is said before it listens a bus that loses things may lose as well.
                world.rooms[at].listens = if self.is_lossy { Listens::Yes } else { Listens::Asked };
            }
            Action::Loaded(at) => {
                let room = &mut world.rooms[at];
                let Life::Loading(upto) = room.life else { return };
                (room.life, room.rev, room.shown) = (Life::Live, as_rev(upto), world.stored[..upto].to_vec());
                self.begin_read(room, n_stored);
            }
            Action::Listens(at) => {
                world.rooms[at].listens = Listens::Yes;
                if !self.is(Wrong::ChecksNoHead) {
                    self.hear_of(&mut world.rooms[at], as_rev(n_stored), n_stored);
                }
            }
            Action::Commit(at, n) => {
                let ids: Vec<_> = (world.n_ids + 1..=world.n_ids + n).collect();
                world.n_ids += n;
                world.stored.extend(&ids);
                world.rooms[at].answers.push_back(Frame { server: at, first_rev: as_rev(n_stored) + 1, ids });
            }
            Action::Answer(at) => {
                let room = &mut world.rooms[at];
                let Some(frame) = room.answers.pop_front() else { return };
                self.offer(room, &frame, false);
                self.begin_read(room, n_stored);
                room.to_publish.push_back(frame);
            }
            Action::Publish(at) => {
                let Some(frame) = world.rooms[at].to_publish.pop_front() else { return };
                self.publish(world, &frame);
            }
            Action::PublishEarly(at) => {
                world.n_ids += 1;
                let frame = Frame { server: at, first_rev: as_rev(n_stored) + 1, ids: vec![world.n_ids] };
                self.publish(world, &frame);
            }
            Action::Receive(at, frame) => {
                self.receive(at, &mut world.rooms[at], &frame, n_stored);
                if !self.is_lossy {
                    world.bus[at].remove(&frame);
                }
            }
            Action::Poll(at) => self.hear_of(&mut world.rooms[at], as_rev(n_stored), n_stored),
            Action::Read(at) => {
                if let Some(upto) = world.rooms[at].reading {
                    self.take_in(&mut world.rooms[at], upto, &world.stored);
                }
            }
            Action::ReadFails(at) => {
                world.rooms[at].reading = None;
                self.begin_read(&mut world.rooms[at], n_stored);
            }
            Action::Dies(at) => {
                world.rooms[at] = Room::GONE;
                world.n_ends_left -= 1;
                if !self.is_lossy {
                    // What is on its way to somebody who is gone comes to nobody.
                    world.bus[at].clear();
                }
            }
        }
    }

    fn shows_all(world: &World) -> bool {
        world.rooms.iter().all(|room| !room.is_live() || room.shown == world.stored)
    }
}

impl Model for Cluster {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let live = Room { life: Life::Live, listens: Listens::Yes, ..Room::GONE };
        let room = if self.begins_live { live } else { Room::GONE };
        vec![World {
            stored: Vec::new(),
            n_ids: 0,
            n_ends_left: self.n_ends_max,
            rooms: [room.clone(), room],
            bus: [BTreeSet::new(), BTreeSet::new()],
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (at, room) in world.rooms.iter().enumerate() {
            let mut may = |does: bool, action: Action| actions.extend(does.then_some(action));
            let n_left = self.n_changes_max - world.n_ids;
            // The servers are alike: the first one may as well be the first.
            let is_turn = at == 0 || world.rooms[0].life != Life::Gone || world.n_ends_left < self.n_ends_max;
            let is_turn_to_write = at == 0 || !self.begins_live || !world.stored.is_empty();
            let may_write = is_turn_to_write && room.is_live();
            may(room.life == Life::Gone && is_turn, Action::Join(at));
            may(matches!(room.life, Life::Loading(_)), Action::Loaded(at));
            may(room.listens == Listens::Asked, Action::Listens(at));
            may(may_write && n_left >= 1, Action::Commit(at, 1));
            may(may_write && n_left >= 2, Action::Commit(at, 2));
            may(!room.answers.is_empty(), Action::Answer(at));
            may(!room.to_publish.is_empty(), Action::Publish(at));
            may(self.polls() && room.is_live() && as_rev(world.stored.len()) > room.rev, Action::Poll(at));
            may(room.reading.is_some(), Action::Read(at));
            may(room.reading.is_some(), Action::ReadFails(at));
            may(room.life != Life::Gone && world.n_ends_left > 0, Action::Dies(at));
            may(self.is(Wrong::PublishesEarly) && room.is_live() && n_left >= 1, Action::PublishEarly(at));
            if room.life != Life::Gone {
                actions.extend(world.bus[at].iter().map(|frame| Action::Receive(at, frame.clone())));
            }
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        self.happen(&mut next, action);
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONLY_COMMITTED, |_, world: &World| {
                world.rooms.iter().flat_map(|room| &room.shown).all(|id| world.stored.contains(id))
            }),
            Property::always(IN_ORDER, |_, world: &World| {
                let is_whole =
                    |room: &Room| world.stored.starts_with(&room.shown) && as_rev(room.shown.len()) == room.rev;
                world.rooms.iter().all(is_whole)
            }),
            Property::always(IN_THE_END_ALL, |cluster, world| Self::shows_all(&cluster.rest(world))),
            Property::sometimes(UNHEARD, |cluster: &Self, world: &World| {
                let has_all = |room: &Room| room.shown.len() == cluster.n_changes_max;
                let is_silent = world.bus.iter().all(BTreeSet::is_empty);
                world.n_ends_left < cluster.n_ends_max && is_silent && world.rooms.iter().all(has_all)
            }),
            Property::sometimes(HELD, |_, world: &World| {
                let holds = |room: &Room| room.reading.is_some() && room.ahead.values().any(|ahead| ahead.is_heard);
                world.rooms.iter().any(holds)
            }),
        ]
    }
}

const ONLY_COMMITTED: &str = "P1: nothing is shown that is not committed";
const IN_ORDER: &str = "P2, P3: each server shows everything once, in order and without a gap";
const IN_THE_END_ALL: &str = "P9: once everything has come to rest both servers show everything";
const UNHEARD: &str = "a server dies, the bus brings nothing, and both show everything";
const HELD: &str = "what the bus brought too early waits for a read";

/// Every state there is: the promises hold in each, and what makes them hard to keep does happen.
fn keeps_its_promises(cluster: Cluster, happens: &'static str) {
    let checker = cluster.checker().spawn_bfs().join();
    println!("{} states", checker.unique_state_count());
    for promise in [ONLY_COMMITTED, IN_ORDER, IN_THE_END_ALL] {
        checker.assert_no_discovery(promise);
    }
    assert!(checker.discovery(happens).is_some(), "never: {happens}");
}

#[test]
fn p9_whatever_a_bus_does_both_servers_show_everything_once_and_in_order() {
    keeps_its_promises(Cluster::new(true, true), HELD);
}

#[test]
fn p9_rooms_come_to_life_and_servers_die_at_any_moment() {
    keeps_its_promises(Cluster { n_ends_max: 1, ..Cluster::new(true, false) }, UNHEARD);
}

/// What a dead server has not said nobody hears of before the next poll: here none dies.
#[test]
fn with_a_bus_that_loses_nothing_every_gap_is_filled_without_a_poll() {
    keeps_its_promises(Cluster::new(false, true), HELD);
    keeps_its_promises(Cluster::new(false, false), HELD);
}

#[test]
fn rules_that_are_wrong_are_found() {
    let wrongs = [
        (Wrong::ChecksNoHead, Cluster::new(false, false), IN_THE_END_ALL),
        (Wrong::ForgetsWhileLoading, Cluster::new(false, false), IN_THE_END_ALL),
        (Wrong::TakesOldReadsForNew, Cluster { n_changes_max: 3, ..Cluster::new(false, false) }, IN_THE_END_ALL),
        (Wrong::NeverPolls, Cluster::new(true, false), IN_THE_END_ALL),
        (Wrong::ShowsWhatIsAhead, Cluster::new(true, true), IN_ORDER),
        (Wrong::ShowsRepeats, Cluster::new(true, true), IN_ORDER),
        (Wrong::PublishesEarly, Cluster::new(true, true), ONLY_COMMITTED),
    ];
    for (wrong, cluster, broken) in wrongs {
        let cluster = Cluster { wrong: Some(wrong), ..cluster };
        let is_found = HasDiscoveries::AnyOf([broken].into());
        let checker = cluster.checker().finish_when(is_found).spawn_bfs().join();
        let Some(path) = checker.discovery(broken) else { panic!("{wrong:?} was not found") };
        println!("{wrong:?}: {:?}", path.into_actions());
    }
}
