use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    rc::Rc,
};

use actix::clock::Instant;
use bytes::Bytes;
use chat_rooms::Codec;
use prometheus::IntGauge;
use tokio::task::JoinHandle;

use super::{
    framing::Framing,
    phase::{Phase, PhaseCell},
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
/// Lives on one thread, like session and hub. What a delivery reads comes first, so that it is in one or two lines of
/// memory: each delivery fetches them for every member of a room (`scripts/bench --only steady` shows it).
#[repr(C)]
pub struct Outbox {
    socket: Rc<Socket>,
    phase: PhaseCell,
    /// The writer waits for the socket. No phase: it comes and goes.
    blocked: Cell<bool>,
    /// What its reader understands.
    codec: Codec,
    queue: RefCell<SendQueue>,
    /// Writes what the socket did not take. Owned here: it ends with the outbox.
    writer: RefCell<Option<JoinHandle<()>>>,
    /// Bytes over all outboxes, for operators; and what of it is ours.
    total: IntGauge,
    n_counted: Cell<usize>,
    /// Writes what its reader understands.
    framing: &'static dyn Framing,
}

impl Outbox {
    /// An empty outbox for at most `n_bytes_max`, whose reader understands what `framing` writes.
    pub fn new(socket: Rc<Socket>, framing: &'static dyn Framing, n_bytes_max: usize, total: IntGauge) -> Rc<Self> {
        Rc::new(Self {
            socket,
            phase: PhaseCell::default(),
            blocked: Cell::new(false),
            codec: framing.codec(),
            queue: RefCell::new(SendQueue::new(n_bytes_max, Instant::now())),
            writer: RefCell::default(),
            total,
            n_counted: Cell::new(0),
            framing,
        })
    }

    /// Queues a frame for the next [`Self::flush`]; not where it would pass the bound.
    pub fn push(&self, frame: Bytes) -> Result<(), Full> {
        if !self.phase().can_send() {
            return Ok(());
        }
        self.queue.borrow_mut().push(frame)
    }

    /// What its reader understands.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Writes what its reader understands.
    pub fn framing(&self) -> &'static dyn Framing {
        self.framing
    }

    /// The phase that the connection is in.
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// The session takes no more messages, as it is about to be moved.
    pub fn leave(&self) {
        self.phase.advance(Phase::Leaving);
    }

    /// Queues frames, each with its position, which is its sender's business, until one would pass the bound.
    pub fn push_all<P>(&self, frames: &[(Bytes, P)]) -> Result<(), Full> {
        frames.iter().try_for_each(|(frame, _)| self.push(frame.clone()))
    }

    /// Sends frames behind what is queued, as far as the socket takes them; the rest follows when it takes more. Where
    /// nothing is queued, which is nearly always, they never see the queue. Fails as [`Self::push_all`].
    pub fn send<P>(self: &Rc<Self>, frames: &[(Bytes, P)]) -> Result<(), Full> {
        let mut n_written = 0;
        if !self.blocked.get() && self.is_empty() && self.phase().can_send() {
            match self.write_directly(frames) {
                Ok(n) => n_written = n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.lose(),
            }
        }
        for (frame, _) in frames {
            if n_written >= frame.len() {
                n_written -= frame.len();
                continue;
            }
            #[expect(clippy::disallowed_methods, reason = "it is longer than that")]
            let rest = frame.slice(std::mem::take(&mut n_written)..);
            self.push(rest)?;
        }
        if !self.is_empty() {
            self.flush();
        }
        Ok(())
    }

    /// Reads what [`Self::send`] will read, so that it is in the caches. Says whether it would write.
    pub fn glance(&self) -> bool {
        self.socket.is_open() && !self.blocked.get() && self.phase().can_send() && self.is_empty()
    }

    fn write_directly<P>(&self, frames: &[(Bytes, P)]) -> io::Result<usize> {
        if let [(frame, _)] = frames {
            return self.socket.write_directly(&[IoSlice::new(frame)]);
        }
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let filled = pieces.iter_mut().zip(frames).map(|(piece, (frame, _))| *piece = IoSlice::new(frame)).count();
        self.socket.write_directly(pieces.get(..filled).unwrap_or_default())
    }

    /// As [`Self::push`], for what does not count against the bound.
    pub fn push_uncounted(&self, frame: Bytes) {
        if self.phase().can_send() {
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

    /// Writes what was queued and this frame. Nothing can be queued any more; the socket stays open. Says whether the
    /// frame could be queued.
    pub fn say_last(self: &Rc<Self>, frame: Bytes) -> bool {
        self.push_uncounted(frame);
        let could = self.phase.advance(Phase::Closing);
        self.flush();
        could
    }

    /// What was queued is still written; then the socket ends. Nothing can be queued any more.
    pub fn finish(self: &Rc<Self>) {
        self.phase.advance(Phase::Finishing);
        self.flush();
    }

    /// Drops what was queued and cuts the connection. Says whether it did: once.
    pub fn cut(&self) -> bool {
        let cuts = self.phase.advance(Phase::Cut);
        if cuts {
            self.queue.borrow_mut().clear();
            self.count();
            self.socket.cut();
        }
        cuts
    }

    /// The connection is gone: its reader learns it too, and ends the session.
    fn lose(&self) {
        if self.phase.advance(self.phase().after_failed_write()) {
            self.socket.end();
        }
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
                Err(_) => {
                    queue.clear();
                    self.lose();
                }
            }
        }
        if self.phase() == Phase::Finishing && self.phase.advance(Phase::Ended) {
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
pub(super) mod tests {
    use std::time::Duration;

    use actix_web::rt::net::TcpStream;
    use socket2::SockRef;
    use tokio::{io::AsyncReadExt, net::TcpListener, task::yield_now};

    use super::*;
    use crate::session::framing::PLAIN;

    /// An outbox, its client's end, and what counts the bytes of all outboxes.
    pub async fn outbox(n_bytes_max: usize) -> (Rc<Outbox>, TcpStream, IntGauge) {
        outbox_of(&PLAIN, n_bytes_max).await
    }

    /// The same for who understands this.
    pub async fn outbox_of(framing: &'static dyn Framing, n_bytes_max: usize) -> (Rc<Outbox>, TcpStream, IntGauge) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let peer = TcpStream::connect(listener.local_addr().expect("its address")).await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("the connection");
        stream.writable().await.expect("a socket");
        let total = IntGauge::new("total", "for the test").expect("a valid name");
        (Outbox::new(Socket::new(stream), framing, n_bytes_max, total.clone()), peer, total)
    }

    #[actix::test]
    async fn writes_at_once_and_what_is_left_when_the_socket_takes_more() {
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
    }

    #[actix::test]
    async fn what_is_sent_goes_behind_what_waits() {
        let (outbox, mut peer, total) = outbox(64 << 20).await;
        let long = Bytes::from((0..=250_u8).cycle().take(32 << 20).collect::<Vec<_>>());
        let list = |frames: &[&Bytes]| frames.iter().map(|frame| ((*frame).clone(), ())).collect::<Vec<_>>();
        let (first, second, last) = (Bytes::from("first"), Bytes::from("second"), Bytes::from("last"));
        assert_eq!(outbox.send(&list(&[&first, &second])), Ok(()));
        assert!(outbox.glance(), "it went at once");
        // The socket takes a part of the middle one.
        assert_eq!(outbox.send(&list(&[&first, &long, &second])), Ok(()));
        assert!(outbox.blocked.get() && !outbox.glance() && total.get() > 0);
        assert_eq!(outbox.send(&list(&[&last])), Ok(()));
        outbox.finish();
        assert_eq!(outbox.send(&list(&[&last])), Ok(()), "what comes too late is dropped");
        let mut came = Vec::new();
        peer.read_to_end(&mut came).await.expect("all of it");
        assert_eq!(came, [b"firstsecondfirst", &long[..], b"secondlast"].concat());
        while !outbox.is_empty() {
            yield_now().await;
        }
        assert_eq!(total.get(), 0);
    }

    #[actix::test]
    async fn nothing_goes_behind_the_last_word_and_the_peer_may_answer_it() {
        let (outbox, mut peer, _) = outbox(1 << 20).await;
        assert_eq!(outbox.push("a".into()), Ok(()));
        assert!(outbox.say_last("!".into()));
        assert!(!outbox.glance() && outbox.phase() == Phase::Closing);
        assert_eq!(outbox.send(&[("b".into(), ())]), Ok(()));
        assert_eq!(outbox.push("c".into()), Ok(()));
        outbox.push_uncounted("d".into());
        outbox.finish();
        assert_eq!(outbox.phase(), Phase::Ended);
        let mut came = Vec::new();
        peer.read_to_end(&mut came).await.expect("all of it");
        assert_eq!(String::from_utf8_lossy(&came), "a!");
    }

    #[actix::test]
    async fn a_lost_connection_takes_nothing_and_can_only_be_cut() {
        let (outbox, peer, _) = outbox(1 << 20).await;
        SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("a socket");
        drop(peer);
        while outbox.phase() == Phase::Open {
            assert_eq!(outbox.send(&[("a".into(), ())]), Ok(()));
            yield_now().await;
        }
        assert_eq!((outbox.phase(), outbox.push("b".into())), (Phase::Lost, Ok(())));
        assert!(!outbox.say_last("!".into()) && outbox.is_empty());
        assert!(outbox.cut() && !outbox.cut());
    }

    #[actix::test]
    async fn frames_beyond_the_bound_are_refused() {
        let (outbox, _peer, _) = outbox(1 << 20).await;
        let long = Bytes::from(vec![0; 32 << 20]);
        assert_eq!(outbox.send(&[(long, ())]), Err(Full));
    }

    #[actix::test]
    async fn a_cut_drops_what_waits_and_resets_the_peer() {
        let (outbox, mut peer, total) = outbox(64 << 20).await;
        assert_eq!(outbox.push(vec![0; 32 << 20].into()), Ok(()));
        outbox.flush();
        outbox.cut();
        assert_eq!((outbox.is_empty(), total.get()), (true, 0));
        drop(outbox);
        let mut came = Vec::new();
        let end = peer.read_to_end(&mut came).await.expect_err("a reset");
        assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
    }
}
