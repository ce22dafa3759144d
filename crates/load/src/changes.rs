use std::collections::{BTreeMap, VecDeque};

use super::{
    mix::Kind,
    parse::{Change, What},
    stats::Window,
};

/// Messages that are reacted to: the latest ones.
const RECENT_MAX: usize = 50;
/// Deletions and counter values that are remembered; the oldest go first.
const KNOWN_MAX: usize = 8_192;
/// Commands whose deliveries and ACK are put together; the oldest go first.
const COMMANDS_MAX: usize = 1_024;
/// How long a delivery waits for the ACK that says which command it is of.
const COMMAND_US: u64 = 10_000_000;

/// A text that is shown although its deletion was shown before, as reports name it.
const AFTER_DELETION: &str = "a text after its deletion";
/// The change under an ACK's counter value is not what the ACK is for.
const NOT_AS_ASKED: &str = "a change that is not what was acknowledged";

/// A command was acknowledged: which counter value it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    pub room: usize,
    /// Of the message that it changed.
    pub seq: i64,
    pub rev: i64,
    pub kind: Kind,
    /// When it was due, in microseconds since the run began.
    pub due_us: u64,
}

/// A counter value that commands took: several, where they are reactions that were stored together.
#[derive(Debug)]
struct Taken {
    born_us: u64,
    commands: Vec<(Kind, u64)>,
    /// When sessions got it.
    arrivals: Vec<u64>,
    /// What they got, and of which message.
    got: Option<(What, i64)>,
}

/// What one thread knows of what becomes of a room's messages. Everything in it is bounded.
#[derive(Debug, Default)]
pub struct RoomChanges {
    /// Whether this run changes messages; else only deletions are remembered.
    pub is_mixed: bool,
    /// The latest messages that are not deleted: `seq` and id.
    recent: VecDeque<(i64, Box<str>)>,
    /// For a deleted message's `seq`, the counter's value of its deletion.
    deleted: BTreeMap<i64, i64>,
    /// Which message a value of the counter is about.
    about: BTreeMap<i64, i64>,
    taken: BTreeMap<i64, Taken>,
}

impl RoomChanges {
    pub fn new(is_mixed: bool) -> Self {
        Self { is_mixed, ..Self::default() }
    }

    /// The counter has begun anew.
    pub fn clear(&mut self) {
        *self = Self::new(self.is_mixed);
    }

    /// Which message each known value of the counter is about.
    pub fn about(&self) -> &BTreeMap<i64, i64> {
        &self.about
    }

    /// The messages to react to that a session at this value has seen, oldest first.
    pub fn seen(&self, cursor: i64) -> impl DoubleEndedIterator<Item = &(i64, Box<str>)> {
        self.recent.iter().filter(move |(seq, _)| *seq <= cursor)
    }

    /// Some session got these for the first time in this thread.
    pub fn learn(&mut self, changes: &[Change]) {
        for change in changes {
            if change.what == What::Gone {
                let at = self.deleted.entry(change.seq).or_insert(change.rev);
                *at = change.rev.min(*at);
                bound(&mut self.deleted, KNOWN_MAX);
                self.recent.retain(|(seq, _)| *seq != change.seq);
            }
            if !self.is_mixed {
                continue;
            }
            if change.what != What::Unknown {
                self.knows(change.rev, change.seq);
            }
            let Some(id) = change.id.clone().filter(|_| !self.deleted.contains_key(&change.seq)) else { continue };
            if self.recent.iter().all(|(seq, _)| *seq != change.seq) {
                let at = self.recent.partition_point(|(seq, _)| *seq < change.seq);
                self.recent.insert(at, (change.seq, id));
                if self.recent.len() > RECENT_MAX {
                    self.recent.pop_front();
                }
            }
        }
    }

    fn knows(&mut self, rev: i64, seq: i64) {
        self.about.insert(rev, seq);
        bound(&mut self.about, KNOWN_MAX);
    }

    /// Counts the texts that must not be there: of messages whose deletion is part of what the frame is as of, or older
    /// than the text.
    pub fn n_after_deletion(&self, changes: &[Change], as_of: i64) -> u64 {
        let is_wrong = |c: &&Change| {
            let has_text = matches!(c.what, What::New | What::Text);
            has_text && self.deleted.get(&c.seq).is_some_and(|deleted| *deleted <= as_of.max(c.rev))
        };
        super::numbers::count(changes.iter().filter(is_wrong).count())
    }

    /// A session got a change of a message.
    pub fn arrived(&mut self, change: &Change, now_us: u64, window: &mut Window) {
        if !self.is_mixed {
            window.counts.other_changes += 1;
            return;
        }
        let taken = self.taken(change.rev, now_us);
        taken.arrivals.push(now_us);
        let is_first = taken.got.replace((change.what, change.seq)).is_none();
        for (kind, due_us) in &taken.commands {
            window.mix.entry(*kind).or_default().delivered(now_us.saturating_sub(*due_us));
            if is_first && !kind_fits(*kind, change.what) {
                window.error(NOT_AS_ASKED);
            }
        }
    }

    /// A command took a counter value; who has got it by now got the command.
    pub fn acknowledged(&mut self, ack: &Acknowledged, now_us: u64, window: &mut Window) {
        self.knows(ack.rev, ack.seq);
        let taken = self.taken(ack.rev, now_us);
        taken.commands.push((ack.kind, ack.due_us));
        let mix = window.mix.entry(ack.kind).or_default();
        taken.arrivals.iter().for_each(|at_us| mix.delivered(at_us.saturating_sub(ack.due_us)));
        if taken.got.is_some_and(|(what, seq)| seq != ack.seq || !kind_fits(ack.kind, what)) {
            window.error(NOT_AS_ASKED);
        }
    }

    fn taken(&mut self, rev: i64, now_us: u64) -> &mut Taken {
        if !self.taken.contains_key(&rev) {
            while let Some((_, oldest)) = self.taken.first_key_value()
                && (self.taken.len() >= COMMANDS_MAX || oldest.born_us + COMMAND_US < now_us)
            {
                self.taken.pop_first();
            }
        }
        let new = || Taken { born_us: now_us, commands: Vec::new(), arrivals: Vec::new(), got: None };
        self.taken.entry(rev).or_insert_with(new)
    }
}

/// Counts texts that were shown after their deletion.
pub fn report_after_deletion(n: u64, window: &mut Window) {
    (0..n).for_each(|_| window.error(AFTER_DELETION));
}

/// Whether a command may be seen as this. Reactions come with the whole message where a server has caught up.
fn kind_fits(kind: Kind, what: What) -> bool {
    match kind {
        Kind::Edit => what == What::Text,
        Kind::Deletion => what == What::Gone,
        Kind::Reaction => matches!(what, What::Reactions | What::Text),
    }
}

fn bound(map: &mut BTreeMap<i64, i64>, n_max: usize) {
    while map.len() > n_max {
        map.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(what: What, seq: i64, rev: i64) -> Change {
        Change { rev, seq, what, mark: None, id: (what == What::New).then(|| seq.to_string().into()) }
    }

    fn mixed() -> RoomChanges {
        RoomChanges::new(true)
    }

    #[test]
    fn a_text_after_its_deletion_is_found() {
        let mut room = RoomChanges::default();
        room.learn(&[change(What::New, 1, 1), change(What::Gone, 1, 5)]);
        for (what, seq, rev, as_of, n) in [
            // In order, behind it, in a page from before it and in one from after it.
            (What::Text, 1, 4, 0, 0),
            (What::Text, 1, 6, 0, 1),
            (What::Text, 1, 4, 4, 0),
            (What::Text, 1, 4, 5, 1),
            (What::New, 1, 1, 9, 1),
            (What::Gone, 1, 5, 9, 0),
            (What::Text, 2, 6, 9, 0),
        ] {
            assert_eq!(room.n_after_deletion(&[change(what, seq, rev)], as_of), n, "{what:?} {seq} {rev} {as_of}");
        }
    }

    #[test]
    fn what_can_be_reacted_to_was_seen_and_is_not_deleted() {
        let mut room = mixed();
        room.learn(&[change(What::New, 2, 2), change(What::New, 1, 1), change(What::New, 3, 3)]);
        room.learn(&[change(What::Gone, 2, 4), change(What::New, 2, 2)]);
        let seen = |room: &RoomChanges, at| room.seen(at).map(|(seq, _)| *seq).collect::<Vec<_>>();
        assert_eq!((seen(&room, 2), seen(&room, 9)), (vec![1], vec![1, 3]));
        room.learn(&(10..100).map(|n| change(What::New, n, n)).collect::<Vec<_>>());
        assert_eq!(seen(&room, 99), (50..100).collect::<Vec<_>>());
    }

    #[test]
    fn deliveries_and_acks_meet_in_any_order() {
        let (mut room, mut window) = (mixed(), Window::default());
        let reaction = change(What::Reactions, 1, 7);
        let ack = |due_us| Acknowledged { room: 0, seq: 1, rev: 7, kind: Kind::Reaction, due_us };
        room.arrived(&reaction, 50, &mut window);
        room.acknowledged(&ack(10), 60, &mut window);
        room.arrived(&reaction, 70, &mut window);
        // One that was stored together with it.
        room.acknowledged(&ack(20), 80, &mut window);
        let mix = &window.mix[&Kind::Reaction];
        assert_eq!((mix.counts.deliveries, mix.delivery.n(), mix.delivery.quantile(1.0)), (4, 4, Some(60)));
        assert_eq!(window.n_errors(), 0);
    }

    #[test]
    fn a_change_in_place_of_another_is_found() {
        for (kind, what, seq, is_wrong) in [
            (Kind::Edit, What::Text, 1, false),
            (Kind::Edit, What::Gone, 1, true),
            (Kind::Edit, What::Text, 2, true),
            (Kind::Deletion, What::Gone, 1, false),
            (Kind::Deletion, What::Reactions, 1, true),
            (Kind::Reaction, What::Reactions, 1, false),
            (Kind::Reaction, What::Gone, 1, true),
        ] {
            let (mut room, mut window) = (mixed(), Window::default());
            room.arrived(&change(what, seq, 7), 5, &mut window);
            room.acknowledged(&Acknowledged { room: 0, seq: 1, rev: 7, kind, due_us: 1 }, 6, &mut window);
            assert_eq!(window.n_errors() > 0, is_wrong, "{kind:?} {what:?} {seq}");
        }
    }

    #[test]
    fn nothing_grows_without_end() {
        let (mut room, mut window) = (mixed(), Window::default());
        for rev in 1..20_000 {
            room.learn(&[change(What::Gone, rev, rev)]);
            room.arrived(&change(What::Gone, rev, rev), 1, &mut window);
        }
        assert_eq!((room.deleted.len(), room.about.len(), room.taken.len()), (KNOWN_MAX, KNOWN_MAX, COMMANDS_MAX));
        room.arrived(&change(What::Gone, 1, 20_000), 2 + COMMAND_US, &mut window);
        assert_eq!(room.taken.len(), 1);
    }
}
