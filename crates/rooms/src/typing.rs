use std::time::Duration;

use actix::clock::Instant;

use chat_domain::AuthorId;

/// How long somebody is taken to be typing who does not say so again (docs/PROTOCOL.md).
const TYPING_FOR: Duration = Duration::from_secs(5);
/// How often members hear of it at most.
const INTERVAL: Duration = Duration::from_secs(1);
/// In a larger room nobody hears of it: somebody always types.
const PEOPLE_MAX: usize = 100;
/// How often the other servers hear at most that somebody is still typing.
const SAID_EVERY: Duration = Duration::from_secs(3);
/// How many are named.
pub const TYPING_NAMED_MAX: usize = 5;

/// Who is typing in a room, and when members are to hear of it. Pure. Bounded by the people of a room that is small enough.
#[derive(Debug, Default)]
pub struct Typing {
    /// In the order in which they began, and until when.
    now: Vec<(AuthorId, Instant)>,
    /// Members have not heard how it is now.
    is_news: bool,
    heard_at: Option<Instant>,
    /// When the other servers heard of whom. Of those who type, and no others.
    said: Vec<(AuthorId, Instant)>,
}

impl Typing {
    /// Somebody says that they are typing, in a room of so many people.
    pub fn types(&mut self, author: &AuthorId, n_people: usize, now: Instant) {
        if n_people > PEOPLE_MAX {
            return;
        }
        let (until, n_typing) = (now + TYPING_FOR, self.now.len());
        match self.now.iter_mut().find(|(who, _)| who == author) {
            Some((_, known)) => *known = until,
            None if n_typing < PEOPLE_MAX => {
                self.now.push((author.clone(), until));
                self.is_news = true;
            }
            None => {}
        }
    }

    /// Somebody has sent what they were typing, or is gone.
    pub fn stops(&mut self, author: &AuthorId) {
        let n_before = self.now.len();
        self.now.retain(|(who, _)| who != author);
        self.said.retain(|(who, _)| who != author);
        self.is_news |= self.now.len() < n_before;
    }

    /// Whether the other servers are to hear now that somebody is typing who has just said so; if so, they do.
    pub fn may_say(&mut self, author: &AuthorId, now: Instant) -> bool {
        self.said.retain(|(_, at)| now.saturating_duration_since(*at) < SAID_EVERY);
        let is_typing = self.now.iter().any(|(who, _)| who == author);
        let may = is_typing && !self.said.iter().any(|(who, _)| who == author);
        if may {
            self.said.push((author.clone(), now));
        }
        may
    }

    /// When [`Typing::due`] has something to say, if it may.
    pub fn due_at(&self) -> Option<Instant> {
        let next_end = self.now.iter().map(|(_, until)| *until).min();
        let earliest = self.heard_at.map(|at| at + INTERVAL);
        match self.is_news {
            // Long past where it is due at once.
            true => earliest.or(next_end),
            false => next_end.map(|end| earliest.map_or(end, |earliest| end.max(earliest))),
        }
    }

    /// Whether members are to hear of it now: who is typing, in the order in which they began.
    pub fn due(&mut self, now: Instant) -> Option<Vec<AuthorId>> {
        let n_before = self.now.len();
        self.now.retain(|(_, until)| *until > now);
        self.is_news |= self.now.len() < n_before;
        let may = self.heard_at.is_none_or(|at| now.saturating_duration_since(at) >= INTERVAL);
        if !may || !std::mem::take(&mut self.is_news) {
            return None;
        }
        self.heard_at = Some(now);
        Some(self.now.iter().map(|(who, _)| who.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn author(n: u8) -> AuthorId {
        AuthorId::from_stored(&format!("author-{n}"))
    }

    #[test]
    fn is_said_when_it_changes_at_most_once_a_second_and_ends_by_itself() {
        let (mut typing, start) = (Typing::default(), Instant::now());
        typing.types(&author(1), 2, start);
        assert_eq!(typing.due(start), Some(vec![author(1)]));
        typing.types(&author(1), 2, start);
        assert_eq!(typing.due(start), None, "no news");
        typing.types(&author(2), 2, start);
        assert_eq!((typing.due(start), typing.due_at()), (None, Some(start + INTERVAL)));
        assert_eq!(typing.due(start + INTERVAL), Some(vec![author(1), author(2)]));
        typing.stops(&author(1));
        assert_eq!(typing.due(start + INTERVAL * 2), Some(vec![author(2)]));
        assert_eq!(typing.due_at(), Some(start + TYPING_FOR));
        assert_eq!(typing.due(start + TYPING_FOR), Some(vec![]));
        assert_eq!((typing.due(start + TYPING_FOR * 2), typing.due_at()), (None, None));
    }

    #[test]
    fn other_servers_hear_of_somebody_once_in_three_seconds_and_anew_after_a_message() {
        let (mut typing, start) = (Typing::default(), Instant::now());
        assert!(!typing.may_say(&author(1), start), "nobody is typing");
        typing.types(&author(1), 2, start);
        typing.types(&author(2), 2, start);
        assert!(typing.may_say(&author(1), start) && typing.may_say(&author(2), start));
        assert!(!typing.may_say(&author(1), start + SAID_EVERY - Duration::from_millis(1)));
        assert!(typing.may_say(&author(1), start + SAID_EVERY));
        typing.stops(&author(1));
        typing.types(&author(1), 2, start + SAID_EVERY);
        assert!(typing.may_say(&author(1), start + SAID_EVERY));
        typing.types(&author(3), PEOPLE_MAX + 1, start);
        assert!(!typing.may_say(&author(3), start), "nobody here hears of it either");
    }

    #[test]
    fn nobody_hears_of_it_in_a_large_room() {
        let (mut typing, start) = (Typing::default(), Instant::now());
        typing.types(&author(1), PEOPLE_MAX + 1, start);
        assert_eq!((typing.due(start), typing.due_at()), (None, None));
    }

    proptest! {
        /// What members heard last is how it is, once nothing is due any more; never twice in a second; who said nothing
        /// for five seconds is not typing.
        #[test]
        fn members_end_up_knowing_who_types(steps in proptest::collection::vec((0_u8..4, 0_u8..5, 0_u64..1_500), 0..80)) {
            let (mut typing, mut now) = (Typing::default(), Instant::now());
            let (mut heard, mut heard_at) = (Vec::new(), None);
            let mut said: std::collections::HashMap<u8, Instant> = std::collections::HashMap::new();
            for (step, who, ms) in steps {
                match step {
                    0 | 1 => { typing.types(&author(who), 5, now); said.insert(who, now); }
                    2 => { typing.stops(&author(who)); said.remove(&who); }
                    _ => now += Duration::from_millis(ms),
                }
                while let Some(due) = typing.due_at().filter(|at| *at <= now) {
                    let Some(names) = typing.due(now) else { prop_assert!(due > now, "due, and nothing to say"); break };
                    prop_assert!(heard_at.is_none_or(|at| now.saturating_duration_since(at) >= INTERVAL));
                    (heard, heard_at) = (names, Some(now));
                }
                if let Some(names) = typing.due(now) {
                    (heard, heard_at) = (names, Some(now));
                }
            }
            now += INTERVAL;
            if let Some(names) = typing.due(now) { heard = names; }
            let mut expected: Vec<AuthorId> =
                said.iter().filter(|(_, at)| now < **at + TYPING_FOR).map(|(who, _)| author(*who)).collect();
            expected.sort();
            heard.sort();
            prop_assert_eq!(heard, expected);
        }
    }
}
