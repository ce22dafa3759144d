use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    rc::Rc,
};

use actix::clock::Instant;
use bytes::Bytes;
use prometheus::IntGauge;
use tokio::task::JoinHandle;

use super::{
    send_queue::{Full, SendQueue},
    socket::Socket,
};

/// Most frames of one write.
const PIECES_MAX: usize = 32;

/// What a session is sent: a bounded queue in front of its socket, written from where it is filled.
///
/// As long as the socket takes everything a frame costs one write and nothing else: no task is woken for it. A
/// socket that takes no more gets a task that waits for it and writes the rest.
///
/// Lives on one thread, like session and hub.
pub struct Outbox {
    socket: Rc<Socket>,
    queue: RefCell<SendQueue>,
    /// Writes what the socket did not take. Owned here: it ends with the outbox.
    writer: RefCell<Option<JoinHandle<()>>>,
    /// The writer waits for the socket.
    blocked: Cell<bool>,
    finished: Cell<bool>,
    /// Bytes over all outboxes, for operators; and what of it is ours.
    total: IntGauge,
    n_counted: Cell<usize>,
}

impl Outbox {
    /// An empty outbox for at most `n_bytes_max`.
    pub fn new(socket: Rc<Socket>, n_bytes_max: usize, total: IntGauge) -> Rc<Self> {
        Rc::new(Self {
            socket,
            queue: RefCell::new(SendQueue::new(n_bytes_max, Instant::now())),
            writer: RefCell::default(),
            blocked: Cell::new(false),
            finished: Cell::new(false),
            total,
            n_counted: Cell::new(0),
        })
    }

    /// Queues a frame for the next [`Self::flush`].
    ///
    /// # Errors
    /// [`Full`] where it would pass the bound; nothing is queued then.
    pub fn push(&self, frame: Bytes) -> Result<(), Full> {
        if self.finished.get() {
            return Ok(());
        }
        self.queue.borrow_mut().push(frame)
    }

    /// The same for what does not count against the bound.
    pub fn push_uncounted(&self, frame: Bytes) {
        if !self.finished.get() {
            self.queue.borrow_mut().push_uncounted(frame);
        }
    }

    /// Whether everything was written.
    pub fn is_empty(&self) -> bool {
        self.queue.borrow().is_empty()
    }

    /// Writes what was queued, as far as the socket takes it; the rest follows when it takes more.
    pub fn flush(self: &Rc<Self>) {
        if !self.blocked.get() && !self.write_all() {
            self.blocked.set(true);
            self.wait();
        }
        self.count();
    }

    /// What was queued is still written; then the socket ends. Nothing can be queued any more.
    pub fn finish(self: &Rc<Self>) {
        self.finished.set(true);
        self.flush();
    }

    /// Drops what was queued and cuts the connection.
    pub fn cut(&self) {
        self.finished.set(true);
        self.queue.borrow_mut().clear();
        self.count();
        self.socket.cut();
    }

    /// Writes until nothing is left or the socket takes no more; says whether it is done.
    fn write_all(&self) -> bool {
        let mut queue = self.queue.borrow_mut();
        while !queue.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
            let n_pieces = queue.next(&mut pieces);
            match self.socket.write(pieces.get(..n_pieces).unwrap_or_default()) {
                Ok(n) => queue.taken(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The connection is gone: its reader learns it too, and ends the session.
                Err(_) => {
                    self.finished.set(true);
                    queue.clear();
                }
            }
        }
        if self.finished.get() {
            self.socket.end();
        }
        true
    }

    fn wait(self: &Rc<Self>) {
        let (outbox, socket) = (Rc::downgrade(self), self.socket.clone());
        let writer = tokio::task::spawn_local(async move {
            loop {
                // Where the connection is gone the write says so.
                let _ = socket.writable().await;
                let Some(outbox) = outbox.upgrade() else { return };
                let is_done = outbox.write_all();
                outbox.count();
                if is_done {
                    return outbox.blocked.set(false);
                }
            }
        });
        // The one before has ended: it is what unblocks.
        *self.writer.borrow_mut() = Some(writer);
    }

    /// Tells operators what waits. Nearly always nothing does, before and after.
    fn count(&self) {
        let n = self.queue.borrow().n_bytes();
        let before = self.n_counted.replace(n);
        if n != before {
            let of = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
            self.total.add(of(n) - of(before));
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.queue.borrow_mut().clear();
        self.count();
        if let Some(writer) = self.writer.borrow_mut().take() {
            writer.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::rt::net::TcpStream;
    use tokio::{
        io::AsyncReadExt,
        net::TcpListener,
        task::{LocalSet, yield_now},
    };

    use super::*;

    async fn outbox(n_bytes_max: usize) -> (Rc<Outbox>, TcpStream, IntGauge) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let peer = TcpStream::connect(listener.local_addr().expect("its address")).await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("the connection");
        stream.writable().await.expect("a socket");
        let total = IntGauge::new("total", "for the test").expect("a valid name");
        (Outbox::new(Socket::new(stream), n_bytes_max, total.clone()), peer, total)
    }

    #[tokio::test]
    async fn writes_at_once_and_what_is_left_when_the_socket_takes_more() {
        let work = async {
            let (outbox, mut peer, total) = outbox(64 << 20).await;
            assert_eq!(outbox.push("first".into()), Ok(()));
            outbox.flush();
            assert!(outbox.is_empty() && !outbox.blocked.get());
            let long = Bytes::from((0..=250_u8).cycle().take(32 << 20).collect::<Vec<_>>());
            assert_eq!(outbox.push(long.clone()), Ok(()));
            outbox.push_uncounted("last".into());
            outbox.flush();
            assert!(outbox.blocked.get() && total.get() > 0, "a kernel takes less than 32 MiB at once");
            outbox.finish();
            outbox.push_uncounted("too late".into());
            let mut came = Vec::new();
            peer.read_to_end(&mut came).await.expect("all of it");
            assert_eq!(came, [b"first", &long[..], b"last"].concat());
            while !outbox.is_empty() {
                yield_now().await;
            }
            assert_eq!(total.get(), 0);
        };
        LocalSet::new().run_until(work).await;
    }

    #[tokio::test]
    async fn a_cut_drops_what_waits_and_resets_the_peer() {
        let work = async {
            let (outbox, mut peer, total) = outbox(64 << 20).await;
            assert_eq!(outbox.push(vec![0; 32 << 20].into()), Ok(()));
            outbox.flush();
            outbox.cut();
            assert_eq!((outbox.is_empty(), total.get()), (true, 0));
            drop(outbox);
            let mut came = Vec::new();
            let end = peer.read_to_end(&mut came).await.expect_err("a reset");
            assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
        };
        LocalSet::new().run_until(work).await;
    }
}
