use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use serde::Serialize;

use super::tally::{Seen, Tally};
use crate::{
    numbers::{count, float, per, size, whole},
    options::LoadOptions,
    threshold::{Verdict, judge},
};

/// What a burst at the beginning may take, in seconds; left out where the run is longer than twice that.
const BURST_SECONDS: usize = 2;

/// What one address got through.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FloodReport {
    scenario: &'static str,
    url: String,
    sessions: usize,
    rooms: usize,
    seconds: f64,
    identities: u64,
    sent: u64,
    acknowledged: u64,
    refused: BTreeMap<String, u64>,
    turned_away: BTreeMap<String, u64>,
    /// What a reader of the first room got.
    seen: SeenInAll,
    conditions: Vec<Verdict>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SeenInAll {
    messages: u64,
    bytes: u64,
    /// A second, once the burst at the beginning is over.
    messages_per_second: f64,
    kib_per_second: f64,
    /// In the worst second.
    most_messages: u64,
    most_kib: f64,
}

impl FloodReport {
    pub fn new(options: &LoadOptions, tally: Tally) -> Self {
        let Tally { identities, sent, acknowledged, refused, turned_away, seen } = tally;
        let seconds = options.duration.as_secs_f64();
        let seen = SeenInAll::of(&seen, seconds);
        let figures: BTreeMap<String, f64> = [
            ("flood-messages", seen.messages_per_second),
            ("flood-kib", seen.kib_per_second),
            ("errors", float(turned_away.iter().filter(|(why, _)| why.starts_with("reader")).map(|(_, n)| n).sum())),
        ]
        .map(|(name, figure)| (name.to_owned(), figure))
        .into();
        let conditions = judge(&options.fail_if, &figures);
        let (url, sessions, rooms) = (options.urls.join(", "), options.sessions, options.rooms);
        let scenario = "flood";
        Self {
            scenario,
            url,
            sessions,
            rooms,
            seconds,
            identities,
            sent,
            acknowledged,
            refused,
            turned_away,
            seen,
            conditions,
        }
    }

    /// Whether no condition is true.
    pub fn has_passed(&self) -> bool {
        self.conditions.iter().all(|condition| !condition.failed)
    }

    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl SeenInAll {
    fn of(seen: &[Seen], seconds: f64) -> Self {
        let sum = |seen: &[Seen]| {
            let messages: u64 = seen.iter().map(|s| s.messages).sum();
            (messages, seen.iter().map(|s| s.bytes).sum::<u64>())
        };
        // Whole seconds of the attack: what comes behind it is what was still on its way.
        let n_seconds = size(whole(seconds)).max(1);
        let n_skipped = if n_seconds > 2 * BURST_SECONDS { BURST_SECONDS } else { 0 };
        let (messages, bytes) = sum(seen);
        let (late_messages, late_bytes) = sum(seen.get(n_skipped..n_seconds.min(seen.len())).unwrap_or_default());
        let late_seconds = float(count(n_seconds - n_skipped));
        Self {
            messages,
            bytes,
            messages_per_second: per(float(late_messages), late_seconds),
            kib_per_second: per(float(late_bytes) / 1_024.0, late_seconds),
            most_messages: seen.iter().map(|s| s.messages).max().unwrap_or_default(),
            most_kib: seen.iter().map(|s| float(s.bytes) / 1_024.0).fold(0.0, f64::max),
        }
    }
}

impl fmt::Display for FloodReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, sessions, rooms, seconds, identities, sent, acknowledged, seen, .. } = self;
        writeln!(f, "flood · {url} · one address, {sessions} attackers, rooms: {rooms}, {seconds} s\n")?;
        writeln!(f, "identities invented {identities:>12}")?;
        writeln!(f, "messages sent       {sent:>12}")?;
        writeln!(f, "acknowledged        {acknowledged:>12}")?;
        for (what, counts) in [("refused", &self.refused), ("turned away", &self.turned_away)] {
            for (name, n) in counts {
                writeln!(f, "{what:<20}{n:>12}  {name}")?;
            }
        }
        let kib = float(seen.bytes) / 1_024.0;
        writeln!(f, "\nwhat a reader of one room got: {} messages, {kib:.0} KiB", seen.messages)?;
        writeln!(
            f,
            "  a second, the beginning left out: {:.1} messages, {:.1} KiB",
            seen.messages_per_second, seen.kib_per_second
        )?;
        write!(f, "  in the worst second: {} messages, {:.1} KiB", seen.most_messages, seen.most_kib)?;
        let mut verdicts = String::new();
        for Verdict { condition, failed } in &self.conditions {
            let _ = write!(verdicts, "\n{condition}: {}", if *failed { "FAILED" } else { "held" });
        }
        f.write_str(&verdicts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_left_out_of_a_long_run_only() {
        let seen: Vec<Seen> = [60, 30, 30, 30, 30, 30, 5].map(|n| Seen { messages: n, bytes: n * 1_024 }).into();
        let long = SeenInAll::of(&seen, 6.0);
        assert_eq!((long.messages_per_second, long.kib_per_second, long.most_messages), (30.0, 30.0, 60));
        let short = SeenInAll::of(&seen, 3.0);
        assert_eq!((short.messages, short.messages_per_second), (215, 40.0));
        assert_eq!(SeenInAll::of(&[], 10.0).messages_per_second, 0.0);
    }
}
