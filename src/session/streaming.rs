//! Sessions whose frames are the body of an HTTP answer: they read, and what they write comes another way.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, ready},
};

use actix::clock::Instant;
use actix_web::{
    HttpRequest,
    body::{BodySize, MessageBody},
};
use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    actor::{ConnectionPermit, Session, SessionSetup, Visit},
    entry::{Joining, NotJoined},
    framing::Framing,
    messages::SessionEvent,
    outbox::Outbox,
    pipe::{Pipe, Taken},
    plain::Requests,
    slot::Slot,
    socket::{Accepted, Connected, Socket},
};
use chat_domain::RoomId;
use chat_wire::JoinPayload;

/// Who wants to read a room by an HTTP answer.
pub struct Listener {
    /// Which room.
    pub room: RoomId,
    /// The visitor's address.
    pub address: IpAddr,
    /// What it counts among.
    pub permit: ConnectionPermit,
    /// As whom, and from where on.
    pub join: JoinPayload,
    /// Whether the token of that is one that a program brings with each request.
    pub is_bearer: bool,
    /// Writes what the door's readers get.
    pub framing: &'static dyn Framing,
}

/// What carries the frames of such a session to its client.
#[derive(Default)]
pub struct Line {
    requests: Weak<Requests>,
    accepted: Option<Accepted>,
    /// Is told that the session was cut.
    on_cut: Option<Box<dyn Fn()>>,
}

impl Line {
    /// The connection of a request, which is cut where its client does not read. Without one whoever takes the frames
    /// learns that there are no more, and cuts what is below.
    pub fn of(request: &HttpRequest) -> Self {
        let connected = request.conn_data::<Connected>();
        let (requests, accepted) = connected.map(|c| (c.requests(), c.accepted())).unzip();
        Self { requests: requests.unwrap_or_default(), accepted, on_cut: None }
    }

    /// One that carries several, of which none is worth its end: this is called where a session is cut, whether anybody
    /// takes its frames or not.
    pub fn shared(on_cut: impl Fn() + 'static) -> Self {
        Self { on_cut: Some(Box::new(on_cut)), ..Self::default() }
    }
}

/// The frames of a session, as the body of an answer. Where it is dropped the session ends.
pub struct FrameBody {
    pipe: Rc<Pipe>,
    slot: Rc<Slot>,
}

impl Session {
    /// Starts a session, and joins. Gives its frames, and what becomes of the JOIN: where nobody says that, the session
    /// has ended.
    pub fn listen(
        setup: Rc<SessionSetup>,
        Line { requests, accepted, on_cut }: Line,
        listener: Listener,
    ) -> (FrameBody, oneshot::Receiver<Result<(), NotJoined>>) {
        let Listener { room, address, permit, join, is_bearer, framing } = listener;
        let pipe = Pipe::new(requests, move || {
            if let Some(accepted) = &accepted {
                accepted.cut();
            }
            if let Some(on_cut) = &on_cut {
                on_cut();
            }
        });
        let socket = Socket::of_body(pipe.clone());
        let incoming = socket.incoming(Bytes::new());
        let outbox = Outbox::new(socket, framing, setup.outbox_bytes_max, setup.metrics.outbox_bytes.clone());
        let (answer, joined) = oneshot::channel();
        let joining = Some(Box::new(Joining { join: Some(join), is_bearer, answer }));
        let visit = Visit { room, address, permit, joining };
        let slot = Session::begin(setup, outbox, (incoming, false), visit);
        (FrameBody { pipe, slot }, joined)
    }
}

impl FrameBody {
    /// Whoever reads is typing. A session with too much to do need not know.
    pub fn types(&self) {
        if let Some(session) = self.slot.session.get() {
            let _ = session.try_send(SessionEvent::Types);
        }
    }
}

impl MessageBody for FrameBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        Poll::Ready(match ready!(self.pipe.poll_take(cx)) {
            Taken::Bytes(bytes) => {
                // HTTP takes more only where the client has taken what was before: the one sign of life there is.
                self.slot.liveness.borrow_mut().last_heard = Instant::now();
                Some(Ok(bytes))
            }
            Taken::End => None,
            Taken::Cut => Some(Err(io::ErrorKind::ConnectionReset.into())),
        })
    }
}

impl Drop for FrameBody {
    fn drop(&mut self) {
        self.pipe.gone();
    }
}
