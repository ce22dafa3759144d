use std::{collections::VecDeque, io::IoSlice, time::Duration};

use actix::clock::Instant;
use bytes::{Buf, Bytes};

/// A reader that took something within this time is slow, not stalled.
const STALLED_AFTER: Duration = Duration::from_secs(3);
/// Entries that an empty queue keeps room for.
const ENTRIES_KEPT: usize = 16;
/// How many times its bound a queue may hold for a reader that is slow but reads.
const SLOW_FACTOR: usize = 4;

/// Frames that wait for a socket, shared and encoded before, bounded in bytes. Pure.
///
/// The bound is for a reader that does not read. One on a slow network, whose socket takes something now and then,
/// is given a few times as much: one burst of long messages must not throw it out.
#[derive(Debug)]
pub struct SendQueue {
    /// Each with whether it counts against the bound.
    frames: VecDeque<(Bytes, bool)>,
    /// Bytes that wait and count.
    n_bytes: usize,
    n_bytes_max: usize,
    /// Since when much has been waiting without the socket taking anything. Set only then, so that the clock is
    /// not read for each frame of a quiet room.
    untouched_since: Instant,
}

/// The queue was full: its reader is too slow.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl SendQueue {
    /// An empty queue for at most `n_bytes_max`.
    pub fn new(n_bytes_max: usize, now: Instant) -> Self {
        Self { frames: VecDeque::new(), n_bytes: 0, n_bytes_max, untouched_since: now }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that wait and count against the bound.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Adds a frame; not where it would pass the bound.
    pub fn push(&mut self, frame: Bytes) -> Result<(), Full> {
        let n_bytes = self.n_bytes + frame.len();
        if n_bytes > self.n_bytes_max {
            let is_stalled = || self.untouched_since.elapsed() >= STALLED_AFTER;
            if n_bytes > SLOW_FACTOR * self.n_bytes_max || is_stalled() {
                return Err(Full);
            }
        }
        if self.is_much(n_bytes) && !self.is_much(self.n_bytes) {
            self.untouched_since = Instant::now();
        }
        self.n_bytes = n_bytes;
        self.push_frame(frame, true);
        Ok(())
    }

    /// Adds what does not count against the bound: a WELCOME, which is bounded by itself and comes once
    /// per JOIN, and the last words of a session.
    pub fn push_uncounted(&mut self, frame: Bytes) {
        self.push_frame(frame, false);
    }

    fn push_frame(&mut self, frame: Bytes, counts: bool) {
        if !frame.is_empty() {
            self.frames.push_back((frame, counts));
        }
    }

    fn is_much(&self, n_bytes: usize) -> bool {
        n_bytes > self.n_bytes_max / 2
    }

    /// Fills `pieces` with what is next; gives how many those are.
    pub fn next<'a>(&'a self, pieces: &mut [IoSlice<'a>]) -> usize {
        let filled = pieces.iter_mut().zip(&self.frames).map(|(piece, (frame, _))| *piece = IoSlice::new(frame));
        filled.count()
    }

    /// The socket took `n` bytes.
    pub fn taken(&mut self, mut n: usize) {
        if n > 0 && self.is_much(self.n_bytes) {
            self.untouched_since = Instant::now();
        }
        while let Some((frame, counts)) = self.frames.front_mut() {
            let n_here = n.min(frame.len());
            if *counts {
                self.n_bytes -= n_here;
            }
            if n_here < frame.len() {
                #[expect(clippy::disallowed_methods, reason = "it is longer than that")]
                return frame.advance(n_here);
            }
            n -= n_here;
            self.frames.pop_front();
        }
        // A stall must not cost memory for the rest of the session's life.
        if self.frames.capacity() > ENTRIES_KEPT {
            self.frames.shrink_to(ENTRIES_KEPT);
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.frames = VecDeque::new();
        self.n_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn queue(n_bytes_max: usize) -> SendQueue {
        SendQueue::new(n_bytes_max, Instant::now())
    }

    /// All that waits, in order.
    fn waiting(queue: &SendQueue) -> Vec<u8> {
        let mut pieces = [IoSlice::new(&[]); 64];
        let n = queue.next(&mut pieces);
        pieces[..n].iter().flat_map(|piece| piece.to_vec()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_gets_more_than_a_stalled_one_but_not_without_end() {
        let mut queue = queue(10);
        tokio::time::advance(STALLED_AFTER).await;
        let chunk = Bytes::from_static(b"12345");
        assert_eq!((0..20).filter(|_| queue.push(chunk.clone()).is_ok()).count(), 8, "a burst: four times the bound");
        tokio::time::advance(STALLED_AFTER).await;
        queue.taken(5);
        assert_eq!(queue.push(chunk.clone()), Ok(()), "it reads");
        tokio::time::advance(STALLED_AFTER).await;
        assert_eq!(queue.push(chunk), Err(Full), "it has stopped");
    }

    #[tokio::test(start_paused = true)]
    async fn is_bounded_in_bytes_and_takes_again_what_was_drained() {
        let mut queue = queue(10);
        assert_eq!(queue.push("123456".into()), Ok(()));
        tokio::time::advance(STALLED_AFTER).await;
        assert_eq!(queue.push("12345".into()), Err(Full));
        assert_eq!(queue.push("1234".into()), Ok(()));
        queue.push_uncounted("a whole WELCOME".into());
        assert_eq!(queue.n_bytes(), 10);
        queue.taken(6);
        assert_eq!(queue.push("12345".into()), Ok(()));
        assert_eq!(waiting(&queue), b"1234a whole WELCOME12345");
        queue.taken(24);
        assert_eq!((queue.n_bytes(), queue.is_empty()), (0, true));
    }

    proptest! {
        #[test]
        fn gives_every_byte_once_and_in_order(
            frames in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..20), any::<bool>()), 0..30),
            takes in proptest::collection::vec(1_usize..40, 0..60),
        ) {
            let (mut queue, mut given) = (queue(1_000), Vec::new());
            let expected: Vec<u8> = frames.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
            let mut frames = frames.into_iter();
            for n in takes.into_iter().chain(std::iter::repeat_n(1_000, 31)) {
                if let Some((bytes, counts)) = frames.next() {
                    match counts {
                        true => prop_assert_eq!(queue.push(bytes.into()), Ok(())),
                        false => queue.push_uncounted(bytes.into()),
                    }
                }
                let all = waiting(&queue);
                let n = n.min(all.len());
                given.extend_from_slice(&all[..n]);
                queue.taken(n);
            }
            prop_assert_eq!(given, expected);
            prop_assert_eq!((queue.n_bytes(), queue.is_empty()), (0, true));
        }
    }
}
