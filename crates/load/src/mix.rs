use std::fmt;

use serde::Serialize;

/// A command that changes a message which is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Kind {
    Edit,
    Deletion,
    Reaction,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Edit, Self::Deletion, Self::Reaction];

    /// What many of them are called, in `--mix` and in reports.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Edit => "edits",
            Self::Deletion => "deletions",
            Self::Reaction => "reactions",
        }
    }
}

/// What each writer sends besides messages, in percent of all that it sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Mix {
    pub edits: u64,
    pub deletions: u64,
    pub reactions: u64,
}

impl Mix {
    /// Parses `edits=5,deletions=2,reactions=10`, in any order; what is left out is 0.
    /// The error: a sentence that says what is expected.
    pub fn parse(written: &str) -> Result<Self, String> {
        let mut mix = Self::default();
        let mut seen = Vec::new();
        for part in written.split(',') {
            let wrong = || format!("{part:?} is none of edits=N, deletions=N, reactions=N, with N in percent");
            let (name, percent) = part.split_once('=').ok_or_else(wrong)?;
            let kind = Kind::ALL.into_iter().find(|kind| kind.plural() == name).ok_or_else(wrong)?;
            let is_plain = !percent.is_empty() && percent.bytes().all(|b| b.is_ascii_digit());
            let percent = percent.parse().ok().filter(|n| is_plain && *n <= 100).ok_or_else(wrong)?;
            if seen.contains(&kind) {
                return Err(format!("{name} stands there twice"));
            }
            seen.push(kind);
            *mix.part(kind) = percent;
        }
        match mix.sum() {
            0 => Err("it has nothing but messages: leave it out".into()),
            1..100 => Ok(mix),
            sum => Err(format!("they are {sum} percent: less than 100, since the rest are messages to change")),
        }
    }

    /// What command `n` of the run is; none: a message. Of a hundred commands of one writer in a row each kind has
    /// exactly its part, evenly spread, and writers are not in step.
    pub fn kind(&self, n: u64, n_writers: u64, seed: u64) -> Option<Kind> {
        let (round, writer) = (n / n_writers.max(1), n % n_writers.max(1));
        // Factors without a divisor of 100, so that each place occurs once in a hundred.
        let mut place = (round % 100 * 37 + writer % 100 * 61 + seed % 100) % 100;
        for kind in Kind::ALL {
            let part = self.percent(kind);
            if place < part {
                return Some(kind);
            }
            place -= part;
        }
        None
    }

    /// Percent of what is sent.
    pub fn percent(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Edit => self.edits,
            Kind::Deletion => self.deletions,
            Kind::Reaction => self.reactions,
        }
    }

    fn part(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Edit => &mut self.edits,
            Kind::Deletion => &mut self.deletions,
            Kind::Reaction => &mut self.reactions,
        }
    }

    fn sum(&self) -> u64 {
        self.edits + self.deletions + self.reactions
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} % edits, {} % deletions, {} % reactions", self.edits, self.deletions, self.reactions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_parts_of_a_hundred() {
        let mix = Mix { edits: 5, deletions: 2, reactions: 10 };
        assert_eq!(Mix::parse("edits=5,deletions=2,reactions=10"), Ok(mix));
        assert_eq!(Mix::parse("reactions=99"), Ok(Mix { reactions: 99, ..Mix::default() }));
        for (wrong, word) in [
            ("", "edits=N"),
            ("edits", "edits=N"),
            ("edits=", "percent"),
            ("edits=-1", "percent"),
            ("edits=+1", "percent"),
            ("edits=101", "percent"),
            ("edits=1.5", "percent"),
            ("pins=3", "pins=3"),
            ("edits=1,", "reactions=N"),
            ("edits=1,edits=2", "twice"),
            ("edits=0", "leave it out"),
            ("edits=50,reactions=50", "100 percent"),
        ] {
            let refusal = Mix::parse(wrong).expect_err(wrong);
            assert!(refusal.contains(word), "{wrong}: {refusal}");
        }
    }

    #[test]
    fn every_writer_sends_the_mix() {
        let mix = Mix { edits: 5, deletions: 2, reactions: 10 };
        for (n_writers, seed) in [(1, 0), (7, 3), (100, u64::MAX)] {
            for writer in 0..n_writers {
                let of_writer = |round| mix.kind(round * n_writers + writer, n_writers, seed);
                let n = |kind| (40..140).filter(|round| of_writer(*round) == Some(kind)).count();
                assert_eq!(Kind::ALL.map(n), [5, 2, 10]);
            }
        }
    }
}
