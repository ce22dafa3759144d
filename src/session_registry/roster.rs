use std::{
    cell::Cell,
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use chat_domain::{AuthorId, RoomId};
use uuid::Uuid;

/// Into so many parts sessions are divided by their ids. Each has a lock of its own, and is said to Redis anew in its own
/// second, so that ten thousand sessions are no burst.
pub const N_PARTS: usize = 20;
/// A session is noted as active once in so long at most: whoever writes a message waits for no lock of this.
const NOTED_EVERY: Duration = Duration::from_secs(10);

/// The sessions of this server that are in a room: each from its WELCOME to its end, whatever ends it.
#[derive(Debug)]
pub struct Roster {
    parts: [Mutex<Part>; N_PARTS],
    /// Whether somebody takes what changes.
    is_followed: AtomicBool,
}

#[derive(Debug, Default)]
struct Part {
    sessions: HashMap<Uuid, Entry>,
    /// What changed since it was last taken, with the person as whose session others know it, where they do. What came
    /// and went in between is not here, so these are at most as many as sessions there are and were when it was taken.
    changed: HashMap<Uuid, Option<AuthorId>>,
}

#[derive(Debug, Clone)]
struct Entry {
    user: AuthorId,
    connected_ms: u64,
    active_ms: u64,
    /// One today: a list is smaller than a set.
    rooms: Vec<RoomId>,
}

/// A session as it is now. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Which one.
    pub session: Uuid,
    /// Whose, by the public id.
    pub user: AuthorId,
    /// When it joined.
    pub connected_ms: u64,
    /// When something was last heard of its client, to ten seconds.
    pub active_ms: u64,
    /// The rooms it is in.
    pub rooms: Vec<RoomId>,
}

/// What others do not know yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Sessions that ended, each with the person as whose it is known.
    pub gone: Vec<(Uuid, AuthorId)>,
    /// Sessions as they are.
    pub live: Vec<Listing>,
}

/// A session's place in a room, for as long as it is there: the drop is the one way out.
#[derive(Debug)]
pub struct Listed {
    roster: Arc<Roster>,
    session: Uuid,
    room: RoomId,
    noted: Cell<Instant>,
}

impl Listed {
    /// Something was heard of its client.
    pub fn heard(&self, now: Instant) {
        if now.saturating_duration_since(self.noted.get()) >= NOTED_EVERY {
            self.noted.set(now);
            self.roster.heard(self.session, now_ms());
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.roster.leave(self.session, &self.room);
    }
}

impl Default for Roster {
    fn default() -> Self {
        Self { parts: std::array::from_fn(|_| Mutex::default()), is_followed: AtomicBool::new(false) }
    }
}

impl Roster {
    /// A session of this person is in a room from now on.
    pub fn enter(self: &Arc<Self>, session: Uuid, user: &AuthorId, room: &RoomId) -> Listed {
        self.enter_at(session, user, room, now_ms());
        Listed { roster: self.clone(), session, room: room.clone(), noted: Cell::new(Instant::now()) }
    }

    fn enter_at(&self, session: Uuid, user: &AuthorId, room: &RoomId, now_ms: u64) {
        let mut part = self.part(session);
        let known_as = part.sessions.get(&session).map(|entry| entry.user.clone());
        self.note(&mut part, session, known_as);
        let new = || Entry { user: user.clone(), connected_ms: now_ms, active_ms: now_ms, rooms: Vec::new() };
        let entry = part.sessions.entry(session).or_insert_with(new);
        // A list that grows by itself begins with room for four.
        entry.rooms.reserve_exact(1);
        entry.rooms.push(room.clone());
    }

    fn leave(&self, session: Uuid, room: &RoomId) {
        let mut part = self.part(session);
        let Some(entry) = part.sessions.get_mut(&session) else { return };
        if let Some(at) = entry.rooms.iter().position(|r| r == room) {
            #[expect(clippy::disallowed_methods, reason = "it was just found")]
            entry.rooms.swap_remove(at);
        }
        let (user, is_over) = (entry.user.clone(), entry.rooms.is_empty());
        if is_over {
            part.sessions.remove(&session);
            // Nobody was told of it, so nobody has to be told of its end.
            if part.changed.get(&session) == Some(&None) {
                part.changed.remove(&session);
                return;
            }
        }
        self.note(&mut part, session, Some(user));
    }

    fn heard(&self, session: Uuid, now_ms: u64) {
        // Said with the next refresh: that is soon enough.
        if let Some(entry) = self.part(session).sessions.get_mut(&session) {
            entry.active_ms = now_ms;
        }
    }

    /// A session changed that others know as this person's. What they know is what they knew before the first change.
    fn note(&self, part: &mut Part, session: Uuid, known_as: Option<AuthorId>) {
        if self.is_followed.load(Ordering::Relaxed) {
            part.changed.entry(session).or_insert(known_as);
        }
    }

    /// From now on somebody takes what changes.
    pub fn follow(&self) {
        self.is_followed.store(true, Ordering::Relaxed);
    }

    /// What changed in a part since the last time, or all that is there and what went. It is known from now on.
    pub fn take(&self, part: usize, all: bool) -> Taken {
        let Some(part) = self.parts.get(part) else { return Taken::default() };
        let mut part = lock(part);
        let changed = std::mem::take(&mut part.changed);
        let mut taken = Taken::default();
        for (session, known_as) in &changed {
            let now = part.sessions.get(session);
            if let Some(user) = known_as.as_ref().filter(|user| now.is_none_or(|entry| entry.user != **user)) {
                taken.gone.push((*session, user.clone()));
            }
            if let Some(entry) = now.filter(|_| !all) {
                taken.live.push(entry.listing(*session));
            }
        }
        if all {
            taken.live.extend(part.sessions.iter().map(|(session, entry)| entry.listing(*session)));
        }
        taken
    }

    /// Whether there is such a session.
    pub fn has(&self, session: Uuid) -> bool {
        self.part(session).sessions.contains_key(&session)
    }

    /// Sessions by their ids, those behind one of them, of one person where `user` says whose; at most so many.
    pub fn page(&self, user: Option<&AuthorId>, after: Option<Uuid>, limit: usize) -> Vec<Listing> {
        let mut found: Vec<Uuid> = Vec::new();
        for part in &self.parts {
            let part = lock(part);
            let meant = part.sessions.iter().filter(|(session, entry)| {
                after.is_none_or(|after| **session > after) && user.is_none_or(|user| entry.user == *user)
            });
            found.extend(meant.map(|(session, _)| *session));
        }
        found.sort_unstable();
        let listings = found.into_iter().filter_map(|id| Some(self.part(id).sessions.get(&id)?.listing(id)));
        listings.take(limit).collect()
    }

    fn part(&self, session: Uuid) -> MutexGuard<'_, Part> {
        // There are as many parts as the remainder has values: the first is never fallen back on.
        let [first, ..] = &self.parts;
        lock(self.parts.get(part_of(session)).unwrap_or(first))
    }
}

impl Entry {
    fn listing(&self, session: Uuid) -> Listing {
        let Self { user, connected_ms, active_ms, rooms } = self.clone();
        Listing { session, user, connected_ms, active_ms, rooms }
    }
}

fn part_of(session: Uuid) -> usize {
    let n_parts = u128::try_from(N_PARTS).unwrap_or(1);
    usize::try_from(session.as_u128() % n_parts).unwrap_or_default()
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since 1970 by this machine's clock.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user(name: &str) -> AuthorId {
        AuthorId::from_stored(name)
    }

    fn room(name: &str) -> RoomId {
        RoomId::parse(name).expect("a room id")
    }

    fn followed() -> Arc<Roster> {
        let roster = Arc::new(Roster::default());
        roster.follow();
        roster
    }

    fn take_all(roster: &Roster, all: bool) -> Taken {
        let mut sum = Taken::default();
        for part in 0..N_PARTS {
            let Taken { gone, live } = roster.take(part, all);
            sum.gone.extend(gone);
            sum.live.extend(live);
        }
        sum
    }

    #[test]
    fn a_session_is_there_from_its_first_room_to_its_last() {
        let (roster, id) = (followed(), Uuid::new_v4());
        let one = roster.enter(id, &user("a"), &room("one"));
        let other = roster.enter(id, &user("a"), &room("other"));
        let listed = roster.page(None, None, 10);
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].session, &listed[0].rooms), (id, &vec![room("one"), room("other")]));
        assert_eq!(take_all(&roster, false).live, listed);
        drop(one);
        assert_eq!(take_all(&roster, false).live[0].rooms, [room("other")]);
        drop(other);
        assert!(!roster.has(id) && roster.page(None, None, 10).is_empty());
        assert_eq!(take_all(&roster, false), Taken { gone: vec![(id, user("a"))], live: vec![] });
        assert_eq!(take_all(&roster, true), Taken::default(), "told once");
    }

    #[test]
    fn what_nobody_was_told_of_ends_without_a_word() {
        let roster = followed();
        drop(roster.enter(Uuid::new_v4(), &user("a"), &room("one")));
        assert_eq!(take_all(&roster, false), Taken::default());
        // Where nobody takes what changes, nothing is kept for anybody.
        let alone = Arc::new(Roster::default());
        let listed = alone.enter(Uuid::new_v4(), &user("a"), &room("one"));
        assert_eq!(take_all(&alone, false), Taken::default());
        drop(listed);
        assert!(alone.parts.iter().all(|part| lock(part).changed.is_empty()));
    }

    #[test]
    fn a_session_that_comes_again_as_somebody_else_is_no_longer_the_first_ones() {
        let (roster, id) = (followed(), Uuid::new_v4());
        let first = roster.enter(id, &user("a"), &room("one"));
        take_all(&roster, false);
        drop(first);
        let _second = roster.enter(id, &user("b"), &room("one"));
        let taken = take_all(&roster, false);
        assert_eq!(taken.gone, [(id, user("a"))]);
        assert_eq!(taken.live.iter().map(|l| &l.user).collect::<Vec<_>>(), [&user("b")]);
    }

    #[test]
    fn activity_is_noted_now_and_then() {
        let (roster, id) = (followed(), Uuid::new_v4());
        let listed = roster.enter(id, &user("a"), &room("one"));
        roster.heard(id, 5);
        listed.heard(Instant::now());
        assert_eq!(roster.page(None, None, 1)[0].active_ms, 5, "not ten seconds later");
        listed.heard(Instant::now() + NOTED_EVERY);
        assert!(roster.page(None, None, 1)[0].active_ms > 5);
    }

    #[test]
    fn pages_have_every_session_once() {
        let roster = followed();
        let names = ["a", "b", "c"].iter().cycle();
        let entered =
            (0..100).zip(names).map(|(n, name)| roster.enter(Uuid::from_u128(n * 7919), &user(name), &room("one")));
        let all: Vec<_> = entered.collect();
        for (whose, n_expected) in [(None, 100), (Some(user("a")), 34), (Some(user("b")), 33)] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = roster.page(whose.as_ref(), after, 7);
                let Some(last) = page.last() else { break };
                after = Some(last.session);
                seen.extend(page.iter().map(|l| l.session));
            }
            assert!(seen.is_sorted() && seen.len() == n_expected, "{whose:?}: {}", seen.len());
        }
        drop(all);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Enter(u8, u8),
        Leave(u8),
        Take(usize, bool),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..8u8, 0..3u8).prop_map(|(session, user)| Step::Enter(session, user)),
            (0..8u8).prop_map(Step::Leave),
            (0..N_PARTS, any::<bool>()).prop_map(|(part, all)| Step::Take(part, all)),
        ];
        proptest::collection::vec(step, 0..80)
    }

    proptest! {
        /// Whoever follows has after each take of all parts just what is there, by session and by person.
        #[test]
        fn a_follower_ends_with_what_is_there(steps in steps()) {
            let roster = followed();
            let mut listed: HashMap<u8, Listed> = HashMap::new();
            // Session and person, as a set of a person's sessions has them.
            let mut told: std::collections::BTreeSet<(Uuid, AuthorId)> = Default::default();
            let mut hear = |taken: Taken| {
                for gone in taken.gone {
                    told.remove(&gone);
                }
                told.extend(taken.live.into_iter().map(|l| (l.session, l.user)));
                told.clone()
            };
            for step in steps {
                match step {
                    Step::Enter(session, name) => {
                        let id = Uuid::from_u128(session.into());
                        // One session is one person's at a time.
                        let name = roster.page(None, None, 100).iter().find(|l| l.session == id)
                            .map_or_else(|| user(&name.to_string()), |l| l.user.clone());
                        let entered = roster.enter(id, &name, &room("one"));
                        listed.insert(session, entered);
                    }
                    Step::Leave(session) => drop(listed.remove(&session)),
                    Step::Take(part, all) => drop(hear(roster.take(part, all))),
                }
                let n_marks: usize = roster.parts.iter().map(|part| lock(part).changed.len()).sum();
                prop_assert!(n_marks <= 16);
            }
            let told = hear(take_all(&roster, false));
            let there = roster.page(None, None, 100).into_iter().map(|l| (l.session, l.user)).collect();
            prop_assert_eq!(told, there);
        }
    }
}
