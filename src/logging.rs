//! A log that never waits. Whoever reads standard error may be slow, stopped or gone, its disk full: a thread of the
//! chat that waited for it would stop the chat. So lines go through a bounded queue to a thread of their own; what
//! does not fit is dropped, counted, and said once lines are taken again.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    borrow::Cow,
    collections::{HashMap, VecDeque},
    fs::File,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, SecondsFormat, Utc};
use env_logger::{Builder, Env, Logger, Target, WriteStyle};
use log::{Level, Metadata, Record};
use serde::Serialize;

/// Bytes that wait to be written.
const WAITING_BYTES_MAX: usize = 1024 * 1024;
/// How long the end of the program waits for its last lines.
const LAST_LINES_MAX: Duration = Duration::from_secs(1);

/// Lines that one statement of the program may write in [`FOLD_WINDOW`]; what is beyond is counted and said in one line.
/// What strangers do is the cause of many lines, and they may do it as often as they like.
const LINES_OF_A_STATEMENT_MAX: u32 = 10;
/// The time that those are counted in.
const FOLD_WINDOW: Duration = Duration::from_secs(10);
/// Libraries that log each request that they do not understand, and whose figures are elsewhere: they say nothing,
/// whatever RUST_LOG asks for.
const SILENT: [&str; 2] = ["actix_http", "actix_web_prom"];

static N_DROPPED: AtomicU64 = AtomicU64::new(0);
static N_ERRORS: AtomicU64 = AtomicU64::new(0);
static N_WARNINGS: AtomicU64 = AtomicU64::new(0);

/// Log lines that standard error did not take.
pub fn n_dropped() -> u64 {
    N_DROPPED.load(Ordering::Relaxed)
}

/// Log lines at level error, dropped ones too.
pub fn n_errors() -> u64 {
    N_ERRORS.load(Ordering::Relaxed)
}

/// Log lines at level warn, dropped ones too.
pub fn n_warnings() -> u64 {
    N_WARNINGS.load(Ordering::Relaxed)
}

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For machines: one JSON object for each line.
    Json,
}

/// The program's log, for as long as the program runs.
pub struct Log {
    lines: Arc<Lines>,
    format: Format,
}

/// Begins to log to standard error, panics too. Fails where that cannot be duplicated or no thread be had.
pub fn start(format: Format, likes_colours: bool) -> io::Result<Log> {
    let stderr = io::stderr();
    let style = if stderr.is_terminal() && likes_colours { WriteStyle::Always } else { WriteStyle::Never };
    // A descriptor of its own: a write that waits holds no lock that anybody else needs.
    let file = File::from(stderr.as_fd().try_clone_to_owned()?);
    let lines = Arc::new(Lines::new(WAITING_BYTES_MAX));
    let queue = lines.clone();
    // Runs to the end of the process: it may be waiting for a reader that never reads.
    std::thread::Builder::new().name("log".into()).spawn(move || queue.write_to(file))?;

    // What a stranger sends is no failure of ours: actix-http would log each malformed request as an error.
    let default = Env::default().default_filter_or("info,actix_server=warn,actix_http=off");
    let mut builder = Builder::new();
    // RUST_LOG_STYLE wins over the style before it.
    builder.write_style(style).parse_env(default).target(Target::Pipe(Box::new(Handle(lines.clone()))));
    if format == Format::Json {
        builder.format(|to, record| to.write_all(&json_line(Utc::now(), record)));
    }
    let logger = builder.build();
    log::set_max_level(logger.filter());
    let discreet = DISCREET.get_or_init(|| Discreet { logger, folded: Mutex::default() });
    log::set_logger(discreet).map_err(io::Error::other)?;
    std::panic::set_hook(Box::new(|panic| {
        let trace = Backtrace::capture();
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        match trace.status() {
            BacktraceStatus::Captured => log::error!("thread '{name}' {panic}\n{trace}"),
            _ => log::error!("thread '{name}' {panic}"),
        }
    }));
    Ok(Log { lines, format })
}

/// A line for machines; docs/CONFIGURATION.md describes it.
#[derive(Serialize)]
struct JsonLine<'a> {
    time: String,
    level: &'static str,
    target: &'a str,
    message: String,
}

/// The record as one line, whatever its message holds.
fn json_line(time: DateTime<Utc>, record: &Record<'_>) -> Vec<u8> {
    let line = JsonLine {
        time: time.to_rfc3339_opts(SecondsFormat::Millis, true),
        level: record.level().as_str(),
        target: record.target(),
        message: record.args().to_string(),
    };
    // Text and nothing else: it cannot fail.
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// The log without what libraries say below info, whatever RUST_LOG asks for: at debug and trace they print requests,
/// frames and the values of statements, which are what people wrote, and their secrets. Counts failures as well: who
/// reads no logs sees the figures. Folds what one statement says again and again.
struct Discreet {
    logger: Logger,
    folded: Mutex<Folded>,
}

static DISCREET: OnceLock<Discreet> = OnceLock::new();

/// Says what was left out since it was last said. To be called each second.
pub fn say_what_was_folded() {
    let Some(discreet) = DISCREET.get() else { return };
    for line in discreet.folded().said(Instant::now()) {
        discreet.write_folded(&line);
    }
}

impl Discreet {
    fn folded(&self) -> MutexGuard<'_, Folded> {
        self.folded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_folded(&self, Omitted { level, target, n }: &Omitted) {
        let args = format_args!("{n} more lines like the last one of this place were left out");
        log::Log::log(&self.logger, &Record::builder().level(*level).target(target).args(args).build());
    }
}

/// The name that a record's target has in the log: all crates of this program are one there, as `RUST_LOG` names it.
fn shown(target: &str) -> Cow<'_, str> {
    target.strip_prefix("chat_").map_or(target.into(), |part| format!("realtime_chat::{part}").into())
}

impl log::Log for Discreet {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = shown(metadata.target());
        let library = target.split("::").next().unwrap_or_default();
        let is_said = match metadata.level() {
            _ if SILENT.contains(&library) => false,
            level => library == "realtime_chat" || level <= Level::Info,
        };
        is_said && self.logger.enabled(&Metadata::builder().level(metadata.level()).target(&target).build())
    }

    fn log(&self, record: &Record<'_>) {
        let target = shown(record.target());
        let (mut builder, metadata) = (Record::builder(), record.metadata());
        builder.args(*record.args()).level(metadata.level()).target(&target).line(record.line());
        let record = &builder.module_path(record.module_path()).file(record.file()).build();
        if !self.enabled(record.metadata()) || !self.logger.matches(record) {
            return;
        }
        match record.level() {
            Level::Error => N_ERRORS.fetch_add(1, Ordering::Relaxed),
            Level::Warn => N_WARNINGS.fetch_add(1, Ordering::Relaxed),
            // Who asks for these wants all of them.
            Level::Debug | Level::Trace => return self.logger.log(record),
            Level::Info => 0,
        };
        let taken = self.folded().take(record.level(), record.target(), record.line(), Instant::now());
        match taken {
            Taken::Not => {}
            Taken::Whole => self.logger.log(record),
            Taken::Behind(omitted) => {
                self.write_folded(&omitted);
                self.logger.log(record);
            }
        }
    }

    fn flush(&self) {
        self.logger.flush();
    }
}

/// How often each logging statement has been reached lately. Pure; bounded by the statements that there are.
#[derive(Debug, Default)]
struct Folded(HashMap<(Level, String, Option<u32>), Lately>);

#[derive(Debug)]
struct Lately {
    since: Instant,
    n_lines: u32,
    n_omitted: u64,
}

/// Lines that were left out.
#[derive(Debug, PartialEq, Eq)]
struct Omitted {
    level: Level,
    target: String,
    n: u64,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// It is written.
    Whole,
    /// It is written, behind the word that so many were not.
    Behind(Omitted),
    /// It is counted.
    Not,
}

impl Folded {
    fn take(&mut self, level: Level, target: &str, line: Option<u32>, now: Instant) -> Taken {
        let lately =
            self.0.entry((level, target.to_owned(), line)).or_insert(Lately { since: now, n_lines: 0, n_omitted: 0 });
        if now.saturating_duration_since(lately.since) >= FOLD_WINDOW {
            let n = lately.n_omitted;
            *lately = Lately { since: now, n_lines: 1, n_omitted: 0 };
            return match n {
                0 => Taken::Whole,
                n => Taken::Behind(Omitted { level, target: target.to_owned(), n }),
            };
        }
        if lately.n_lines < LINES_OF_A_STATEMENT_MAX {
            lately.n_lines += 1;
            return Taken::Whole;
        }
        lately.n_omitted += 1;
        Taken::Not
    }

    /// What was left out in times that are over; quiet ones are forgotten.
    fn said(&mut self, now: Instant) -> Vec<Omitted> {
        let mut said = Vec::new();
        self.0.retain(|(level, target, _), lately| {
            let is_over = now.saturating_duration_since(lately.since) >= FOLD_WINDOW;
            if is_over && lately.n_omitted > 0 {
                said.push(Omitted { level: *level, target: target.clone(), n: lately.n_omitted });
            }
            !is_over
        });
        said
    }
}

impl Log {
    /// Why the program ends: as text without level and time, as it stands on a terminal.
    pub fn say(&self, error: &dyn std::fmt::Display) {
        let line = match self.format {
            Format::Text => format!("error: {error}\n").into_bytes(),
            Format::Json => {
                let record = |args| Record::builder().level(Level::Error).target(module_path!()).args(args).build();
                json_line(Utc::now(), &record(format_args!("{error}")))
            }
        };
        self.lines.push(line);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.wait_until_written(LAST_LINES_MAX);
    }
}

/// Lines that wait for the thread that writes them.
struct Lines {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    n_bytes_max: usize,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    n_bytes: usize,
    /// A line was taken and is being written.
    is_writing: bool,
}

impl Lines {
    fn new(n_bytes_max: usize) -> Self {
        Self { waiting: Mutex::default(), changed: Condvar::new(), n_bytes_max }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a line behind the others, or drops and counts it.
    fn push(&self, line: Vec<u8>) -> bool {
        let mut waiting = self.lock();
        let fits = waiting.n_bytes.saturating_add(line.len()) <= self.n_bytes_max;
        if fits {
            waiting.n_bytes += line.len();
            waiting.lines.push_back(line);
            self.changed.notify_all();
        } else {
            N_DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }

    /// The next line, once there is one.
    fn next(&self) -> Vec<u8> {
        let mut waiting = self.lock();
        loop {
            if let Some(line) = waiting.lines.pop_front() {
                waiting.n_bytes = waiting.n_bytes.saturating_sub(line.len());
                waiting.is_writing = true;
                return line;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn written(&self) {
        self.lock().is_writing = false;
        self.changed.notify_all();
    }

    fn write_to(&self, mut file: impl Write) {
        let mut n_said = 0;
        loop {
            let line = self.next();
            let is_taken = file.write_all(&line).is_ok();
            if !is_taken {
                N_DROPPED.fetch_add(1, Ordering::Relaxed);
            }
            let n_lost = n_dropped().saturating_sub(n_said);
            if is_taken && n_lost > 0 {
                n_said += n_lost;
                // Behind what waits; where even that does not fit, it is one more that is counted.
                log::warn!("{n_lost} log lines were dropped: standard error was full, or slow to be read");
            }
            self.written();
        }
    }

    /// Waits until all is written, but not longer than that.
    fn wait_until_written(&self, max: Duration) {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        drop(self.changed.wait_timeout_while(self.lock(), max, is_busy));
    }
}

/// What env_logger writes each line to, whole.
struct Handle(Arc<Lines>);

impl Write for Handle {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    proptest! {
        #[test]
        fn a_line_for_machines_is_one_line_of_json_whatever_it_says(message in any::<String>(), target in "[\\PC\"\\\\\n]*") {
            let time = DateTime::from_timestamp_millis(1_700_000_000_123).expect("a time");
            let mut record = Record::builder();
            record.level(Level::Warn).target(&target);
            let line = json_line(time, &record.args(format_args!("{message}")).build());
            let (newline, rest) = line.split_last().expect("a line");
            prop_assert_eq!(*newline, b'\n');
            prop_assert!(!rest.contains(&b'\n'));
            let read: Value = serde_json::from_slice(&line).expect("JSON");
            let expected = json!({
                "time": "2023-11-14T22:13:20.123Z", "level": "WARN", "target": target, "message": message,
            });
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_statement_that_says_much_is_folded_and_no_other() {
        let mut folded = Folded::default();
        let begin = Instant::now();
        let taken = (0..5_000).map(|_| folded.take(Level::Warn, "http", Some(7), begin));
        assert_eq!(taken.filter(|taken| *taken == Taken::Whole).count(), 10);
        assert_eq!(folded.take(Level::Warn, "http", Some(8), begin), Taken::Whole, "another statement");
        assert!(folded.said(begin).is_empty(), "its time is not over");
        let later = begin + FOLD_WINDOW;
        let omitted = || Omitted { level: Level::Warn, target: "http".to_owned(), n: 4_990 };
        assert_eq!(folded.take(Level::Warn, "http", Some(7), later), Taken::Behind(omitted()));
        assert_eq!(folded.take(Level::Warn, "http", Some(7), later), Taken::Whole);
        for _ in 0..4_998 {
            folded.take(Level::Warn, "http", Some(7), later);
        }
        assert_eq!(folded.said(later + FOLD_WINDOW), [omitted()]);
        assert!(folded.0.is_empty(), "quiet ones are forgotten");
    }

    #[test]
    fn the_crates_of_the_program_are_one_in_the_log() {
        assert_eq!(shown("chat_store::outage"), "realtime_chat::store::outage");
        assert_eq!(shown("realtime_chat::app"), "realtime_chat::app");
        assert_eq!(shown("actix_server::worker"), "actix_server::worker");
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_what_fits_keeps_its_order() {
        let lines = Lines::new(10);
        assert!(lines.push(b"12345".to_vec()) && lines.push(b"67890".to_vec()));
        let before = n_dropped();
        assert!(!lines.push(b"x".to_vec()));
        assert!(n_dropped() > before);
        assert_eq!(lines.next(), b"12345");
        assert!(lines.push(b"abc".to_vec()), "there is room again");
        assert_eq!((lines.next(), lines.next()), (b"67890".to_vec(), b"abc".to_vec()));
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_that_never_reads() {
        let lines = Lines::new(10);
        lines.push(b"12345".to_vec());
        lines.wait_until_written(Duration::from_millis(1));
        lines.next();
        lines.wait_until_written(Duration::from_millis(1));
        lines.written();
        // With nothing left it returns at once, however long it might wait.
        lines.wait_until_written(Duration::from_secs(86_400));
    }
}
