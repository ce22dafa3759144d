use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    cursor::Tally,
    latencies::Latencies,
    mix::Kind,
    pairs::{Pairs, Reader},
    text::Mark,
};

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub sent: u64,
    pub acknowledged: u64,
    /// Messages refused by an ERROR.
    pub refused: u64,
    /// Messages of this run that a session got while it was there: these have latencies.
    pub deliveries: u64,
    /// Messages of this run that a session got when it came back.
    pub resumed_deliveries: u64,
    /// Changes by others.
    pub other_changes: u64,
    /// WELCOMEs.
    pub joins: u64,
    /// Of these, those that resumed.
    pub resumes: u64,
    /// Of these, those that asked to resume and were told to start over.
    pub start_overs: u64,
    /// Sessions that were told to come back (1012).
    pub moved: u64,
    pub frames_read: u64,
    pub bytes_read: u64,
}

/// Adds the fields of one struct to those of another.
macro_rules! add {
    ($other:ident to $sum:ident: $($field:ident),+) => { $($sum.$field += $other.$field;)+ };
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        add!(other to self: sent, acknowledged, refused, deliveries, resumed_deliveries, other_changes);
        add!(other to self: joins, resumes, start_overs, moved, frames_read, bytes_read);
    }
}

/// What is counted of one kind of commands of `--mix`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MixCounts {
    pub sent: u64,
    pub acknowledged: u64,
    /// Of these, those that changed nothing, since they were done already: they have no deliveries.
    pub unchanged: u64,
    /// Refused by an ERROR.
    pub refused: u64,
    /// Of these, those whose message was deleted before: no errors.
    pub overtaken: u64,
    /// Times that a session got one of them, each by itself, while it was there.
    pub deliveries: u64,
}

/// What was seen of one kind of commands of `--mix`.
#[derive(Debug, Clone, Default)]
pub struct MixWindow {
    pub counts: MixCounts,
    /// From when a command was due to when a session had its change.
    pub delivery: Latencies,
    /// From when a command was due to its ACK.
    pub ack: Latencies,
}

impl MixWindow {
    pub fn delivered(&mut self, us: u64) {
        self.counts.deliveries += 1;
        self.delivery.record(us);
    }

    fn add(&mut self, other: &Self) {
        let (sum, counts) = (&mut self.counts, &other.counts);
        add!(counts to sum: sent, acknowledged, unchanged, refused, overtaken, deliveries);
        self.delivery.add(&other.delivery);
        self.ack.add(&other.ack);
    }
}

/// What one thread, or all, saw in some time.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// From when a message was due to when a session had it.
    pub delivery: Latencies,
    /// The same by pairs of servers, where there are several.
    pub pairs: Pairs,
    /// From when a message was due to its ACK.
    pub ack: Latencies,
    /// From when a connect was due to WELCOME.
    pub join: Latencies,
    /// From when a message was due to when the generator sent it: its own lateness.
    pub lateness: Latencies,
    pub counts: Counts,
    /// The same for commands of `--mix`.
    pub mix: BTreeMap<Kind, MixWindow>,
    /// What went wrong, by name.
    pub errors: BTreeMap<String, u64>,
}

impl Window {
    pub fn error(&mut self, name: impl Into<String>) {
        *self.errors.entry(name.into()).or_default() += 1;
    }

    /// Somebody got a message.
    pub fn delivered(&mut self, mark: Mark, now_us: u64, reader: Reader) {
        let us = now_us.saturating_sub(mark.due_us);
        self.delivery.record(us);
        if let Some(pair) = reader.pair(mark.n) {
            self.pairs.record(pair, us);
        }
    }

    pub fn n_errors(&self) -> u64 {
        self.errors.values().sum()
    }

    pub fn add(&mut self, other: &Self) {
        self.delivery.add(&other.delivery);
        self.pairs.add(&other.pairs);
        self.ack.add(&other.ack);
        self.join.add(&other.join);
        self.lateness.add(&other.lateness);
        self.counts.add(&other.counts);
        for (kind, mix) in &other.mix {
            self.mix.entry(*kind).or_default().add(mix);
        }
        for (name, n) in &other.errors {
            *self.errors.entry(name.clone()).or_default() += n;
        }
    }
}

/// One second of a run, for plots. Without a prefix, latencies are those of deliveries; all are in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    pub second: u64,
    pub p50: Option<u64>,
    pub p99: Option<u64>,
    pub max: Option<u64>,
    pub ack_p99: Option<u64>,
    pub deliveries: u64,
    pub sent: u64,
    /// Sessions that had joined, at the end of the second.
    pub sessions: u64,
    /// WELCOMEs.
    pub joins: u64,
    pub errors: u64,
    /// Lost, duplicated and reordered so far.
    pub tally: Tally,
}

/// One thread's window of one second.
#[derive(Debug)]
pub struct Slice {
    pub thread: usize,
    /// The second it ended in.
    pub second: u64,
    /// The part of the run.
    pub phase: u32,
    pub window: Window,
    /// Sessions that have joined now.
    pub n_live: u64,
    /// What went wrong with changes since the run began.
    pub tally: Tally,
}

/// Puts the windows of all threads together: one point for each second, one window for each phase.
#[derive(Debug, Default)]
pub struct Collector {
    points: Vec<Point>,
    /// Seconds that may still get something.
    open: BTreeMap<u64, Window>,
    live: BTreeMap<u64, BTreeMap<usize, u64>>,
    phases: BTreeMap<u32, Window>,
    tallies: BTreeMap<usize, Tally>,
}

/// A second is closed when this many later ones have begun.
const SECONDS_OPEN: u64 = 3;

impl Collector {
    /// Takes in a window.
    pub fn take(&mut self, slice: &Slice) {
        self.tallies.insert(slice.thread, slice.tally);
        self.phases.entry(slice.phase).or_default().add(&slice.window);
        self.open.entry(slice.second).or_default().add(&slice.window);
        self.live.entry(slice.second).or_default().insert(slice.thread, slice.n_live);
        while let Some((&second, _)) = self.open.first_key_value()
            && second + SECONDS_OPEN <= slice.second
        {
            self.close_first();
        }
    }

    fn close_first(&mut self) {
        let Some((second, window)) = self.open.pop_first() else { return };
        let point = self.point(second, &window);
        self.live.remove(&second);
        self.points.push(point);
    }

    /// A second that is not closed yet, as far as it is known.
    pub fn second(&self, second: u64) -> Option<Point> {
        self.open.get(&second).map(|window| self.point(second, window))
    }

    fn point(&self, second: u64, window: &Window) -> Point {
        Point {
            second,
            p50: window.delivery.quantile(0.5),
            p99: window.delivery.quantile(0.99),
            max: window.delivery.quantile(1.0),
            ack_p99: window.ack.quantile(0.99),
            deliveries: window.counts.deliveries + window.counts.resumed_deliveries,
            sent: window.counts.sent,
            sessions: self.live.get(&second).map_or(0, |live| live.values().sum()),
            joins: window.counts.joins,
            errors: window.n_errors(),
            tally: self.tally(),
        }
    }

    /// What went wrong with changes so far.
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.tallies.values().for_each(|tally| sum += *tally);
        sum
    }

    pub fn phase(&self, phase: u32) -> Window {
        self.phases.get(&phase).cloned().unwrap_or_default()
    }

    pub fn total(&self) -> Window {
        let mut total = Window::default();
        self.phases.values().for_each(|window| total.add(window));
        total
    }

    /// The seconds, once nothing more comes.
    pub fn finish(&mut self) -> Vec<Point> {
        while !self.open.is_empty() {
            self.close_first();
        }
        std::mem::take(&mut self.points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::count;

    fn slice(thread: usize, second: u64, latencies: &[u64]) -> Slice {
        let mut window = Window::default();
        latencies.iter().for_each(|us| window.delivery.record(*us));
        window.counts.deliveries = count(latencies.len());
        Slice { thread, second, phase: u32::from(second > 1), window, n_live: 10, tally: Tally::default() }
    }

    #[test]
    fn threads_become_seconds_and_phases() {
        let mut collector = Collector::default();
        for second in 0..6 {
            collector.take(&slice(0, second, &[1_000, 2_000]));
            collector.take(&slice(1, second, &[9_000]));
        }
        let mut late = slice(1, 5, &[]);
        late.tally.lost = 3;
        late.window.error("x");
        collector.take(&late);
        assert_eq!((collector.phase(0).delivery.n(), collector.phase(1).delivery.n()), (6, 12));
        assert_eq!((collector.total().counts.deliveries, collector.tally().lost), (18, 3));
        let points = collector.finish();
        assert_eq!(points.iter().map(|p| p.second).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        for point in &points {
            assert_eq!((point.deliveries, point.sessions), (3, 20));
            assert!(point.p50.is_some_and(|us| (1_999..=2_002).contains(&us)), "{point:?}");
        }
        assert_eq!(points[5].errors, 1);
    }
}
