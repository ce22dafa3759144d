use std::{
    collections::VecDeque,
    io,
    net::IpAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, WrapFuture,
    clock::{Instant, Interval, interval, sleep},
};
use actix_web::web::Data;
use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};

use super::{
    client::Client,
    output::Output,
    reading::{Reading, Told},
};
use crate::{
    doors::{
        command::{Answer, Command},
        error::DoorError,
    },
    http::{Site, TakenOver},
    session::{FrameRate, Framing, Incoming, SessionPermit, SessionSetup, Socket},
};
use chat_rooms::Published;
use chat_wire::{CloseCode, FRAME_BYTES_MAX, FrameReader, Inbound, pong_frame, text_frame};

/// The longest message of the WebSocket: room for a long token beside what a frame of the chat may have.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024 + FRAME_BYTES_MAX;
/// How many commands may wait for their rooms: then nothing more is read until one is answered.
const ASKED_MAX: usize = 64;
/// How often it looks at the clock.
pub const TICK: Duration = Duration::from_secs(1);

/// What a door speaks over its socket.
pub trait Protocol: Sized + 'static {
    /// A frame of the client, or why it is none.
    type Frame;
    /// What it knows a room by that somebody reads.
    type Name;
    /// What asks for a room.
    type Wanted: 'static;
    /// Whom the answer to a command is for.
    type Asker: 'static;

    /// Writes what sessions of its rooms say.
    const FRAMING: &'static dyn Framing;
    /// Whether binary messages are read as text is.
    const TAKES_BINARY: bool;

    /// What is said first.
    fn begun(_: &mut Connection<Self>) {}
    /// Takes the bytes of a message of the WebSocket.
    fn feed(&mut self, bytes: Bytes);
    /// The next frame in what it has taken.
    fn next(&mut self) -> Option<Self::Frame>;
    /// A frame came: those behind it wait until it is done with.
    fn heard(connection: &mut Connection<Self>, frame: Self::Frame);
    /// A binary message came, where those are not read.
    fn binary(_: &mut Connection<Self>) {}
    /// A message came that is longer than [`MESSAGE_BYTES_MAX`].
    fn too_large(connection: &mut Connection<Self>);
    /// Whoever it is may come in, or may not.
    fn connected(connection: &mut Connection<Self>, became: Result<(), DoorError>);
    /// A room that was wanted may be entered.
    fn may_enter(connection: &mut Connection<Self>, wanted: Self::Wanted);
    /// A room was entered.
    fn joined(connection: &mut Connection<Self>, index: usize);
    /// A room was not entered, and is forgotten.
    fn not_joined(connection: &mut Connection<Self>, name: Self::Name, error: &DoorError);
    /// A room is not read any more as the client has wanted, and is forgotten.
    fn left(_: &mut Connection<Self>, _: Self::Name) {}
    /// The server has ended the session of a room, which is forgotten.
    fn ended(connection: &mut Connection<Self>, code: CloseCode);
    /// What became of a command.
    fn answered(connection: &mut Connection<Self>, answered: Answered<Self::Asker>);
    /// What stands before the shared part of what a room says, which is the connection's number `n` of those.
    fn head(&self, name: &Self::Name, n: u64) -> Vec<u8>;
    /// What stands behind it.
    fn tail(&self, _: &Self::Name) -> Bytes {
        Bytes::new()
    }
    /// Asks for a sign of life.
    fn ping() -> Bytes;
    /// Does what else is due, once in a [`TICK`].
    fn tick(_: &mut Connection<Self>, _now: Instant) {}
    /// The connection cannot go on: ends it with words of the protocol.
    fn fatal(connection: &mut Connection<Self>, why: &'static str, code: CloseCode);
}

/// One WebSocket by which somebody reads several rooms, and writes.
///
/// All that grows is bounded: what is read and not taken by [`MESSAGE_BYTES_MAX`] and its protocol, what is to be written
/// by [`Output`], behind which sessions wait in their outboxes, and what is under way by [`ASKED_MAX`].
pub struct Connection<P: Protocol> {
    /// What its protocol keeps.
    pub own: P,
    pub(super) site: Data<Site>,
    pub(super) setup: Rc<SessionSetup>,
    pub(super) address: IpAddr,
    pub(super) permit: Rc<SessionPermit>,
    pub(super) socket: Rc<Socket>,
    pub(super) reader: FrameReader<Incoming>,
    pub(super) output: Output,
    rate: FrameRate,
    /// Its next frames are looked at once this is over.
    pause: Option<Pin<Box<actix::clock::Sleep>>>,
    /// The message of the WebSocket that is looked at was counted, and stands for the first frame in it.
    is_counted: bool,
    /// Whoever it is, once that is known.
    pub(super) client: Option<Rc<Client>>,
    /// What it reads.
    pub rooms: Vec<Reading<P::Name>>,
    pub(super) has_wanted: bool,
    /// Whose turn it is first.
    turn: usize,
    /// The frame that is being looked at: those behind it wait.
    pub(super) doing: Option<LocalBoxFuture<'static, Done<P>>>,
    pub(super) asked: FuturesUnordered<LocalBoxFuture<'static, Answered<P::Asker>>>,
    pub(super) ending: Option<Ending>,
    pub n_begun: u64,
    ticks: Interval,
    pub(super) began: Instant,
    /// When something last came from the client.
    pub last_heard: Instant,
    /// When something was last written.
    pub last_sent: Instant,
    pub(super) last_ping: Instant,
    /// Since when the client takes nothing of what waits.
    pub(super) stalled: Option<Instant>,
    /// The client has closed the WebSocket.
    pub(super) has_said_goodbye: bool,
}

/// What became of a frame that took a while.
pub(super) enum Done<P: Protocol> {
    /// Whoever it is was looked at.
    Connected(Result<Client, DoorError>),
    /// A room may be entered.
    MayEnter(P::Wanted),
    /// A command was handed to its room.
    Sent(P::Asker, Result<Box<(Command, Answer)>, DoorError>),
}

/// What a room has said of a command.
pub struct Answered<A> {
    /// Whom that is for.
    pub asker: A,
    /// What it has said.
    pub became: Result<Published, DoorError>,
}

/// How a connection ends, once what is under way is answered.
pub(super) struct Ending {
    /// The last frame of the protocol.
    pub last: Option<Vec<u8>>,
    /// What is said behind it.
    pub code: CloseCode,
    /// The last frame says that all was answered.
    pub is_promise: bool,
    /// By when, whatever is answered.
    pub by: Instant,
}

enum Happened<P: Protocol> {
    Tick,
    Wrote(io::Result<()>),
    Done(Done<P>),
    Answered(Answered<P::Asker>),
    /// Frames may be looked at again.
    Resumed,
    Heard(P::Frame),
    Inbound(Option<Inbound>),
    Told(usize, Told),
}

/// The connection is gone.
pub(super) struct Gone;

/// Owns a connection on its thread.
struct Keeper<P: Protocol>(Option<Box<Connection<P>>>);

impl<P: Protocol> Actor for Keeper<P> {
    type Context = actix::Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(connection) = self.0.take() {
            ctx.spawn(connection.run().into_actor(self).map(|(), _, ctx| ctx.stop()));
        }
    }
}

impl<P: Protocol> Connection<P> {
    /// Takes a connection over that was answered.
    pub(super) fn start(
        own: P,
        (site, setup): (Data<Site>, Rc<SessionSetup>),
        (address, permit): (IpAddr, SessionPermit),
        TakenOver { stream, first, answer }: TakenOver,
    ) {
        let socket = Socket::new(stream);
        let now = Instant::now();
        let mut output = Output::default();
        output.push(answer);
        let reader = FrameReader::new(socket.incoming(first), MESSAGE_BYTES_MAX);
        let mut connection = Self {
            own,
            reader: if P::TAKES_BINARY { reader.with_binary() } else { reader },
            socket,
            output,
            rate: setup.rates.frames(),
            pause: None,
            is_counted: false,
            client: None,
            rooms: Vec::new(),
            has_wanted: false,
            turn: 0,
            doing: None,
            asked: FuturesUnordered::new(),
            ending: None,
            n_begun: 0,
            ticks: interval(TICK),
            began: now,
            last_heard: now,
            last_sent: now,
            last_ping: now,
            stalled: None,
            has_said_goodbye: false,
            site,
            setup,
            address,
            permit: Rc::new(permit),
        };
        P::begun(&mut connection);
        Keeper(Some(Box::new(connection))).start();
    }

    async fn run(mut self) {
        loop {
            let happened = std::future::poll_fn(|cx| self.poll(cx)).await;
            if let Err(Gone) = self.take(happened) {
                return self.socket.cut();
            }
            let is_answered = self.asked.is_empty() && self.doing.is_none() && !self.is_open();
            if let Some(mut ending) = self.ending.take_if(|ending| is_answered || ending.by <= Instant::now()) {
                ending.last = ending.last.filter(|_| is_answered || !ending.is_promise);
                return self.close(ending).await;
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happened<P>> {
        if self.ticks.poll_tick(cx).is_ready() {
            return Poll::Ready(Happened::Tick);
        }
        if let Poll::Ready(wrote) = self.poll_write(cx) {
            return Poll::Ready(Happened::Wrote(wrote));
        }
        if let Some(doing) = &mut self.doing
            && let Poll::Ready(done) = doing.poll_unpin(cx)
        {
            self.doing = None;
            return Poll::Ready(Happened::Done(done));
        }
        if let Poll::Ready(Some(answered)) = self.asked.poll_next_unpin(cx) {
            return Poll::Ready(Happened::Answered(answered));
        }
        if let Poll::Ready(happened) = self.poll_read(cx) {
            return Poll::Ready(happened);
        }
        self.poll_rooms(cx)
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            if let Err(error) = ready!(self.socket.poll_writable(cx)) {
                return Poll::Ready(Err(error));
            }
            match self.output.write(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                wrote => return Poll::Ready(wrote),
            }
        }
        Poll::Pending
    }

    /// The next frame, as long as those before it are done with and the client reads what it is told.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Happened<P>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.poll_unpin(cx));
            return Poll::Ready(Happened::Resumed);
        }
        let is_busy = self.doing.is_some() || self.asked.len() >= ASKED_MAX || !self.output.has_room();
        if is_busy || self.ending.is_some() {
            return Poll::Pending;
        }
        if let Some(frame) = self.own.next() {
            return Poll::Ready(Happened::Heard(frame));
        }
        Pin::new(&mut self.reader).poll_next(cx).map(Happened::Inbound)
    }

    fn poll_rooms(&mut self, cx: &mut Context<'_>) -> Poll<Happened<P>> {
        if !self.output.has_room() && !self.output.takes_rest() {
            return Poll::Pending;
        }
        let n = self.rooms.len();
        // A frame that has begun comes to its end before another one begins.
        let open = self.rooms.iter().position(Reading::is_open);
        let order: VecDeque<usize> = match open {
            Some(open) => [open].into(),
            None => (0..n).map(|k| (self.turn + k) % n).collect(),
        };
        for index in order {
            let Some(room) = self.rooms.get_mut(index) else { continue };
            if let Poll::Ready(told) = room.poll(cx) {
                self.turn = index + usize::from(open.is_none());
                return Poll::Ready(Happened::Told(index, told));
            }
        }
        Poll::Pending
    }

    fn take(&mut self, happened: Happened<P>) -> Result<(), Gone> {
        match happened {
            Happened::Tick => self.look_at_the_clock()?,
            Happened::Wrote(Ok(())) => {
                self.last_sent = Instant::now();
                self.stalled = None;
            }
            Happened::Wrote(Err(_)) | Happened::Inbound(None) | Happened::Told(_, Told::Cut) => return Err(Gone),
            Happened::Done(done) => self.done(done),
            Happened::Answered(answered) => P::answered(self, answered),
            Happened::Resumed => self.pause = None,
            Happened::Heard(frame) => {
                if !std::mem::take(&mut self.is_counted) {
                    self.count();
                }
                P::heard(self, frame);
            }
            Happened::Inbound(Some(inbound)) => self.inbound(inbound),
            Happened::Told(index, told) => self.told(index, told),
        }
        Ok(())
    }

    fn inbound(&mut self, inbound: Inbound) {
        self.last_heard = Instant::now();
        self.count();
        match inbound {
            Inbound::Text(bytes) => {
                self.own.feed(bytes);
                self.is_counted = true;
            }
            Inbound::Ping(payload) => self.output.push(pong_frame(&payload)),
            Inbound::Pong | Inbound::Fragment => {}
            Inbound::Binary => P::binary(self),
            Inbound::Close => {
                self.has_said_goodbye = true;
                self.end(None, CloseCode::Done);
            }
            Inbound::TooLarge => P::too_large(self),
            Inbound::Malformed => self.end(None, CloseCode::ProtocolError),
        }
    }

    /// One more of what a client may send so many of in a time: what is more waits in its socket.
    fn count(&mut self) {
        if let Err(wait) = self.rate.take() {
            self.pause = Some(Box::pin(sleep(wait)));
        }
    }

    /// Sends one frame of the protocol.
    pub fn say(&mut self, frame: impl AsRef<[u8]>) {
        self.output.push(text_frame(frame));
    }

    /// How often a sign of life is asked for, and how long a client may say nothing.
    pub fn rhythm(&self) -> (Duration, Duration) {
        let times = self.setup.hub.times();
        (times.heartbeat, times.silence_max)
    }

    /// Whether nothing waits to be written.
    pub fn is_idle(&self) -> bool {
        self.output.is_empty()
    }
}
