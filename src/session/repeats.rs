//! Texts that say the same, and how often one identity wrote them lately. Pure.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use actix::clock::Instant;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::recent::Recent;
use chat_domain::{Content, RoomId};

/// What is remembered of one identity. With the usual message rate a minute has at most 70.
const REMEMBERED_MAX: usize = 128;

/// What a text says, whatever its case, spacing, punctuation and stretched letters: "Buy NOW!!!" and "buy now"
/// are the same. Text of nothing but signs (an emoji, "???") is compared as it stands.
///
/// A number rather than the text, so that what people wrote is not kept a second time. Its key is drawn at start: a
/// client cannot find texts that collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of a text in a room.
    pub fn of(room: &RoomId, content: &Content, hasher: &RandomState) -> Self {
        let mut words = String::new();
        let letters = content.as_str().nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
        for letter in letters {
            // Digits are left alone: 100 is not 10.
            if letter.is_numeric() || !words.ends_with(letter) {
                words.push(letter);
            }
        }
        let text = if words.is_empty() { content.as_str().trim() } else { &words };
        Self(hasher.hash_one((room.as_str(), text)))
    }
}

/// What one identity wrote in the last minute, and the sender's keys for it. Pure.
#[derive(Debug, Default)]
pub struct Repeats(Recent<(Fingerprint, Uuid)>);

impl Repeats {
    /// Whether the message may be written: if the like of it was written fewer than `max` times in the last minute.
    /// True where it is the same message sent again (its `client_id` is known), which is no repeat. Remembers nothing.
    /// Fails with the time until it may be written.
    pub fn ask(&mut self, like: Fingerprint, client_id: Uuid, now: Instant, max: usize) -> Result<bool, Duration> {
        if self.0.wait(now, 1, |(_, id)| *id == client_id).is_some() {
            return Ok(true);
        }
        self.0.wait(now, max, |(said, _)| *said == like).map_or(Ok(false), Err)
    }

    /// The message is written; not to be called for a retry.
    pub fn add(&mut self, fingerprint: Fingerprint, client_id: Uuid, now: Instant) {
        self.0.note((fingerprint, client_id), now, REMEMBERED_MAX);
    }

    /// How many are remembered of the last minute.
    pub fn n_recent(&mut self, now: Instant) -> usize {
        self.0.n(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::session::recent::MINUTE;

    fn add(repeats: &mut Repeats, like: Fingerprint, id: Uuid, now: Instant, max: usize) -> Result<(), Duration> {
        if !repeats.ask(like, id, now, max)? {
            repeats.add(like, id, now);
        }
        Ok(())
    }

    fn fingerprint(room: &str, text: &str, hasher: &RandomState) -> Fingerprint {
        Fingerprint::of(&RoomId::parse(room).expect("a room"), &Content::parse(text).expect("a text"), hasher)
    }

    #[test]
    fn what_is_alike_and_what_is_not() {
        let hasher = RandomState::new();
        for (one, other, is_alike) in [
            ("Buy now", "buy   NOW!!!", true),
            ("Buy now", "B.u.y n-o-w", true),
            ("ㅋㅋㅋ", "ㅋㅋㅋㅋㅋㅋ", true),
            ("soooo good", "so gooood", true),
            ("ＢＵＹ ＮＯＷ", "buy now", true),
            ("buy now 10", "buy now 11", false),
            ("buy now 10", "buy now 100", false),
            ("buy now", "sell now", false),
            ("👍", "👎", false),
            ("!", "?", false),
            ("👍", " 👍 ", true),
        ] {
            let same = fingerprint("post", one, &hasher) == fingerprint("post", other, &hasher);
            assert_eq!(same, is_alike, "{one:?} and {other:?}");
        }
        assert_ne!(fingerprint("post", "hello", &hasher), fingerprint("another", "hello", &hasher), "rooms are apart");
    }

    #[test]
    fn a_retry_is_no_repeat() {
        let (hasher, now) = (RandomState::new(), Instant::now());
        let like = fingerprint("post", "hello", &hasher);
        let ids: Vec<Uuid> = (0..4).map(|_| Uuid::new_v4()).collect();
        let mut repeats = Repeats::default();
        for id in &ids[..3] {
            assert_eq!(add(&mut repeats, like, *id, now, 3), Ok(()));
        }
        for id in &ids[..3] {
            assert_eq!(add(&mut repeats, like, *id, now, 3), Ok(()), "sent again");
        }
        assert_eq!(add(&mut repeats, like, ids[3], now, 3), Err(MINUTE));
        assert_eq!(add(&mut repeats, fingerprint("post", "else", &hasher), ids[3], now, 3), Ok(()));
    }

    proptest! {
        /// Against a list of all that was ever accepted.
        #[test]
        fn never_more_than_so_many_in_any_minute(
            steps in proptest::collection::vec((0_u8..4, 0_u8..40, 0_u64..20_000), 1..120),
            max in 1_usize..6,
        ) {
            let start = Instant::now();
            let mut now = start;
            let mut repeats = Repeats::default();
            let mut accepted: Vec<(Instant, u8, Uuid)> = Vec::new();
            for (text, id, wait_ms) in steps {
                now += Duration::from_millis(wait_ms);
                let client_id = Uuid::from_u128(u128::from(id));
                let recent = |a: &&(Instant, u8, Uuid)| a.0 + MINUTE > now;
                let is_retry = accepted.iter().filter(recent).any(|a| a.2 == client_id);
                let n_alike = accepted.iter().filter(recent).filter(|a| a.1 == text).count();
                match add(&mut repeats, Fingerprint(u64::from(text)), client_id, now, max) {
                    Ok(()) => {
                        prop_assert!(is_retry || n_alike < max);
                        if !is_retry {
                            accepted.push((now, text, client_id));
                        }
                    }
                    Err(wait) => {
                        prop_assert!(!is_retry && n_alike >= max);
                        prop_assert!(!wait.is_zero() && wait <= MINUTE);
                        // After the wait it passes, and not a moment before.
                        let free = |at: Instant| {
                            accepted.iter().filter(|a| a.1 == text && a.0 + MINUTE > at).count() < max
                        };
                        prop_assert!(free(now + wait) && !free(now + wait - Duration::from_nanos(1)));
                    }
                }
            }
            prop_assert!(repeats.n_recent(now) <= REMEMBERED_MAX);
            prop_assert_eq!(repeats.n_recent(now + MINUTE), 0);
        }

        #[test]
        fn any_text_has_a_fingerprint(text in any::<String>()) {
            let hasher = RandomState::new();
            if let Ok(content) = Content::parse(&text) {
                let room = RoomId::parse("post").expect("a room");
                prop_assert_eq!(Fingerprint::of(&room, &content, &hasher), Fingerprint::of(&room, &content, &hasher));
            }
        }
    }
}
