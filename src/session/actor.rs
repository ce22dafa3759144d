use std::{
    net::IpAddr,
    rc::Rc,
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix::{
    Actor, ActorContext, ArbiterHandle, AsyncContext, Context, Handler, Recipient, StreamHandler, clock::Instant,
};
use actix_web::rt::net::TcpStream;
use bytes::Bytes;
use uuid::Uuid;

use super::{
    admission::{Admission, IdentityPermit, RefusalPermit, SessionPermit},
    codec::ErrorReply,
    entry::{Joining, NotJoined},
    framing::{DEFLATED, Framing, PLAIN},
    hub::Hub,
    messages::SessionEvent,
    outbox::Outbox,
    proof::Proof,
    rate_limit::{FrameRate, RateLimits},
    recent::{BAD_FRAMES_MAX, Recent},
    refusals::{refusal, too_fast},
    slot::Slot,
    socket::{Incoming, Socket},
    spread::random_unit,
};
use crate::{
    accounts::{Accounts, LiveLogin, LoginEnded},
    moderation::{Decision, Desk},
    session_registry::{Listed, Roster},
};
use chat_domain::{IdentityKey, Principal, RoomId};
use chat_metrics::Metrics;
use chat_rooms::{Deliver, HubId, Join, Membership, SessionId};
use chat_store::User;
use chat_wire::{self, ClientFrame, CloseCode, ErrorCode, FRAME_BYTES_MAX, FrameReader, Inbound, ServerFrame};

/// What sessions need to join: there once the database was reached.
pub struct JoinContext {
    /// The registry, through which all joins go.
    pub registry: Recipient<Join>,
    /// The key that public ids are derived with.
    pub identity: IdentityKey,
    /// Where whoever keeps order is served.
    pub desk: Desk,
    /// Where accounts are served.
    pub accounts: Accounts,
}

/// What all sessions of one thread share.
pub struct SessionSetup {
    /// The thread's hub.
    pub hub: Rc<Hub>,
    /// Which one that is.
    pub hub_id: HubId,
    /// Its actor's address.
    pub deliver: Recipient<Deliver>,
    /// The thread, on which rooms live that its sessions open.
    pub thread: ArbiterHandle,
    /// Set once the database was reached.
    pub join_context: Arc<OnceLock<JoinContext>>,
    /// Counts sessions.
    pub admission: Arc<Admission>,
    /// Knows who is here.
    pub roster: Arc<Roster>,
    /// Limits what identities do.
    pub rates: Arc<RateLimits>,
    /// Whether a session may break the protocol as often as it likes, for load tests.
    pub forgives: bool,
    /// Bound of an outbox.
    pub outbox_bytes_max: usize,
    /// The metrics.
    pub metrics: Arc<Metrics>,
}

/// One WebSocket that was accepted.
pub struct Connection {
    /// The room of its URL.
    pub room: RoomId,
    /// The visitor's address.
    pub address: IpAddr,
    /// What it counts among.
    pub permit: ConnectionPermit,
    /// Whether compression was agreed on.
    pub deflates: bool,
    /// Its socket.
    pub stream: TcpStream,
    /// What came with the request and is not read yet.
    pub first: Bytes,
    /// The answer to the upgrade, not written yet.
    pub answer: Bytes,
}

/// What a connection counts among, for as long as it lives.
pub enum ConnectionPermit {
    /// The server's sessions.
    Session(SessionPermit),
    /// The same, of a connection that several read by.
    Shared(Rc<SessionPermit>),
    /// Those that are closed at once.
    Refused(RefusalPermit),
}

/// Somebody who comes.
pub(super) struct Visit {
    pub room: RoomId,
    pub address: IpAddr,
    pub permit: ConnectionPermit,
    pub joining: Option<Box<Joining>>,
}

/// The actor of one WebSocket, or of another way to read: decodes and checks frames, limits rates, forwards to its room.
pub struct Session {
    pub(super) setup: Rc<SessionSetup>,
    pub(super) slot: Rc<Slot>,
    /// The room of its URL: the one that its frames mean.
    pub(super) room: RoomId,
    pub(super) address: IpAddr,
    /// The rooms it is in: version 1 of the protocol has one at most. A list, which is smaller than a map.
    pub(super) subscriptions: Vec<Subscription>,
    /// When its room last heard that it types.
    pub(super) typed_at: Option<Instant>,
    /// How much it has under way at the desk.
    pub(super) n_orders: usize,
    /// The JOIN that it began with, until that is answered; a socket begins without.
    pub(super) joining: Option<Box<Joining>>,
    bad_frames: Recent,
    frames: FrameRate,
    _permit: ConnectionPermit,
}

/// A room that a session is in. The drop of its membership is the one way out.
pub(super) struct Subscription {
    pub(super) room: RoomId,
    pub(super) membership: Membership,
    /// What it counts among, by its identity.
    pub(super) permit: IdentityPermit,
    /// Whose session it is.
    pub(super) principal: Principal,
    /// Whoever is signed in.
    pub(super) user: Option<Arc<User>>,
    /// What a blog has signed for whoever it is, where one has.
    pub(super) proof: Option<Box<Proof>>,
    /// Its place among those that operators see.
    pub(super) listed: Listed,
    /// Its place among those of its login, where it has one.
    pub(super) _login: Option<LiveLogin>,
}

impl Session {
    /// Starts the actor of a connection. Where it is `refused` it is closed at once with that code: a page cannot see
    /// the status of a refused upgrade.
    pub fn open(setup: Rc<SessionSetup>, connection: Connection, refused: Option<CloseCode>) {
        let Connection { room, address, permit, deflates, stream, first, answer } = connection;
        let socket = Socket::new(stream);
        let incoming = socket.incoming(first);
        let framing: &dyn Framing = if deflates { &DEFLATED } else { &PLAIN };
        let outbox = Outbox::new(socket, framing, setup.outbox_bytes_max, setup.metrics.outbox_bytes.clone());
        outbox.push_uncounted(answer);
        outbox.flush();
        let hub = setup.hub.clone();
        let slot = Self::begin(setup, outbox, (incoming, deflates), Visit { room, address, permit, joining: None });
        if let Some(code) = refused {
            hub.close(&slot, code);
        }
    }

    /// Starts the actor of whoever reads from this outbox, and whose frames come in, compressed or not.
    pub(super) fn begin(
        setup: Rc<SessionSetup>,
        outbox: Rc<Outbox>,
        (incoming, deflates): (Incoming, bool),
        visit: Visit,
    ) -> Rc<Slot> {
        let Visit { room, address, permit, joining } = visit;
        setup.metrics.sessions_opened.inc();
        setup.metrics.sessions_live.inc();
        let id = SessionId(Uuid::new_v4());
        let slot = Slot::new(id, outbox, setup.hub.times(), random_unit());
        setup.hub.add(slot.clone());
        let session = Session {
            frames: setup.rates.frames(),
            setup,
            slot: slot.clone(),
            room,
            address,
            subscriptions: Vec::new(),
            typed_at: None,
            n_orders: 0,
            joining,
            bad_frames: Recent::default(),
            _permit: permit,
        };
        let session = Session::create(|ctx| {
            ctx.add_stream(FrameReader::new(incoming, FRAME_BYTES_MAX).inflating(deflates));
            session
        });
        // Set once, here.
        let _ = slot.session.set(session.recipient());
        slot
    }

    fn text(&mut self, text: &Bytes, ctx: &mut Context<Self>) {
        log::trace!("session {}: a text frame of {} bytes", self.slot.id.0, text.len());
        let Ok(text) = std::str::from_utf8(text) else {
            return self.bad_frame("a text frame is UTF-8", None);
        };
        let decoded = chat_wire::decode(text);
        if let Err(wait) = self.frames.take() {
            let client_id = decoded.as_ref().map_or_else(|error| error.client_id, ClientFrame::client_id);
            return self.too_fast(wait, client_id);
        }
        match decoded {
            Ok(ClientFrame::Ping) => self.tell(&ServerFrame::Pong {}),
            Ok(ClientFrame::Join(join)) => self.join(join, ctx),
            Ok(ClientFrame::Auth(auth)) => self.auth(&auth, ctx),
            Ok(ClientFrame::Profile(profile)) => self.profile(profile),
            Ok(ClientFrame::Message(message)) => self.message(message),
            Ok(ClientFrame::Edit(edit)) => self.edit(edit),
            Ok(ClientFrame::Delete(delete)) => self.delete(&delete),
            Ok(ClientFrame::React(react)) => self.react(&react),
            Ok(ClientFrame::Pin(pin)) => self.pin(&pin),
            Ok(ClientFrame::Report(report)) => self.report(report, ctx),
            Ok(ClientFrame::Ban(ban)) => self.ban(ban, ctx),
            Ok(ClientFrame::Unban(unban)) => self.unban(&unban, ctx),
            Ok(ClientFrame::RoomSet(set)) => self.set_room(set, ctx),
            Ok(ClientFrame::Approve(held)) => self.settle_held(held, Decision::Approve, ctx),
            Ok(ClientFrame::Reject(held)) => self.settle_held(held, Decision::Reject, ctx),
            Ok(ClientFrame::Typing) => self.typing(),
            Err(error) => self.bad_frame(error.reason, error.client_id),
        }
    }

    /// Its subscription to the room that its frames mean.
    pub(super) fn subscription(&self) -> Option<&Subscription> {
        self.subscriptions.iter().find(|subscription| subscription.room == self.room)
    }

    fn bad_frame(&mut self, reason: &'static str, client_id: Option<Uuid>) {
        self.error(refusal(ErrorCode::BadFrame, reason), client_id);
        self.count_broken();
    }

    /// More frames than anybody needs. Who goes on regardless of the answers breaks the protocol.
    fn too_fast(&mut self, wait: Duration, client_id: Option<Uuid>) {
        self.error(too_fast("too many frames in too short a time", wait), client_id);
        self.count_broken();
    }

    pub(super) fn count_broken(&mut self) {
        // The fiftieth is the one too many.
        let is_over = !self.setup.forgives && self.bad_frames.add(Instant::now(), BAD_FRAMES_MAX - 1).is_err();
        if is_over {
            self.close(CloseCode::ProtocolBroken);
        }
    }

    pub(super) fn error(&self, error: impl Into<ErrorReply>, client_id: Option<Uuid>) {
        let error = error.into();
        self.setup.hub.count_error(error, client_id.is_some());
        self.tell(&error.frame(client_id));
    }

    pub(super) fn tell(&self, frame: &ServerFrame<'_>) {
        self.setup.hub.tell(&self.slot, chat_wire::encode(frame).as_bytes());
    }

    pub(super) fn close(&mut self, code: CloseCode) {
        if let Some(joining) = self.joining.take() {
            joining.answer(Err(NotJoined::Closed(code)));
        }
        self.setup.hub.close(&self.slot, code);
        self.subscriptions.clear();
    }
}

/// No close frame came or went (RFC 6455, section 7.1.5): what browsers call it, too.
pub const ABNORMAL: u16 = 1006;

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(join) = self.joining.as_mut().and_then(|joining| joining.join.take()) {
            self.join(join, ctx);
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.setup.hub.remove(self.slot.id);
        let code = self.slot.close_code.get().map_or(ABNORMAL, CloseCode::number);
        log::debug!("session {}: ended, close code {code}", self.slot.id.0);
        self.setup.metrics.sessions_closed.inc(&code.to_string());
        self.setup.metrics.sessions_live.dec();
    }
}

impl StreamHandler<Inbound> for Session {
    fn handle(&mut self, inbound: Inbound, ctx: &mut Self::Context) {
        let now = Instant::now();
        self.slot.liveness.borrow_mut().last_heard = now;
        for subscription in &self.subscriptions {
            subscription.listed.heard(now.into_std());
        }
        if self.slot.phase().is_closed() {
            // The peer answers our close frame, or sends what it had not heard it should not.
            if inbound == Inbound::Close {
                self.slot.outbox.finish();
            }
            return;
        }
        // A text frame is counted once it is known whose answer it waits for.
        if matches!(inbound, Inbound::Binary | Inbound::Fragment | Inbound::Ping(_) | Inbound::Pong)
            && let Err(wait) = self.frames.take()
        {
            return self.too_fast(wait, None);
        }
        match inbound {
            Inbound::Text(text) => self.text(&text, ctx),
            Inbound::Binary => self.bad_frame("frames are text", None),
            Inbound::Ping(payload) => self.setup.hub.send(&self.slot, chat_wire::pong_frame(&payload)),
            Inbound::Pong | Inbound::Fragment => {}
            Inbound::Close => {
                self.close(CloseCode::Done);
                self.slot.outbox.finish();
            }
            Inbound::TooLarge => {
                let too_large = "a frame, or the sum of its fragments, has at most 16 KiB, inflated as well";
                self.error(refusal(ErrorCode::TooLarge, too_large), None);
                self.close(CloseCode::TooLarge);
            }
            Inbound::Malformed => self.close(CloseCode::ProtocolError),
        }
    }

    /// Nothing more comes. What is queued may still be read by the peer; until it is, or the hub cuts it, the session
    /// counts.
    fn finished(&mut self, ctx: &mut Self::Context) {
        if !self.slot.phase().is_closed() {
            self.setup.hub.drop_gone(&self.slot);
        }
        self.slot.outbox.finish();
        if self.slot.outbox.is_empty() {
            ctx.stop();
        }
    }
}

impl Handler<SessionEvent> for Session {
    type Result = ();

    fn handle(&mut self, event: SessionEvent, ctx: &mut Self::Context) {
        match event {
            SessionEvent::Unsubscribed(key) => self.subscriptions.retain(|s| s.membership.key() != key),
            SessionEvent::Closed => self.subscriptions.clear(),
            SessionEvent::Cut => ctx.stop(),
            SessionEvent::Types => self.typing(),
        }
    }
}

impl Handler<LoginEnded> for Session {
    type Result = ();

    fn handle(&mut self, _: LoginEnded, _: &mut Self::Context) {
        self.close(CloseCode::LoginEnded);
    }
}
