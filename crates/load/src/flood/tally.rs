use std::collections::BTreeMap;

/// What happened.
#[derive(Debug, Default)]
pub struct Tally {
    /// Identities that came as far as WELCOME.
    pub identities: u64,
    pub sent: u64,
    pub acknowledged: u64,
    /// Messages refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Connections that were turned away, or ended, by what the server said.
    pub turned_away: BTreeMap<String, u64>,
    /// What the reader got, second by second.
    pub seen: Vec<Seen>,
}

/// What a reader got in one second.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Messages of the flood.
    pub messages: u64,
    /// Bytes of the frames that they came in.
    pub bytes: u64,
}

impl Tally {
    /// The reader got this in that second.
    pub fn see(&mut self, second: usize, seen: Seen) {
        if self.seen.len() <= second {
            self.seen.resize(second + 1, Seen::default());
        }
        if let Some(sum) = self.seen.get_mut(second) {
            sum.messages += seen.messages;
            sum.bytes += seen.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_kept_by_the_second() {
        let mut tally = Tally::default();
        tally.see(2, Seen { messages: 1, bytes: 10 });
        tally.see(2, Seen { messages: 2, bytes: 20 });
        tally.see(0, Seen { messages: 1, bytes: 5 });
        let seen: Vec<_> = tally.seen.iter().map(|s| (s.messages, s.bytes)).collect();
        assert_eq!(seen, [(1, 5), (0, 0), (3, 30)]);
    }
}
