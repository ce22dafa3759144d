//! The load tester: `realtime-chat load` plays many visitors against a server and says what they saw.
//!
//! Layout, in reading order:
//!
//! - [`options`] and [`target`]: what is asked for, and of whom
//! - [`plan`], [`schedule`], [`mix`], [`search`]: who does what and when, known before anything is sent
//! - [`text`], [`desk`], [`wire`]: what is sent
//! - [`parse`], [`frame_cache`], [`cursor`], [`changes`]: what is made of what comes
//! - [`latencies`], [`stats`], [`pairs`]: what was counted and measured; and of several servers, between which
//! - [`connection`], [`ended`], [`session`]: one visitor, its socket, and when it comes back
//! - [`state`], [`worker`], [`crew`]: a few threads with many sessions each
//! - [`prepare`], [`conductor`]: one run from the first connect to the last message
//! - [`client`], [`flood`], [`raid`]: what one rude visitor gets through, and what many do; counted and not timed
//! - [`probe`], [`progress`]: the server's processor and memory; the line on the terminal
//! - [`threshold`], [`report`]: the verdict, the table, JSON and HTML
//!
//! It never belongs to the server: nothing else of the program names it, and nothing of it runs while serving.
//!
//! The load is *open*: every message has an intended time from a schedule that does not wait for the server, and
//! every latency counts from there. A server that stalls for a second is seen as a second late, by every message of
//! that second, not as one slow answer ("coordinated omission").

mod changes;
mod client;
mod conductor;
mod connection;
mod crew;
mod cursor;
mod desk;
mod ended;
mod error;
mod flood;
mod frame_cache;
mod latencies;
mod mix;
mod numbers;
mod options;
mod pairs;
mod parse;
mod plan;
mod prepare;
mod probe;
mod progress;
mod raid;
mod report;
mod schedule;
mod search;
mod session;
mod state;
mod stats;
mod target;
mod text;
mod threshold;
mod wire;
mod worker;

use std::{fs, path::PathBuf};

pub use error::LoadError;
pub use options::LoadOptions;
use options::Scenario;
pub use threshold::Threshold;

/// Runs the load that `options` ask for, prints the table, writes the reports.
/// Gives whether every threshold held.
///
/// # Errors
/// Where the run could not begin, nothing could join, or a report cannot be written.
pub fn run(options: &LoadOptions) -> Result<bool, LoadError> {
    match options.scenario {
        Scenario::Flood => return run_flood(options),
        Scenario::Raid => return run_raid(options),
        _ => {}
    }
    let report = conductor::run(options)?;
    println!("{}", report.table());
    write(options.json.as_ref(), &|| report.json())?;
    write(options.html.as_ref(), &|| report.html())?;
    Ok(report.has_passed())
}

fn write(path: Option<&PathBuf>, text: &dyn Fn() -> String) -> Result<(), LoadError> {
    match path {
        Some(path) => fs::write(path, text()).map_err(|source| LoadError::Write { path: path.clone(), source }),
        None => Ok(()),
    }
}

fn run_flood(options: &LoadOptions) -> Result<bool, LoadError> {
    let (target, run) = rude(options, "the flood")?;
    let report = flood::run(options, target, run)?;
    println!("{report}");
    write(options.json.as_ref(), &|| report.json())?;
    Ok(report.has_passed())
}

fn run_raid(options: &LoadOptions) -> Result<bool, LoadError> {
    let (target, run) = rude(options, "the raid")?;
    let report = raid::run(options, target, run)?;
    println!("{report}");
    write(options.json.as_ref(), &|| report.json())?;
    Ok(report.has_passed())
}

/// What the scenarios need that count and measure no time.
/// Fails where the options ask for more than they have.
fn rude(options: &LoadOptions, what: &str) -> Result<(target::Target, text::RunId), LoadError> {
    let wrong = |why: String| Err(LoadError::Options(why));
    if options.mix.is_some() {
        return wrong(format!("--mix: {what} sends nothing but messages"));
    }
    if options.compression == options::Choice::On {
        return wrong(format!("--compression: {what} never offers it"));
    }
    if options.html.is_some() {
        return wrong(format!("--html: {what} has no page, only its table and --json"));
    }
    if options.urls.len() > 1 {
        return wrong(format!("--url: {what} is of one server"));
    }
    let (targets, run) = prepare::prepare(options)?;
    let Some(target) = targets.into_iter().next() else { return wrong("--url: there is no server".into()) };
    Ok((target, run))
}
