//! What all people of one address may write together. Pure.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    time::Duration,
};

use actix::clock::Instant;

use super::{
    bucket::{Bucket, Budget},
    message_limit::{MessageLimit, TooMuch},
    networks::{Network, networks},
    recent::Recent,
    repeats::Fingerprint,
};
use chat_domain::{Content, RoomId};

/// How much all people of one address may write together. IPv6 networks wider than a /64 may do a multiple.
#[derive(Debug, Clone, Copy)]
pub struct AddressSettings {
    /// Messages a second in one room; as many at once.
    pub room_messages_per_second: NonZeroU32,
    /// KiB a second in one room, as readers get them; as many at once.
    pub room_kib_per_second: NonZeroU32,
    /// Messages a second in all rooms; those of ten seconds at once.
    pub messages_per_second: NonZeroU32,
    /// KiB a second in all rooms; those of ten seconds at once.
    pub kib_per_second: NonZeroU32,
    /// Messages in a minute that say the same in one room.
    pub repeats_per_minute: usize,
}

/// What an address has written lately, in each room and in all. Pure; the caller passes the time.
#[derive(Debug, Default)]
pub struct AddressBudgets {
    totals: HashMap<Network, Total>,
    /// By network and room.
    shares: HashMap<u64, Share>,
    /// What counts for all of whom nothing more can be remembered.
    beyond: (Total, Share),
    hasher: RandomState,
}

/// One message, as its address is charged for it.
#[derive(Debug, Clone, Copy)]
pub struct Charge<'a> {
    /// Where it comes from.
    pub address: IpAddr,
    /// Where it goes.
    pub room: &'a RoomId,
    /// What every reader of the room will get.
    pub n_bytes: u32,
    /// What it says; nothing where it is a retry.
    pub fingerprint: Option<Fingerprint>,
    /// Its author has been here for a while and writes little: it may use the reserve.
    pub is_quiet: bool,
}

#[derive(Debug, Default)]
struct Total {
    written: Buckets,
    newcomers: Bucket,
}

#[derive(Debug, Default)]
struct Share {
    written: Buckets,
    said: Recent<Fingerprint>,
}

/// Whoever writes takes from both.
#[derive(Debug, Clone, Copy, Default)]
struct Buckets {
    messages: Bucket,
    bytes: Bucket,
}

/// What a MESSAGE frame has around its text.
const ENVELOPE_BYTES: usize = 300;
/// At once in all rooms: what comes in so many seconds, so that all people of a large network can speak in one moment.
const TOTAL_BURST_SECONDS: u32 = 10;
/// New identities of an address that begin with a full bucket: so many at once, and one a second.
pub const NEWCOMERS: Budget = Budget { burst: 50, per_second: NonZeroU32::MIN };
/// Texts that are remembered for an address in a room; the oldest go first.
const SAID_MAX: usize = 1_024;
/// Addresses, and rooms of addresses, that are remembered. Beyond, all new ones share one budget.
pub const REMEMBERED_MAX: usize = 100_000;

/// What each reader of a message gets, in bytes: its text as JSON has it, and what is around it.
pub fn n_bytes_shown(content: &Content) -> u32 {
    let text = content.as_str();
    let n_escaped = text.bytes().filter(|b| matches!(b, b'"' | b'\\' | b'\n' | b'\t')).count();
    u32::try_from(text.len() + n_escaped + ENVELOPE_BYTES).unwrap_or(u32::MAX)
}

impl AddressSettings {
    /// Messages and bytes in one room.
    fn in_room(&self, factor: u32) -> [Budget; 2] {
        budgets(self.room_messages_per_second, self.room_kib_per_second, 1, factor)
    }

    /// Messages and bytes in all rooms.
    fn in_all(&self, factor: u32) -> [Budget; 2] {
        budgets(self.messages_per_second, self.kib_per_second, TOTAL_BURST_SECONDS, factor)
    }
}

fn budgets(messages: NonZeroU32, kib: NonZeroU32, burst_seconds: u32, factor: u32) -> [Budget; 2] {
    let bytes = kib.saturating_mul(NonZeroU32::MIN.saturating_add(1_023));
    let budget = |per_second: NonZeroU32| Budget { burst: per_second.get().saturating_mul(burst_seconds), per_second };
    [messages, bytes].map(|per_second| budget(per_second).times(factor))
}

impl AddressBudgets {
    /// Whether `charge` may be made; takes nothing. Fails with the limit that is reached, and the time until it is not.
    pub fn ask(&mut self, charge: &Charge<'_>, settings: &AddressSettings, now: Instant) -> Result<(), TooMuch> {
        for network in networks(charge.address) {
            let share = self.share(network, charge.room);
            let n_max = settings.repeats_per_minute.saturating_mul(usize::try_from(network.factor).unwrap_or(1));
            if let Some(fingerprint) = charge.fingerprint
                && let Some(wait) = share.said.wait(now, n_max, |said| *said == fingerprint)
            {
                return Err(TooMuch { limit: MessageLimit::Repeats, wait });
            }
            let asked = |limit, wait: Duration| if wait.is_zero() { Ok(()) } else { Err(TooMuch { limit, wait }) };
            asked(MessageLimit::AddressRoom, share.written.wait(charge, settings.in_room(network.factor), now))?;
            let total = self.total(network);
            asked(MessageLimit::Address, total.written.wait(charge, settings.in_all(network.factor), now))?;
        }
        Ok(())
    }

    /// Makes `charge`.
    pub fn take(&mut self, charge: &Charge<'_>, settings: &AddressSettings, now: Instant) {
        for network in networks(charge.address) {
            let share = self.share(network, charge.room);
            share.written.take(charge, settings.in_room(network.factor), now);
            if let Some(fingerprint) = charge.fingerprint {
                share.said.note(fingerprint, now, SAID_MAX);
            }
            self.total(network).written.take(charge, settings.in_all(network.factor), now);
        }
    }

    /// Whether a new identity of `address` begins with a full bucket; takes nothing.
    pub fn welcomes(&mut self, address: IpAddr, now: Instant) -> bool {
        networks(address)
            .all(|network| self.total(network).newcomers.wait(1, 0, NEWCOMERS.times(network.factor), now).is_zero())
    }

    /// A new identity of `address` has written.
    pub fn welcome(&mut self, address: IpAddr, now: Instant) {
        for network in networks(address) {
            self.total(network).newcomers.take(1, NEWCOMERS.times(network.factor), now);
        }
    }

    /// Forgets what has no bearing any more; where `thorough` is false only if there is much.
    pub fn tidy(&mut self, now: Instant, thorough: bool, n_many: usize) {
        if thorough || self.totals.len() > n_many {
            self.totals.retain(|_, total| !(total.written.is_full(now) && total.newcomers.is_full(now)));
            self.totals.shrink_to_fit();
        }
        if thorough || self.shares.len() > n_many {
            self.shares.retain(|_, share| share.said.n(now) > 0 || !share.written.is_full(now));
            self.shares.shrink_to_fit();
        }
        self.beyond.1.said.n(now);
    }

    /// How much is remembered.
    pub fn n_entries(&self) -> usize {
        self.totals.len() + self.shares.len()
    }

    fn total(&mut self, network: Network) -> &mut Total {
        entry(&mut self.totals, network, REMEMBERED_MAX, &mut self.beyond.0)
    }

    fn share(&mut self, network: Network, room: &RoomId) -> &mut Share {
        let key = self.hasher.hash_one((network, room.as_str()));
        entry(&mut self.shares, key, REMEMBERED_MAX, &mut self.beyond.1)
    }
}

/// What is known of `key`; `beyond` where nothing is and no more than `n_max` may be remembered.
pub fn entry<'a, K: Hash + Eq, V: Default>(
    map: &'a mut HashMap<K, V>,
    key: K,
    n_max: usize,
    beyond: &'a mut V,
) -> &'a mut V {
    if map.len() >= n_max && !map.contains_key(&key) { beyond } else { map.entry(key).or_default() }
}

impl Buckets {
    fn wait(self, charge: &Charge<'_>, [messages, bytes]: [Budget; 2], now: Instant) -> Duration {
        let wait = |bucket: Bucket, n: u32, budget: Budget| {
            // Whoever is new or loud leaves a part for the others.
            let kept = if charge.is_quiet { 0 } else { budget.reserve() };
            bucket.wait(n, kept, budget, now)
        };
        wait(self.messages, 1, messages).max(wait(self.bytes, charge.n_bytes, bytes))
    }

    fn take(&mut self, charge: &Charge<'_>, [messages, bytes]: [Budget; 2], now: Instant) {
        self.messages.take(1, messages, now);
        self.bytes.take(charge.n_bytes, bytes, now);
    }

    fn is_full(self, now: Instant) -> bool {
        self.messages.is_full(now) && self.bytes.is_full(now)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::session::recent::MINUTE;

    const SECOND: Duration = Duration::from_secs(1);

    /// The limits that a server has where nothing is set, but for repeats.
    pub fn settings(repeats_per_minute: usize) -> AddressSettings {
        let n = |n| NonZeroU32::new(n).expect("not zero");
        AddressSettings {
            room_messages_per_second: n(30),
            room_kib_per_second: n(32),
            messages_per_second: n(100),
            kib_per_second: n(64),
            repeats_per_minute,
        }
    }

    fn fingerprint(text: &str) -> Fingerprint {
        let (room, text) = (RoomId::parse("post").expect("a room"), Content::parse(text).expect("a text"));
        Fingerprint::of(&room, &text, &RandomState::new())
    }

    struct World {
        budgets: AddressBudgets,
        now: Instant,
    }

    impl World {
        fn new() -> Self {
            Self { budgets: AddressBudgets::default(), now: Instant::now() }
        }

        fn send(&mut self, address: &str, room: &str, n_bytes: u32, is_quiet: bool) -> Result<(), MessageLimit> {
            let room = RoomId::parse(room).expect("a room");
            let address = address.parse().expect("an address");
            let charge = Charge { address, room: &room, n_bytes, fingerprint: None, is_quiet };
            self.budgets.ask(&charge, &settings(50), self.now).map_err(|TooMuch { limit, wait }| {
                assert!(!wait.is_zero());
                limit
            })?;
            self.budgets.take(&charge, &settings(50), self.now);
            Ok(())
        }

        /// How many pass in `n_seconds` where 1,000 a second are tried.
        fn flood(&mut self, from: &[impl AsRef<str>], rooms: &[impl AsRef<str>], n_bytes: u32, n_seconds: u32) -> u32 {
            let mut n_passed = 0;
            for n in 0..n_seconds * 1_000 {
                self.now += SECOND / 1_000;
                let n = usize::try_from(n).expect("fits");
                let (address, room) = (from[n % from.len()].as_ref(), rooms[n / from.len() % rooms.len()].as_ref());
                n_passed += u32::from(self.send(address, room, n_bytes, false).is_ok());
            }
            n_passed
        }
    }

    #[test]
    fn one_room_of_one_address_gets_thirty_messages_and_32_kib_a_second() {
        let short = World::new().flood(&["192.0.2.1"], &["post"], 400, 60);
        assert!((30 * 60..=30 * 61).contains(&short), "{short}");
        let long = World::new().flood(&["192.0.2.1"], &["post"], 8_192, 60);
        assert!((4 * 60..=4 * 61 + 1).contains(&long), "{long}");
    }

    #[test]
    fn all_rooms_of_one_address_get_a_hundred_messages_and_64_kib_a_second() {
        let rooms: Vec<String> = (0..40).map(|n| format!("post {n}")).collect();
        let short = World::new().flood(&["192.0.2.1"], &rooms, 400, 60);
        assert!((100 * 60..=100 * 70).contains(&short), "{short}");
        let long = World::new().flood(&["192.0.2.1"], &rooms, 8_192, 60);
        assert!((8 * 60..=8 * 70 + 1).contains(&long), "{long}");
    }

    #[test]
    fn another_address_and_another_room_are_not_held_back() {
        let mut world = World::new();
        world.flood(&["192.0.2.1"], &["post"], 400, 5);
        assert_eq!(world.send("192.0.2.1", "post", 400, false), Err(MessageLimit::AddressRoom));
        assert_eq!(world.send("192.0.2.1", "another", 400, false), Ok(()));
        assert_eq!(world.send("192.0.2.2", "post", 400, false), Ok(()));
    }

    #[test]
    fn who_has_been_here_and_writes_little_is_heard_beside_a_flood_from_the_same_address() {
        let mut world = World::new();
        for _ in 0..60 {
            world.flood(&["192.0.2.1"], &["post"], 400, 1);
            for _ in 0..5 {
                assert_eq!(world.send("192.0.2.1", "post", 400, true), Ok(()));
            }
        }
    }

    #[test]
    fn all_of_an_ipv6_customer_has_four_times_one_address_at_most() {
        // A new /64 for each message, all of one /48.
        let addresses: Vec<String> = (0..2_000).map(|n| format!("2001:db8:1:{n:x}::1")).collect();
        let n_passed = World::new().flood(&addresses, &["post"], 400, 60);
        assert!((4 * 30 * 59..=4 * 30 * 61).contains(&n_passed), "{n_passed}");
        let one = World::new().flood(&["2001:db8::1", "2001:db8::2"], &["post"], 400, 60);
        assert!((30 * 60..=30 * 61).contains(&one), "{one}");
    }

    #[test]
    fn a_refused_message_takes_nothing() {
        let mut world = World::new();
        world.flood(&["192.0.2.1"], &["post"], 400, 1);
        let network = Network { first: IpAddr::from([192, 0, 2, 1]), factor: 1 };
        let before = world.budgets.total(network).written.messages;
        assert_eq!(world.send("192.0.2.1", "post", 400, false), Err(MessageLimit::AddressRoom));
        let after = world.budgets.total(network).written.messages;
        let [of, _] = settings(50).in_all(1);
        assert_eq!(before.wait(of.burst, 0, of, world.now), after.wait(of.burst, 0, of, world.now));
    }

    #[test]
    fn the_same_text_counts_by_address_whoever_says_it() {
        let (mut world, room) = (World::new(), RoomId::parse("post").expect("a room"));
        let (settings, fingerprint) = (settings(50), fingerprint("buy now"));
        let address = IpAddr::from([192, 0, 2, 1]);
        let charge = Charge { address, room: &room, n_bytes: 400, fingerprint: Some(fingerprint), is_quiet: true };
        for _ in 0..50 {
            world.now += SECOND / 10;
            assert_eq!(world.budgets.ask(&charge, &settings, world.now), Ok(()));
            world.budgets.take(&charge, &settings, world.now);
        }
        let refused = world.budgets.ask(&charge, &settings, world.now);
        // The first of the fifty was 4.9 s ago.
        let left = MINUTE.saturating_sub(SECOND * 49 / 10);
        assert_eq!(refused, Err(TooMuch { limit: MessageLimit::Repeats, wait: left }));
        assert_eq!(world.budgets.ask(&Charge { fingerprint: None, ..charge }, &settings, world.now), Ok(()), "a retry");
        world.now += left;
        assert_eq!(world.budgets.ask(&charge, &settings, world.now), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let mut world = World::new();
        for n in 0..REMEMBERED_MAX + 50 {
            let address = std::net::Ipv4Addr::from(u32::try_from(n).expect("fits")).to_string();
            // Those beyond share one budget, of which others than quiet people get twenty at once.
            let is_refused = n >= REMEMBERED_MAX + 20;
            assert_eq!(world.send(&address, "post", 400, false).is_err(), is_refused, "{n}");
        }
        assert_eq!(world.budgets.n_entries(), 2 * REMEMBERED_MAX);
        world.budgets.tidy(world.now + 60 * SECOND, true, 0);
        assert_eq!(world.budgets.n_entries(), 0);
    }

    #[test]
    fn fifty_new_identities_of_an_address_begin_with_a_full_bucket() {
        let (mut budgets, now, address) = (AddressBudgets::default(), Instant::now(), IpAddr::from([192, 0, 2, 1]));
        for _ in 0..50 {
            assert!(budgets.welcomes(address, now));
            budgets.welcome(address, now);
        }
        assert!(!budgets.welcomes(address, now) && budgets.welcomes(address, now + SECOND));
        assert!(budgets.welcomes(IpAddr::from([192, 0, 2, 2]), now));
    }
}
