//! `--scenario flood`: what one rude visitor gets through. One address, an invented identity for each connection,
//! long texts, everything as fast as the server takes it. What counts is what a reader of the room gets.
//!
//! Nothing is measured in time here, so this is plain blocking code: a thread for each attacker, and one that reads.

mod report;
mod tally;

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

pub use report::FloodReport;
use tally::{Seen, Tally};

use super::{
    client::{Client, Heard},
    error::LoadError,
    numbers::{count, size},
    options::LoadOptions,
    parse::Event,
    target::Target,
    text::{BYTES_MIN, Mark, RunId},
};
use chat_domain::CONTENT_CODE_POINTS_MAX;

/// Most attackers: each is a thread.
const ATTACKERS_MAX: usize = 500;
/// Messages that an identity sends at once, without waiting for an answer.
const BURST: u64 = 10;
/// How long answers are waited for, and at the end the last messages: a server under a flood may take its time.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Between two attempts of one who is refused.
const PAUSE: Duration = Duration::from_millis(200);
/// Fills a text up to the longest that is allowed: nothing has more bytes for a code point.
const LONGEST: char = '\u{1f30a}';

/// What all threads of a flood share.
struct Flood {
    target: Target,
    rooms: Vec<String>,
    run: RunId,
    /// Bytes of ASCII in a text; nothing: as long as the server takes.
    payload: Option<usize>,
    n_sent: AtomicU64,
    n_identities: AtomicU64,
    is_over: AtomicBool,
    tally: Mutex<Tally>,
}

/// Plays the flood that `options` ask for.
/// Fails where it could not begin: options that do not fit, or a reader who could not join.
pub fn run(options: &LoadOptions, target: Target, run: RunId) -> Result<FloodReport, LoadError> {
    if options.sessions > ATTACKERS_MAX {
        return Err(LoadError::Options(format!("--sessions: a flood has {ATTACKERS_MAX} at most")));
    }
    let name = options.room.clone().unwrap_or_else(|| format!("flood-{run}"));
    let rooms = (0..options.rooms).map(|n| format!("{name}-{n}")).collect();
    let flood = Flood::new(target, rooms, run, options.payload);
    let first = flood.rooms.first().cloned().unwrap_or_default();
    let reader = flood.open(&first, false).map_err(LoadError::NoneJoined)?;
    let began = Instant::now();
    let end = began + options.duration;
    thread::scope(|scope| -> Result<(), LoadError> {
        let flood = &flood;
        let start = |name: String| thread::Builder::new().name(name).stack_size(256 * 1024);
        start("flood-reader".into()).spawn_scoped(scope, || flood.read(reader, began)).map_err(LoadError::Start)?;
        let mut attackers = Vec::new();
        for (n, room) in (0..options.sessions).zip(flood.rooms.iter().cycle()) {
            let attacker = start(format!("flood-{n}")).spawn_scoped(scope, || flood.attack(room, end));
            match attacker {
                Ok(attacker) => attackers.push(attacker),
                Err(error) => {
                    flood.is_over.store(true, Relaxed);
                    return Err(LoadError::Start(error));
                }
            }
        }
        for attacker in attackers {
            // A thread that ended early has said so.
            let _ = attacker.join();
        }
        flood.wait_for_reader();
        flood.is_over.store(true, Relaxed);
        Ok(())
    })?;
    let tally = flood.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(FloodReport::new(options, tally))
}

impl Flood {
    fn new(target: Target, rooms: Vec<String>, run: RunId, payload: Option<usize>) -> Self {
        let (n_sent, n_identities) = (AtomicU64::new(0), AtomicU64::new(0));
        let (is_over, tally) = (AtomicBool::new(false), Mutex::default());
        Self { target, rooms, run, payload, n_sent, n_identities, is_over, tally }
    }

    fn tally(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What was acknowledged last may still be on its way to the reader.
    fn wait_for_reader(&self) {
        let until = Instant::now() + ANSWER_MAX;
        let mut is_behind = true;
        while is_behind && Instant::now() < until {
            thread::sleep(PAUSE);
            self.tally(|tally| is_behind = tally.seen.iter().map(|s| s.messages).sum::<u64>() < tally.acknowledged);
        }
    }

    /// Comes in as somebody whom the server has never seen; a reader has no name.
    fn open(&self, room: &str, is_author: bool) -> Result<Client, String> {
        let n = self.n_identities.fetch_add(1, Relaxed);
        let id = self.run.anonymous_id(n);
        let name =
            if is_author { format!(r#","nickname":"nobody {}","avatar":"cat""#, n % 100_000) } else { String::new() };
        let join = format!(r#"{{"type":"JOIN","payload":{{"anonymousId":"{id}"{name}}}}}"#);
        let path = format!("{}/ws/room/{room}", self.target.path);
        Client::open(&self.target, &path, &join, (self.run, None)).map(|(client, _)| client)
    }

    /// One attacker: a new identity as often as the server lets one in, and as much as it takes from each.
    fn attack(&self, room: &str, end: Instant) {
        let mut inside = None;
        while Instant::now() < end {
            let n_messages = match self.open(room, true) {
                Ok(client) => {
                    self.tally(|tally| tally.identities += 1);
                    inside = Some(client);
                    BURST
                }
                Err(why) => {
                    self.tally(|tally| *tally.turned_away.entry(why).or_default() += 1);
                    thread::sleep(PAUSE);
                    // Not let in again: the identity that is inside goes on.
                    1
                }
            };
            if let Some(client) = &mut inside
                && let Err(why) = self.send(client, n_messages)
            {
                self.tally(|tally| *tally.turned_away.entry(why).or_default() += 1);
                inside = None;
            }
        }
    }

    /// Sends messages at once, then reads the answers.
    fn send(&self, client: &mut Client, n_messages: u64) -> Result<(), String> {
        for _ in 0..n_messages {
            let n = self.n_sent.fetch_add(1, Relaxed);
            let (id, text) = (self.run.client_id(n), self.text(n));
            client.send(&format!(r#"{{"type":"MESSAGE","payload":{{"clientId":"{id}","content":"{text}"}}}}"#))?;
        }
        self.tally(|tally| tally.sent += n_messages);
        let until = Instant::now() + ANSWER_MAX;
        let mut n_open = n_messages;
        while n_open > 0 && Instant::now() < until {
            let Some(Heard { events, .. }) = client.next(until)? else { break };
            for event in events {
                match event {
                    Event::Ack { client_id, .. } if self.run.number(client_id).is_some() => {
                        self.tally(|tally| tally.acknowledged += 1);
                        n_open = n_open.saturating_sub(1);
                    }
                    Event::Error { code, client_id: Some(_), .. } => {
                        self.tally(|tally| *tally.refused.entry(code).or_default() += 1);
                        n_open = n_open.saturating_sub(1);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// A text like no other, marked as ours.
    fn text(&self, n: u64) -> String {
        let (mut text, mark) = (String::new(), Mark { n, due_us: 0 });
        match self.payload {
            Some(n_bytes) => self.run.put_text(&mut text, mark, n_bytes),
            None => {
                self.run.put_text(&mut text, mark, BYTES_MIN);
                text.extend(std::iter::repeat_n(LONGEST, CONTENT_CODE_POINTS_MAX - BYTES_MIN));
            }
        }
        text
    }

    /// Reads along until all is over.
    fn read(&self, mut reader: Client, began: Instant) {
        while !self.is_over.load(Relaxed) {
            match reader.next(Instant::now() + PAUSE) {
                Ok(Some(Heard { events, n_bytes })) => {
                    let is_ours = |event: &&Event| matches!(event, Event::Change(change) if change.mark.is_some());
                    let messages = count(events.iter().filter(is_ours).count());
                    if messages > 0 {
                        let second = size(began.elapsed().as_secs());
                        self.tally(|tally| tally.see(second, Seen { messages, bytes: count(n_bytes) }));
                    }
                }
                Ok(None) => {}
                Err(why) => {
                    return self.tally(|tally| *tally.turned_away.entry(format!("reader: {why}")).or_default() += 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_domain::Content;

    #[test]
    fn the_longest_text_is_taken_and_known_again() {
        let run = RunId::new(7);
        let target = Target::resolve("http://127.0.0.1:1").expect("a target");
        let flood = Flood::new(target, Vec::new(), run, None);
        let text = flood.text(9);
        assert!(text.len() > 7_800 && Content::parse(&text).is_ok_and(|content| content.as_str() == text));
        assert_eq!(run.read(&text).map(|mark| mark.n), Some(9));
    }
}
