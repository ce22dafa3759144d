//! How often identities and addresses may do what, on this server.

use std::{collections::HashMap, hash::RandomState, net::IpAddr, num::NonZeroU32, sync::Mutex, time::Duration};

use super::{
    admission::lock,
    bucket::{Bucket, Budget},
    budgets::{AddressBudgets, AddressSettings, Charge, entry, n_bytes_shown},
    message_limit::{MessageLimit, TooMuch, Written},
    networks::{WIDTHS, networks},
    recent::{MINUTE, Recent},
    repeats::{Fingerprint, Repeats},
};
use actix::clock::Instant;
use chat_domain::{AuthorId, AvatarName, Nickname};
use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

/// What may be done in a time, on this server: by an identity over all its sessions, and by an address. Rates are
/// token buckets; what counts by the minute is counted, which a bucket would only do on average.
pub struct RateLimits {
    requests: ByAddress,
    upgrades: ByAddress,
    lately: Mutex<Lately>,
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
    /// Messages of all people of an address.
    pub address: AddressSettings,
}

/// What identities and addresses did lately. One lock for all, since all are asked before anything is taken.
#[derive(Default)]
struct Lately {
    people: HashMap<AuthorId, Person>,
    addresses: AddressBudgets,
}

/// What is known of an identity that was active lately.
#[derive(Default)]
struct Person {
    /// Its latest profile; the avatar where it was named.
    profile: Option<(Nickname, Option<AvatarName>, Instant)>,
    changes: Recent,
    messages: Bucket,
    /// When its first message was taken, and its latest.
    wrote: Option<(Instant, Instant)>,
    repeats: Repeats,
}

/// Above this many entries a store is tidied each second rather than each minute.
const ENTRIES_MANY: usize = 10_000;
/// Above this many identities no new one is remembered, so that a flood of made-up ones cannot fill the memory: what
/// they do still counts by address, session and message.
const PEOPLE_MAX: usize = 200_000;
/// An identity that has written is remembered for so long after its latest message.
const WRITER_REMEMBERED: Duration = Duration::from_secs(600);
/// An identity is new for so long after its first message.
const NEW_FOR: Duration = MINUTE;
/// With fewer messages within a minute an identity that is not new may use what its address keeps in reserve.
const QUIET_MAX: usize = 6;
/// What an identity begins with where its address has brought many new ones of late: messages at once.
const NEWCOMER_BURST: u32 = 3;

impl Rate {
    fn quota(self, factor: u32) -> Quota {
        let Budget { burst, per_second } = self.budget().times(factor);
        Quota::per_second(per_second).allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN))
    }

    fn budget(self) -> Budget {
        Budget { burst: self.burst.get(), per_second: self.per_second }
    }
}

/// A rate of an address, and of the IPv6 networks around it.
struct ByAddress([DefaultKeyedRateLimiter<IpAddr>; WIDTHS]);

impl ByAddress {
    fn new(rate: Rate) -> Self {
        // The factors are the same for every address of one kind; IPv4 has the first one only.
        let mut quotas = networks(IpAddr::from([0_u16; 8])).map(|network| rate.quota(network.factor));
        Self(std::array::from_fn(|_| RateLimiter::keyed(quotas.next().unwrap_or(rate.quota(1)))))
    }

    fn take(&self, address: IpAddr, clock: &DefaultClock) -> Result<(), Duration> {
        for (buckets, network) in self.0.iter().zip(networks(address)) {
            buckets.check_key(&network.first).map_err(|until| wait(&until, clock))?;
        }
        Ok(())
    }

    fn tidy(&self, thorough: bool) {
        for buckets in &self.0 {
            if thorough || buckets.len() > ENTRIES_MANY {
                buckets.retain_recent();
                buckets.shrink_to_fit();
            }
        }
    }

    fn len(&self) -> usize {
        self.0.iter().map(RateLimiter::len).sum()
    }
}

impl RateLimits {
    /// Full buckets for everybody.
    pub fn new(settings: RateSettings) -> Self {
        Self {
            requests: ByAddress::new(settings.requests),
            upgrades: ByAddress::new(settings.upgrades),
            lately: Mutex::default(),
            settings,
            hasher: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// One message. Its author's limits are asked first, then those of its address; where one is reached nothing is
    /// taken from any. The same message sent again is no repeat of itself. Fails with the limit that is reached, and
    /// the time until it is not.
    pub fn message(&self, written: &Written<'_>) -> Result<(), TooMuch> {
        if !self.settings.is_on {
            return Ok(());
        }
        let Written { author, address, room, content, client_id } = *written;
        let fingerprint = Fingerprint::of(room, content, &self.hasher);
        let now = Instant::now();
        let mut lately = lock(&self.lately);
        let Lately { people, addresses } = &mut *lately;
        let mut stranger = Person::default();
        let person = entry(people, author.clone(), PEOPLE_MAX, &mut stranger);
        let budget = self.settings.messages.budget();
        let is_first = person.wrote.is_none();
        let begins_full = !is_first || addresses.welcomes(address, now);
        let mut own = match begins_full {
            true => person.messages,
            false => Bucket::holding(NEWCOMER_BURST, budget, now),
        };
        let too_much = |limit| move |wait| TooMuch { limit, wait };
        let wait = own.wait(1, 0, budget, now);
        if !wait.is_zero() {
            return Err(too_much(MessageLimit::Identity)(wait));
        }
        let max = count(self.settings.repeats_per_minute);
        let asked = person.repeats.ask(fingerprint, client_id, now, max);
        let is_retry = asked.map_err(too_much(MessageLimit::Repeats))?;
        let charge = Charge {
            address,
            room,
            n_bytes: n_bytes_shown(content),
            fingerprint: (!is_retry).then_some(fingerprint),
            is_quiet: person.is_quiet(now),
        };
        let settings = &self.settings.address;
        addresses.ask(&charge, settings, now)?;
        addresses.take(&charge, settings, now);
        if is_first && begins_full {
            addresses.welcome(address, now);
        }
        own.take(1, budget, now);
        person.messages = own;
        person.wrote = Some((person.wrote.map_or(now, |(first, _)| first), now));
        if !is_retry {
            person.repeats.add(fingerprint, client_id, now);
        }
        Ok(())
    }

    /// One request of `address`. Fails with the time until the next one may come.
    pub fn request(&self, address: IpAddr) -> Result<(), Duration> {
        self.by_address(&self.requests, address)
    }

    /// One WebSocket that `address` opens. Fails with the time until the next one may come.
    pub fn upgrade(&self, address: IpAddr) -> Result<(), Duration> {
        self.by_address(&self.upgrades, address)
    }

    /// The bucket of a new session's frames.
    pub fn frames(&self) -> FrameRate {
        FrameRate(self.settings.is_on.then(|| RateLimiter::direct(self.settings.frames.quota(1))))
    }

    /// One profile change of `author`. Fails with the time until the next one may come.
    pub fn profile(&self, author: &AuthorId, nickname: &Nickname, avatar: Option<AvatarName>) -> Result<(), Duration> {
        self.set_profile(author, nickname, avatar, true)
    }

    /// `author` joins under this profile: a change where it had another one within the last minute, so that joining
    /// again and again is no way around [`RateLimits::profile`]. Fails with the time until it may.
    pub fn joins_as(&self, author: &AuthorId, nickname: &Nickname, avatar: AvatarName) -> Result<(), Duration> {
        self.set_profile(author, nickname, Some(avatar), false)
    }

    /// `is_change`: it counts, whatever the profile was before.
    fn set_profile(
        &self,
        author: &AuthorId,
        nickname: &Nickname,
        avatar: Option<AvatarName>,
        is_change: bool,
    ) -> Result<(), Duration> {
        if !self.settings.is_on {
            return Ok(());
        }
        let mut stranger = Person::default();
        let mut lately = lock(&self.lately);
        let person = entry(&mut lately.people, author.clone(), PEOPLE_MAX, &mut stranger);
        let now = Instant::now();
        let had = person.profile.as_ref().and_then(|(_, had, _)| *had);
        let is_other = |(was, _, at): &(Nickname, _, Instant)| {
            *at + MINUTE > now && (was != nickname || had.is_some_and(|had| Some(had) != avatar))
        };
        if is_change || person.profile.as_ref().is_some_and(is_other) {
            person.changes.add(now, count(self.settings.profiles_per_minute))?;
        }
        person.profile = Some((nickname.clone(), avatar.or(had), now));
        Ok(())
    }

    /// Forgets who has been idle: whose buckets are full again, who did nothing for a while. So memory follows who
    /// is active, not who ever was. To be called each second; `thorough` now and then, otherwise it is done only
    /// where there is much.
    pub fn tidy(&self, thorough: bool) {
        self.requests.tidy(thorough);
        self.upgrades.tidy(thorough);
        let now = Instant::now();
        let mut lately = lock(&self.lately);
        lately.addresses.tidy(now, thorough, ENTRIES_MANY);
        if thorough || lately.people.len() > ENTRIES_MANY {
            lately.people.retain(|_, person| !person.is_idle(now));
            lately.people.shrink_to_fit();
        }
    }

    /// How much is remembered.
    pub fn n_entries(&self) -> usize {
        let lately = lock(&self.lately);
        self.requests.len() + self.upgrades.len() + lately.people.len() + lately.addresses.n_entries()
    }

    fn by_address(&self, buckets: &ByAddress, address: IpAddr) -> Result<(), Duration> {
        if self.settings.is_on { buckets.take(address, &self.clock) } else { Ok(()) }
    }
}

fn count(n: NonZeroU32) -> usize {
    usize::try_from(n.get()).unwrap_or(usize::MAX)
}

fn wait(until: &NotUntil<<DefaultClock as Clock>::Instant>, clock: &DefaultClock) -> Duration {
    until.wait_time_from(clock.now())
}

impl Person {
    /// Lets go of what has no bearing any more, and says whether that is all.
    fn is_idle(&mut self, now: Instant) -> bool {
        self.profile.take_if(|(_, _, at)| *at + MINUTE <= now);
        if self.repeats.n_recent(now) == 0 {
            self.repeats = Repeats::default();
        }
        let is_writer = self.wrote.is_some_and(|(_, latest)| latest + WRITER_REMEMBERED > now);
        self.profile.is_none() && !is_writer && self.changes.n(now) == 0
    }

    /// Whether it has been here for a while and writes little.
    fn is_quiet(&mut self, now: Instant) -> bool {
        self.wrote.is_some_and(|(first, _)| first + NEW_FOR <= now) && self.repeats.n_recent(now) < QUIET_MAX
    }
}

/// The bucket of one session's frames; none where limits are lifted.
pub struct FrameRate(Option<DefaultDirectRateLimiter>);

impl FrameRate {
    /// One frame. Fails with the time until the next one may come.
    pub fn take(&self) -> Result<(), Duration> {
        let Some(bucket) = &self.0 else { return Ok(()) };
        bucket.check().map_err(|until| wait(&until, &DefaultClock::default()))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::session::budgets;
    use chat_domain::{Content, RoomId};

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
            address: budgets::tests::settings(25),
        })
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    /// `author` says something that nobody has said yet.
    fn say(limits: &RateLimits, author: &str) -> Result<(), TooMuch> {
        let client_id = Uuid::new_v4();
        let content = Content::parse(&client_id.to_string()).expect("a text");
        let (author, room) = (AuthorId::from_stored(author), RoomId::parse("post").expect("a room"));
        limits.message(&Written { author: &author, address: HERE, room: &room, content: &content, client_id })
    }

    fn name(text: &str) -> Nickname {
        Nickname::parse(text).expect("a nickname")
    }

    #[test]
    fn a_burst_then_a_wait_for_each_identity() {
        let limits = limits(true);
        let one = AuthorId::from_stored("one");
        let n_passed = (0..20).filter(|_| say(&limits, "one").is_ok()).count();
        assert!((10..=11).contains(&n_passed), "{n_passed}");
        let refused = say(&limits, "one").expect_err("the bucket is empty");
        assert_eq!(refused.limit, MessageLimit::Identity);
        assert!(refused.wait <= Duration::from_secs(1) && !refused.wait.is_zero());
        assert_eq!(say(&limits, "two"), Ok(()));
        assert_eq!((0..5).filter(|_| limits.profile(&one, &name("one"), None).is_ok()).count(), 3);
        limits.tidy(true);
        assert!(say(&limits, "one").is_err(), "who is not idle is not forgotten");
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
        let other = chat_domain::all_avatars().iter().filter_map(|a| AvatarName::parse(&a.name).ok());
        let other = other.into_iter().find(|a| *a != avatar).expect("two avatars");
        assert!(limits.joins_as(&who, &name("name 3"), other).is_err(), "another avatar is a change too");
    }

    #[test]
    fn the_same_again_and_again_is_refused_and_retries_are_not() {
        let limits = limits(true);
        let (who, room) = (AuthorId::from_stored("somebody"), RoomId::parse("post").expect("a room"));
        let say = |text: &str, client_id| {
            let content = Content::parse(text).expect("a text");
            limits.message(&Written { author: &who, address: HERE, room: &room, content: &content, client_id })
        };
        let first = Uuid::new_v4();
        assert_eq!(say("hello", first), Ok(()));
        for _ in 0..4 {
            assert_eq!(say("Hello!", Uuid::new_v4()), Ok(()));
        }
        assert!(say("hello...", Uuid::new_v4()).is_err_and(|refused| refused.limit == MessageLimit::Repeats));
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

    #[tokio::test(start_paused = true)]
    async fn who_has_written_is_remembered_for_ten_minutes() {
        let limits = limits(true);
        assert_eq!(say(&limits, "somebody"), Ok(()));
        tokio::time::advance(WRITER_REMEMBERED.saturating_sub(Duration::from_secs(1))).await;
        limits.tidy(true);
        assert_eq!(limits.n_entries(), 1, "and nothing of its address, whose buckets are full");
        tokio::time::advance(Duration::from_secs(1)).await;
        limits.tidy(true);
        assert_eq!(limits.n_entries(), 0);
    }

    /// Of a thousand invented identities, each with ten messages at once, in a minute.
    #[tokio::test(start_paused = true)]
    async fn invented_identities_get_no_more_than_their_address_has() {
        let limits = limits(true);
        say(&limits, "here for a while").expect("a first message");
        tokio::time::advance(NEW_FOR).await;
        let (mut n_passed, mut by_limit) = (0, HashMap::new());
        for n in 0..1_000 {
            for _ in 0..10 {
                match say(&limits, &n.to_string()) {
                    Ok(()) => n_passed += 1,
                    Err(refused) => *by_limit.entry(refused.limit.as_str()).or_insert(0) += 1,
                }
            }
            if n % 200 == 0 {
                assert_eq!(say(&limits, "here for a while"), Ok(()), "{n}");
            }
            tokio::time::advance(MINUTE / 1_000).await;
        }
        assert!((30 * 59..=30 * 61).contains(&n_passed), "{n_passed}");
        assert!(by_limit["address_room"] > 1_000, "{by_limit:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn behind_an_address_of_many_new_ones_an_identity_begins_with_three_messages() {
        let mut settings = limits(true).settings;
        settings.address.room_messages_per_second = n(10_000);
        settings.address.messages_per_second = n(10_000);
        settings.address.room_kib_per_second = n(10_000);
        settings.address.kib_per_second = n(10_000);
        let limits = RateLimits::new(settings);
        let at_once = |who: &str| (0..20).filter(|_| say(&limits, who).is_ok()).count();
        for n in 0..50 {
            assert_eq!(at_once(&n.to_string()), 10);
        }
        assert_eq!(at_once("one more"), 3);
        // It earns the rest like everybody.
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(at_once("one more"), 10);
        assert_eq!(at_once("one later"), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_message_takes_nothing_from_its_author() {
        let limits = limits(true);
        // Quiet people would use the reserve, so these are new.
        for who in ["a", "b"] {
            assert_eq!((0..10).filter(|_| say(&limits, who).is_ok()).count(), 10);
        }
        for _ in 0..30 {
            assert!(say(&limits, "c").is_err_and(|refused| refused.limit == MessageLimit::AddressRoom));
        }
        tokio::time::advance(Duration::from_millis(400)).await;
        assert_eq!((0..20).filter(|_| say(&limits, "c").is_ok()).count(), 10);
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
        let (who, here) = (AuthorId::from_stored("one"), HERE);
        let frames = limits.frames();
        for n in 0..1_000 {
            assert_eq!(say(&limits, "one"), Ok(()));
            assert_eq!((limits.request(here), limits.upgrade(here), frames.take()), (Ok(()), Ok(()), Ok(())));
            let nickname = name(&format!("name {n}"));
            assert_eq!(limits.joins_as(&who, &nickname, AvatarName::derived_from(&who)), Ok(()));
        }
        assert_eq!(limits.n_entries(), 0);
    }
}
