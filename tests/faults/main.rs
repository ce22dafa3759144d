//! Real servers and real clients while one thing goes wrong, and a checker that holds what every client saw against
//! what is stored.
//!
//! `scripts/faults --help` tells how it is run; what it checks are the promises P1 to P5 and P7 of
//! docs/ARCHITECTURE.md, and in the faults named `moderation-` those on keeping order as well (`acts.rs`).
#![allow(
    clippy::disallowed_methods,
    clippy::large_enum_variant,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::as_conversions,
    missing_docs,
    reason = "a test that meets what it does not expect fails by panicking"
)]

mod acts;
mod api;
mod board;
mod checker;
mod client;
mod faults;
mod many;
mod moderator;
mod orders;
mod place;
mod stored;
mod subjects;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "it serves the other tests as well")]
mod support;
mod world;

use std::{
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::{Command, ExitCode},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use clap::Parser;
use rand::{SeedableRng, rngs::StdRng};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::Instant,
};

use crate::{
    checker::{Violation, check, shortest},
    place::{SmallDisk, Template},
    support::Folder,
    world::{Ended, Fault, Kit, World},
};

/// Runs each fault against servers of its own and checks what every client saw.
#[derive(Debug, Parser)]
#[command(name = "faults", about)]
struct Arguments {
    /// How long there is traffic and trouble, for each fault.
    #[arg(long, default_value_t = 8.0, value_name = "SECONDS")]
    seconds: f64,
    /// What all random choices come from; unset: another one each time.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Only faults whose name has this in it; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How many faults run at the same time.
    #[arg(long, default_value_t = 4, value_name = "N")]
    jobs: usize,
    /// Prints the faults and ends.
    #[arg(long)]
    list: bool,
    /// Leaves out, loudly, what this system does not let us do, instead of failing.
    #[arg(long, env = "FAULTS_MAY_SKIP")]
    may_skip: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let faults: Vec<Fault> = faults::all()
        .into_iter()
        .filter(|f| arguments.only.is_empty() || arguments.only.iter().any(|part| f.name.contains(part.as_str())))
        .collect();
    if arguments.list {
        faults.iter().for_each(|f| println!("{:28} {}", f.name, f.about));
        return ExitCode::SUCCESS;
    }
    assert!(!faults.is_empty(), "there is no such fault: see --list");
    if run_all(&arguments, faults) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_all(arguments: &Arguments, faults: Vec<Fault>) -> bool {
    let seed = arguments.seed.unwrap_or_else(rand_seed);
    let began = Instant::now();
    println!("seed {seed}: {} faults, {} s each, {} at a time", faults.len(), arguments.seconds, arguments.jobs);
    let kit = make_kit();
    let seconds = Duration::from_secs_f64(arguments.seconds);
    let (mut todo, mut n_passed, mut n_failed) = (VecDeque::new(), 0, 0);
    for fault in faults {
        match cannot(&fault, &kit) {
            None => todo.push_back(fault),
            Some(why) => {
                println!("SKIPPED {}: {why}", fault.name);
                n_failed += usize::from(!arguments.may_skip);
            }
        }
    }
    let todo = Mutex::new(Todo { faults: todo, n_large: 0 });
    let (done, ended) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            let (done, todo, kit) = (done.clone(), &todo, &kit);
            scope.spawn(move || {
                while let Some(fault) = next(todo) {
                    let began = Instant::now();
                    // A fault that panics fails, and the others go on.
                    let ended = catch_unwind(AssertUnwindSafe(|| run_alone(&fault, seconds, seed, kit)));
                    todo.lock().expect("no panic in here").n_large -= usize::from(fault.is_large());
                    done.send((fault, began.elapsed(), ended)).expect("somebody who listens");
                }
            });
        }
        drop(done);
        for (fault, took, ended) in ended {
            let is_well = tell(arguments, seed, &fault, took, ended);
            (n_passed, n_failed) = (n_passed + usize::from(is_well), n_failed + usize::from(!is_well));
        }
    });
    println!("done in {:.1} s", began.elapsed().as_secs_f64());
    println!("{n_passed} passed, {n_failed} failed");
    // A signal may have kept some from being begun.
    n_failed == 0 && !STOPPED.load(Ordering::SeqCst)
}

/// Worlds of three servers that run at a time: more of them, on few processors, find that the machine is slow.
const LARGE_MAX: usize = 2;

/// The faults that were not begun yet.
struct Todo {
    faults: VecDeque<Fault>,
    /// How many run whose world is large.
    n_large: usize,
}

/// The next one that may begin. Waits where only large ones are left and enough of those run.
fn next(todo: &Mutex<Todo>) -> Option<Fault> {
    loop {
        {
            let mut todo = todo.lock().expect("no panic in here");
            if todo.faults.is_empty() || STOPPED.load(Ordering::SeqCst) {
                return None;
            }
            let is_full = todo.n_large >= LARGE_MAX;
            if let Some(at) = todo.faults.iter().position(|fault| !(is_full && fault.is_large())) {
                let fault = todo.faults.remove(at)?;
                todo.n_large += usize::from(fault.is_large());
                return Some(fault);
            }
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// A signal came: no more faults are begun.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Runs a fault on a runtime of its own. A signal ends it early; its servers and clusters end with it.
fn run_alone(fault: &Fault, seconds: Duration, seed: u64, kit: &Kit) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt()).expect("a signal"), signal(SignalKind::terminate()).expect("a signal"));
        let told = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        tokio::select! {
            ended = run(fault, seconds, seed, kit) => ended,
            () = told => {
                STOPPED.store(true, Ordering::SeqCst);
                panic!("told to stop")
            }
        }
    })
}

/// Prints how a fault ended; whether all was well.
fn tell(arguments: &Arguments, seed: u64, fault: &Fault, took: Duration, ended: thread::Result<Ended>) -> bool {
    let problems = match &ended {
        Ok(ended) => judge(fault, ended),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            vec![format!("it panicked: {}", text.unwrap_or("without a word"))]
        }
    };
    let figures = ended.as_ref().map(figures).unwrap_or_default();
    let verdict = if problems.is_empty() { "ok    " } else { "FAILED" };
    println!("{verdict} {:28} {:5.1} s  {figures}", fault.name, took.as_secs_f64());
    if problems.is_empty() {
        if let (false, Ok(ended)) = (fault.expects.is_empty(), &ended) {
            println!("  found, as it must be:");
            let expected = |v: &Violation| fault.expects.contains(&v.what.name().as_str());
            let violations: Vec<_> = check(&ended.run).into_iter().filter(expected).take(1).collect();
            report(ended, &violations).iter().skip(2).for_each(|line| println!("  {line:.200}"));
        }
        return true;
    }
    problems.iter().for_each(|problem| println!("  {problem}"));
    if let Ok(ended) = &ended {
        for log in ended.server_logs.iter().rev().take(2) {
            let tail: Vec<_> = log.lines().rev().take(15).collect();
            println!("  the last lines of a server's log:");
            tail.iter().rev().for_each(|line| println!("    {line}"));
        }
    }
    println!("  again: scripts/faults --seed {seed} --seconds {} --only {}", arguments.seconds, fault.name);
    false
}

fn rand_seed() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0 >> 32
}

fn make_kit() -> Kit {
    let folder = Folder::new("rtc_faults");
    let postgres = Template::new(&folder.0);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/fakedisk.c");
    let fakedisk = folder.0.join("fakedisk.so");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&fakedisk).args([source, "-ldl"]).status();
    assert!(compiled.is_ok_and(|s| s.success()), "cc cannot compile {source}");
    let small_disks = SmallDisk::is_possible(&folder.0);
    let redis = Command::new("redis-server").arg("--version").output().is_ok();
    Kit { folder, postgres, faketime: faketime(), fakedisk, small_disks, redis }
}

/// Where Debian's package has it.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(|e| Some(e.ok()?.path()));
    folders.map(|f| f.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}

/// Why this fault cannot be made here.
fn cannot(fault: &Fault, kit: &Kit) -> Option<&'static str> {
    if fault.spec.fake_clock && kit.faketime.is_none() {
        return Some("libfaketime is not installed (Debian: faketime)");
    }
    if fault.spec.bus.is_some() && !kit.redis {
        return Some("redis-server is not installed (Debian: redis-server)");
    }
    if fault.spec.needs_small_disk() && !kit.small_disks {
        return Some("a small disk needs the right to mount a tmpfs (root)");
    }
    None
}

/// A world that does not come to rest within this is stuck.
const REST_MAX: Duration = Duration::from_secs(60);

/// Strikes at random moments while there is traffic, at least twice.
async fn run(fault: &Fault, seconds: Duration, seed: u64, kit: &Kit) -> Ended {
    // Each fault its own choices, whichever others run.
    let own = fault.name.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let mut world = World::new(fault.spec, kit, StdRng::seed_from_u64(own)).await;
    if fault.spec.is_moderated {
        world.appoint().await;
    }
    world.populate(fault.spec.habits);
    world.until_busy().await;
    let end = Instant::now() + seconds;
    // A machine that is busy with other things gets as much done, only later.
    let late_end = end + REST_MAX;
    while Instant::now() < end || world.ended.n_strikes < 2 || (world.is_idle() && Instant::now() < late_end) {
        world.pause(50, 700).await;
        (fault.strike)(&mut world).await;
        world.ended.n_strikes += 1;
    }
    // One that is broken on purpose may never come to rest.
    world.finish(if fault.expects.is_empty() { REST_MAX } else { REST_MAX / 6 }).await
}

/// Fewer, and nothing was tried.
pub const STORED_MIN: usize = 20;

/// The contract says 2 s; a machine that is busy with other things may take longer.
const BACK_MAX: Duration = Duration::from_secs(30);

/// What is wrong.
fn judge(fault: &Fault, ended: &Ended) -> Vec<String> {
    let violations = check(&ended.run);
    let mut problems = Vec::new();
    if let Err(missing) = (fault.bit)(ended) {
        problems.push(format!("the fault did nothing: {missing}"));
    }
    if ended.n_stored < STORED_MIN || ended.n_resumed == 0 {
        problems.push(format!("hardly anything happened: {} stored, {} resumed", ended.n_stored, ended.n_resumed));
    }
    if ended.back_max > BACK_MAX {
        problems.push(format!("it took {:?} until the database was back for the servers", ended.back_max));
    }
    // What a server does that is broken on purpose is no complaint, as long as the checker finds it.
    let mut complaints = ended.complaints.iter().filter(|_| fault.expects.is_empty());
    problems.extend(complaints.by_ref().take(10).cloned());
    if complaints.next().is_some() {
        problems.push(format!("... {} complaints in all", ended.complaints.len()));
    }
    if fault.expects.is_empty() {
        problems.extend(report(ended, &violations));
    } else if !violations.iter().any(|v| fault.expects.contains(&v.what.name().as_str())) {
        problems.push(format!("the server is broken, and the checker found none of {:?}", fault.expects));
        problems.extend(report(ended, &violations));
    }
    problems
}

/// How many of each kind, and the shortest history that shows one.
fn report(ended: &Ended, violations: &[Violation]) -> Vec<String> {
    if violations.is_empty() {
        return Vec::new();
    }
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for violation in violations {
        *kinds.entry(violation.what.name()).or_default() += 1;
    }
    let mut lines = vec![format!("{} violations: {kinds:?}", violations.len())];
    lines.extend(violations.iter().take(10).map(ToString::to_string));
    let shown = violations.iter().filter(|v| v.client.is_some()).take(20);
    let mut histories: Vec<_> = shown.map(|v| (shortest(&ended.run, v), v)).collect();
    histories.sort_by_key(|(events, _)| events.len());
    if let Some((events, violation)) = histories.first() {
        lines.push(format!("the shortest history that shows one: {violation}"));
        lines.extend(events.iter().map(|(ms, event)| format!("  at {ms} ms: {event:?}")));
    }
    lines
}

/// What many servers must not do to messages, and how often they did.
fn found_of(violations: &[Violation]) -> String {
    const LOST: [&str; 7] = ["Lost", "Gap", "NeverSaw", "EditLost", "DeletionLost", "ReactionLost", "EndsOtherwise"];
    let n = |kinds: &[&str]| violations.iter().filter(|v| kinds.contains(&v.what.name().as_str())).count();
    format!("lost {}, twice {}, swapped {}", n(&LOST), n(&["Twice", "StoredTwice", "ValueTwice"]), n(&["Swapped"]))
}

fn figures(ended: &Ended) -> String {
    let found: usize = check(&ended.run).len();
    let mut line = format!(
        "{} strikes, {} stored, {} changes, {} resumed, {} refused",
        ended.n_strikes, ended.n_stored, ended.n_changes, ended.n_resumed, ended.n_refused
    );
    if found > 0 {
        line += &format!(", {found} violations");
    }
    if ended.n_degraded > 0 {
        line += &format!(", back within {:.1} s", ended.back_max.as_secs_f64());
    }
    if let Some(right) = &ended.right {
        line += &format!(", {}, {right}", found_of(&check(&ended.run)));
    }
    for (what, n) in &ended.counts {
        line += &format!(", {n} {what}");
    }
    line
}
