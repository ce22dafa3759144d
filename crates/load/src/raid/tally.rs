use std::collections::BTreeMap;

use super::heard::News;
use crate::{
    numbers::{count, size},
    text::RunId,
};

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Talker,
    Raider,
}

/// What became of a message, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// Nobody has said anything of it.
    Unanswered,
    /// It waits for a moderator.
    Held,
    /// It is refused, with this code.
    Refused(String),
    /// It is acknowledged, and nobody else has got it.
    Unseen,
    /// Somebody else got it, live.
    Shown,
}

/// What happened.
#[derive(Debug, Default)]
pub struct Tally {
    /// By the number that each was sent under.
    messages: Vec<(Side, Outcome)>,
    /// Identities of raiders that came as far as WELCOME.
    pub identities: u64,
    /// Connections that were turned away, or ended, by what the server said.
    pub turned_away: BTreeMap<String, u64>,
    /// Whether the room was as during a raid before anybody did anything.
    pub was_on: bool,
    /// When the preset against raids came, in milliseconds since the raid began.
    pub on_ms: Option<i64>,
    /// When it was taken back, in milliseconds since the raid was over.
    pub off_ms: Option<i64>,
    /// Messages of raiders that others got before it came.
    pub let_through: u64,
}

/// How many messages of one side ended how.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub sent: u64,
    pub shown: u64,
    pub held: u64,
    /// By code.
    pub refused: BTreeMap<String, u64>,
    /// Acknowledged, and still nobody else got it.
    pub unseen: u64,
    pub unanswered: u64,
}

impl Tally {
    /// A message is sent. Gives its number.
    pub fn send(&mut self, side: Side) -> u64 {
        self.messages.push((side, Outcome::Unanswered));
        count(self.messages.len()) - 1
    }

    /// Its sender, or for one that is shown somebody else, heard this.
    pub fn hear(&mut self, news: &News, run: RunId) {
        let (client_id, outcome) = match news {
            News::Shown(client_id) => (*client_id, Outcome::Shown),
            News::Stored(client_id) => (*client_id, Outcome::Unseen),
            News::Refused { client_id, code, .. } if code == "HELD" => (*client_id, Outcome::Held),
            News::Refused { client_id, code, .. } => (*client_id, Outcome::Refused(code.clone())),
            News::Room { .. } => return,
        };
        let message = run.number(client_id).and_then(|n| self.messages.get_mut(size(n)));
        let Some((side, known)) = message else { return };
        // What others have got is final, and what was held may still be shown or rejected.
        let is_news = match outcome {
            Outcome::Shown => *known != Outcome::Shown,
            _ => matches!(known, Outcome::Unanswered | Outcome::Held),
        };
        if is_news {
            self.let_through +=
                u64::from(outcome == Outcome::Shown && *side == Side::Raider && self.on_ms.is_none() && !self.was_on);
            *known = outcome;
        }
    }

    /// Whether a message is acknowledged that nobody else has got.
    pub fn waits(&self) -> bool {
        self.messages.iter().any(|(_, outcome)| *outcome == Outcome::Unseen)
    }

    pub fn sum(&self, side: Side) -> Sum {
        let mut sum = Sum::default();
        for (_, outcome) in self.messages.iter().filter(|(of, _)| *of == side) {
            sum.sent += 1;
            match outcome {
                Outcome::Unanswered => sum.unanswered += 1,
                Outcome::Held => sum.held += 1,
                Outcome::Refused(code) => *sum.refused.entry(code.clone()).or_default() += 1,
                Outcome::Unseen => sum.unseen += 1,
                Outcome::Shown => sum.shown += 1,
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_ends_in_one_way() {
        let (mut tally, run) = (Tally::default(), RunId::new(7));
        let id = |n| run.client_id(n);
        let refused = |n, code: &str| News::Refused { client_id: id(n), code: code.into(), after_ms: None };
        for side in [Side::Raider; 6].into_iter().chain([Side::Talker]) {
            tally.send(side);
        }
        for news in [
            News::Stored(id(0)),
            News::Shown(id(0)),
            refused(0, "INTERNAL"),
            // Seen before its sender is told.
            News::Shown(id(1)),
            News::Stored(id(1)),
            refused(2, "HELD"),
            refused(3, "HELD"),
            refused(3, "REJECTED"),
            refused(4, "SLOW_MODE"),
            News::Stored(id(6)),
            News::Stored(RunId::new(8).client_id(5)),
            News::Stored(id(99)),
            News::Room { is_raid: true },
        ] {
            tally.hear(&news, run);
        }
        let raiders = tally.sum(Side::Raider);
        let refused: BTreeMap<String, u64> = [("REJECTED".into(), 1), ("SLOW_MODE".into(), 1)].into();
        assert_eq!(raiders, Sum { sent: 6, shown: 2, held: 1, refused, unseen: 0, unanswered: 1 });
        assert_eq!(tally.sum(Side::Talker), Sum { sent: 1, unseen: 1, ..Sum::default() });
        assert!(tally.waits());
        assert_eq!(tally.let_through, 2);
        // What comes after the preset was not let through before it.
        tally.on_ms = Some(3);
        tally.hear(&News::Shown(id(2)), run);
        assert_eq!((tally.let_through, tally.sum(Side::Raider).shown), (2, 3));
    }
}
