use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use clap::ValueEnum as _;
use serde::Serialize;

use super::tally::{Side, Sum, Tally};
use crate::{
    numbers::float,
    options::LoadOptions,
    threshold::{Verdict, judge},
};

/// What a raid came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RaidReport {
    scenario: &'static str,
    raid: String,
    url: String,
    room: String,
    sessions: usize,
    seconds: f64,
    /// When the raid began, since the talkers did.
    began_after_seconds: f64,
    identities: u64,
    raiders: Outcomes,
    talkers: Outcomes,
    turned_away: BTreeMap<String, u64>,
    preset: Preset,
    conditions: Vec<Verdict>,
}

/// What became of the messages of one side: each of them is counted once.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcomes {
    sent: u64,
    /// Somebody else got them, live.
    shown: u64,
    held: u64,
    refused: BTreeMap<String, u64>,
    /// Acknowledged, and nobody else got them.
    unseen: u64,
    unanswered: u64,
}

/// The settings against a raid, as the room told them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Preset {
    was_on: bool,
    /// Milliseconds since the raid began.
    on_ms: Option<i64>,
    /// Milliseconds since it was over.
    off_ms: Option<i64>,
    /// Messages of raiders that others got before it came.
    let_through: u64,
}

impl From<Sum> for Outcomes {
    fn from(Sum { sent, shown, held, refused, unseen, unanswered }: Sum) -> Self {
        Self { sent, shown, held, refused, unseen, unanswered }
    }
}

impl RaidReport {
    pub fn new(options: &LoadOptions, room: &str, tally: Tally) -> Self {
        let (raiders, talkers) = (tally.sum(Side::Raider), tally.sum(Side::Talker));
        let Tally { identities, turned_away, was_on, on_ms, off_ms, let_through, .. } = tally;
        let refused: u64 = talkers.refused.values().sum();
        let readers = turned_away.iter().filter(|(why, _)| why.starts_with("reader")).map(|(_, n)| n).sum();
        let mut figures: BTreeMap<String, f64> = [
            ("raid-shown", float(raiders.shown)),
            ("raid-talkers-refused", float(refused)),
            ("errors", float(readers)),
        ]
        .map(|(name, figure)| (name.to_owned(), figure))
        .into();
        if let Some(on_ms) = on_ms.and_then(|ms| u64::try_from(ms.max(0)).ok()) {
            figures.insert("raid-preset".into(), float(on_ms) * 1_000.0);
        }
        let seconds = options.duration.as_secs_f64();
        let kind = options.raid.to_possible_value();
        Self {
            scenario: "raid",
            raid: kind.map(|value| value.get_name().to_owned()).unwrap_or_default(),
            url: options.urls.join(", "),
            room: room.to_owned(),
            sessions: options.sessions,
            seconds,
            began_after_seconds: seconds / 3.0,
            identities,
            raiders: raiders.into(),
            talkers: talkers.into(),
            turned_away,
            preset: Preset { was_on, on_ms, off_ms, let_through },
            conditions: judge(&options.fail_if, &figures),
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

impl fmt::Display for RaidReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { raid, url, room, sessions, seconds, identities, raiders, talkers, preset, .. } = self;
        let after = self.began_after_seconds;
        writeln!(
            f,
            "raid: {raid} · {url} · room {room} · {sessions} sessions, {seconds} s, the raid after {after:.1} s\n"
        )?;
        writeln!(f, "{:<28}{:>12}{:>12}", "", "raiders", "talkers")?;
        let mut row =
            |name: &str, of: &dyn Fn(&Outcomes) -> u64| writeln!(f, "{name:<28}{:>12}{:>12}", of(raiders), of(talkers));
        row("messages sent", &|of| of.sent)?;
        row("shown to others", &|of| of.shown)?;
        row("held", &|of| of.held)?;
        let codes: BTreeSet<&String> = raiders.refused.keys().chain(talkers.refused.keys()).collect();
        for code in codes {
            row(&format!("refused: {code}"), &|of| of.refused.get(code).copied().unwrap_or_default())?;
        }
        if raiders.unseen + talkers.unseen > 0 {
            row("stored, and shown to nobody", &|of| of.unseen)?;
        }
        if raiders.unanswered + talkers.unanswered > 0 {
            row("without an answer", &|of| of.unanswered)?;
        }
        writeln!(f, "\nidentities of raiders: {identities}")?;
        for (why, n) in &self.turned_away {
            writeln!(f, "turned away: {n:>12}  {why}")?;
        }
        match preset {
            Preset { was_on: true, .. } => write!(f, "the preset against raids was on before")?,
            Preset { on_ms: Some(ms), let_through, .. } => write!(
                f,
                "the preset against raids came {ms} ms after the raid began; {let_through} of its messages had been shown"
            )?,
            Preset { .. } => write!(f, "the preset against raids did not come")?,
        }
        match preset.off_ms {
            Some(ms) => write!(f, "\nit was taken back {ms} ms after the raid was over")?,
            None if preset.on_ms.is_some() => write!(f, "\nit was not taken back")?,
            None => {}
        }
        for Verdict { condition, failed } in &self.conditions {
            write!(f, "\n{condition}: {}", if *failed { "FAILED" } else { "held" })?;
        }
        Ok(())
    }
}
