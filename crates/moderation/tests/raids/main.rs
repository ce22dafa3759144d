//! Raids and crowds that are none, simulated, and how the unattended guard takes them. The table is in
//! docs/MODERATION-GUARD.md; `UPDATE_DOCS=1 cargo test -p chat-moderation --test raids` writes it anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod random;
mod scenarios;

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::{Duration, Instant},
};

use chat_domain::AuthorId;
use chat_moderation::{Decision, Guard, Seen, TextPrint, Why, folded};
use random::Random;
use scenarios::{Act, CROWDS, Event, RAIDS, Scenario, usual};

/// How often each scenario is run, with other random numbers.
const RUNS: u64 = 20;
/// So long the guard watches the room as it usually is before anything happens.
const BEFORE_MS: u64 = 2 * 3_600_000;
/// So long it goes on watching.
const AFTER_MS: u64 = 2 * 3_600_000;

/// What came of one run.
#[derive(Debug)]
struct Run {
    /// How long after the raid's first message it was found, and by what.
    found: Option<(Duration, Why)>,
    /// Messages of the raid that were published, out of all.
    n_through: u64,
    n_raid: u64,
    /// How long after the raid's last message all was as before.
    over: Option<Duration>,
    /// Raids that were found before this one began, or after it was over.
    n_others: u64,
}

/// All that the guard hears of, in order: the scenario's own events marked.
fn all_events(scenario: &Scenario, random: &mut Random) -> Vec<(bool, Event)> {
    let own = (scenario.events)(random);
    let length_ms = BEFORE_MS + own.iter().map(|event| event.at_ms).max().unwrap_or(0) + AFTER_MS;
    let mut all: Vec<(bool, Event)> = usual(random, length_ms).into_iter().map(|event| (false, event)).collect();
    all.extend(own.into_iter().map(|event| (true, Event { at_ms: event.at_ms + BEFORE_MS, ..event })));
    all.sort_by_key(|(_, event)| event.at_ms);
    all
}

fn run(scenario: &Scenario, seed: u64) -> Run {
    let start = Instant::now();
    let events = all_events(scenario, &mut Random::new(seed));
    let own = || events.iter().filter(|(is_own, _)| *is_own).map(|(_, event)| event.at_ms);
    let (first_ms, last_ms) = (own().min().expect("events"), own().max().expect("events"));
    let mut run = Run { found: None, n_through: 0, n_raid: 0, over: None, n_others: 0 };
    let mut guard = Guard::new(start);
    let mut tick_ms = 0;
    for (is_own, event) in &events {
        // Half a minute's ticks between the events.
        while tick_ms + 30_000 < event.at_ms {
            tick_ms += 30_000;
            note(&mut run, guard.tick(start + Duration::from_millis(tick_ms)), tick_ms, first_ms, last_ms);
        }
        let now = start + Duration::from_millis(event.at_ms);
        let is_raider = match &event.act {
            Act::Message { author, .. } => *is_own && author.starts_with("raider"),
            Act::Blocked | Act::Report => false,
        };
        let was_on = guard.is_raid();
        let decision = match &event.act {
            Act::Message { author, is_new, n_links, text, address } => {
                let author = AuthorId::from_stored(author);
                // As the server does: of those who are known none is needed.
                let print = is_new.then(|| TextPrint::of(&folded(text))).flatten();
                guard.message(
                    &Seen { author: &author, is_new: *is_new, n_links: *n_links, print, address: *address },
                    now,
                )
            }
            Act::Blocked => guard.blocked(now),
            Act::Report => guard.report(now),
        };
        if is_raider {
            run.n_raid += 1;
            run.n_through += u64::from(!was_on);
        }
        note(&mut run, decision, event.at_ms, first_ms, last_ms);
    }
    run
}

fn note(run: &mut Run, decision: Decision, at_ms: u64, first_ms: u64, last_ms: u64) {
    let since = |from: u64| Duration::from_millis(at_ms.saturating_sub(from));
    match decision {
        Decision::Quiet => {}
        Decision::RaidBegins { why } if run.found.is_none() && (first_ms..=last_ms).contains(&at_ms) => {
            run.found = Some((since(first_ms), why));
        }
        Decision::RaidBegins { .. } => run.n_others += 1,
        Decision::RaidOver => run.over = Some(since(last_ms)),
    }
}

fn runs(scenario: &Scenario) -> Vec<Run> {
    (0..RUNS).map(|seed| run(scenario, seed)).collect()
}

/// Each scenario is run once for all tests.
static RAIDED: LazyLock<Vec<Vec<Run>>> = LazyLock::new(|| RAIDS.iter().map(runs).collect());
static CROWDED: LazyLock<Vec<Vec<Run>>> = LazyLock::new(|| CROWDS.iter().map(runs).collect());

/// The median and the worst.
fn spread<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<(T, T)> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    Some((*values.get(values.len() / 2)?, *values.last()?))
}

fn per_mille(part: u64, whole: u64) -> u64 {
    part * 1_000 / whole.max(1)
}

fn percent(per_mille: u64) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

fn table() -> String {
    let mut table = String::from(
        "| raid | found | time to act, median (worst) | let through, median (worst) | by | over after, median |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for (scenario, runs) in RAIDS.iter().zip(RAIDED.iter()) {
        let found = runs.iter().filter_map(|run| run.found);
        let n = found.clone().count();
        let (median, worst) = spread(found.clone().map(|(time, _)| time.as_secs() + 1)).unwrap_or_default();
        let (through, most) = spread(runs.iter().map(|run| per_mille(run.n_through, run.n_raid))).unwrap_or_default();
        let (messages, _) = spread(runs.iter().map(|run| run.n_through)).unwrap_or_default();
        let mut kinds: Vec<&str> = found.map(|(_, why)| why.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let (over, _) = spread(runs.iter().filter_map(|run| run.over)).unwrap_or_default();
        let _ = writeln!(
            table,
            "| {} | {n} of {RUNS} | {median} s ({worst} s) | {messages} messages, {} ({}) | {} | {} min |",
            scenario.name,
            percent(through),
            percent(most),
            kinds.join(", "),
            over.as_secs().div_ceil(60),
        );
    }
    table.push_str("\n| crowd that is no raid | taken for one |\n| --- | --- |\n");
    for (scenario, runs) in CROWDS.iter().zip(CROWDED.iter()) {
        let n = runs.iter().filter(|run| run.found.is_some() || run.n_others > 0).count();
        let _ = writeln!(table, "| {} | {n} of {RUNS} |", scenario.name);
    }
    table
}

#[test]
fn every_raid_is_found_soon_and_is_over_some_time() {
    for (scenario, runs) in RAIDS.iter().zip(RAIDED.iter()) {
        let is_drip = scenario.name.contains("drip");
        for run in runs {
            let (time, _) = run.found.unwrap_or_else(|| panic!("{}: not found, {run:?}", scenario.name));
            let (longest, most) = if is_drip { (20 * 60, 150) } else { (120, 250) };
            assert!(time < Duration::from_secs(longest), "{}: {run:?}", scenario.name);
            assert!(per_mille(run.n_through, run.n_raid) <= most, "{}: {run:?}", scenario.name);
            let over = run.over.unwrap_or_else(|| panic!("{}: never over", scenario.name));
            assert!(over < Duration::from_secs(40 * 60), "{}: {run:?}", scenario.name);
            assert_eq!(run.n_others, 0, "{}: {run:?}", scenario.name);
        }
    }
}

#[test]
fn no_crowd_is_taken_for_a_raid() {
    for (scenario, runs) in CROWDS.iter().zip(CROWDED.iter()) {
        for run in runs {
            assert!(run.found.is_none() && run.n_others == 0, "{}: {run:?}", scenario.name);
        }
    }
}

#[test]
fn the_table_in_the_documents_is_this_one() {
    let (begin, end) = ("<!-- simulation: begin -->\n", "<!-- simulation: end -->");
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/MODERATION-GUARD.md");
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(begin).expect("the table's begin");
    let (table_there, after) = rest.split_once(end).expect("the table's end");
    let table = table();
    println!("{table}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{begin}{table}{end}{after}")).expect("the page is written");
        return;
    }
    assert_eq!(table_there, table, "UPDATE_DOCS=1 writes it anew");
}
