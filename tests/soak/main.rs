//! People come and go for a long time, some of them badly; then everything must be as it was: sessions, rooms, sockets,
//! descriptors, threads, memory. `scripts/soak` runs it; `cargo test` by itself does not.
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
    reason = "a run that meets what it does not expect fails by panicking"
)]

#[allow(dead_code, unused_imports, reason = "the support of all tests; this one needs a part")]
#[path = "../it/support/mod.rs"]
mod support;

mod figures;
mod people;

use std::{
    fs,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use figures::{Figures, MEMORY_MORE, MEMORY_MORE_SHORT, Recorder};
use people::Crowd;
use support::{Database, Server};
use tokio::{task::JoinSet, time::sleep};

/// What the run is told.
struct Arguments {
    seconds: u64,
    postgres: bool,
    seed: u64,
    people: usize,
    out: PathBuf,
}

fn arguments() -> Arguments {
    let mut read = Arguments {
        seconds: 20,
        postgres: false,
        seed: uuid::Uuid::new_v4().as_u64_pair().0,
        people: 60,
        out: "target/soak/last".into(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("{name} takes a value"));
        match &*name {
            "--seconds" => read.seconds = value.parse().expect("a number of seconds"),
            "--database" if value == "sqlite" => read.postgres = false,
            "--database" if value == "postgres" => read.postgres = true,
            "--seed" => read.seed = value.parse().expect("a seed"),
            "--people" => read.people = value.parse().expect("a number of people"),
            "--out" => read.out = value.into(),
            _ => panic!("no such argument: {name} {value}"),
        }
    }
    read
}

/// Times that let what is left behind end within seconds, so that a short run sees its end too.
const SETTINGS: [(&str, &str); 23] = [
    ("CHAT_GUARD", "off"),
    ("CHAT_ROOM_IDLE_SECS", "2"),
    ("CHAT_JOIN_SECS", "2"),
    ("CHAT_SILENCE_SECS", "4"),
    ("CHAT_HEARTBEAT_SECS", "1"),
    ("CHAT_OUTBOX_KIB", "128"),
    // All come from one address here.
    ("CHAT_REPEATS_PER_MINUTE", "100000"),
    ("CHAT_MESSAGES_PER_SECOND", "1000"),
    ("CHAT_ADDRESS_SESSIONS_MAX", "100000"),
    ("CHAT_ADDRESS_CONNECTIONS_MAX", "100000"),
    ("CHAT_ADDRESS_ROOM_MESSAGES_PER_SECOND", "100000"),
    ("CHAT_ADDRESS_ROOM_KIB_PER_SECOND", "100000"),
    ("CHAT_ADDRESS_MESSAGES_PER_SECOND", "100000"),
    ("CHAT_ADDRESS_KIB_PER_SECOND", "100000"),
    ("CHAT_ADDRESS_BYTES_BURST_MIB", "10000"),
    ("CHAT_ADDRESS_BYTES_KIB_PER_SECOND", "1000000"),
    ("CHAT_ADDRESS_CONNECT_BURST", "100000"),
    ("CHAT_ADDRESS_CONNECTS_PER_SECOND", "100000"),
    ("CHAT_ADDRESS_REQUEST_BURST", "100000"),
    ("CHAT_ADDRESS_REQUESTS_PER_SECOND", "100000"),
    // A pool that is full after the warm-up does not grow in the run.
    ("CHAT_POOL_SIZE", "2"),
    ("CHAT_THREADS", "2"),
    ("CHAT_DRAIN_GRACE_SECS", "0"),
];

/// How long the server has to become quiet.
const QUIET_WITHIN: Duration = Duration::from_secs(90);

fn main() -> ExitCode {
    let arguments = arguments();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    match runtime.block_on(run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(()) => ExitCode::FAILURE,
    }
}

async fn run(arguments: &Arguments) -> Result<(), ()> {
    println!("seed {}", arguments.seed);
    let database = if arguments.postgres { Database::postgres().await } else { Database::sqlite() };
    let mut server = Server::with(&database, &SETTINGS).await;
    fs::create_dir_all(&arguments.out).expect("a folder for the figures");
    let mut recorder = Recorder::new(&arguments.out.join("samples.csv"));
    let warm_up = Duration::from_secs((arguments.seconds / 4).clamp(5, 120));
    let crowd = Arc::new(Crowd::new(arguments.seed, server));

    let memory_more = if warm_up < Duration::from_secs(60) { MEMORY_MORE_SHORT } else { MEMORY_MORE };
    let mut broken = live(&crowd, arguments.people, warm_up, &mut recorder, "warm-up").await;
    let before = crowd.quiet(None, memory_more, &mut recorder).await;
    let rest = Duration::from_secs(arguments.seconds).saturating_sub(warm_up);
    broken += live(&crowd, arguments.people, rest, &mut recorder, "run").await;
    let after = crowd.quiet(Some(&before), memory_more, &mut recorder).await;

    let report = report(arguments, &before, &after, &recorder, &crowd, broken, memory_more).await;
    let did_well = report.contains("\nverdict: PASSED");
    server = Arc::into_inner(crowd).expect("nobody is left").into_server();
    server.signal("TERM");
    let ended = server.end().await;
    fs::write(arguments.out.join("server.log"), server.log()).expect("a log");
    let report = format!("{report}the server ended with {ended}\n");
    print!("{report}");
    fs::write(arguments.out.join("summary.txt"), &report).expect("a summary");
    let is_well = did_well && ended.success();
    println!("{} passed, {} failed", u8::from(is_well), u8::from(!is_well));
    is_well.then_some(()).ok_or(())
}

/// Everybody does what they do for a while. Gives how many met what they did not expect.
async fn live(crowd: &Arc<Crowd>, n_people: usize, time: Duration, recorder: &mut Recorder, phase: &str) -> usize {
    let until = Instant::now() + time;
    let mut people = JoinSet::new();
    for n in 0..n_people {
        let crowd = crowd.clone();
        people.spawn(async move { crowd.person(n, until).await });
    }
    let mut broken = 0;
    loop {
        tokio::select! {
            ended = people.join_next() => match ended {
                None => return broken,
                // It has said so on standard error.
                Some(Err(_)) => broken += 1,
                Some(Ok(())) => {}
            },
            () = sleep(Duration::from_secs(1)) => recorder.add(phase, &crowd.figures().await),
        }
    }
}

impl Crowd {
    /// Waits until the server is quiet: as before, or, where there is no before, empty and the same for a while. Gives
    /// the last figures, whatever they are.
    async fn quiet(&self, before: Option<&Figures>, memory_more: u64, recorder: &mut Recorder) -> Figures {
        /// Longer than the server lingers over the connection that asked for the last figures.
        const PACE: Duration = Duration::from_secs(2);
        /// So often nothing changes before it counts as quiet.
        const STILL_FOR: usize = 3;
        let patience = Instant::now() + QUIET_WITHIN;
        let mut n_still = 0;
        let mut last = Figures::default();
        loop {
            sleep(PACE).await;
            let now = self.figures().await;
            recorder.add("quiet", &now);
            n_still = if now.counts_as(&last) { n_still + 1 } else { 0 };
            last = now;
            let is_quiet = match before {
                Some(before) => last.wrong(before, memory_more).is_empty(),
                None => last.sessions_and_rooms() == [0, 0] && n_still >= STILL_FOR,
            };
            if is_quiet || Instant::now() > patience {
                return last;
            }
        }
    }
}

async fn report(
    arguments: &Arguments,
    before: &Figures,
    after: &Figures,
    recorder: &Recorder,
    crowd: &Crowd,
    broken: usize,
    memory_more: u64,
) -> String {
    let mut wrong = after.wrong(before, memory_more);
    let [sessions, rooms] = before.sessions_and_rooms();
    if sessions + rooms > 0 {
        wrong.push(format!("not quiet after the warm-up: {sessions} sessions, {rooms} rooms"));
    }
    if broken > 0 {
        wrong.push(format!("{broken} people met what they did not expect (see above)"));
    }
    let done = crowd.done();
    wrong.extend(done.iter().filter(|(_, n)| *n == 0).map(|(what, _)| format!("nobody {what}")));
    // A short run may be over before one is full.
    if arguments.seconds >= 60 && crowd.server().metric("chat_outbox_evictions_total").await == 0.0 {
        wrong.push("nobody who stopped reading was cut for a full outbox".to_owned());
    }
    if recorder.peak.sessions_and_rooms().contains(&0) {
        wrong.push("no session or no room was ever seen".to_owned());
    }
    let kind = if arguments.postgres { "postgres" } else { "sqlite" };
    let mut text = format!("soak: {} s on {kind}, seed {}\n", arguments.seconds, arguments.seed);
    for (what, n) in done {
        text.push_str(&format!("{n:>8} {what}\n"));
    }
    for name in ["chat_messages_stored_total", "chat_outbox_evictions_total"] {
        text.push_str(&format!("{:>8} {name}\n", crowd.server().metric(name).await));
    }
    text.push_str(&Figures::table(before, &recorder.peak, after, memory_more));
    text.push_str("tokio's tasks are not counted: its stable interface does not tell of them from outside\n");
    for line in &wrong {
        text.push_str(&format!("WRONG: {line}\n"));
    }
    text.push_str(if wrong.is_empty() { "verdict: PASSED\n" } else { "verdict: FAILED\n" });
    text
}
