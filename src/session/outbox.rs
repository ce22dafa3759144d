use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use actix::clock::Instant;

use bytes::Bytes;
use futures_util::Stream;
use prometheus::IntGauge;

/// A reader that took something within this time is slow, not stalled.
const STALLED_AFTER: Duration = Duration::from_secs(3);
/// Largest piece that is handed to the socket at once, in bytes.
const PIECE_BYTES_MAX: usize = 32 * 1024;
/// Entries that an empty queue keeps room for.
const QUEUE_KEPT: usize = 16;
/// How many times its bound an outbox may hold for a reader that is slow but reads.
const SLOW_FACTOR: usize = 4;

/// A session's queue of frames, shared and encoded before, bounded in bytes. The response body drains it.
///
/// The bound is for a reader that does not read. One on a slow network, whose socket takes something now and then,
/// is given a few times as much: one burst of long messages must not throw it out.
///
/// Lives on one thread: session, hub and response body of a WebSocket all run on its worker.
pub struct Outbox {
    queue: RefCell<VecDeque<(Bytes, bool)>>,
    /// Bytes that wait and count against the bound.
    n_bytes: Cell<usize>,
    n_bytes_max: usize,
    /// Since when much has been waiting without the socket taking anything. Set only then, so that the clock is
    /// not read for each frame of a quiet room.
    untouched_since: Cell<Instant>,
    waker: RefCell<Option<Waker>>,
    finished: Cell<bool>,
    /// The same over all outboxes, for operators.
    total: IntGauge,
}

/// The outbox was full: its reader is too slow.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Outbox {
    /// An empty outbox for at most `n_bytes_max`.
    pub fn new(n_bytes_max: usize, total: IntGauge) -> Rc<Self> {
        Rc::new(Self {
            queue: RefCell::default(),
            n_bytes: Cell::new(0),
            n_bytes_max,
            untouched_since: Cell::new(Instant::now()),
            waker: RefCell::default(),
            finished: Cell::new(false),
            total,
        })
    }

    /// Queues a frame.
    ///
    /// # Errors
    /// [`Full`] where it would pass the bound; nothing is queued then.
    pub fn push(&self, frame: Bytes) -> Result<(), Full> {
        let n_bytes = self.n_bytes.get() + frame.len();
        if n_bytes > self.n_bytes_max && (n_bytes > SLOW_FACTOR * self.n_bytes_max || self.is_stalled()) {
            return Err(Full);
        }
        let half = self.n_bytes_max / 2;
        if n_bytes > half && self.n_bytes.get() <= half {
            self.untouched_since.set(Instant::now());
        }
        self.count(frame.len(), true);
        self.queue(frame, true);
        Ok(())
    }

    /// Queues what does not count against the bound: a WELCOME, which is bounded by itself and comes once
    /// per JOIN, and the last words of a session.
    pub fn push_uncounted(&self, frame: Bytes) {
        self.queue(frame, false);
    }

    fn queue(&self, frame: Bytes, counts: bool) {
        if !self.finished.get() && !frame.is_empty() {
            self.queue.borrow_mut().push_back((frame, counts));
            self.wake();
        }
    }

    /// What was queued is still drained; then the body ends. Nothing can be queued any more.
    pub fn finish(&self) {
        self.finished.set(true);
        self.wake();
    }

    /// Drops what was queued and ends the body.
    pub fn abort(&self) {
        self.clear();
        self.finish();
    }

    /// The next piece for the socket. actix-http copies a piece whole into its write buffer, so a long frame goes
    /// in parts: what waits here is shared, what waits there is not.
    fn pop(&self) -> Option<(Bytes, bool)> {
        let mut queue = self.queue.borrow_mut();
        let (frame, counts) = queue.front_mut()?;
        if frame.len() > PIECE_BYTES_MAX {
            return Some((frame.split_to(PIECE_BYTES_MAX), *counts));
        }
        let next = queue.pop_front();
        // A stall must not cost memory for the rest of the session's life.
        if queue.is_empty() && queue.capacity() > QUEUE_KEPT {
            queue.shrink_to(QUEUE_KEPT);
        }
        next
    }

    fn is_stalled(&self) -> bool {
        self.untouched_since.get().elapsed() >= STALLED_AFTER
    }

    fn clear(&self) {
        self.queue.borrow_mut().clear();
        self.count(self.n_bytes.get(), false);
    }

    fn count(&self, n_bytes: usize, comes: bool) {
        let delta = i64::try_from(n_bytes).unwrap_or(i64::MAX);
        if comes {
            self.n_bytes.set(self.n_bytes.get() + n_bytes);
            self.total.add(delta);
        } else {
            self.n_bytes.set(self.n_bytes.get().saturating_sub(n_bytes));
            self.total.sub(delta);
        }
    }

    fn wake(&self) {
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The response body of a WebSocket: what comes out of an [`Outbox`].
pub struct OutboxStream<G> {
    outbox: Rc<Outbox>,
    /// Dropped with the body, which the HTTP dispatcher does when the connection is gone.
    guard: G,
}

impl<G> OutboxStream<G> {
    /// The stream that drains `outbox`; `guard` is dropped with it.
    pub fn new(outbox: Rc<Outbox>, guard: G) -> Self {
        Self { outbox, guard }
    }

    /// The guard.
    pub fn guard(&self) -> &G {
        &self.guard
    }
}

impl<G: Unpin> Stream for OutboxStream<G> {
    type Item = Result<Bytes, actix_web::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some((frame, counts)) = self.outbox.pop() {
            if counts {
                if self.outbox.n_bytes.get() > self.outbox.n_bytes_max / 2 {
                    self.outbox.untouched_since.set(Instant::now());
                }
                self.outbox.count(frame.len(), false);
            }
            return Poll::Ready(Some(Ok(frame)));
        }
        if self.outbox.finished.get() {
            return Poll::Ready(None);
        }
        *self.outbox.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    fn outbox(n_bytes_max: usize) -> (Rc<Outbox>, OutboxStream<()>, IntGauge) {
        let total = IntGauge::new("total", "for the test").expect("a valid name");
        let outbox = Outbox::new(n_bytes_max, total.clone());
        (outbox.clone(), OutboxStream::new(outbox, ()), total)
    }

    fn next(stream: &mut OutboxStream<()>) -> Option<Option<Bytes>> {
        stream.next().now_or_never().map(|item| item.and_then(Result::ok))
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_gets_more_than_a_stalled_one_but_not_without_end() {
        let (outbox, mut stream, _) = outbox(10);
        tokio::time::advance(STALLED_AFTER).await;
        let chunk = Bytes::from_static(b"12345");
        assert_eq!((0..20).filter(|_| outbox.push(chunk.clone()).is_ok()).count(), 8, "a burst: four times the bound");
        tokio::time::advance(STALLED_AFTER).await;
        assert!(next(&mut stream).is_some());
        assert_eq!(outbox.push(chunk.clone()), Ok(()), "it reads");
        tokio::time::advance(STALLED_AFTER).await;
        assert_eq!(outbox.push(chunk), Err(Full), "it has stopped");
    }

    #[tokio::test(start_paused = true)]
    async fn is_bounded_in_bytes_and_takes_again_what_was_drained() {
        let (outbox, mut stream, total) = outbox(10);
        assert_eq!(outbox.push(Bytes::from_static(b"123456")), Ok(()));
        tokio::time::advance(STALLED_AFTER).await;
        assert_eq!(outbox.push(Bytes::from_static(b"12345")), Err(Full));
        assert_eq!(outbox.push(Bytes::from_static(b"1234")), Ok(()));
        outbox.push_uncounted(Bytes::from_static(b"a whole WELCOME"));
        assert_eq!(total.get(), 10);
        assert_eq!(next(&mut stream), Some(Some(Bytes::from_static(b"123456"))));
        assert_eq!(outbox.push(Bytes::from_static(b"12345")), Ok(()));
        assert_eq!((next(&mut stream).is_some(), next(&mut stream)), (true, Some(Some("a whole WELCOME".into()))));
        assert_eq!(next(&mut stream), Some(Some("12345".into())));
        assert_eq!(next(&mut stream), None, "waits for more");
        assert_eq!(total.get(), 0);
    }

    #[test]
    fn drains_before_it_ends_unless_aborted() {
        let (first, mut stream, _) = outbox(10);
        assert_eq!(first.push("a".into()), Ok(()));
        first.finish();
        first.push_uncounted("late".into());
        assert_eq!((next(&mut stream), next(&mut stream)), (Some(Some("a".into())), Some(None)));
        let (second, mut stream, total) = outbox(10);
        assert_eq!(second.push("a".into()), Ok(()));
        second.abort();
        assert_eq!((next(&mut stream), total.get()), (Some(None), 0));
    }
}
