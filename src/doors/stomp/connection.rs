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
use futures_util::{FutureExt, Stream, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use uuid::Uuid;

use super::{
    client::Client,
    output::Output,
    subscription::{Subscription, Told},
};
use crate::{
    doors::{
        command::{Answer, Command},
        error::DoorError,
    },
    http::{Site, TakenOver},
    session::{FrameRate, Incoming, SessionPermit, SessionSetup, Socket},
};
use chat_rooms::Published;
use chat_stomp::{BadFrame, Decoder, Frame, HeartBeat, Inbound as Heard, Limits, Version, Writer};
use chat_wire::{CloseCode, FRAME_BYTES_MAX, FrameReader, Inbound, pong_frame, text_frame};

/// Bytes of a frame's command and headers: room for a long token.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Headers of a frame.
const HEADERS_MAX: usize = 64;
/// The longest message of the WebSocket, which a frame may be alone in.
const MESSAGE_BYTES_MAX: usize = HEAD_BYTES_MAX + FRAME_BYTES_MAX;
/// How many commands may wait for their rooms: then nothing more is read until one is answered.
const ASKED_MAX: usize = 64;
/// How often it looks at the clock.
pub const TICK: Duration = Duration::from_secs(1);

/// One WebSocket that speaks STOMP: reads frames, writes frames, and has a session for each room that it reads.
///
/// All that grows is bounded: what is read and not taken by its [`Limits`], what is to be written by [`Output`], behind
/// which sessions wait in their outboxes, and what is under way by [`ASKED_MAX`].
pub struct Connection {
    pub(super) site: Data<Site>,
    pub(super) setup: Rc<SessionSetup>,
    pub(super) address: IpAddr,
    pub(super) permit: Rc<SessionPermit>,
    pub(super) socket: Rc<Socket>,
    pub(super) reader: FrameReader<Incoming>,
    pub(super) decoder: Decoder,
    pub(super) output: Output,
    rate: FrameRate,
    /// Its next frames are looked at once this is over.
    pause: Option<Pin<Box<actix::clock::Sleep>>>,
    /// The message of the WebSocket that is looked at was counted, and stands for the first frame in it.
    is_counted: bool,
    /// Whoever it is, once that is known.
    pub(super) client: Option<Rc<Client>>,
    pub(super) version: Version,
    pub(super) heart_beat: HeartBeat,
    /// Where what is refused is told: how the client calls that, and whether it acknowledges.
    pub(super) errors: Option<(String, bool)>,
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) has_subscribed: bool,
    /// Whose turn it is first.
    turn: usize,
    /// The frame that is being looked at: those behind it wait.
    pub(super) doing: Option<LocalBoxFuture<'static, Done>>,
    pub(super) asked: FuturesUnordered<LocalBoxFuture<'static, Answered>>,
    pub(super) ending: Option<Ending>,
    pub(super) n_named: u64,
    ticks: Interval,
    pub(super) began: Instant,
    pub(super) last_heard: Instant,
    pub(super) last_sent: Instant,
    pub(super) last_ping: Instant,
    /// Since when the client takes nothing of what waits.
    pub(super) stalled: Option<Instant>,
    /// The client has closed the WebSocket.
    pub(super) has_said_goodbye: bool,
}

/// What became of a frame that took a while.
pub enum Done {
    /// CONNECT.
    Connected(Result<Client, DoorError>),
    /// A SUBSCRIBE may be carried out.
    MaySubscribe(Frame),
    /// SEND, which was handed to its room.
    Sent(ToAnswer, Result<Box<(Command, Answer)>, DoorError>),
}

/// Which command is answered.
pub struct ToAnswer {
    pub client_id: Uuid,
    /// Of the RECEIPT that is wanted.
    pub receipt: Option<String>,
}

/// What a room has said.
pub struct Answered {
    pub of: ToAnswer,
    pub became: Result<Published, DoorError>,
}

/// How a connection ends, once what is under way is answered.
pub struct Ending {
    /// The last frame of STOMP.
    pub last: Option<Vec<u8>>,
    /// What is said behind it.
    pub code: CloseCode,
    /// The last frame says that all was answered.
    pub is_promise: bool,
    /// By when, whatever is answered.
    pub by: Instant,
}

enum Happened {
    Tick,
    Wrote(io::Result<()>),
    Done(Done),
    Answered(Answered),
    /// Frames may be looked at again.
    Resumed,
    Heard(Result<Heard, BadFrame>),
    Inbound(Option<Inbound>),
    Told(usize, Told),
}

/// The connection is gone.
pub struct Gone;

/// Owns a connection on its thread.
struct Keeper(Option<Connection>);

impl Actor for Keeper {
    type Context = actix::Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(connection) = self.0.take() {
            ctx.spawn(connection.run().into_actor(self).map(|(), _, ctx| ctx.stop()));
        }
    }
}

impl Connection {
    /// Takes a connection over that was answered.
    pub fn start(
        (site, setup): (Data<Site>, Rc<SessionSetup>),
        (address, permit): (IpAddr, SessionPermit),
        TakenOver { stream, first, answer }: TakenOver,
    ) {
        let socket = Socket::new(stream);
        let now = Instant::now();
        let mut output = Output::default();
        output.push(answer);
        let limits = Limits { head_bytes: HEAD_BYTES_MAX, headers: HEADERS_MAX, body_bytes: FRAME_BYTES_MAX };
        let connection = Self {
            reader: FrameReader::new(socket.incoming(first), MESSAGE_BYTES_MAX).with_binary(),
            socket,
            decoder: Decoder::new(limits),
            output,
            rate: setup.rates.frames(),
            pause: None,
            is_counted: false,
            client: None,
            version: Version::V10,
            heart_beat: HeartBeat::default(),
            errors: None,
            subscriptions: Vec::new(),
            has_subscribed: false,
            turn: 0,
            doing: None,
            asked: FuturesUnordered::new(),
            ending: None,
            n_named: 0,
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
        Keeper(Some(connection)).start();
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

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
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
        self.poll_subscriptions(cx)
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
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.poll_unpin(cx));
            return Poll::Ready(Happened::Resumed);
        }
        let is_busy = self.doing.is_some() || self.asked.len() >= ASKED_MAX || !self.output.has_room();
        if is_busy || self.ending.is_some() {
            return Poll::Pending;
        }
        match self.decoder.next() {
            Ok(Some(heard)) => return Poll::Ready(Happened::Heard(Ok(heard))),
            Err(bad) => return Poll::Ready(Happened::Heard(Err(bad))),
            Ok(None) => {}
        }
        Pin::new(&mut self.reader).poll_next(cx).map(Happened::Inbound)
    }

    fn poll_subscriptions(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        if !self.output.has_room() && !self.output.takes_rest() {
            return Poll::Pending;
        }
        let n = self.subscriptions.len();
        // A MESSAGE that has begun comes to its end before another one begins.
        let open = self.subscriptions.iter().position(Subscription::is_open);
        let order: VecDeque<usize> = match open {
            Some(open) => [open].into(),
            None => (0..n).map(|k| (self.turn + k) % n).collect(),
        };
        for index in order {
            let Some(subscription) = self.subscriptions.get_mut(index) else { continue };
            if let Poll::Ready(told) = subscription.poll(cx) {
                self.turn = index + usize::from(open.is_none());
                return Poll::Ready(Happened::Told(index, told));
            }
        }
        Poll::Pending
    }

    fn take(&mut self, happened: Happened) -> Result<(), Gone> {
        match happened {
            Happened::Tick => self.look_at_the_clock()?,
            Happened::Wrote(Ok(())) => {
                self.last_sent = Instant::now();
                self.stalled = None;
            }
            Happened::Wrote(Err(_)) | Happened::Inbound(None) | Happened::Told(_, Told::Cut) => return Err(Gone),
            Happened::Done(done) => self.done(done),
            Happened::Answered(answered) => self.answered(answered),
            Happened::Resumed => self.pause = None,
            Happened::Heard(heard) => {
                if !std::mem::take(&mut self.is_counted) {
                    self.count();
                }
                match heard {
                    Ok(Heard::HeartBeat) => {}
                    Ok(Heard::Frame(frame)) => self.frame(frame),
                    Err(bad) => self.broken(&bad.to_string(), None),
                }
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
                self.decoder.feed(&bytes);
                self.is_counted = true;
            }
            Inbound::Ping(payload) => self.output.push(pong_frame(&payload)),
            Inbound::Pong | Inbound::Fragment | Inbound::Binary => {}
            Inbound::Close => {
                self.has_said_goodbye = true;
                self.end(None, CloseCode::Done);
            }
            Inbound::TooLarge => {
                let error = Writer::error(self.version, "a message of the WebSocket has at most 24 KiB").end();
                self.end(Some(error), CloseCode::TooLarge);
            }
            Inbound::Malformed => self.end(None, CloseCode::ProtocolError),
        }
    }

    /// One more of what a client may send so many of in a time: what is more waits in its socket.
    fn count(&mut self) {
        if let Err(wait) = self.rate.take() {
            self.pause = Some(Box::pin(sleep(wait)));
        }
    }

    fn told(&mut self, index: usize, told: Told) {
        let Some(subscription) = self.subscriptions.get_mut(index) else { return };
        match told {
            Told::Joined(Ok(())) => {
                if let Some(receipt) = subscription.receipt.take() {
                    self.say(Writer::receipt(self.version, &receipt).end());
                }
            }
            Told::Joined(Err(why)) => {
                let (id, receipt) = (subscription.id.clone(), subscription.receipt.take());
                self.forget(&id);
                self.not_subscribed(why, &id, receipt);
            }
            Told::Begin(n_bytes) => {
                self.n_named += 1;
                self.output.begin(&subscription.head(self.n_named), n_bytes);
            }
            Told::Bytes(bytes, is_last) => {
                let id = (is_last && subscription.is_over).then(|| subscription.id.clone());
                self.output.more(bytes, is_last);
                id.into_iter().for_each(|id| self.forget(&id));
            }
            Told::Ended(code) => {
                let id = subscription.id.clone();
                self.forget(&id);
                self.ended(code);
            }
            // Its connection was ended before.
            Told::Cut => {}
        }
    }

    /// A subscription is over: its session ends with it.
    pub(super) fn forget(&mut self, id: &str) {
        self.subscriptions.retain(|subscription| subscription.id != id);
    }

    /// Whether a MESSAGE has begun, and not ended.
    fn is_open(&self) -> bool {
        self.subscriptions.iter().any(Subscription::is_open)
    }

    /// Sends one frame of STOMP.
    pub(super) fn say(&mut self, frame: Vec<u8>) {
        self.output.push(text_frame(frame));
    }
}
