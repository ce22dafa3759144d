use std::{collections::BTreeMap, time::Duration};

use actix::clock::Instant;

use crate::{fan_out::FanOut, ids::HubId, messages::Command, pace::Pace};

/// What a room delivers to its members, and when: one delivery at a time, and what comes meanwhile is gathered. Pure;
/// `R` is the way to a hub.
#[derive(Debug)]
pub(super) struct Delivery<R> {
    /// What waits for the next delivery.
    pub(super) fan_out: FanOut,
    routes: BTreeMap<HubId, HubRoute<R>>,
    pace: Pace,
    phase: Phase,
    oldest: Option<Oldest>,
}

/// A hub with members of this room.
#[derive(Debug)]
struct HubRoute<R> {
    to: R,
    n_members: usize,
}

#[derive(Debug)]
enum Phase {
    Idle,
    /// A timer will deliver what gathers.
    Gathering,
    /// So many hubs are not done; `last` is when the latest of those that are was.
    UnderWay {
        n_hubs: usize,
        oldest: Option<Oldest>,
        last: Instant,
    },
}

/// When the message that waits longest to be shown was received, and committed.
#[derive(Debug, Clone, Copy)]
struct Oldest {
    received: Instant,
    committed: Instant,
}

/// What is to be done now.
#[derive(Debug)]
pub(super) enum Next {
    Nothing,
    /// Call [`Delivery::gathered`] after this time.
    Wait(Duration),
    /// Send these, which bring members to `rev`, and call [`Delivery::done`] for each hub. Each has a route.
    Deliver {
        rev: i64,
        commands: BTreeMap<HubId, Vec<Command>>,
    },
}

/// How long the oldest message of a delivery took to every member's outbox.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Took {
    pub(super) since_received: Duration,
    pub(super) since_committed: Duration,
}

impl<R> Delivery<R> {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            fan_out: FanOut::default(),
            routes: BTreeMap::new(),
            pace: Pace::new(now),
            phase: Phase::Idle,
            oldest: None,
        }
    }

    /// One more member is on this hub.
    pub(super) fn add_member(&mut self, hub: HubId, to: impl FnOnce() -> R) {
        self.routes.entry(hub).or_insert_with(|| HubRoute { to: to(), n_members: 0 }).n_members += 1;
    }

    /// One member fewer is on it.
    pub(super) fn remove_member(&mut self, hub: HubId) {
        if let Some(route) = self.routes.get_mut(&hub) {
            route.n_members -= 1;
            if route.n_members == 0 {
                self.routes.remove(&hub);
            }
        }
    }

    pub(super) fn route(&self, hub: HubId) -> Option<&R> {
        self.routes.get(&hub).map(|route| &route.to)
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = &R> {
        self.routes.values().map(|route| &route.to)
    }

    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.phase, Phase::UnderWay { .. })
    }

    /// A message goes into the next delivery: how long the oldest one takes is measured.
    pub(super) fn measure(&mut self, received: Instant, committed: Instant) {
        let oldest = self.oldest.get_or_insert(Oldest { received, committed });
        oldest.received = oldest.received.min(received);
        oldest.committed = oldest.committed.min(committed);
    }

    /// Says what to do next. `shown` is the counter of what the room shows, where it was loaded.
    pub(super) fn next(&mut self, now: Instant, shown: Option<i64>) -> Next {
        if !matches!(self.phase, Phase::Idle) || self.fan_out.is_empty() {
            return Next::Nothing;
        }
        if let Some(wait) = self.pace.wait(now) {
            self.phase = Phase::Gathering;
            return Next::Wait(wait);
        }
        self.pace.begin(now);
        let oldest = self.oldest.take();
        let hubs = self.routes.keys().copied().collect::<Vec<_>>();
        let mut commands = self.fan_out.take(&hubs);
        commands.retain(|hub, _| self.routes.contains_key(hub));
        if !commands.is_empty() {
            self.phase = Phase::UnderWay { n_hubs: commands.len(), oldest, last: now };
        }
        // While changes wait here, members have been brought only as far as what was taken.
        let rev = shown.filter(|_| self.fan_out.is_empty()).unwrap_or(self.fan_out.rev());
        Next::Deliver { rev, commands }
    }

    /// The time to gather is over.
    pub(super) fn gathered(&mut self) {
        self.phase = Phase::Idle;
    }

    /// A hub has put its part into the outboxes at this time, or is gone. With the last one the delivery is over.
    pub(super) fn done(&mut self, at: Option<Instant>, now: Instant) -> Option<Took> {
        let Phase::UnderWay { n_hubs, oldest, last } = &mut self.phase else { return None };
        *last = at.map_or(*last, |at| at.max(*last));
        *n_hubs -= 1;
        if *n_hubs > 0 {
            return None;
        }
        let took = oldest.map(|Oldest { received, committed }| Took {
            since_received: last.saturating_duration_since(received),
            since_committed: last.saturating_duration_since(committed),
        });
        self.phase = Phase::Idle;
        self.pace.end(now);
        took
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_event;

    proptest! {
        /// Whatever members come and go, and however long hubs take: one delivery is under way at a time, each part of
        /// it has a way to go, a message's time is measured once, and in the end nothing waits.
        #[test]
        fn one_delivery_at_a_time_and_nothing_is_left(
            steps in proptest::collection::vec((0_u8..6, 0_usize..3, 0_u64..20), 1..100),
        ) {
            let mut now = Instant::now();
            let mut delivery = Delivery::new(now);
            let (mut under_way, mut is_gathering, mut n_measured) = (Vec::new(), false, [0, 0]);
            delivery.add_member(HubId(9), || ());
            let ends = std::iter::repeat_n([(5, 0, 1), (4, 0, 1)], 200).flatten();
            for (step, hub, ms) in steps.into_iter().chain(ends) {
                let hub = HubId(hub);
                match step {
                    0 => delivery.add_member(hub, || ()),
                    1 => delivery.remove_member(hub),
                    2 => {
                        delivery.fan_out.broadcast(test_event(1), 20_000);
                        n_measured[0] += u32::from(delivery.oldest.is_none());
                        delivery.measure(now, now);
                    }
                    3 => now += Duration::from_millis(ms),
                    4 => {
                        if std::mem::take(&mut is_gathering) {
                            now += GATHERED;
                            delivery.gathered();
                        }
                    }
                    _ => {
                        if under_way.pop().is_some() {
                            n_measured[1] += u32::from(delivery.done((ms > 0).then_some(now), now).is_some());
                        }
                    }
                }
                match delivery.next(now, Some(1)) {
                    Next::Nothing => {}
                    Next::Wait(wait) => {
                        prop_assert!(under_way.is_empty() && !is_gathering && wait <= GATHERED);
                        is_gathering = true;
                    }
                    Next::Deliver { commands, .. } => {
                        prop_assert!(under_way.is_empty() && !is_gathering);
                        prop_assert!(commands.keys().all(|hub| delivery.route(*hub).is_some()));
                        under_way.extend(commands.into_keys());
                    }
                }
                prop_assert_eq!(delivery.is_under_way(), !under_way.is_empty());
            }
            prop_assert!(delivery.fan_out.is_empty() && !delivery.is_under_way() && !is_gathering);
            prop_assert_eq!(n_measured[0], n_measured[1]);
        }
    }

    const GATHERED: Duration = Duration::from_millis(25);
}
