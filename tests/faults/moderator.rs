//! Somebody who keeps order while things go wrong: bans, locks, deletes, changes settings, and takes all that back, over
//! the HTTP interface of any server. Notes what was acknowledged, and between which values of a room's counter nobody
//! may have stored anything; `acts.rs` judges.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    acts::{Deeds, Quiet},
    api::{Api, Told, of_ban, revs},
    orders::Phase,
    support::{Server, in_path, until},
    world::World,
};

/// What is done everywhere is so on every server within this, as long as nothing is broken (P10).
const EVERYWHERE: Duration = Duration::from_secs(1);
/// A machine that is busy with other things takes longer, by so many times what the request itself took.
const BUSY: u32 = 5;
/// Acts that are in force at a time, and of them those that wait until they are so everywhere.
const OPEN_MAX: usize = 4;
const EVERYWHERE_MAX: usize = 2;

/// What was done and can be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// In one room, or in all.
    Ban {
        author: String,
        room: Option<String>,
    },
    Lock {
        room: String,
    },
    Deletion {
        room: String,
        id: String,
        seq: i64,
    },
}

/// Something that is in force, or may be.
#[derive(Debug)]
struct Open {
    what: What,
    /// When it was acknowledged; none where nobody knows whether it is so.
    acked: Option<Instant>,
    /// How long after that it is so everywhere.
    within: Duration,
    /// Its entry, where that was told.
    entry: Option<i64>,
    /// The rooms' counters behind which it holds, once they are known; empty for what was only to be looked at.
    since: Option<(Instant, BTreeMap<String, i64>)>,
    ends: Instant,
}

impl Open {
    /// What is looked at with each command that is stored: in its room, whatever else is wrong, from the first on.
    fn is_exact(&self) -> bool {
        matches!(self.what, What::Ban { room: Some(_), .. } | What::Lock { .. })
    }
}

/// Who keeps order, as the world sees them.
pub struct Office {
    task: JoinHandle<Deeds>,
    n_acts: Arc<AtomicUsize>,
}

struct Moderator {
    rng: StdRng,
    api: Api,
    rooms: Vec<String>,
    database_url: String,
    began: Instant,
    open: Vec<Open>,
    n_tried: usize,
    n_acts: Arc<AtomicUsize>,
    deeds: Deeds,
}

impl World {
    /// From now on somebody keeps order.
    pub async fn appoint(&mut self) {
        let ended = Server::run(&["owner", "--database-url", &self.database.url], &[]).await;
        assert!(ended.status.success(), "{}", ended.stderr);
        let body = json!({"code": ended.stdout.trim()}).to_string();
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        let http = http.timeout(Duration::from_secs(15)).build().expect("a client");
        let url = self.server().url("/api/v1/auth/code");
        let me: Value = until("the owner to be signed in", async || {
            let answer = http.post(&url).body(body.clone()).send().await.ok()?;
            if answer.status() == 200 { answer.json().await.ok() } else { None }
        })
        .await;
        let n_acts = Arc::<AtomicUsize>::default();
        let moderator = Moderator {
            rng: StdRng::seed_from_u64(self.rng.random()),
            api: Api {
                http,
                orders: self.orders.subscribe(),
                token: me["token"].as_str().expect("a token").to_owned(),
                rng: StdRng::seed_from_u64(self.rng.random()),
                took: Duration::ZERO,
                complaints: Vec::new(),
            },
            rooms: self.rooms.clone(),
            database_url: self.database.url.clone(),
            began: self.began,
            open: Vec::new(),
            n_tried: 0,
            n_acts: n_acts.clone(),
            deeds: Deeds::default(),
        };
        self.office = Some(Office { task: tokio::spawn(moderator.keep()), n_acts });
    }

    /// Waits until this many more acts are acknowledged.
    pub async fn acts(&self, n: usize) {
        let office = self.office.as_ref().expect("somebody who keeps order");
        let n_acts = || office.n_acts.load(Ordering::SeqCst);
        let enough = n_acts() + n;
        until("acts to be acknowledged", async || (n_acts() >= enough).then_some(())).await;
    }

    /// Something is broken from now on, or nothing any more.
    pub fn is_calm(&self, calm: bool) {
        self.orders.send_modify(|o| o.calm_since = calm.then(Instant::now));
    }
}

impl Office {
    /// All is taken back by now; what was done.
    pub async fn closed(self) -> Deeds {
        self.task.await.expect("a moderator who does not panic")
    }
}

impl Moderator {
    async fn keep(mut self) -> Deeds {
        loop {
            let phase = self.api.orders.borrow().phase.clone();
            match phase {
                Phase::Traffic => self.goes_on().await,
                Phase::Stop => return self.done(),
                Phase::Settle | Phase::Finish(_) => {
                    if self.is_all_lifted().await {
                        return self.done();
                    }
                }
            }
            let pause = self.rng.random_range(10..120);
            sleep(Duration::from_millis(pause)).await;
        }
    }

    fn done(mut self) -> Deeds {
        self.deeds.complaints.append(&mut self.api.complaints);
        self.deeds
    }

    async fn goes_on(&mut self) {
        self.look().await;
        let now = Instant::now();
        // What was acknowledged is looked at before it ends.
        let is_over = |open: &Open| open.ends <= now && (open.acked.is_none() || open.since.is_some());
        if let Some(at) = self.open.iter().position(is_over) {
            let open = self.open.swap_remove(at);
            self.end(open).await;
        } else if self.open.len() < OPEN_MAX {
            // In turn, so that a short run has some of each.
            self.n_tried += 1;
            let may_wait = self.open.iter().filter(|open| !open.is_exact()).count() < EVERYWHERE_MAX;
            match self.n_tried % 6 {
                1 | 5 => self.ban(false).await,
                2 if may_wait => self.delete().await,
                3 if may_wait => self.ban(true).await,
                2 | 3 => {}
                4 => self.lock().await,
                _ => self.change_something().await,
            }
        }
    }

    /// What was acknowledged must have its entry for ever.
    fn acknowledged(&mut self, action: &'static str, told: &Value) -> Option<i64> {
        let entry = told["auditId"].as_str().and_then(|id| id.parse().ok());
        self.deeds.entries.extend(entry.map(|id| (id, action)));
        self.counted();
        entry
    }

    fn counted(&mut self) {
        self.deeds.n_acts += 1;
        self.n_acts.fetch_add(1, Ordering::SeqCst);
    }

    // What is done.

    fn room(&mut self) -> String {
        self.rooms[self.rng.random_range(0..self.rooms.len())].clone()
    }

    /// Something was asked for. What is in force already is not asked for again: to lift the one would lift the other.
    fn asked(&mut self, what: What, told: Told, action: &'static str, holds_ms: (u64, u64)) {
        let (acked, entry) = match told {
            Told::No(_) => return,
            Told::Unknown => (None, None),
            Told::Done(told) => (Some(Instant::now()), self.acknowledged(action, &told)),
        };
        let holds = Duration::from_millis(self.rng.random_range(holds_ms.0..holds_ms.1));
        let within = EVERYWHERE + self.api.took * BUSY;
        self.open.push(Open { what, acked, within, entry, since: None, ends: Instant::now() + within + holds });
    }

    async fn ban(&mut self, everywhere: bool) {
        let room = self.room();
        let Some(message) = self.some_message(&room).await else { return };
        let author = message["author"]["id"].as_str().unwrap_or_default().to_owned();
        let place = (!everywhere).then_some(room);
        let what = What::Ban { author: author.clone(), room: place.clone() };
        if self.open.iter().any(|open| open.what == what) {
            return;
        }
        let seconds = if self.rng.random() { 0 } else { 3_600 };
        let told = self.api.post("admin/bans", of_ban(&author, place.as_ref(), Some(seconds))).await;
        self.asked(what, told, "ban", (100, 2_000));
    }

    async fn lock(&mut self) {
        let room = self.room();
        let what = What::Lock { room: room.clone() };
        if self.open.iter().any(|open| open.what == what) {
            return;
        }
        let told = self.set(&room, json!({"locked": true})).await;
        self.asked(what, told, "room_set", (0, 500));
    }

    /// Nothing that keeps anybody here from writing.
    async fn change_something(&mut self) {
        let room = self.room();
        let settings = json!({"rules": format!("{:x}", self.rng.random::<u32>()), "linksMax": 3});
        if let Told::Done(told) = self.set(&room, settings).await {
            self.acknowledged("room_set", &told);
        }
    }

    async fn set(&mut self, room: &str, settings: Value) -> Told {
        let path = format!("admin/rooms/{}", in_path(room));
        let Some(now) = self.api.get(&path).await else { return Told::No(0) };
        self.api.post(&path, json!({"settings": settings, "settingsRev": now["settingsRev"]})).await
    }

    async fn delete(&mut self) {
        let room = self.room();
        let Some(message) = self.some_message(&room).await else { return };
        let id = message["id"].as_str().unwrap_or_default().to_owned();
        let what = What::Deletion { room: room.clone(), id: id.clone(), seq: message["seq"].as_i64().unwrap_or(0) };
        let told = self.api.post(&format!("admin/rooms/{}/messages/{id}/delete", in_path(&room)), json!({})).await;
        if matches!(told, Told::Done(_)) {
            self.deeds.deletions.push((room, id));
        }
        self.asked(what, told, "delete", (100, 2_000));
    }

    /// One of the latest that is not deleted.
    async fn some_message(&mut self, room: &str) -> Option<Value> {
        let page = self.api.get(&format!("rooms/{}/messages?limit=30", in_path(room))).await?;
        let all = page["messages"].as_array()?;
        let there: Vec<&Value> = all.iter().filter(|message| message["deletedAt"].is_null()).collect();
        (!there.is_empty()).then(|| there[self.rng.random_range(0..there.len())].clone())
    }

    // What must be so, and how it is taken back.

    /// What was acknowledged holds: from once it does, the counters are known.
    async fn look(&mut self) {
        let calm_since = self.api.orders.borrow().calm_since;
        for at in 0..self.open.len() {
            let open = &self.open[at];
            let Open { what, acked: Some(acked), since: None, within, .. } = open else { continue };
            let is_so = || calm_since.is_some_and(|calm| calm.max(*acked) + *within < Instant::now());
            if !open.is_exact() && !is_so() {
                continue;
            }
            let now = Instant::now();
            let since = match what.clone() {
                What::Deletion { room, seq, .. } => {
                    self.read(&room, seq).await;
                    Some(BTreeMap::new())
                }
                _ => revs(&self.database_url).await,
            };
            let holds = Duration::from_millis(self.rng.random_range(100..1_000));
            let open = &mut self.open[at];
            // From now on it is to hold for a while.
            open.ends = open.ends.max(now + holds);
            open.since = since.map(|revs| (now, revs));
        }
    }

    /// No server shows the text of what was deleted.
    async fn read(&mut self, room: &str, seq: i64) {
        let path = format!("rooms/{}/messages?after={}&limit=1", in_path(room), seq - 1);
        for door in self.api.doors() {
            let Some(page) = self.api.get_from(door, &path).await else { continue };
            let message = &page["messages"][0];
            self.deeds.n_reads += 1;
            if message["seq"] == seq && (message["content"] != "" || message["deletedAt"].is_null()) {
                let what = format!(
                    "P11: {door} shows what was deleted in {room:?} more than {EVERYWHERE:?} before: {message}"
                );
                self.deeds.complaints.push(what);
            }
        }
    }

    /// It is over: nothing was stored meanwhile, and now it may be.
    async fn end(&mut self, mut open: Open) {
        if let (Some((at, since)), true) = (open.since.take(), open.acked.is_some())
            && !matches!(open.what, What::Deletion { .. })
            && let Some(until) = revs(&self.database_url).await
        {
            let (author, place) = match &open.what {
                What::Ban { author, room } => (Some(author), room.as_ref()),
                What::Lock { room } | What::Deletion { room, .. } => (None, Some(room)),
            };
            for (room, until) in until.into_iter().filter(|(room, _)| place.is_none_or(|place| place == room)) {
                let after = since.get(&room).copied().unwrap_or(0);
                let ms = u64::try_from((at - self.began).as_millis()).expect("a short run");
                let (author, sent_after) = (author.cloned(), (!open.is_exact()).then_some(ms));
                self.deeds.quiet.push(Quiet { room, author, after, until, sent_after, of: open.entry });
            }
        }
        let told = match &open.what {
            // Half of them stay deleted.
            What::Deletion { .. } if self.rng.random() => return,
            What::Deletion { room, id, .. } => self.restore(room.clone(), id.clone()).await,
            What::Ban { .. } if open.entry.is_some() && self.rng.random_ratio(1, 4) => self.undo(open.entry).await,
            What::Ban { author, room } => {
                let body = of_ban(author, room.as_ref(), None);
                self.api.post("admin/bans/lift", body).await
            }
            What::Lock { room } => {
                let room = room.clone();
                self.set(&room, json!({"locked": null})).await
            }
        };
        match told {
            Told::Done(told) => {
                let action = if matches!(open.what, What::Ban { .. }) { "unban" } else { "room_set" };
                self.acknowledged(action, &told);
            }
            Told::No(404 | 409) if !matches!(open.what, What::Lock { .. }) => {
                if let (Some(_), What::Ban { .. }) = (open.acked, &open.what) {
                    self.deeds.complaints.push(format!("P10: acknowledged, and not in force: {open:?}"));
                }
            }
            Told::No(_) => self.open.push(open),
            Told::Unknown => self.open.push(Open { acked: None, entry: None, ..open }),
        }
    }

    async fn undo(&mut self, entry: Option<i64>) -> Told {
        let Some(entry) = entry else { return Told::No(404) };
        self.api.post(&format!("admin/audit/{entry}/undo"), json!({})).await
    }

    /// A message that its author deleted first has no entry, and does not come back.
    async fn restore(&mut self, room: String, id: String) -> Told {
        let Some(log) = self.api.get(&format!("admin/audit?room={}", in_path(&room))).await else { return Told::No(0) };
        let of_it = |e: &&Value| e["action"] == "delete" && e["target"]["id"] == *id && e["undoneAt"].is_null();
        let entry = log["entries"].as_array().and_then(|all| all.iter().find(of_it).cloned());
        self.undo(entry.and_then(|entry| entry["id"].as_str()?.parse().ok())).await
    }

    /// Lets everybody in again; whether nothing was left.
    async fn is_all_lifted(&mut self) -> bool {
        self.look().await;
        for open in std::mem::take(&mut self.open) {
            self.end(open).await;
        }
        self.open.retain(|open| !matches!(open.what, What::Deletion { .. }));
        if !self.open.is_empty() {
            return false;
        }
        // What nobody knew of may have come to be.
        let Some(bans) = self.api.get("admin/bans").await else { return false };
        let bans = bans["bans"].as_array().cloned().unwrap_or_default();
        for ban in &bans {
            let (author, room) =
                (ban["authorId"].as_str().unwrap_or_default(), ban["room"].as_str().map(str::to_owned));
            drop(self.api.post("admin/bans/lift", of_ban(author, room.as_ref(), None)).await);
        }
        let mut is_open = bans.is_empty();
        for room in self.rooms.clone() {
            let Some(now) = self.api.get(&format!("admin/rooms/{}", in_path(&room))).await else { return false };
            if now["settings"]["locked"] == true {
                is_open = false;
                drop(self.set(&room, json!({"locked": null})).await);
            }
        }
        is_open
    }
}
