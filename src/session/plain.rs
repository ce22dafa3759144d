//! A connection that is no session: its head and its answer may take a bounded time.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use actix_web::rt::net::TcpStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::connections::Entered;

/// How long the head of a request may take from its first byte to its last, the first of a connection or the
/// hundredth. As long as actix-http gives the first one, which is the only one that it watches.
pub const HEAD_MAX: Duration = Duration::from_secs(5);
/// How long a peer may take nothing of an answer that waits for it.
const WRITE_STALL_MAX: Duration = Duration::from_secs(30);

/// A connection that is no session: what HTTP reads from and writes to. Bounds what HTTP leaves unbounded, which is a
/// head that never ends and an answer that nobody reads, and ends where it has to give way to another connection.
pub struct PlainStream {
    stream: TcpStream,
    requests: Rc<Requests>,
    heads: Heads,
    /// Set while a head has begun and not ended.
    head_by: Option<Pin<Box<Sleep>>>,
    /// Set while the peer takes nothing.
    write_by: Option<Pin<Box<Sleep>>>,
}

/// The requests of one connection. HTTP keeps it with the connection, and what answers says so here.
pub struct Requests {
    entered: Entered,
    n_open: Cell<usize>,
    /// Of those the answers that go on and on.
    n_streams: Cell<usize>,
    /// The peer sends nothing more.
    has_ended: Cell<bool>,
    /// Whoever waits for that.
    waiting: RefCell<Option<Waker>>,
}

impl Requests {
    fn came(&self, n: usize) {
        let before = self.n_open.replace(self.n_open.get().saturating_add(n));
        if before == 0 && n > 0 {
            self.entered.set_busy(true);
        }
    }

    /// The answer to one goes on from here, for as long as both sides like. A client that ends its side of the connection
    /// meanwhile is gone, and what it sends is no head that must end.
    pub fn begins_stream(&self) {
        self.n_streams.update(|n| n.saturating_add(1));
        self.came(1);
    }

    /// And is over.
    pub fn ends_stream(&self) {
        self.n_streams.update(|n| n.saturating_sub(1));
        self.answered();
    }

    /// Ready once the peer sends nothing more.
    pub fn poll_ended(&self, cx: &Context<'_>) -> Poll<()> {
        if self.has_ended.get() {
            return Poll::Ready(());
        }
        *self.waiting.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    fn ended(&self) {
        self.has_ended.set(true);
        if let Some(waiting) = self.waiting.borrow_mut().take() {
            waiting.wake();
        }
    }

    /// One was answered.
    pub fn answered(&self) {
        let before = self.n_open.replace(self.n_open.get().saturating_sub(1));
        if before == 1 {
            self.entered.set_busy(false);
        }
    }
}

impl PlainStream {
    /// Takes a connection that is counted.
    pub fn new(stream: TcpStream, entered: Entered) -> Self {
        let (n_open, n_streams, has_ended, waiting) = Default::default();
        let requests = Rc::new(Requests { entered, n_open, n_streams, has_ended, waiting });
        Self { stream, requests, heads: Heads::default(), head_by: None, write_by: None }
    }

    /// The connection itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Its requests.
    pub fn requests(&self) -> &Rc<Requests> {
        &self.requests
    }

    /// The connection, and what counts it until it is dropped.
    pub fn into_parts(self) -> (TcpStream, Rc<Requests>) {
        (self.stream, self.requests)
    }

    fn poll_cut(&self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.requests.entered.poll_cut(cx) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "its place is needed")),
            Poll::Pending => Ok(()),
        }
    }

    /// After a write that was tried.
    fn written(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if done.is_ready() {
            self.write_by = None;
            return done;
        }
        let timer = self.write_by.get_or_insert_with(|| Box::pin(sleep(WRITE_STALL_MAX)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for PlainStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.poll_cut(cx)?;
        let n_before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_ready() {
            let came = buffer.filled().get(n_before..).unwrap_or_default();
            if came.is_empty() {
                this.requests.ended();
            }
            let n_ended = this.heads.see(came);
            if n_ended > 0 {
                this.head_by = None;
            }
            this.requests.came(n_ended);
            return read;
        }
        if !this.heads.has_begun || this.requests.n_streams.get() > 0 {
            this.head_by = None;
            return Poll::Pending;
        }
        let timer = this.head_by.get_or_insert_with(|| Box::pin(sleep(HEAD_MAX)));
        // As if the peer had ended: what it asked before is still answered, and then the connection ends.
        timer.as_mut().poll(cx).map(Ok)
    }
}

impl AsyncWrite for PlainStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.poll_cut(cx)?;
        let done = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(cx, done)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, all: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.poll_cut(cx)?;
        let done = Pin::new(&mut this.stream).poll_write_vectored(cx, all);
        this.written(cx, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Where heads begin and end in what a connection sends: a head ends with the first empty line behind a line that is
/// not empty. No route takes a body, and a request that has one ends its connection, so all else is heads. Pure.
#[derive(Debug, Default)]
struct Heads {
    /// A head has begun that has not ended.
    has_begun: bool,
    /// A whole line did that is not empty.
    has_line: bool,
    /// The line that comes now is not empty.
    is_in_line: bool,
}

impl Heads {
    /// Takes what came; gives how many heads ended in it.
    fn see(&mut self, bytes: &[u8]) -> usize {
        let mut n_ended = 0;
        for byte in bytes {
            self.has_begun = true;
            match byte {
                b'\n' if self.is_in_line => (self.has_line, self.is_in_line) = (true, false),
                b'\n' if self.has_line => {
                    n_ended += 1;
                    *self = Self::default();
                }
                b'\n' | b'\r' => {}
                _ => self.is_in_line = true,
            }
        }
        n_ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_end_with_an_empty_line() {
        for (bytes, n_ended, has_begun) in [
            ("", 0, false),
            ("G", 0, true),
            ("GET / HTTP/1.1\r\n", 0, true),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1, false),
            ("GET / HTTP/1.1\nHost: x\n\n", 1, false),
            ("GET / HTTP/1.1\r\n\r\n", 1, false),
            ("\r\n", 0, true),
            ("\r\n\r\n", 0, true),
            ("\r\nGET / HTTP/1.1\r\n\r\n", 1, false),
            ("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n", 2, false),
            ("GET /a HTTP/1.1\r\n\r\nG", 1, true),
            ("GET /a HTTP/1.1\r\n\r\n\r\n", 1, true),
        ] {
            let mut whole = Heads::default();
            assert_eq!((whole.see(bytes.as_bytes()), whole.has_begun), (n_ended, has_begun), "{bytes:?}");
            // The same however it is cut.
            let mut parts = Heads::default();
            let n: usize = bytes.bytes().map(|byte| parts.see(&[byte])).sum();
            assert_eq!((n, parts.has_begun), (n_ended, has_begun), "{bytes:?} byte by byte");
        }
    }
}
