use std::{
    collections::{HashMap, VecDeque},
    hash::{Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix::clock::Instant;
use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use uuid::Uuid;

use super::repeats::{Likeness, Repeats};
use crate::domain::{AuthorId, AvatarName, Content, Nickname, RoomId};

/// What may be done in a time, on this server: by an identity over all its sessions, and by an address. Rates are
/// token buckets (the governor crate); what counts by the minute is counted, which a bucket would only do on
/// average.
pub struct RateLimits {
    messages: DefaultKeyedRateLimiter<AuthorId>,
    requests: DefaultKeyedRateLimiter<IpAddr>,
    upgrades: DefaultKeyedRateLimiter<IpAddr>,
    people: Mutex<HashMap<AuthorId, Person>>,
    settings: RateSettings,
    hasher: RandomState,
    clock: DefaultClock,
}

/// A token bucket: so many at once, so many a second after that.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// At once.
    pub burst: NonZeroU32,
    /// A second after that.
    pub per_second: NonZeroU32,
}

/// How much may be done.
#[derive(Debug, Clone)]
pub struct RateSettings {
    /// False lifts these limits, for load tests.
    pub is_on: bool,
    /// Messages of an identity.
    pub messages: Rate,
    /// Profile changes of an identity in a minute.
    pub profiles_per_minute: NonZeroU32,
    /// Messages of an identity that say the same in a room in a minute.
    pub repeats_per_minute: NonZeroU32,
    /// Frames of a session, of whatever kind.
    pub frames: Rate,
    /// HTTP requests of an address.
    pub requests: Rate,
    /// WebSockets that an address opens.
    pub upgrades: Rate,
}

/// What is known of an identity that was active within the last minute.
#[derive(Default)]
struct Person {
    /// Its latest profile; the avatar where it was named.
    profile: Option<(Nickname, Option<AvatarName>, Instant)>,
    changes: Recent,
    repeats: Repeats,
}

/// Above this many entries a store is tidied each second rather than each minute.
const ENTRIES_MANY: usize = 10_000;
/// Above this many identities no new one is remembered, so that a flood of made-up ones cannot fill the memory: what
/// they do still counts by address, session and message.
const PEOPLE_MAX: usize = 200_000;

impl Rate {
    fn quota(self) -> Quota {
        Quota::per_second(self.per_second).allow_burst(self.burst)
    }
}

impl RateLimits {
    /// Full buckets for everybody.
    pub fn new(settings: RateSettings) -> Self {
        Self {
            messages: RateLimiter::keyed(settings.messages.quota()),
            requests: RateLimiter::keyed(settings.requests.quota()),
            upgrades: RateLimiter::keyed(settings.upgrades.quota()),
            people: Mutex::default(),
            settings,
            hasher: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// One message of `author`.
    ///
    /// # Errors
    /// The time until the next one may come.
    pub fn message(&self, author: &AuthorId) -> Result<(), Duration> {
        self.take(&self.messages, author)
    }

    /// `author` says this in `room`; not again and again. The same message sent again does not count.
    ///
    /// # Errors
    /// The time until it may be said again.
    pub fn saying(&self, author: &AuthorId, room: &RoomId, content: &Content, id: Uuid) -> Result<(), Duration> {
        if !self.settings.is_on {
            return Ok(());
        }
        let likeness = Likeness::of(room, content, &self.hasher);
        let max = count(self.settings.repeats_per_minute);
        self.person(author, |person| person.repeats.add(likeness, id, Instant::now(), max))
    }

    /// One request of `address`.
    ///
    /// # Errors
    /// The time until the next one may come.
    pub fn request(&self, address: IpAddr) -> Result<(), Duration> {
        self.take(&self.requests, &address)
    }

    /// One WebSocket that `address` opens.
    ///
    /// # Errors
    /// The time until the next one may come.
    pub fn upgrade(&self, address: IpAddr) -> Result<(), Duration> {
        self.take(&self.upgrades, &address)
    }

    /// The bucket of a new session's frames.
    pub fn frames(&self) -> FrameRate {
        FrameRate(self.settings.is_on.then(|| RateLimiter::direct(self.settings.frames.quota())))
    }

    /// One profile change of `author`.
    ///
    /// # Errors
    /// The time until the next one may come.
    pub fn profile(&self, author: &AuthorId, nickname: &Nickname, avatar: Option<AvatarName>) -> Result<(), Duration> {
        if !self.settings.is_on {
            return Ok(());
        }
        let max = count(self.settings.profiles_per_minute);
        self.person(author, |person| {
            let now = Instant::now();
            person.changes.add(now, max)?;
            let avatar = avatar.or(person.profile.as_ref().and_then(|(_, avatar, _)| *avatar));
            person.profile = Some((nickname.clone(), avatar, now));
            Ok(())
        })
    }

    /// `author` joins under this profile: a change where it had another one within the last minute, so that joining
    /// again and again is no way around [`RateLimits::profile`].
    ///
    /// # Errors
    /// The time until it may join under this profile.
    pub fn joins_as(&self, author: &AuthorId, nickname: &Nickname, avatar: AvatarName) -> Result<(), Duration> {
        if !self.settings.is_on {
            return Ok(());
        }
        let max = count(self.settings.profiles_per_minute);
        self.person(author, |person| {
            let now = Instant::now();
            let is_other = person
                .profile
                .as_ref()
                .is_some_and(|(was, had, _)| was != nickname || had.is_some_and(|had| had != avatar));
            if is_other {
                person.changes.add(now, max)?;
            }
            person.profile = Some((nickname.clone(), Some(avatar), now));
            Ok(())
        })
    }

    /// Forgets who has been idle: whose buckets are full again, who did nothing for a minute. So memory follows who
    /// is active, not who ever was. To be called each second; `thorough` now and then, otherwise it is done only
    /// where there is much.
    pub fn tidy(&self, thorough: bool) {
        tidy(&self.messages, thorough);
        tidy(&self.requests, thorough);
        tidy(&self.upgrades, thorough);
        let mut people = self.people();
        if thorough || people.len() > ENTRIES_MANY {
            let now = Instant::now();
            people.retain(|_, person| !person.is_idle(now));
            people.shrink_to_fit();
        }
    }

    /// How much is remembered.
    pub fn n_entries(&self) -> usize {
        let buckets = self.messages.len() + self.requests.len() + self.upgrades.len();
        buckets + self.people().len()
    }

    fn take<K: Hash + Eq + Clone>(&self, buckets: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), Duration> {
        if !self.settings.is_on {
            return Ok(());
        }
        buckets.check_key(key).map_err(|until| wait(&until, &self.clock))
    }

    fn people(&self) -> MutexGuard<'_, HashMap<AuthorId, Person>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn person(&self, author: &AuthorId, act: impl FnOnce(&mut Person) -> Result<(), Duration>) -> Result<(), Duration> {
        let mut people = self.people();
        if people.len() >= PEOPLE_MAX && !people.contains_key(author) {
            return act(&mut Person::default());
        }
        act(people.entry(author.clone()).or_default())
    }
}

fn tidy<K: Hash + Eq + Clone>(buckets: &DefaultKeyedRateLimiter<K>, thorough: bool) {
    if thorough || buckets.len() > ENTRIES_MANY {
        buckets.retain_recent();
        buckets.shrink_to_fit();
    }
}

fn count(n: NonZeroU32) -> usize {
    usize::try_from(n.get()).unwrap_or(usize::MAX)
}

fn wait(until: &NotUntil<<DefaultClock as Clock>::Instant>, clock: &DefaultClock) -> Duration {
    until.wait_time_from(clock.now())
}

impl Person {
    fn is_idle(&mut self, now: Instant) -> bool {
        let is_fresh = self.profile.as_ref().is_some_and(|(_, _, at)| *at + MINUTE > now);
        !is_fresh && self.changes.is_empty(now) && self.repeats.is_empty(now)
    }
}

/// The bucket of one session's frames; none where limits are lifted.
pub struct FrameRate(Option<DefaultDirectRateLimiter>);

impl FrameRate {
    /// One frame.
    ///
    /// # Errors
    /// The time until the next one may come.
    pub fn take(&self) -> Result<(), Duration> {
        let Some(bucket) = &self.0 else { return Ok(()) };
        bucket.check().map_err(|until| wait(&until, &DefaultClock::default()))
    }
}

/// When something happened in the last minute. Holds no more than it may happen.
#[derive(Debug, Default)]
pub struct Recent(VecDeque<Instant>);

/// After this many BAD_FRAMEs, or frames beyond the rate, within a minute a session is closed with 4102.
pub const BAD_FRAMES_MAX: usize = 50;
const MINUTE: Duration = Duration::from_secs(60);

impl Recent {
    /// It happens once more.
    ///
    /// # Errors
    /// Where it has happened `max` times in the last minute: the time until it may again.
    pub fn add(&mut self, now: Instant, max: usize) -> Result<(), Duration> {
        self.forget(now);
        if self.0.len() >= max {
            return Err(self.0.front().map_or(MINUTE, |at| *at + MINUTE - now));
        }
        self.0.push_back(now);
        Ok(())
    }

    fn is_empty(&mut self, now: Instant) -> bool {
        self.forget(now);
        self.0.is_empty()
    }

    fn forget(&mut self, now: Instant) {
        while self.0.front().is_some_and(|at| *at + MINUTE <= now) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).expect("not zero")
    }

    fn rate(burst: u32, per_second: u32) -> Rate {
        Rate { burst: n(burst), per_second: n(per_second) }
    }

    fn limits(is_on: bool) -> RateLimits {
        RateLimits::new(RateSettings {
            is_on,
            messages: rate(10, 1),
            profiles_per_minute: n(3),
            repeats_per_minute: n(5),
            frames: rate(100, 1),
            requests: rate(50, 1),
            upgrades: rate(20, 1),
        })
    }

    fn name(text: &str) -> Nickname {
        Nickname::parse(text).expect("a nickname")
    }

    #[test]
    fn a_burst_then_a_wait_for_each_identity() {
        let limits = limits(true);
        let (one, two) = (AuthorId::from_stored("one"), AuthorId::from_stored("two"));
        let n_passed = (0..20).filter(|_| limits.message(&one).is_ok()).count();
        assert!((10..=11).contains(&n_passed), "{n_passed}");
        assert!(limits.message(&one).is_err_and(|wait| wait <= Duration::from_secs(1) && !wait.is_zero()));
        assert_eq!(limits.message(&two), Ok(()));
        assert_eq!((0..5).filter(|_| limits.profile(&one, &name("one"), None).is_ok()).count(), 3);
        limits.tidy(true);
        assert!(limits.message(&one).is_err(), "who is not idle is not forgotten");
    }

    #[test]
    fn addresses_and_sessions_have_buckets_of_their_own() {
        let limits = limits(true);
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        // A slow machine may earn a token or two meanwhile.
        let n_requests = (0..100).filter(|_| limits.request(here).is_ok()).count();
        assert!((50..60).contains(&n_requests), "{n_requests}");
        assert_eq!(limits.upgrade(here), Ok(()), "opening sockets is counted apart");
        let n_upgrades = (0..100).filter(|_| limits.upgrade(here).is_ok()).count();
        assert!((19..30).contains(&n_upgrades), "{n_upgrades}");
        assert_eq!((limits.request(there), limits.upgrade(there)), (Ok(()), Ok(())));
        let (one, other) = (limits.frames(), limits.frames());
        let n_frames = (0..200).filter(|_| one.take().is_ok()).count();
        assert!((100..110).contains(&n_frames), "{n_frames}");
        assert!(one.take().is_err_and(|wait| wait <= Duration::from_secs(1) && !wait.is_zero()));
        assert_eq!(other.take(), Ok(()));
    }

    #[test]
    fn joining_under_other_names_is_changing_the_name() {
        let limits = limits(true);
        let who = AuthorId::from_stored("somebody");
        let avatar = AvatarName::derived_from(&who);
        let join = |nickname: &str| limits.joins_as(&who, &name(nickname), avatar);
        assert_eq!(join("name 0"), Ok(()), "the first name is no change");
        for n in 1..=2 {
            assert_eq!(join(&format!("name {n}")), Ok(()));
            assert_eq!(join(&format!("name {n}")), Ok(()), "nor is the same one again");
        }
        assert_eq!(limits.profile(&who, &name("name 3"), None), Ok(()));
        assert_eq!(join("name 3"), Ok(()));
        assert!(join("name 4").is_err_and(|wait| wait <= MINUTE));
        assert!(limits.profile(&who, &name("name 4"), None).is_err());
        assert_eq!(join("name 3"), Ok(()), "what was refused did not take place");
        let other = crate::domain::all_avatars().iter().filter_map(|a| AvatarName::parse(&a.name).ok());
        let other = other.into_iter().find(|a| *a != avatar).expect("two avatars");
        assert!(limits.joins_as(&who, &name("name 3"), other).is_err(), "another avatar is a change too");
    }

    #[test]
    fn the_same_again_and_again_is_refused_and_retries_are_not() {
        let limits = limits(true);
        let (who, room) = (AuthorId::from_stored("somebody"), RoomId::parse("post").expect("a room"));
        let say = |text: &str, id| limits.saying(&who, &room, &Content::parse(text).expect("a text"), id);
        let first = Uuid::new_v4();
        assert_eq!(say("hello", first), Ok(()));
        for _ in 0..4 {
            assert_eq!(say("Hello!", Uuid::new_v4()), Ok(()));
        }
        assert!(say("hello...", Uuid::new_v4()).is_err());
        assert_eq!(say("hello", first), Ok(()));
        assert_eq!(say("something else", Uuid::new_v4()), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_idle_is_forgotten() {
        let limits = limits(true);
        for n in 0..1_000 {
            let who = AuthorId::from_stored(&n.to_string());
            limits.joins_as(&who, &name("somebody"), AvatarName::derived_from(&who)).expect("a first name");
        }
        limits.tidy(true);
        assert_eq!(limits.n_entries(), 1_000);
        tokio::time::advance(MINUTE).await;
        limits.tidy(false);
        assert_eq!(limits.n_entries(), 1_000, "few are looked at now and then");
        limits.tidy(true);
        assert_eq!(limits.n_entries(), 0);
    }

    #[test]
    fn a_flood_of_made_up_identities_is_not_remembered_without_end() {
        let limits = limits(true);
        let avatar = AvatarName::derived_from(&AuthorId::from_stored("any"));
        let nickname = name("somebody");
        for n in 0..PEOPLE_MAX + 1_000 {
            assert_eq!(limits.joins_as(&AuthorId::from_stored(&n.to_string()), &nickname, avatar), Ok(()));
        }
        assert_eq!(limits.n_entries(), PEOPLE_MAX);
    }

    #[test]
    fn off_is_off() {
        let limits = limits(false);
        let (who, here) = (AuthorId::from_stored("one"), IpAddr::from([192, 0, 2, 1]));
        let frames = limits.frames();
        for n in 0..1_000 {
            assert_eq!(limits.message(&who), Ok(()));
            assert_eq!((limits.request(here), limits.upgrade(here), frames.take()), (Ok(()), Ok(()), Ok(())));
            let nickname = name(&format!("name {n}"));
            assert_eq!(limits.joins_as(&who, &nickname, AvatarName::derived_from(&who)), Ok(()));
        }
        assert_eq!(limits.n_entries(), 0);
    }

    #[test]
    fn so_many_within_a_minute_and_no_more() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut recent = Recent::default();
        for n in 0..3 {
            assert_eq!(recent.add(start + n * second, 3), Ok(()));
        }
        assert_eq!(recent.add(start + 41 * second, 3), Err(19 * second));
        assert_eq!(recent.add(start + 60 * second, 3), Ok(()), "the first one is forgotten");
        assert_eq!(recent.add(start + 60 * second, 3), Err(second));
        assert!(!recent.is_empty(start + 61 * second));
        assert!(recent.is_empty(start + 120 * second));
    }
}
