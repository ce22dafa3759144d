use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::{
    event::{Batch, EndReason, Event, FRAME_BYTES, Welcome},
    ids::{DeliveryPosition, HubId, SessionId},
    messages::Command,
};

/// Largest batch, in bytes of JSON: above it a new one begins, so that a client never has to take in
/// too much at once.
const BATCH_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of frames of one delivery. Well below an outbox's bound: a burst must not cut readers that have
/// had no chance to read; the rest follows once this is in the outboxes.
const DELIVERY_BYTES_MAX: usize = 64 * 1024;
/// Most bytes that may wait; beyond it the room takes no more messages. Each of them goes to every member.
const WAITING_BYTES_MAX: usize = 1024 * 1024;

/// What a room has to deliver, gathered while the delivery before is under way. Pure.
///
/// Keeps this order: a session gets its WELCOME, then exactly the changes behind it. A WELCOME does not wait for
/// what is gathered: it holds more than that, so what was gathered before it is for the others (its
/// [`DeliveryPosition`] says so). What goes to a single session may be moved behind changes, never before its WELCOME.
#[derive(Debug, Default)]
pub struct FanOut {
    attaches: Vec<(HubId, Box<Welcome>, DeliveryPosition)>,
    /// The next event begins a run of its own: no batch may hold events from both sides of a WELCOME.
    cut: bool,
    position: DeliveryPosition,
    runs: VecDeque<Run>,
    n_bytes: usize,
    /// The counter that what was taken brings members to.
    rev: i64,
}

/// An event for every member.
#[derive(Debug)]
struct Gathered {
    position: DeliveryPosition,
    /// The counter's value that it brings a member to, where it is a change.
    rev: Option<i64>,
    event: Arc<Event>,
    /// As JSON.
    n_bytes: usize,
}

#[derive(Debug, Default)]
struct Run {
    events: VecDeque<Gathered>,
    directs: Vec<(HubId, SessionId, Arc<Event>, bool)>,
    ends: Vec<(HubId, SessionId, EndReason, DeliveryPosition)>,
    end: Option<(EndReason, DeliveryPosition)>,
}

impl FanOut {
    /// Whether there is nothing to deliver.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.attaches.is_empty()
    }

    /// Whether something waits that goes to every member.
    pub fn goes_to_all(&self) -> bool {
        self.n_bytes > 0
    }

    /// Whether so much waits that the room should take no more.
    pub fn is_full(&self) -> bool {
        self.n_bytes > WAITING_BYTES_MAX
    }

    /// The counter that members have been brought to by what was taken so far.
    pub fn rev(&self) -> i64 {
        self.rev
    }

    /// A session becomes a member with this WELCOME.
    pub fn attach(&mut self, hub: HubId, welcome: Welcome) {
        self.attaches.push((hub, Box::new(welcome), self.position));
        self.cut = true;
    }

    /// A change for every member, of so many bytes as JSON, which brings them to `rev`.
    pub fn change(&mut self, rev: i64, event: Arc<Event>, n_bytes: usize) {
        self.push(Some(rev), event, n_bytes + FRAME_BYTES);
    }

    /// What every member gets that is no change, of so many bytes as JSON.
    pub fn broadcast(&mut self, event: Arc<Event>, n_bytes: usize) {
        self.push(None, event, n_bytes);
    }

    fn push(&mut self, rev: Option<i64>, event: Arc<Event>, n_bytes: usize) {
        self.n_bytes += n_bytes;
        self.position += 1;
        let gathered = Gathered { position: self.position, rev, event, n_bytes };
        self.run().events.push_back(gathered);
    }

    /// An event for one session, and whether it answers a message of its.
    pub fn direct(&mut self, hub: HubId, session: SessionId, event: Arc<Event>, answers: bool) {
        self.run().directs.push((hub, session, event, answers));
    }

    /// The subscription of one member ends, behind all that was said before.
    pub fn end(&mut self, hub: HubId, session: SessionId, reason: EndReason) {
        self.position += 1;
        let position = self.position;
        self.run().ends.push((hub, session, reason, position));
        // What comes behind it is for the others.
        self.cut = true;
    }

    /// Every member's subscription ends, behind all that was said before.
    pub fn end_all(&mut self, reason: EndReason) {
        self.position += 1;
        self.runs.push_back(Run { end: Some((reason, self.position)), ..Run::default() });
    }

    /// The run that events go to now.
    fn run(&mut self) -> &mut Run {
        if std::mem::take(&mut self.cut) || self.runs.back().is_none_or(|r| r.end.is_some()) {
            self.runs.push_back(Run::default());
        }
        let last = self.runs.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the line above makes sure that there is one")]
        &mut self.runs[last]
    }

    /// Takes what was gathered, or the first part where it is more than one delivery may carry, as commands
    /// for each hub. Events in a row go as one batch.
    pub fn take(&mut self, hubs: &[HubId]) -> BTreeMap<HubId, Vec<Command>> {
        let mut commands: BTreeMap<HubId, Vec<Command>> = hubs.iter().map(|hub| (*hub, Vec::new())).collect();
        for (hub, welcome, position) in std::mem::take(&mut self.attaches) {
            commands.entry(hub).or_default().push(Command::Attach(welcome, position));
        }
        let mut budget = DELIVERY_BYTES_MAX;
        while budget > 0 {
            let Some(mut run) = self.runs.pop_front() else { break };
            // One at least, as there is some budget left.
            let mut taken = Vec::new();
            while budget > 0
                && let Some(event) = run.events.pop_front()
            {
                budget = budget.saturating_sub(event.n_bytes);
                taken.push(event);
            }
            self.n_bytes -= taken.iter().map(|g| g.n_bytes).sum::<usize>();
            self.rev = taken.iter().filter_map(|g| g.rev).next_back().unwrap_or(self.rev);
            for (batch, position) in batches(taken) {
                for list in commands.values_mut() {
                    list.push(Command::Broadcast(batch.clone(), position));
                }
            }
            if !run.events.is_empty() {
                self.runs.push_front(run);
                break;
            }
            for (hub, session, event, answers) in run.directs {
                commands.entry(hub).or_default().push(Command::Direct(session, event, answers));
            }
            for (hub, session, reason, position) in run.ends {
                commands.entry(hub).or_default().push(Command::End(session, reason, position));
            }
            if let Some((reason, position)) = run.end {
                for list in commands.values_mut() {
                    list.push(Command::EndAll(reason, position));
                }
            }
        }
        commands.retain(|_, list| !list.is_empty());
        commands
    }
}

/// The events as few batches, each with the position of its last event.
fn batches(taken: Vec<Gathered>) -> Vec<(Arc<Batch>, DeliveryPosition)> {
    let mut batches = Vec::new();
    let (mut batch, mut n_in_batch, mut last) = (Vec::new(), 0, 0);
    for Gathered { position, event, n_bytes, .. } in taken {
        if !batch.is_empty() && n_in_batch + n_bytes > BATCH_BYTES_MAX {
            batches.push((Arc::new(Batch::new(std::mem::take(&mut batch))), last));
            n_in_batch = 0;
        }
        n_in_batch += n_bytes;
        last = position;
        batch.push(event);
    }
    if !batch.is_empty() {
        batches.push((Arc::new(Batch::new(batch)), last));
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{test_event as event, test_welcome};

    fn revs(batch: &Batch) -> Vec<i64> {
        let rev = |event: &Arc<Event>| if let Event::Message(m) = &**event { m.message().rev } else { 0 };
        batch.events().iter().map(rev).collect()
    }

    fn session(n: u128) -> SessionId {
        SessionId(Uuid::from_u128(n))
    }

    fn shape(commands: &[Command]) -> String {
        let letter = |c: &Command| match c {
            Command::Attach(..) => 'a',
            Command::Broadcast(..) => 'b',
            Command::Direct(..) => 'd',
            Command::End(..) | Command::EndAll(..) => 'c',
        };
        commands.iter().map(letter).collect()
    }

    #[test]
    fn gathers_frames_but_never_across_a_welcome() {
        let (one, two) = (HubId(0), HubId(1));
        let mut fan_out = FanOut::default();
        fan_out.broadcast(event(1), 1);
        fan_out.direct(one, session(1), event(9), false);
        fan_out.broadcast(event(2), 1);
        assert!(fan_out.goes_to_all());
        fan_out.attach(two, test_welcome(session(2)));
        fan_out.broadcast(event(3), 1);
        fan_out.end_all(EndReason::StartOver);
        fan_out.broadcast(event(4), 1);
        let commands = fan_out.take(&[one, two]);
        assert_eq!(shape(&commands[&one]), "bdbcb");
        assert_eq!(shape(&commands[&two]), "abbcb");
        assert!(fan_out.is_empty() && !fan_out.goes_to_all());
        fan_out.direct(one, session(1), event(9), false);
        fan_out.attach(two, test_welcome(session(2)));
        assert!(!fan_out.goes_to_all(), "what is for one of them");
        let Command::Broadcast(batch, 2) = &commands[&one][0] else { panic!("a broadcast comes first") };
        assert_eq!(revs(batch), [1, 2]);
    }

    #[test]
    fn a_burst_goes_out_in_parts_that_an_outbox_can_take() {
        let hub = HubId(0);
        let mut fan_out = FanOut::default();
        (1..=5).for_each(|n| fan_out.broadcast(event(n), 30_000));
        fan_out.direct(hub, session(1), event(9), false);
        fan_out.end_all(EndReason::StartOver);
        let mut shapes = Vec::new();
        let mut n_events = Vec::new();
        while !fan_out.is_empty() {
            let commands = fan_out.take(&[hub]).remove(&hub).expect("something to do");
            shapes.push(shape(&commands));
            n_events.extend(commands.iter().filter_map(|c| match c {
                Command::Broadcast(batch, _) => Some(batch.events().len()),
                _ => None,
            }));
        }
        assert_eq!(shapes, ["bb", "bdc"]);
        assert_eq!((n_events, fan_out.n_bytes), (vec![2, 1, 2], 0));
    }

    proptest! {
        /// Whatever goes in comes out once and in order; a member gets exactly what came in behind its WELCOME; and
        /// the counter never runs ahead of what came out.
        #[test]
        fn nothing_is_lost_between_deliveries(
            steps in proptest::collection::vec((0_u8..8, prop_oneof![1_usize..500, 60_000_usize..70_000]), 1..60),
            taken_at in proptest::collection::vec(0_usize..60, 0..6),
        ) {
            let hub = HubId(0);
            let mut fan_out = FanOut::default();
            let mut all = Vec::new();
            // For each member: from which change on it is to be told, its place, what it was told.
            let mut expected: BTreeMap<u128, usize> = BTreeMap::new();
            let mut members: BTreeMap<u128, (DeliveryPosition, Vec<i64>)> = BTreeMap::new();
            let mut take = |fan_out: &mut FanOut| {
                let mut last = 0;
                for command in fan_out.take(&[hub]).remove(&hub).unwrap_or_default() {
                    match command {
                        Command::Attach(welcome, position) => {
                            members.insert(welcome.session.0.as_u128(), (position, Vec::new()));
                        }
                        Command::Broadcast(batch, position) => {
                            let revs = revs(&batch);
                            last = revs.last().copied().unwrap_or(last);
                            for (_, told) in members.values_mut().filter(|(from, _)| *from < position) {
                                told.extend(&revs);
                            }
                        }
                        Command::Direct(..) | Command::End(..) | Command::EndAll(..) => {}
                    }
                }
                (last, members.clone())
            };
            fan_out.attach(hub, test_welcome(session(0)));
            expected.insert(0, 0);
            for (i, (step, n_bytes)) in steps.into_iter().enumerate() {
                let n = u128::try_from(i).unwrap_or(0) + 1;
                if step == 0 {
                    expected.insert(n, all.len());
                    fan_out.attach(hub, test_welcome(session(n)));
                } else {
                    let rev = i64::try_from(n).unwrap_or(0);
                    all.push(rev);
                    fan_out.change(rev, event(rev), n_bytes);
                }
                fan_out.direct(hub, session(0), event(9), false);
                if taken_at.contains(&i) {
                    let (last, _) = take(&mut fan_out);
                    prop_assert!(last == 0 || fan_out.rev() == last);
                }
            }
            let mut told = BTreeMap::new();
            while !fan_out.is_empty() {
                told = take(&mut fan_out).1;
            }
            for (member, from) in expected {
                if let Some((_, seen)) = told.get(&member) {
                    prop_assert_eq!(seen, &all[from..], "member {}", member);
                }
            }
            prop_assert_eq!(fan_out.n_bytes, 0);
        }
    }

    #[test]
    fn says_when_too_much_waits() {
        let mut fan_out = FanOut::default();
        (0..4).for_each(|_| fan_out.broadcast(event(1), 300 * 1024));
        assert!(fan_out.is_full());
        fan_out.take(&[]);
        assert!(!fan_out.is_full());
    }

    #[test]
    fn a_hub_with_nothing_to_do_is_left_alone() {
        let mut fan_out = FanOut::default();
        fan_out.direct(HubId(1), session(1), event(1), false);
        assert_eq!(fan_out.take(&[HubId(0), HubId(1)]).into_keys().collect::<Vec<_>>(), [HubId(1)]);
    }
}
