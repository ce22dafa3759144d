use std::collections::VecDeque;

use super::{
    numbers::count,
    parse::{Change, Event, What},
};

/// Frames that are kept at most.
const FRAMES_MAX: usize = 256;
/// Their bytes at most.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// A frame that all sessions of a room get: what it says, read once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// Its changes, as they stand.
    pub changes: Vec<Change>,
    /// How many of them are new messages of this run.
    pub n_own: u64,
    /// Whether there is anything else than new messages.
    pub has_changed: bool,
    /// Texts that must not be there any more.
    pub n_after_deletion: u64,
    /// First and last counter value, where the changes are a run without a gap.
    pub run: Option<(i64, i64)>,
}

impl Shared {
    /// What a frame says, where it says the same to everybody.
    pub fn of(events: &[Event]) -> Option<Self> {
        let mut changes = Vec::new();
        for event in events {
            match event {
                Event::Change(change) => changes.push(change.clone()),
                Event::Other => {}
                _ => return None,
            }
        }
        let is_run = changes.is_sorted_by(|a, b| a.rev + 1 == b.rev);
        let run = changes.first().zip(changes.last()).filter(|_| is_run).map(|(first, last)| (first.rev, last.rev));
        let n_own = count(changes.iter().filter(|c| c.what == What::New && c.mark.is_some()).count());
        let has_changed = changes.iter().any(|c| !matches!(c.what, What::New | What::Unknown));
        Some(Self { changes, n_own, has_changed, n_after_deletion: 0, run })
    }
}

/// The latest frames of a room as one thread saw them. Each is parsed once and found again by its bytes, so that a
/// delivery costs the generator one comparison.
#[derive(Debug, Default)]
pub struct FrameCache {
    frames: VecDeque<(Box<[u8]>, Shared)>,
    /// The number of the oldest one kept; frames are numbered as they are added, from 0.
    first: u64,
    n_bytes: usize,
}

impl FrameCache {
    /// Looks a frame up: first under the number that a session expects next, then everywhere. Gives its number.
    pub fn find(&self, expected: u64, bytes: &[u8]) -> Option<(u64, &Shared)> {
        let at = expected.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some((known, shared)) = at.and_then(|at| self.frames.get(at))
            && **known == *bytes
        {
            return Some((expected, shared));
        }
        let newest = self.first + count(self.frames.len());
        let same = |(known, _): &&(Box<[u8]>, Shared)| **known == *bytes;
        let (back, found) = (0..).zip(self.frames.iter().rev()).find(|(_, entry)| same(entry))?;
        Some((newest - 1 - back, &found.1))
    }

    /// Keeps a frame that was not found. Gives its number.
    pub fn add(&mut self, bytes: &[u8], shared: Shared) -> u64 {
        self.n_bytes += bytes.len();
        self.frames.push_back((bytes.into(), shared));
        while self.frames.len() > FRAMES_MAX || (self.n_bytes > BYTES_MAX && self.frames.len() > 1) {
            if let Some((oldest, _)) = self.frames.pop_front() {
                self.n_bytes -= oldest.len();
                self.first += 1;
            }
        }
        self.first + count(self.frames.len()) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Mark;

    fn change(rev: i64) -> Event {
        let mark = (rev % 2 == 0).then_some(Mark { n: 1, due_us: 1 });
        Event::Change(Change { rev, seq: rev, what: What::New, mark, id: None })
    }

    #[test]
    fn only_what_everybody_gets_is_shared() {
        let shared = Shared::of(&[change(4), Event::Other, change(5)]).expect("shared");
        assert_eq!((shared.run, shared.n_own, shared.changes.len()), (Some((4, 5)), 1, 2));
        assert_eq!(Shared::of(&[change(4), change(6)]).and_then(|s| s.run), None);
        assert_eq!(Shared::of(&[Event::Other]).and_then(|s| s.run), None);
        assert_eq!(Shared::of(&[change(4), Event::Heartbeat(4)]), None);
    }

    #[test]
    fn a_frame_is_found_wherever_a_session_is() {
        let mut cache = FrameCache::default();
        for n in 0..5_u8 {
            assert_eq!(cache.add(&[n], Shared::default()), u64::from(n));
        }
        for expected in [0, 3, 4, 5, 77] {
            assert_eq!(cache.find(expected, &[3]).map(|(at, _)| at), Some(3), "{expected}");
        }
        assert_eq!(cache.find(0, &[9]), None);
    }

    #[test]
    fn old_frames_go_by_number_and_by_size() {
        let mut cache = FrameCache::default();
        for n in 0..2_000_u64 {
            assert_eq!(cache.add(&n.to_be_bytes(), Shared::default()), n);
        }
        assert_eq!(cache.find(0, &0_u64.to_be_bytes()), None);
        assert_eq!(cache.find(0, &1_999_u64.to_be_bytes()).map(|(at, _)| at), Some(1_999));
        let large = vec![1; BYTES_MAX];
        let at = cache.add(&large, Shared::default());
        assert_eq!((cache.frames.len(), cache.find(at, &large).is_some()), (1, true));
    }
}
