//! What is to be found out about a write before it is stored, in rooms whose rules ask who somebody is: how long an
//! identity is there, whether it has spoken, and whether the same message waits for a moderator already.
//!
//! The database is asked, once for a whole batch and in such rooms alone: so every server decides by the same facts, and
//! no message of any other room waits for it.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;

use crate::event::Refusal;
use chat_domain::{AuthorId, RoomId};
use chat_moderation::{HoldNew, RoomRules};
use chat_store::{Asked, HeldState, HoldReason, Standing};
use uuid::Uuid;

/// What is to be found out about one write.
#[derive(Debug, Clone)]
pub struct Review {
    /// By which rules.
    pub rules: Arc<RoomRules>,
    /// How many links the text has.
    pub n_links: usize,
    /// Whether messages of the room wait, of which this may be a repeat.
    pub looks_for_held: bool,
    /// For how long the sender is known to be here.
    pub seen_for: Duration,
    /// What it is refused with where it is no repeat: the room knows nothing of what waits.
    pub otherwise: Option<Refusal>,
}

/// What is to be done with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Store,
    Hold(HoldReason),
    Refuse(Refusal),
}

impl Review {
    /// Whether there is anything to find out under these rules.
    pub fn is_due(rules: &RoomRules, n_links: usize, looks_for_held: bool) -> bool {
        looks_for_held || needs_age(rules, n_links)
    }

    pub(super) fn asked(&self, room: &RoomId, author: &AuthorId, client_id: Uuid) -> Asked {
        Asked {
            room: room.clone(),
            author: author.clone(),
            client_id,
            seen_for: TimeDelta::from_std(self.seen_for).unwrap_or_default(),
            looks_for_held: self.looks_for_held,
            needs_age: needs_age(&self.rules, self.n_links),
        }
    }

    /// What becomes of a message or, where it is no new one, of another text for it.
    pub(super) fn verdict(&self, standing: &Standing, is_new: bool) -> Verdict {
        match standing.held {
            // It is answered as it was when it was stored.
            _ if standing.is_stored => return Verdict::Store,
            // It is not held twice: that tells whether it is the same text, and what became of it.
            Some(HeldState::Waiting(reason)) => return Verdict::Hold(reason),
            Some(HeldState::Rejected) => return Verdict::Hold(HoldReason::All),
            None => {}
        }
        if let Some(refusal) = self.otherwise {
            return Verdict::Refuse(refusal);
        }
        if !needs_age(&self.rules, self.n_links) {
            return Verdict::Store;
        }
        let age = standing.age.to_std().unwrap_or_default();
        let too_young = |seconds: u32| {
            let wait = Duration::from_secs(seconds.into()).saturating_sub(age);
            let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
            Verdict::Refuse(Refusal::TooYoung { retry_after_ms })
        };
        if age < Duration::from_secs(self.rules.min_age_seconds.into()) {
            return too_young(self.rules.min_age_seconds);
        }
        match (self.rules.holds(age, standing.has_spoken, self.n_links), is_new) {
            (false, _) => Verdict::Store,
            (true, true) => Verdict::Hold(reason_of(self.rules.hold_new)),
            // A text that waits beside the one that is shown would be two messages. What was let through must not be
            // replaced by something that nobody has looked at.
            (true, false) => too_young(self.rules.hold_younger_seconds),
        }
    }
}

fn needs_age(rules: &RoomRules, n_links: usize) -> bool {
    let may_hold = match rules.hold_new {
        HoldNew::Off => false,
        HoldNew::Links => n_links > 0,
        HoldNew::First | HoldNew::All => true,
    };
    may_hold || rules.min_age_seconds > 0
}

fn reason_of(hold: HoldNew) -> HoldReason {
    match hold {
        HoldNew::First => HoldReason::First,
        HoldNew::Links => HoldReason::Links,
        HoldNew::Off | HoldNew::All => HoldReason::All,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn review(settings: serde_json::Value, n_links: usize) -> Review {
        let settings = settings.as_object().cloned().expect("an object");
        let rules = Arc::new(RoomRules::from_json(&settings));
        Review { rules, n_links, looks_for_held: true, seen_for: Duration::ZERO, otherwise: None }
    }

    fn standing(seconds: i64, has_spoken: bool) -> Standing {
        Standing { age: TimeDelta::seconds(seconds), has_spoken, ..Standing::default() }
    }

    #[test]
    fn new_people_wait_as_the_rules_say() {
        let first = review(json!({"holdNew": "first"}), 0);
        assert_eq!(first.verdict(&standing(0, false), true), Verdict::Hold(HoldReason::First));
        assert_eq!(first.verdict(&standing(0, true), true), Verdict::Store);
        let links = |n| review(json!({"holdNew": "links", "holdYoungerSeconds": 3_600}), n);
        assert_eq!(links(1).verdict(&standing(3_599, true), true), Verdict::Hold(HoldReason::Links));
        assert_eq!(links(1).verdict(&standing(3_600, true), true), Verdict::Store);
        assert_eq!(links(0).verdict(&standing(0, false), true), Verdict::Store);
        let young = review(json!({"minAgeSeconds": 60, "holdNew": "all", "holdYoungerSeconds": 120}), 0);
        let too_young = Verdict::Refuse(Refusal::TooYoung { retry_after_ms: 10_001 });
        assert_eq!(young.verdict(&standing(50, true), true), too_young);
        assert_eq!(young.verdict(&standing(60, true), true), Verdict::Hold(HoldReason::All));
        let edit = young.verdict(&standing(110, true), false);
        assert_eq!(edit, too_young, "nothing that was let through is replaced by what nobody looked at");
    }

    proptest! {
        /// Whatever the rules are by now: what is stored stays stored, what waits waits, what was rejected stays so.
        #[test]
        fn what_was_decided_stays(is_stored in any::<bool>(), held in 0..3_u8, age in 0..200_i64, has_spoken in any::<bool>()) {
            let review = review(json!({"minAgeSeconds": 100, "holdNew": "all", "holdYoungerSeconds": 150}), 0);
            let held = [None, Some(HeldState::Waiting(HoldReason::First)), Some(HeldState::Rejected)][usize::from(held)];
            let verdict = review.verdict(&Standing { held, is_stored, ..standing(age, has_spoken) }, true);
            match (is_stored, held) {
                (true, _) => prop_assert_eq!(verdict, Verdict::Store),
                (false, Some(HeldState::Waiting(reason))) => prop_assert_eq!(verdict, Verdict::Hold(reason)),
                (false, Some(HeldState::Rejected)) => prop_assert!(matches!(verdict, Verdict::Hold(_))),
                (false, None) => prop_assert_eq!(verdict == Verdict::Store, age >= 150),
            }
            let slow = Refusal::SlowMode { retry_after_ms: 7 };
            let refused = Review { otherwise: Some(slow), ..review }.verdict(&Standing { held, is_stored, ..standing(age, has_spoken) }, true);
            let is_known = is_stored || held.is_some();
            prop_assert_eq!(refused, if is_known { verdict } else { Verdict::Refuse(slow) }, "a repeat is not slowed down by itself");
        }
    }
}
