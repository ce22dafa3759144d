use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use chat_domain::AuthorId;

use super::{
    meter::{Meter, Usual},
    text_print::TextPrint,
};

/// How many messages of new identities are compared with the next one: 12 KiB for a room that has so many.
const RECENT_MAX: usize = 256;
/// How far back they are looked at.
const RECENT_FOR: Duration = Duration::from_secs(900);
/// For so long after a moderator did something the room is looked after.
const ATTENDED_FOR: Duration = Duration::from_secs(600);
/// A raid is over after so long without one; each that comes back within `RETURNS_WITHIN` doubles it, up to the largest.
const CALM_FOR: Duration = Duration::from_secs(600);
const CALM_FOR_MAX: Duration = Duration::from_secs(4_800);
const RETURNS_WITHIN: Duration = Duration::from_secs(3_600);

/// A crowd of new identities counts as one from this level on: 5 messages a second for a minute, or 50 for 3 s. A post
/// on a front page stays below it (docs/MODERATION-GUARD.md).
const CROWD_FLOOR: f64 = 150.0;
/// How far above its own usual crowd a room must be.
const CROWD_TIMES_USUAL: f64 = 8.0;
/// So much evidence is a raid in a room that usually has none: 15 pasted messages within some minutes.
const EVIDENCE_FLOOR: f64 = 15.0;
const EVIDENCE_TIMES_USUAL: f64 = 6.0;
/// The part of new identities' messages that speaks of a raid in a raid; among a crowd a few always do.
const EVIDENCE_SHARE: f64 = 0.25;
/// Evidence of the last minutes below which a raid has paused.
const PRESSURE_CALM: f64 = 2.0;

/// Within `FLOOD_WITHIN` one identity writes so many messages only where it floods.
const FLOOD_MESSAGES: usize = 10;
const FLOOD_WITHIN: Duration = Duration::from_secs(30);
/// Within `ADDRESS_WITHIN` so many other new identities of one address write only where somebody makes them; a school or
/// an office stays below it.
const ADDRESS_IDENTITIES: usize = 10;
const ADDRESS_WITHIN: Duration = Duration::from_secs(60);
/// From the third on, a copy counts.
const COPIES: usize = 2;

/// A message that somebody wrote, or tried to where it was held.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Who wrote it.
    pub author: &'a AuthorId,
    /// Whether this identity is new: younger than a day, or without a message in this room so far.
    pub is_new: bool,
    /// How many links it has.
    pub n_links: usize,
    /// The print of its folded text; of those who are not new none is needed.
    pub print: Option<TextPrint>,
    /// The keyed hash of the network it came from.
    pub address: u64,
}

/// What made a raid of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Far more messages of new identities than usual.
    Crowd,
    /// The same text again and again, with or without small changes.
    Repeats,
    /// One identity writes without pause.
    Flood,
    /// Many identities from one address.
    Addresses,
    /// Links of new identities.
    Links,
    /// Texts that the room's rules blocked.
    Blocked,
    /// Reports.
    Reports,
}

impl Why {
    /// All kinds of evidence; a crowd is none.
    const EVIDENCE: [Self; 6] =
        [Self::Repeats, Self::Flood, Self::Addresses, Self::Links, Self::Blocked, Self::Reports];

    /// The name for the log, the room and the owner.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crowd => "crowd",
            Self::Repeats => "repeats",
            Self::Flood => "flood",
            Self::Addresses => "addresses",
            Self::Links => "links",
            Self::Blocked => "blocked",
            Self::Reports => "reports",
        }
    }
}

/// What the guard says to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing changes.
    Quiet,
    /// The raid preset goes on.
    RaidBegins {
        /// What weighed most.
        why: Why,
    },
    /// The preset goes off again.
    RaidOver,
}

/// A message of a new identity, as long as others are compared with it.
#[derive(Debug)]
struct Recent {
    at: Instant,
    author: u64,
    address: u64,
    print: Option<TextPrint>,
}

/// Watches one room where no moderator does.
///
/// It weighs what new identities do against what the room usually has: their number by a short memory, and evidence
/// (copies, floods, links and so on) by a long one, so that a slow raid adds up as well. Its memory is bounded.
#[derive(Debug)]
pub struct Guard {
    recent: VecDeque<Recent>,
    crowd: Meter,
    usual_crowd: Usual,
    /// One for each of [`Why::EVIDENCE`].
    evidence: [Meter; 6],
    usual_evidence: Usual,
    /// All messages of new identities and all that was blocked, with the memory of the evidence.
    n_new: Meter,
    /// All evidence, with the memory of a pause.
    pressure: Meter,
    moderator_at: Option<Instant>,
    raid: Option<Raid>,
    /// When the last raid was over, and how long calm had to be for that.
    last_raid: Option<(Instant, Duration)>,
}

/// A raid that is on.
#[derive(Debug)]
struct Raid {
    calm_since: Option<Instant>,
    calm_for: Duration,
}

impl Guard {
    /// Begins to watch a room of which it knows nothing yet.
    pub fn new(now: Instant) -> Self {
        Self {
            recent: VecDeque::new(),
            crowd: Meter::of_half_a_minute(now),
            usual_crowd: Usual::new(now),
            evidence: [(); 6].map(|()| Meter::of_quarter_an_hour(now)),
            usual_evidence: Usual::new(now),
            n_new: Meter::of_quarter_an_hour(now),
            pressure: Meter::of_two_minutes(now),
            moderator_at: None,
            raid: None,
            last_raid: None,
        }
    }

    /// A moderator did something here, or is here: for a while the room is theirs, and no raid begins by itself.
    pub fn moderator_active(&mut self, now: Instant) {
        self.moderator_at = Some(now);
    }

    /// Somebody took the raid preset back: the guard no longer holds it for on, and will not take it back itself.
    pub fn stand_down(&mut self, now: Instant) {
        if let Some(raid) = self.raid.take() {
            self.end(now, raid.calm_for);
        }
    }

    /// The raid preset is on already, by the hand of a guard that is not known here: one of another server, or of this
    /// one before it was started again. It stays for twice the usual time, since less is seen of it from here.
    pub fn resume(&mut self, now: Instant) {
        let raid = || Raid { calm_since: Some(now), calm_for: CALM_FOR.saturating_mul(2) };
        self.raid.get_or_insert_with(raid);
    }

    /// Whether the guard has a raid on.
    pub fn is_raid(&self) -> bool {
        self.raid.is_some()
    }

    /// How many messages it remembers.
    pub fn n_remembered(&self) -> usize {
        self.recent.len()
    }

    /// A message was published or held. One of somebody who is not new costs nothing and says nothing.
    pub fn message(&mut self, message: &Seen, now: Instant) -> Decision {
        if !message.is_new {
            return Decision::Quiet;
        }
        let author = key(message.author);
        while self.recent.front().is_some_and(|r| now.saturating_duration_since(r.at) > RECENT_FOR) {
            self.recent.pop_front();
        }
        self.crowd.add(now, 1.0);
        self.n_new.add(now, 1.0);
        self.weigh(message, author, now);
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent { at: now, author, address: message.address, print: message.print });
        self.decide(now)
    }

    /// A message was blocked by the room's rules for texts.
    pub fn blocked(&mut self, now: Instant) -> Decision {
        self.n_new.add(now, 1.0);
        self.add(Why::Blocked, 0.5, now);
        self.decide(now)
    }

    /// A message was reported. Reports alone begin no raid: else a few people could shut a room.
    pub fn report(&mut self, now: Instant) -> Decision {
        self.add(Why::Reports, 2.0, now);
        self.decide(now)
    }

    /// Time passed: call it every half minute. It is how the room's usual is learned, and how a raid ends in a room that
    /// has fallen silent.
    pub fn tick(&mut self, now: Instant) -> Decision {
        self.decide(now)
    }

    /// Adds what a message of a new identity says of a raid.
    fn weigh(&mut self, message: &Seen, author: u64, now: Instant) {
        let since = |r: &Recent| now.saturating_duration_since(r.at);
        let is_copy = |r: &&Recent| r.print.zip(message.print).is_some_and(|(a, b)| a.is_near(b));
        if self.recent.iter().filter(is_copy).nth(COPIES - 1).is_some() {
            self.add(Why::Repeats, 1.0, now);
        }
        let is_own = |r: &&Recent| r.author == author && since(r) <= FLOOD_WITHIN;
        if self.recent.iter().filter(is_own).nth(FLOOD_MESSAGES - 1).is_some() {
            self.add(Why::Flood, 0.5, now);
        }
        let mut others: Vec<u64> = Vec::new();
        for r in self.recent.iter().rev().take_while(|r| since(r) <= ADDRESS_WITHIN) {
            if r.address == message.address && r.author != author && !others.contains(&r.author) {
                others.push(r.author);
                if others.len() == ADDRESS_IDENTITIES {
                    self.add(Why::Addresses, 0.5, now);
                    break;
                }
            }
        }
        if message.n_links > 0 {
            self.add(Why::Links, 0.4, now);
        }
    }

    fn add(&mut self, why: Why, weight: f64, now: Instant) {
        for (meter, kind) in self.evidence.iter_mut().zip(Why::EVIDENCE) {
            if kind == why {
                meter.add(now, weight);
            }
        }
        self.pressure.add(now, weight);
    }

    fn decide(&mut self, now: Instant) -> Decision {
        let crowd_limit = CROWD_FLOOR.max(self.usual_crowd.level() * CROWD_TIMES_USUAL);
        let limit = EVIDENCE_FLOOR.max(self.usual_evidence.level() * EVIDENCE_TIMES_USUAL);
        let crowd = self.crowd.level(now);
        let levels = self.evidence.each_ref().map(|meter| meter.level(now));
        let mut evidence = 0.0;
        for (level, kind) in levels.iter().zip(Why::EVIDENCE) {
            evidence += if kind == Why::Reports { level.min(limit / 2.0) } else { *level };
        }
        // What a raid does must not become the usual.
        self.usual_crowd.learn(now, crowd.min(crowd_limit / 2.0));
        self.usual_evidence.learn(now, evidence.min(limit / 2.0));
        if let Some(raid) = &mut self.raid {
            let is_calm = crowd < crowd_limit / 4.0 && self.pressure.level(now) < PRESSURE_CALM;
            let since = if is_calm { *raid.calm_since.get_or_insert(now) } else { now };
            raid.calm_since = is_calm.then_some(since);
            let calm_for = raid.calm_for;
            if !is_calm || now.saturating_duration_since(since) < calm_for {
                return Decision::Quiet;
            }
            self.raid = None;
            self.end(now, calm_for);
            return Decision::RaidOver;
        }
        let is_attended = self.moderator_at.is_some_and(|at| now.saturating_duration_since(at) < ATTENDED_FOR);
        let is_evident = evidence >= limit && evidence >= self.n_new.level(now) * EVIDENCE_SHARE;
        if is_attended || (crowd < crowd_limit && !is_evident) {
            return Decision::Quiet;
        }
        let most = levels.into_iter().zip(Why::EVIDENCE).max_by(|(a, _), (b, _)| a.total_cmp(b));
        let why = most.map(|(_, kind)| kind).filter(|_| is_evident).unwrap_or(Why::Crowd);
        self.begin(now);
        Decision::RaidBegins { why }
    }

    fn begin(&mut self, now: Instant) {
        let returned = self.last_raid.filter(|(over, _)| now.saturating_duration_since(*over) < RETURNS_WITHIN);
        let calm_for = returned.map_or(CALM_FOR, |(_, before)| before.saturating_mul(2).min(CALM_FOR_MAX));
        self.raid = Some(Raid { calm_since: None, calm_for });
    }

    /// Forgets the evidence of a raid that is over, so that it does not begin another.
    fn end(&mut self, now: Instant, calm_for: Duration) {
        self.last_raid = Some((now, calm_for));
        for meter in self.evidence.iter_mut().chain([&mut self.crowd, &mut self.n_new, &mut self.pressure]) {
            meter.clear();
        }
    }
}

/// A number for an author (FNV-1a): two that share one do no harm.
fn key(author: &AuthorId) -> u64 {
    author.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, |key, b| (key ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::folded;

    fn pasted() -> Option<TextPrint> {
        TextPrint::of(&folded("join our channel now and get five hundred coins"))
    }

    /// Pastes once a second until the guard says something else than quiet, at most so often.
    fn paste(guard: &mut Guard, now: &mut Instant, n_max: usize) -> Option<(usize, Decision)> {
        (0..n_max).find_map(|n| {
            *now += Duration::from_secs(1);
            let author = AuthorId::from_stored(&format!("raider-{n}"));
            let seen =
                Seen { author: &author, is_new: true, n_links: 0, print: pasted(), address: u64::try_from(n).unwrap() };
            Some((n + 1, guard.message(&seen, *now))).filter(|(_, decision)| *decision != Decision::Quiet)
        })
    }

    /// Lets time pass until the guard says something else than quiet.
    fn wait(guard: &mut Guard, now: &mut Instant) -> Option<(u64, Decision)> {
        (1..=1_000).find_map(|n| {
            *now += Duration::from_secs(30);
            Some((n * 30, guard.tick(*now))).filter(|(_, decision)| *decision != Decision::Quiet)
        })
    }

    #[test]
    fn a_raid_that_another_guard_began_ends_here_after_twice_the_calm() {
        let start = Instant::now();
        let mut guard = Guard::new(start);
        guard.resume(start);
        assert!(guard.is_raid());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(guard.tick(at(1_199)), Decision::Quiet);
        guard.resume(at(1_199));
        assert_eq!(guard.tick(at(1_200)), Decision::RaidOver, "that it is said again changes nothing");
    }

    #[test]
    fn a_raid_begins_once_and_is_over_after_calm_that_doubles() {
        let mut now = Instant::now();
        let mut guard = Guard::new(now);
        let (n, decision) = paste(&mut guard, &mut now, 100).expect("found");
        assert_eq!(decision, Decision::RaidBegins { why: Why::Repeats });
        assert!((15..20).contains(&n), "after {n}");
        assert_eq!(paste(&mut guard, &mut now, 100), None, "it is on");
        let (first, over) = wait(&mut guard, &mut now).expect("over");
        assert_eq!(over, Decision::RaidOver);
        assert!((600..1_200).contains(&first), "after {first} s");
        assert!(paste(&mut guard, &mut now, 100).is_some(), "back");
        let (second, over) = wait(&mut guard, &mut now).expect("over");
        assert_eq!(over, Decision::RaidOver);
        assert!((1_200..1_800).contains(&second), "{first} s, then {second} s");
    }

    #[test]
    fn a_moderators_room_is_left_alone_until_they_are_gone() {
        let mut now = Instant::now();
        let mut guard = Guard::new(now);
        guard.moderator_active(now);
        let (n, _) = paste(&mut guard, &mut now, 1_000).expect("found when nobody is there any more");
        assert!(n >= 600, "after {n} s");
        guard.stand_down(now);
        assert!(!guard.is_raid());
        assert!(paste(&mut guard, &mut now, 10).is_none(), "it begins anew");
    }

    #[test]
    fn reports_alone_begin_none_and_hasten_one() {
        let mut now = Instant::now();
        let mut guard = Guard::new(now);
        for _ in 0..500 {
            assert_eq!(guard.report(now), Decision::Quiet);
        }
        let (n, _) = paste(&mut guard, &mut now, 100).expect("found");
        assert!(n < 12, "after {n}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn memory_is_bounded_and_decisions_alternate(
            steps in prop::collection::vec((0_u8..6, 0_usize..40, 0_u64..3_000, any::<bool>()), 1..600),
        ) {
            let mut now = Instant::now();
            let (mut guard, mut is_on) = (Guard::new(now), false);
            for (kind, who, later, is_new) in steps {
                now += Duration::from_millis(later);
                let author = AuthorId::from_stored(&format!("author-{who}"));
                let decision = match kind {
                    0 => guard.report(now),
                    1 => guard.blocked(now),
                    2 => guard.tick(now + Duration::from_secs(20)),
                    _ => guard.message(&Seen { author: &author, is_new, n_links: who % 2, print: pasted(), address: 1 }, now),
                };
                match decision {
                    Decision::Quiet => {}
                    Decision::RaidBegins { .. } => { prop_assert!(!is_on); is_on = true; }
                    Decision::RaidOver => { prop_assert!(is_on); is_on = false; }
                }
                prop_assert_eq!(guard.is_raid(), is_on);
                prop_assert!(guard.n_remembered() <= RECENT_MAX);
            }
        }
    }
}
