use std::{
    cell::RefCell,
    io::{self, IoSlice},
    net::Shutdown,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

use actix::clock::sleep;
use actix_web::{dev::Extensions, rt::net::TcpStream};
use bytes::Bytes;
use futures_util::Stream;
use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};
use socket2::SockRef;

use super::{
    pipe::Pipe,
    plain::{PlainStream, Requests},
};

/// Send buffer of a socket, in bytes. Without it the kernel hides 4 MB for each peer that stops reading.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How long a request that was answered may take to end.
const UNFINISHED_MAX: Duration = Duration::from_secs(2);
/// How long sent data may stay unacknowledged before the kernel gives the peer up (tcp(7)).
const USER_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes that are read at once.
const READ_BYTES_MAX: usize = 16 * 1024;

thread_local! {
    /// What sockets of this thread are read into: an idle session holds no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES_MAX].into());
}

/// The socket of a session: taken over from HTTP after the upgrade, or what HTTP leaves to it of one. Read by the session,
/// written by its outbox, both on one thread.
pub struct Socket(Way);

enum Way {
    Stream(TcpStream),
    /// The body of an answer: it can be written to alone.
    Body(Rc<Pipe>),
}

impl Socket {
    /// Takes a connection over.
    pub fn new(stream: TcpStream) -> Rc<Self> {
        Rc::new(Self(Way::Stream(stream)))
    }

    /// Writes to the body of an answer.
    pub fn of_body(pipe: Rc<Pipe>) -> Rc<Self> {
        Rc::new(Self(Way::Body(pipe)))
    }

    /// Writes what the kernel takes at once; gives how many bytes that were. Fails with `WouldBlock` where it takes
    /// nothing, with another error where the connection is gone.
    pub fn write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match (&self.0, pieces) {
            (Way::Stream(stream), [piece]) => stream.try_write(piece),
            (Way::Stream(stream), pieces) => stream.try_write_vectored(pieces),
            (Way::Body(pipe), pieces) => pipe.write(pieces),
        }
    }

    /// As [`Self::write`], without a look at what the runtime knows of the socket: one line of memory less to fetch for
    /// each of a thousand sockets (`scripts/bench --only steady` shows it). The runtime does not learn where the kernel
    /// takes nothing; a write that is to wait must be tried by [`Self::write`] again. Fails as that one.
    pub fn write_directly(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let stream = match &self.0 {
            Way::Stream(stream) => stream,
            Way::Body(pipe) => return pipe.write(pieces),
        };
        // A call of its own, not the C library's: that one is prepared for a thread that is cancelled in it.
        Ok(match pieces {
            [piece] => send(stream, piece, SendFlags::NOSIGNAL)?,
            pieces => sendmsg(stream, pieces, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?,
        })
    }

    /// Whether it has a descriptor, as it always has: reads what a write reads first.
    pub fn is_open(&self) -> bool {
        match &self.0 {
            Way::Stream(stream) => stream.as_raw_fd() >= 0,
            Way::Body(_) => true,
        }
    }

    /// Waits until the kernel takes more; fails where the connection is gone.
    pub async fn writable(&self) -> io::Result<()> {
        match &self.0 {
            Way::Stream(stream) => stream.writable().await,
            Way::Body(pipe) => {
                pipe.writable().await;
                Ok(())
            }
        }
    }

    /// As [`Self::writable`], for whoever waits for more than that.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            Way::Stream(stream) => stream.poll_write_ready(cx),
            Way::Body(_) => Poll::Ready(Ok(())),
        }
    }

    /// Says that nothing more will be written. The peer may go on.
    pub fn end(&self) {
        match &self.0 {
            Way::Stream(stream) => log_gone(SockRef::from(stream).shutdown(Shutdown::Write)),
            Way::Body(pipe) => pipe.end(),
        }
    }

    /// Cuts the connection so that the peer gets a reset and the kernel frees its queue at once.
    pub fn cut(&self) {
        match &self.0 {
            Way::Stream(stream) => log_gone(reset(SockRef::from(stream))),
            Way::Body(pipe) => pipe.cut(),
        }
    }

    /// What comes from the peer, after `first`.
    pub fn incoming(self: &Rc<Self>, first: Bytes) -> Incoming {
        Incoming { socket: self.clone(), first }
    }
}

/// What comes from a socket, until its peer has ended or the connection is gone.
pub struct Incoming {
    socket: Rc<Socket>,
    /// What came together with the request.
    first: Bytes,
}

impl Stream for Incoming {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first))));
        }
        let stream = match &self.socket.0 {
            Way::Stream(stream) => stream,
            Way::Body(pipe) => return pipe.poll_gone(cx).map(|()| None),
        };
        loop {
            if let Err(error) = ready!(stream.poll_read_ready(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
            let read: io::Result<Bytes> = SCRATCH.with_borrow_mut(|scratch| {
                let n = stream.try_read(scratch)?;
                Ok(Bytes::copy_from_slice(scratch.get(..n).unwrap_or_default()))
            });
            match read {
                Ok(bytes) if bytes.is_empty() => return Poll::Ready(None),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(Some(read)),
            }
        }
    }
}

/// Ends a connection that was answered: what was written reaches the peer, which has a moment to end its side.
pub async fn linger(stream: TcpStream) {
    let socket = Socket::new(stream);
    socket.end();
    let mut incoming = socket.incoming(Bytes::new());
    let until_end = std::future::poll_fn(|cx| {
        loop {
            match ready!(Pin::new(&mut incoming).poll_next(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(()),
            }
        }
    });
    if actix::clock::timeout(UNFINISHED_MAX, until_end).await.is_err() {
        socket.cut();
    }
}

fn reset(socket: SockRef<'_>) -> io::Result<()> {
    socket.set_linger(Some(Duration::ZERO)).and_then(|()| socket.shutdown(Shutdown::Both))
}

fn log_gone(done: io::Result<()>) {
    if let Err(error) = done {
        log::debug!("a connection was gone before it was ended: {error}");
    }
}

/// An accepted connection. HTTP keeps it with the connection and drops it with it, on the same thread, so whoever
/// holds an [`Accepted`] can tell whether its descriptor is still that connection's.
struct Descriptor(RawFd);

/// The descriptor of an accepted connection, for as long as HTTP has it.
#[derive(Clone)]
pub struct Accepted(Weak<Descriptor>);

/// What HTTP keeps of a connection: gives [`Accepted`]s.
pub struct Connected {
    descriptor: Rc<Descriptor>,
    /// Weak: the connection's permit goes with its socket.
    requests: Weak<Requests>,
}

impl Connected {
    /// To cut it later, if it still lives then.
    pub fn accepted(&self) -> Accepted {
        Accepted(Rc::downgrade(&self.descriptor))
    }

    /// Its requests, to say that one was answered.
    pub fn requests(&self) -> Weak<Requests> {
        self.requests.clone()
    }
}

impl Accepted {
    /// Cuts the connection, if it still lives.
    #[expect(unsafe_code, reason = "see the comment inside")]
    pub fn cut(&self) {
        let Some(descriptor) = self.0.upgrade() else { return };
        // SAFETY: the descriptor is open and is that of the connection. What was upgraded here is held by the
        // connection's data alone, which is dropped together with the socket on this thread (`Rc` stays on it),
        // so while it can be upgraded the socket has not been closed.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor.0) };
        log_gone(reset(SockRef::from(&borrowed)));
    }

    /// Cuts the connection after a moment. For one whose request has not ended though it was answered: HTTP would
    /// wait for its end without a limit.
    pub fn cut_soon(self) {
        // Ends by itself; there is at most one for each connection.
        actix_web::rt::spawn(async move {
            sleep(UNFINISHED_MAX).await;
            self.cut();
        });
    }
}

/// Sets the options of an accepted connection.
pub fn prepare(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let set = socket
        .set_send_buffer_size(SEND_BUFFER_BYTES)
        .and_then(|()| socket.set_tcp_user_timeout(Some(USER_TIMEOUT)))
        .and_then(|()| socket.set_tcp_nodelay(true));
    if let Err(error) = set {
        // The peer may be gone already. Without the options the connection works, only less well guarded.
        log::debug!("a socket option was not set: {error}");
    }
}

/// What HTTP is to keep of a connection. For its `on_connect`.
pub fn connected(plain: &PlainStream, data: &mut Extensions) {
    let descriptor = Rc::new(Descriptor(plain.stream().as_raw_fd()));
    data.insert(Connected { descriptor, requests: Rc::downgrade(plain.requests()) });
}
