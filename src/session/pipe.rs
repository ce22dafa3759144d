use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};

use super::plain::Requests;

/// So many bytes wait here for HTTP, which holds as much again: what is more stays in the outbox, where it is counted.
const WAITING_BYTES_MAX: usize = 16 * 1024;

/// The way of a session whose frames are the body of an HTTP answer: its outbox writes here, and HTTP takes it from here. A
/// socket of which the kernel is HTTP. All on one thread.
pub struct Pipe {
    waiting: RefCell<VecDeque<Bytes>>,
    n_bytes: Cell<usize>,
    state: Cell<State>,
    /// Nobody takes anything any more.
    is_gone: Cell<bool>,
    /// Whoever takes, whoever waits to write, and whoever waits for the end of the client.
    wakers: [RefCell<Option<Waker>>; 3],
    /// The client's connection, where there is one.
    requests: Weak<Requests>,
    cut_connection: Box<dyn Fn()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// What waits is the last of it.
    Ended,
    /// Nothing more comes, and the client is to notice that it is no proper end.
    Cut,
}

const TAKER: usize = 0;
const WRITER: usize = 1;
const LISTENER: usize = 2;

/// What came from a [`Pipe`].
pub enum Taken {
    /// Some of it.
    Bytes(Bytes),
    /// Its end.
    End,
    /// There is more, which will not come.
    Cut,
}

impl Pipe {
    /// The way to a client, whose connection has these requests and is cut by `cut`.
    pub fn new(requests: Weak<Requests>, cut: impl Fn() + 'static) -> Rc<Self> {
        if let Some(requests) = requests.upgrade() {
            requests.begins_stream();
        }
        Rc::new(Self {
            waiting: RefCell::default(),
            n_bytes: Cell::new(0),
            state: Cell::new(State::Open),
            is_gone: Cell::new(false),
            wakers: Default::default(),
            requests,
            cut_connection: Box::new(cut),
        })
    }

    fn wake(&self, who: usize) {
        if let Some(waker) = self.wakers.get(who).and_then(|waker| waker.borrow_mut().take()) {
            waker.wake();
        }
    }

    fn waits(&self, who: usize, cx: &Context<'_>) {
        if let Some(waker) = self.wakers.get(who) {
            *waker.borrow_mut() = Some(cx.waker().clone());
        }
    }

    // For the outbox.

    /// Takes as much of `pieces` as there is room for; gives how many bytes that were. Fails as a socket does.
    pub fn write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_gone.get() || self.state.get() != State::Open {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let n_free = WAITING_BYTES_MAX.saturating_sub(self.n_bytes.get());
        if n_free == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut taken = BytesMut::with_capacity(n_free.min(pieces.iter().map(|piece| piece.len()).sum()));
        for piece in pieces {
            let n = (n_free - taken.len()).min(piece.len());
            taken.extend_from_slice(piece.get(..n).unwrap_or_default());
        }
        let n = taken.len();
        if n > 0 {
            self.n_bytes.update(|before| before + n);
            self.waiting.borrow_mut().push_back(taken.freeze());
            self.wake(TAKER);
        }
        Ok(n)
    }

    /// Waits until there is room, or nobody takes anything any more.
    pub async fn writable(&self) {
        poll_fn(|cx| {
            let is_blocked = self.n_bytes.get() >= WAITING_BYTES_MAX;
            if is_blocked && !self.is_gone.get() && self.state.get() == State::Open {
                self.waits(WRITER, cx);
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Nothing more comes: the body ends behind what waits.
    pub fn end(&self) {
        if self.state.get() == State::Open {
            self.state.set(State::Ended);
        }
        self.wake(TAKER);
    }

    /// Nothing more comes, and what waits is dropped. HTTP does not look at a body whose client does not read, so the
    /// connection is cut as well.
    pub fn cut(&self) {
        if self.state.replace(State::Cut) == State::Cut {
            return;
        }
        self.waiting.borrow_mut().clear();
        self.n_bytes.set(0);
        [TAKER, WRITER, LISTENER].into_iter().for_each(|who| self.wake(who));
        (self.cut_connection)();
    }

    // For the session.

    /// Ready once the client is gone.
    pub fn poll_gone(&self, cx: &Context<'_>) -> Poll<()> {
        let has_ended = self.requests.upgrade().is_some_and(|requests| requests.poll_ended(cx).is_ready());
        if self.is_gone.get() || has_ended {
            return Poll::Ready(());
        }
        self.waits(LISTENER, cx);
        Poll::Pending
    }

    // For HTTP.

    /// What is next.
    pub fn poll_take(&self, cx: &Context<'_>) -> Poll<Taken> {
        if let Some(bytes) = self.waiting.borrow_mut().pop_front() {
            self.n_bytes.update(|before| before.saturating_sub(bytes.len()));
            self.wake(WRITER);
            return Poll::Ready(Taken::Bytes(bytes));
        }
        match self.state.get() {
            State::Open => {
                self.waits(TAKER, cx);
                Poll::Pending
            }
            State::Ended => Poll::Ready(Taken::End),
            State::Cut => Poll::Ready(Taken::Cut),
        }
    }

    /// HTTP takes nothing any more.
    pub fn gone(&self) {
        if self.is_gone.replace(true) {
            return;
        }
        if let Some(requests) = self.requests.upgrade() {
            requests.ends_stream();
        }
        self.wake(WRITER);
        self.wake(LISTENER);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn taken(pipe: &Pipe) -> Option<Vec<u8>> {
        match pipe.poll_take(&Context::from_waker(Waker::noop())) {
            Poll::Ready(Taken::Bytes(bytes)) => Some(bytes.to_vec()),
            Poll::Ready(Taken::End) => Some(b"end".to_vec()),
            Poll::Ready(Taken::Cut) => Some(b"cut".to_vec()),
            Poll::Pending => None,
        }
    }

    fn written(pipe: &Pipe, texts: &[&[u8]]) -> Result<usize, io::ErrorKind> {
        let pieces: Vec<_> = texts.iter().map(|text| IoSlice::new(text)).collect();
        pipe.write(&pieces).map_err(|error| error.kind())
    }

    #[actix::test]
    async fn takes_what_there_is_room_for_and_ends_behind_it() {
        let pipe = Pipe::new(Weak::new(), || {});
        assert_eq!(taken(&pipe), None);
        assert_eq!(written(&pipe, &[b"one, ", b"two"]), Ok(8));
        let long = vec![b'x'; WAITING_BYTES_MAX];
        assert_eq!(written(&pipe, &[&long]), Ok(WAITING_BYTES_MAX - 8));
        assert_eq!(written(&pipe, &[b"more"]), Err(io::ErrorKind::WouldBlock));
        assert_eq!(taken(&pipe).as_deref(), Some(&b"one, two"[..]));
        pipe.writable().await;
        assert_eq!(written(&pipe, &[b"0123456789"]), Ok(8));
        pipe.end();
        assert_eq!(written(&pipe, &[b"late"]), Err(io::ErrorKind::BrokenPipe));
        assert_eq!(taken(&pipe).map(|bytes| bytes.len()), Some(WAITING_BYTES_MAX - 8));
        assert_eq!(taken(&pipe).as_deref(), Some(&b"01234567"[..]));
        assert_eq!(taken(&pipe).as_deref(), Some(&b"end"[..]));
    }

    #[actix::test]
    async fn what_is_cut_drops_what_waits_and_nobody_waits_for_who_is_gone() {
        let pipe = Pipe::new(Weak::new(), || {});
        assert_eq!(written(&pipe, &[b"lost"]), Ok(4));
        pipe.cut();
        assert_eq!(taken(&pipe).as_deref(), Some(&b"cut"[..]));
        let pipe = Pipe::new(Weak::new(), || {});
        assert_eq!(written(&pipe, &[&vec![b'x'; WAITING_BYTES_MAX]]), Ok(WAITING_BYTES_MAX));
        let cx = Context::from_waker(Waker::noop());
        assert!(pipe.poll_gone(&cx).is_pending());
        pipe.gone();
        pipe.writable().await;
        assert!(pipe.poll_gone(&cx).is_ready());
        assert_eq!(written(&pipe, &[b"x"]), Err(io::ErrorKind::BrokenPipe));
    }
}
