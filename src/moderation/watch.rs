use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use actix::clock;
use tokio::sync::mpsc;

use super::{Desk, Refused};
use chat_domain::{Author, AuthorId, Content, NetworkKey, Nickname, Principal, Rights, RoomId};
use chat_metrics::Metrics;
use chat_moderation::{Decision, Guard, Seen as GuardSeen, TextPrint, Why, folded, n_links};
use chat_rooms::{Seen, Sighting};
use chat_store::{AuthorNote, PersonWrote, Store};

/// What is seen within so long is looked at together.
const GATHER: Duration = Duration::from_secs(1);
/// How often a guard learns what is usual, and looks whether a raid is over.
const TICK: Duration = Duration::from_secs(30);
/// So many sightings are looked at together; more wait in the queue.
const AT_ONCE_MAX: usize = 2_000;
/// So many rooms are watched; each takes up to 12 KiB. Where there are more, those come first that were first.
const ROOMS_MAX: usize = 5_000;
/// A room in which nobody new has said anything for so long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(7_200);
/// Of so many people it is remembered since when they are there.
const PEOPLE_MAX: usize = 50_000;
/// That somebody wrote is written down again after so long.
const NOTED_FOR: Duration = Duration::from_secs(3_600);
/// After so long the log has another line of a raid.
const SAY_AFTER: Duration = Duration::from_secs(60);
/// Whoever is there for longer is not new (docs/MODERATION-GUARD.md).
const NEW_FOR: Duration = Duration::from_secs(86_400);

/// A room and the guard over it.
struct Watched {
    guard: Guard,
    seen_at: Instant,
    /// By which entry the raid preset is on, where the guard of this server or of another put it on.
    entry: Option<i64>,
    /// A raid for which it could not be switched on yet: that is tried again.
    due: Option<Why>,
}

/// When somebody was noted, how long they were there by then, and what they were called.
struct Noted {
    at: Instant,
    age: Duration,
    nickname: Nickname,
}

/// Watches the rooms of this server: notes who wrote, and guards rooms that nobody looks after.
struct Watch {
    desk: Desk,
    store: Store,
    metrics: Arc<Metrics>,
    /// Whether rooms are guarded.
    is_on: bool,
    rooms: HashMap<RoomId, Watched>,
    noted: HashMap<(RoomId, AuthorId), Noted>,
    /// When the log last had a line of a raid, and how many it was not told of since.
    said: Option<(Instant, u64)>,
}

/// Watches for as long as rooms say what they see; guards them where that `is_on`. Each server watches what its own
/// clients do.
pub async fn watch(
    desk: Desk,
    (store, metrics): (Store, Arc<Metrics>),
    is_on: bool,
    mut sightings: mpsc::Receiver<Sighting>,
) {
    let (rooms, noted, said) = Default::default();
    let mut watch = Watch { desk, store, metrics, is_on, rooms, noted, said };
    watch.adopt(Instant::now()).await;
    let mut ticked_at = Instant::now();
    let mut seen = Vec::new();
    loop {
        let wait = if watch.rooms.values().any(|watched| watched.due.is_some()) { GATHER } else { TICK };
        let first = match clock::timeout(wait, sightings.recv()).await {
            Ok(Some(first)) => Some(first),
            Ok(None) => return,
            Err(_) => None,
        };
        if let Some(first) = first {
            seen.push(first);
            clock::sleep(GATHER).await;
            while seen.len() < AT_ONCE_MAX
                && let Ok(next) = sightings.try_recv()
            {
                seen.push(next);
            }
        }
        watch.look(std::mem::take(&mut seen)).await;
        watch.try_again(Instant::now()).await;
        if ticked_at.elapsed() >= TICK {
            ticked_at = Instant::now();
            watch.tick(ticked_at).await;
        }
    }
}

impl Watch {
    async fn look(&mut self, seen: Vec<Sighting>) {
        let now = Instant::now();
        let first_words = self.note(&seen, now).await;
        let mut queued = HashSet::new();
        for Sighting { room, what } in seen {
            let decision = match what {
                Seen::Said(who, message) => {
                    if self.desk.access().rights(&who).has(Rights::EXEMPT) {
                        self.guarded(&room, now, |guard| guard.moderator_active(now));
                        continue;
                    }
                    let key = (room.clone(), message.author.id.clone());
                    let age = self.noted.get(&key).map(|noted| noted.age + now.saturating_duration_since(noted.at));
                    // Of whom nothing is known, since the database is away, nothing is thought.
                    let is_new = age.is_some_and(|age| age < NEW_FOR || first_words.contains(&key));
                    self.wrote(&room, &who, &message.content, is_new, now)
                }
                // It was held because they are new.
                Seen::Held(who, content) => {
                    queued.insert(room.clone());
                    self.wrote(&room, &who, &content, true, now)
                }
                Seen::Blocked => self.guarded(&room, now, |guard| guard.blocked(now)),
                Seen::Reported => self.guarded(&room, now, |guard| guard.report(now)),
                Seen::Moderator => {
                    self.guarded(&room, now, |guard| guard.moderator_active(now));
                    continue;
                }
            };
            self.decided(&room, decision.unwrap_or(Decision::Quiet), now).await;
        }
        // Once for all that came together: a raid must not make a question of each message.
        for room in queued {
            self.desk.tell_queue(&room).await;
        }
    }

    /// Writes down who wrote, where that was not lately. Tells whose first words in a room these are.
    async fn note(&mut self, seen: &[Sighting], now: Instant) -> Vec<(RoomId, AuthorId)> {
        let mut unknown: Vec<(RoomId, AuthorId)> = Vec::new();
        let mut people: HashMap<&AuthorId, &Author> = HashMap::new();
        for Sighting { room, what } in seen {
            let Seen::Said(_, message) = what else { continue };
            let author = &message.author;
            let key = (room.clone(), author.id.clone());
            let noted = self.noted.get_mut(&key);
            let known = noted.filter(|noted| now.saturating_duration_since(noted.at) < NOTED_FOR);
            match known {
                None => {
                    unknown.push(key);
                    people.insert(&author.id, author);
                }
                Some(noted) if noted.nickname != author.nickname => {
                    noted.nickname = author.nickname.clone();
                    people.insert(&author.id, author);
                }
                Some(_) => {}
            }
        }
        self.note_people(people.values().map(|author| PersonWrote::from(*author)).collect()).await;
        let names: HashMap<AuthorId, Nickname> =
            people.into_iter().map(|(id, author)| (id.clone(), author.nickname.clone())).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return unknown;
        }
        let notes = match self.store.note_authors(unknown.clone()).await {
            Ok(notes) => notes,
            // Whoever has written is known by their messages all the same.
            Err(error) => {
                log::debug!("who wrote could not be noted: {error}");
                return Vec::new();
            }
        };
        if self.noted.len().saturating_add(unknown.len()) > PEOPLE_MAX {
            self.noted.clear();
        }
        let mut first_words = Vec::new();
        for (key, AuthorNote { age, had_spoken }) in unknown.into_iter().zip(notes) {
            if !had_spoken {
                first_words.push(key.clone());
            }
            let Some(nickname) = names.get(&key.1).cloned() else { continue };
            self.noted.insert(key, Noted { at: now, age: age.to_std().unwrap_or_default(), nickname });
        }
        first_words
    }

    /// Writes down under which names somebody wrote: for the list of people, which nothing else rests on.
    async fn note_people(&self, wrote: Vec<PersonWrote>) {
        if wrote.is_empty() {
            return;
        }
        if let Err(error) = self.store.note_people(wrote).await {
            log::debug!("names could not be noted, and are with the next hour's: {error}");
        }
    }

    fn wrote(
        &mut self,
        room: &RoomId,
        who: &Principal,
        content: &Content,
        is_new: bool,
        now: Instant,
    ) -> Option<Decision> {
        // Who is not new says nothing of a raid, and costs nothing.
        if !is_new || !self.is_on {
            return None;
        }
        let print = TextPrint::of(&folded(content.as_str()));
        let (author, n_links) = (who.author_id(), n_links(content.as_str()));
        let address = network_number(who.network(), author);
        self.guarded(room, now, |guard| guard.message(&GuardSeen { author, is_new, n_links, print, address }, now))
    }

    /// Asks the guard of a room, which is made where there is none.
    fn guarded<T>(&mut self, room: &RoomId, now: Instant, ask: impl FnOnce(&mut Guard) -> T) -> Option<T> {
        if !self.is_on || self.rooms.len() >= ROOMS_MAX && !self.rooms.contains_key(room) {
            return None;
        }
        let new = || Watched { guard: Guard::new(now), seen_at: now, entry: None, due: None };
        let watched = self.rooms.entry(room.clone()).or_insert_with(new);
        watched.seen_at = now;
        Some(ask(&mut watched.guard))
    }

    async fn decided(&mut self, room: &RoomId, decision: Decision, now: Instant) {
        let entry = self.rooms.get(room).and_then(|watched| watched.entry);
        match decision {
            Decision::Quiet => {}
            Decision::RaidBegins { why } => {
                let begun = self.desk.begin_raid(room).await;
                if let Ok(Some(_)) = begun {
                    self.metrics.guard_raids.inc(why.as_str());
                    self.say(room, why, now);
                }
                let Some(watched) = self.rooms.get_mut(room) else { return };
                watched.due = None;
                match begun {
                    Ok(Some(entry)) => watched.entry = Some(entry),
                    // As closed as that already: somebody has seen to it.
                    Ok(None) => watched.guard.stand_down(now),
                    // Whoever changes the settings at this moment looks after the room.
                    Err(Refused::Conflict) => {
                        watched.guard.stand_down(now);
                        watched.guard.moderator_active(now);
                    }
                    // The database is away, or a server of the release before still lives.
                    Err(error) => {
                        log::debug!("a raid, but the raid preset cannot be switched on yet: {error}");
                        watched.due = Some(why);
                    }
                }
            }
            Decision::RaidOver => {
                if let Some(entry) = entry
                    && let Err(why) = self.desk.end_raid(room, entry).await
                {
                    log::debug!("the raid preset stays as somebody has left it: {why}");
                }
                if let Some(watched) = self.rooms.get_mut(room) {
                    (watched.entry, watched.due) = (None, None);
                }
            }
        }
    }

    /// Switches the raid preset on where it is due.
    async fn try_again(&mut self, now: Instant) {
        let due = self.rooms.iter().filter_map(|(room, watched)| Some((room.clone(), watched.due?)));
        for (room, why) in due.collect::<Vec<_>>() {
            self.decided(&room, Decision::RaidBegins { why }, now).await;
        }
    }

    /// Says it in the log, which must not grow with the raids.
    fn say(&mut self, room: &RoomId, why: Why, now: Instant) {
        match &mut self.said {
            Some((at, n_more)) if now.saturating_duration_since(*at) < SAY_AFTER => *n_more = n_more.saturating_add(1),
            said => {
                let n_more = said.map_or(0, |(_, n_more)| n_more);
                *said = Some((now, 0));
                log::warn!(
                    "a raid of the room {:?} ({}): the raid preset is on there until it is over ({n_more} more since the \
                     last line of this kind)",
                    room.as_str(),
                    why.as_str()
                );
            }
        }
    }

    async fn tick(&mut self, now: Instant) {
        self.adopt(now).await;
        let rooms: Vec<RoomId> = self.rooms.keys().cloned().collect();
        for room in rooms {
            let decision = self.rooms.get_mut(&room).map(|watched| watched.guard.tick(now));
            self.decided(&room, decision.unwrap_or(Decision::Quiet), now).await;
        }
        self.rooms.retain(|_, watched| {
            watched.guard.is_raid() || now.saturating_duration_since(watched.seen_at) < FORGET_AFTER
        });
    }

    /// Looks which raids are on by a guard's hand: what another server, or this one before it was started again, has
    /// switched on is taken back as well; and what somebody has taken back is not on any more.
    async fn adopt(&mut self, now: Instant) {
        if !self.is_on {
            return;
        }
        let open = match self.store.guard_raids().await {
            Ok(open) => open,
            Err(error) => {
                log::debug!("which raids are on could not be read: {error}");
                return;
            }
        };
        for watched in self.rooms.values_mut() {
            let is_on = watched.entry.is_none_or(|entry| open.iter().any(|of| of.id == entry));
            if !is_on {
                watched.entry = None;
                watched.guard.stand_down(now);
                watched.guard.moderator_active(now);
            }
        }
        for entry in open {
            let Some(room) = entry.room else { continue };
            self.guarded(&room, now, |guard| guard.resume(now));
            if let Some(watched) = self.rooms.get_mut(&room) {
                watched.entry.get_or_insert(entry.id);
            }
        }
    }
}

/// A number for where somebody comes from; where that is not known, one of their own.
fn network_number(network: Option<NetworkKey>, author: &AuthorId) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    match network {
        Some(network) => network.hash(&mut hasher),
        None => author.hash(&mut hasher),
    }
    hasher.finish()
}
