use std::fmt::{self, Write as _};

use uuid::Uuid;

/// Shortest text: what is written into it must fit.
pub const BYTES_MIN: usize = 40;
/// Longest text that the server takes (all of it ASCII).
pub const BYTES_MAX: usize = 2_000;

/// What fills a text up.
const FILLER: &str = "so that it is as long as what people write in a discussion below a post; ";

/// A run: marks its messages, so that those of other runs and of people are not measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId(u32);

/// What the mark of a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its number in the run.
    pub n: u64,
    /// When it was due, in microseconds since the run began.
    pub due_us: u64,
}

impl RunId {
    /// A run with this number, which no other run against the same database should have: the server knows a message
    /// that it has seen.
    pub fn new(number: u32) -> Self {
        Self(number)
    }

    /// Appends the text of a message, `n_bytes` long.
    pub fn put_text(self, out: &mut String, mark: Mark, n_bytes: usize) {
        let end = out.len() + n_bytes;
        // Writing to a String cannot fail.
        let _ = write!(out, "{self}.{}.{} ", mark.n, mark.due_us);
        while out.len() < end {
            let rest = end - out.len();
            out.push_str(FILLER.get(..rest).unwrap_or(FILLER));
        }
        // White space at the end would be trimmed.
        if out.ends_with(' ') {
            out.pop();
            out.push('.');
        }
    }

    /// The mark of a text of this run.
    pub fn read(self, text: &str) -> Option<Mark> {
        let (run, rest) = text.split_once('.')?;
        if u32::from_str_radix(run, 16) != Ok(self.0) || run.len() != 8 {
            return None;
        }
        let (n, rest) = rest.split_once('.')?;
        let (due, _) = rest.split_once([' ', '.']).unwrap_or((rest, ""));
        Some(Mark { n: n.parse().ok()?, due_us: due.parse().ok()? })
    }

    /// The `clientId` of a message: the same whenever it is sent again.
    pub fn client_id(self, n: u64) -> Uuid {
        self.uuid(0x6d, n)
    }

    /// The number of a message with this `clientId`.
    pub fn number(self, id: Uuid) -> Option<u64> {
        let (_, low) = id.as_u64_pair();
        let n = low & 0x00ff_ffff_ffff_ffff;
        (self.client_id(n) == id).then_some(n)
    }

    /// The `anonymousId` of a session.
    pub fn anonymous_id(self, session: u64) -> Uuid {
        self.uuid(0x73, session)
    }

    fn uuid(self, kind: u8, n: u64) -> Uuid {
        let [a, b, c, d] = self.0.to_be_bytes();
        let [_, n1, n2, n3, n4, n5, n6, n7] = n.to_be_bytes();
        uuid::Builder::from_random_bytes([a, b, c, d, kind, 0, 0, 0, 0, n1, n2, n3, n4, n5, n6, n7]).into_uuid()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use chat_domain::Content;

    proptest! {
        #[test]
        fn a_text_is_as_long_as_wanted_and_comes_back(
            number: u32, n in 0_u64..10_000_000_000, due_us in 0_u64..1_000_000_000_000, n_bytes in BYTES_MIN..=BYTES_MAX,
        ) {
            let (run, mark) = (RunId::new(number), Mark { n, due_us });
            let mut text = String::from("before");
            run.put_text(&mut text, mark, n_bytes);
            let text = text.strip_prefix("before").expect("it is appended");
            prop_assert_eq!(text.len(), n_bytes);
            prop_assert_eq!(run.read(text), Some(mark));
            prop_assert_eq!(RunId::new(number ^ 1).read(text), None);
            // The server stores it as it is.
            let stored = Content::parse(text).expect("it is accepted");
            prop_assert_eq!(stored.as_str(), text);
        }

        #[test]
        fn ids_come_back_and_are_apart(number: u32, n in 0_u64..1 << 56) {
            let run = RunId::new(number);
            prop_assert_eq!(run.number(run.client_id(n)), Some(n));
            prop_assert_eq!(run.number(run.anonymous_id(n)), None);
            prop_assert_eq!(run.number(RunId::new(number ^ 1).client_id(n)), None);
        }
    }

    #[test]
    fn what_people_write_is_no_mark() {
        for text in ["", "hello", "1.2.3", "0000000g.1.2 x", "00000000.x.2 y", "00000000.1", "한국어. 네. 1"] {
            assert_eq!(RunId::new(0).read(text), None, "{text}");
        }
    }
}
