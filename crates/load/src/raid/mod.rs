//! `--scenario raid`: a raid of a room among ordinary talk. Some people talk all the time; after a third of it others
//! come as new identities and write what raiders write. One reader sees what others are shown, and when the room gets
//! the settings against a raid.
//!
//! Nothing is measured but when those settings come, so this is plain blocking code like [`crate::flood`].

mod heard;
mod report;
mod tally;
mod words;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use uuid::Uuid;

use super::{
    client::Client,
    error::LoadError,
    numbers::{count, float, size},
    options::{LoadOptions, RaidKind},
    target::Target,
    text::RunId,
};
use heard::{News, hear};
pub use report::RaidReport;
use tally::{Side, Tally};
use words::Words;

/// Most sessions: each is a thread.
const SESSIONS_MAX: usize = 500;
/// What a talker waits between two messages, on average.
const TALK_EVERY_US: f64 = 3e6;
/// How long answers are waited for, and at the end the last messages.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How often one looks whether all is over.
const PAUSE: Duration = Duration::from_millis(100);
/// Talkers have numbers below this one, and raiders from it on.
const RAIDERS_FROM: u64 = 1_000_000;

impl RaidKind {
    /// Messages a second of all raiders; those of the simulations in docs/MODERATION-GUARD.md, or a few times as many, so
    /// that a run of minutes shows what hours would.
    fn per_second(self) -> f64 {
        match self {
            Self::Identity | Self::Pasted | Self::Links => 5.0,
            Self::Identities => 50.0,
            Self::SlowDrip => 0.2,
        }
    }

    /// Whether each message is of somebody else.
    fn is_ever_new(self) -> bool {
        matches!(self, Self::Links | Self::SlowDrip)
    }
}

/// What all threads of a raid share.
struct Raid {
    target: Target,
    room: String,
    kind: RaidKind,
    /// Of the messages, and of the identities of raiders.
    run: RunId,
    /// Of the identities of talkers.
    known: RunId,
    seed: u64,
    sources: Vec<IpAddr>,
    n_raiders: u64,
    per_second: f64,
    began: Instant,
    raid_at: Instant,
    end: Instant,
    n_identities: AtomicU64,
    is_over: AtomicBool,
    tally: Mutex<Tally>,
}

/// Somebody's connection.
struct Seat<'a> {
    raid: &'a Raid,
    client: Option<Client>,
    /// Messages that wait for an answer, by their keys.
    open: BTreeSet<Uuid>,
    /// Until when this one was asked to wait.
    not_before: Instant,
}

/// Plays the raid that `options` ask for.
/// Fails where it could not begin: options that do not fit, or a reader who could not join.
pub fn run(options: &LoadOptions, target: Target, run: RunId) -> Result<RaidReport, LoadError> {
    if options.rooms > 1 {
        return Err(LoadError::Options("--rooms: a raid is of one room".into()));
    }
    if !(2..=SESSIONS_MAX).contains(&options.sessions) {
        return Err(LoadError::Options(format!("--sessions: a raid has from 2 to {SESSIONS_MAX}")));
    }
    let n_talkers = (options.sessions / 10).max(1);
    let n_others = options.sessions - n_talkers;
    let n_raiders = if options.raid == RaidKind::Identity { 1 } else { n_others };
    let began = Instant::now();
    let raid = Raid::new(options, target, run, (began, n_raiders));
    let reader = raid.reader()?;
    let limits = (raid.end + options.drain.min(ANSWER_MAX), raid.end + options.drain);
    thread::scope(|scope| -> Result<(), LoadError> {
        let raid = &raid;
        let start = |name: String| thread::Builder::new().name(name).stack_size(256 * 1024);
        start("raid-reader".into()).spawn_scoped(scope, || raid.watch(reader)).map_err(LoadError::Start)?;
        let mut people = Vec::new();
        for n in 0..options.sessions {
            let person = start(format!("raid-{n}")).spawn_scoped(scope, move || match n.checked_sub(n_talkers) {
                None => raid.talk(count(n), limits.0),
                Some(n) if n < n_raiders => raid.raid(count(n), limits.0),
                Some(n) => raid.listen(count(n)),
            });
            match person {
                Ok(person) => people.push(person),
                Err(error) => {
                    raid.is_over.store(true, Relaxed);
                    return Err(LoadError::Start(error));
                }
            }
        }
        for person in people {
            // A thread that ended early has said so.
            let _ = person.join();
        }
        raid.wait(Instant::now() + ANSWER_MAX, Tally::waits);
        raid.wait(limits.1, |tally| tally.on_ms.is_some() && tally.off_ms.is_none());
        raid.is_over.store(true, Relaxed);
        Ok(())
    })?;
    let tally = raid.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(RaidReport::new(options, &raid.room, tally))
}

impl Raid {
    fn new(options: &LoadOptions, target: Target, run: RunId, (began, n_raiders): (Instant, usize)) -> Self {
        let name = options.room.clone().unwrap_or_else(|| format!("raid-{run}"));
        // With a seed they are the same people again, whom the room may know by then.
        let known = options.seed.map_or(run, |seed| RunId::new(u32::try_from(seed & 0xffff_ffff).unwrap_or_default()));
        Self {
            target,
            room: format!("{name}-0"),
            kind: options.raid,
            run,
            known,
            seed: options.seed.unwrap_or_else(|| run.client_id(0).as_u64_pair().0),
            sources: options.source_addresses.clone(),
            n_raiders: count(n_raiders),
            per_second: options.rate.unwrap_or_else(|| options.raid.per_second()),
            began,
            raid_at: began + options.duration / 3,
            end: began + options.duration,
            n_identities: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            tally: Mutex::default(),
        }
    }

    fn tally<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn turned_away(&self, why: String) {
        self.tally(|tally| *tally.turned_away.entry(why).or_default() += 1);
    }

    /// Waits for as long as it is so, until then at most.
    fn wait(&self, until: Instant, mut is_so: impl FnMut(&Tally) -> bool) {
        while Instant::now() < until && self.tally(|tally| is_so(tally)) {
            thread::sleep(PAUSE);
        }
    }

    /// Comes in with this identity; who has no name only reads. Gives what WELCOME says as well.
    fn open(&self, (of, n): (RunId, u64), name: Option<&str>) -> Result<(Client, Vec<News>), String> {
        let id = of.anonymous_id(n);
        let payload = match name {
            Some(name) => json!({"anonymousId": id, "nickname": format!("{name} {n}"), "avatar": "cat"}),
            None => json!({"anonymousId": id}),
        };
        let join = json!({"type": "JOIN", "payload": payload}).to_string();
        let path = format!("{}/ws/room/{}", self.target.path, self.room);
        let source = self.sources.get(size(n % count(self.sources.len()).max(1))).copied();
        let (client, welcome) = Client::open(&self.target, &path, &join, (self.run, source))?;
        Ok((client, hear(&welcome.payload)))
    }

    /// One who only reads, and sees what others are shown.
    fn reader(&self) -> Result<Client, LoadError> {
        let (client, news) = self.open((self.run, RAIDERS_FROM - 1), None).map_err(LoadError::NoneJoined)?;
        self.tally(|tally| tally.was_on = news.contains(&News::Room { is_raid: true }));
        Ok(client)
    }

    /// Reads along until all is over.
    fn watch(&self, mut reader: Client) {
        while !self.is_over.load(Relaxed) {
            match reader.next_text(Instant::now() + PAUSE) {
                Ok(Some(text)) => hear(&text.payload).iter().for_each(|news| self.see(news)),
                Ok(None) => {}
                Err(why) => return self.turned_away(format!("reader: {why}")),
            }
        }
    }

    fn see(&self, news: &News) {
        let now = Instant::now();
        self.tally(|tally| match news {
            News::Room { is_raid: true } => {
                tally.on_ms = tally.on_ms.or(Some(millis(self.raid_at, now)));
            }
            News::Room { is_raid: false } if tally.on_ms.is_some() => {
                tally.off_ms = tally.off_ms.or(Some(millis(self.end, now)));
            }
            News::Shown(_) => tally.hear(news, self.run),
            _ => {}
        });
    }

    fn seat(&self) -> Seat<'_> {
        Seat { raid: self, client: None, open: BTreeSet::new(), not_before: self.began }
    }

    /// One who talks as people do, and waits where told to.
    fn talk(&self, n: u64, settled: Instant) {
        let (mut seat, mut words) = (self.seat(), Words::new(self.seed ^ n.rotate_right(8)));
        let mut next = self.began + Duration::try_from_secs_f64(words.unit() * TALK_EVERY_US / 1e6).unwrap_or_default();
        while next < self.end {
            seat.hear(next);
            seat.come((self.known, n), "talker");
            if seat.not_before <= Instant::now() {
                seat.say(Side::Talker, &words.sentence());
            }
            next = (next + Duration::from_micros(words.pause_us(TALK_EVERY_US))).max(Instant::now());
        }
        seat.hear_all(settled);
    }

    /// One of the raiders, who write in turn.
    fn raid(&self, n: u64, settled: Instant) {
        let (mut seat, mut words) = (self.seat(), Words::new(self.seed ^ n.rotate_right(8) ^ RAIDERS_FROM));
        let (mut who, mut is_new) = (self.somebody_new(), true);
        for round in 0.. {
            let turn = float(round * self.n_raiders + n) / self.per_second;
            let Some(due) = Duration::try_from_secs_f64(turn).ok().and_then(|turn| self.raid_at.checked_add(turn))
            else {
                break;
            };
            if due >= self.end {
                break;
            }
            seat.hear(due);
            if self.kind.is_ever_new() && round > 0 {
                seat.hear_all(settled);
                (seat.client, who, is_new) = (None, self.somebody_new(), true);
            }
            if seat.come((self.run, who), "visitor") && is_new {
                is_new = false;
                self.tally(|tally| tally.identities += 1);
            }
            seat.say(Side::Raider, &words.of_raider(self.kind));
        }
        seat.hear_all(settled);
    }

    /// One who only reads.
    fn listen(&self, n: u64) {
        let mut seat = self.seat();
        match self.open((self.known, RAIDERS_FROM / 2 + n), None) {
            Ok((client, _)) => seat.client = Some(client),
            Err(why) => self.turned_away(why),
        }
        seat.hear(self.end);
    }

    fn somebody_new(&self) -> u64 {
        RAIDERS_FROM + self.n_identities.fetch_add(1, Relaxed)
    }
}

impl Seat<'_> {
    /// Comes in where this one is not. Gives whether it came now.
    fn come(&mut self, who: (RunId, u64), name: &str) -> bool {
        if self.client.is_some() {
            return false;
        }
        match self.raid.open(who, Some(name)) {
            Ok((client, _)) => self.client = Some(client),
            Err(why) => self.raid.turned_away(why),
        }
        self.client.is_some()
    }

    /// Sends a message, where this one is in.
    fn say(&mut self, side: Side, content: &str) {
        let Some(client) = &mut self.client else { return };
        let raid = self.raid;
        let id = raid.run.client_id(raid.tally(|tally| tally.send(side)));
        self.open.insert(id);
        let payload = json!({"clientId": id, "content": content});
        if let Err(why) = client.send(&json!({"type": "MESSAGE", "payload": payload}).to_string()) {
            self.leave(why);
        }
    }

    /// Reads until then.
    fn hear(&mut self, until: Instant) {
        self.hear_while(until, |_| true);
    }

    /// Reads until all messages are answered, until then at most.
    fn hear_all(&mut self, until: Instant) {
        self.hear_while(until, |seat| !seat.open.is_empty() && seat.client.is_some());
    }

    fn hear_while(&mut self, until: Instant, goes_on: impl Fn(&Self) -> bool) {
        while Instant::now() < until && goes_on(self) {
            let Some(client) = &mut self.client else {
                return thread::sleep(until.saturating_duration_since(Instant::now()));
            };
            match client.next_text(until) {
                Ok(Some(text)) => hear(&text.payload).iter().for_each(|news| self.take(news)),
                Ok(None) => {}
                Err(why) => self.leave(why),
            }
        }
    }

    fn take(&mut self, news: &News) {
        let id = match news {
            News::Stored(id) => id,
            News::Refused { client_id, after_ms, .. } => {
                let wait = after_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
                self.not_before = wait.map_or(self.not_before, |wait| wait.max(self.not_before));
                client_id
            }
            // What others are shown is counted by the reader alone.
            News::Shown(_) | News::Room { .. } => return,
        };
        self.open.remove(id);
        self.raid.tally(|tally| tally.hear(news, self.raid.run));
    }

    /// The connection has ended; what was not answered stays so.
    fn leave(&mut self, why: String) {
        self.client = None;
        self.open.clear();
        self.raid.turned_away(why);
    }
}

/// From the one to the other; before it below 0.
fn millis(from: Instant, to: Instant) -> i64 {
    let whole = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    whole(to.saturating_duration_since(from)) - whole(from.saturating_duration_since(to))
}
