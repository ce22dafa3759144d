use actix::clock::Instant;
use bytes::Bytes;
use uuid::Uuid;

use super::framing::MESSAGES;
use crate::{
    doors::{
        connection::{Answered, Connection, Protocol, SILENT, TICK},
        error::DoorError,
    },
    session::Framing,
};
use chat_stomp::{BadFrame, Decoder, Frame, HeartBeat, Inbound, Limits, Version, Writer};
use chat_wire::{CloseCode, FRAME_BYTES_MAX, ping_frame};

/// Bytes of a frame's command and headers: room for a long token.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Headers of a frame.
const HEADERS_MAX: usize = 64;

/// What a connection that speaks STOMP keeps.
pub struct Stomp {
    pub(super) decoder: Decoder,
    pub(super) version: Version,
    pub(super) heart_beat: HeartBeat,
    /// Where what is refused is told: how the client calls that, and whether it acknowledges.
    pub(super) errors: Option<(String, bool)>,
}

impl Stomp {
    /// Before anything came.
    pub fn new() -> Self {
        let limits = Limits { head_bytes: HEAD_BYTES_MAX, headers: HEADERS_MAX, body_bytes: FRAME_BYTES_MAX };
        Self { decoder: Decoder::new(limits), version: Version::V10, heart_beat: HeartBeat::default(), errors: None }
    }
}

/// What a SUBSCRIBE says, besides which room.
pub struct Named {
    /// As the client calls it.
    pub id: String,
    /// The RECEIPT that it is to get once it is in the room.
    pub receipt: Option<String>,
    /// As the client has written it.
    pub destination: String,
    /// Each MESSAGE has a name by which it is acknowledged.
    pub has_acks: bool,
}

/// Which command is answered.
pub struct ToAnswer {
    pub client_id: Uuid,
    /// Of the RECEIPT that is wanted.
    pub receipt: Option<String>,
}

impl Protocol for Stomp {
    type Frame = Result<Inbound, BadFrame>;
    type Name = Named;
    type Wanted = Frame;
    type Asker = ToAnswer;

    const FRAMING: &'static dyn Framing = &MESSAGES;
    const TAKES_BINARY: bool = true;

    fn feed(&mut self, bytes: Bytes) {
        self.decoder.feed(&bytes);
    }

    fn next(&mut self) -> Option<Self::Frame> {
        self.decoder.next().transpose()
    }

    fn heard(connection: &mut Connection<Self>, frame: Self::Frame) {
        match frame {
            Ok(Inbound::HeartBeat) => {}
            Ok(Inbound::Frame(frame)) => connection.frame(frame),
            Err(bad) => connection.broken(&bad.to_string(), None),
        }
    }

    fn too_large(connection: &mut Connection<Self>) {
        connection.last_error(("a message of the WebSocket has at most 24 KiB", None), None, CloseCode::TooLarge);
    }

    fn connected(connection: &mut Connection<Self>, became: Result<(), DoorError>) {
        match became {
            Ok(()) => connection.welcome(),
            Err(error) => connection.refused_for_good(&error, None, CloseCode::LoginEnded),
        }
    }

    fn may_enter(connection: &mut Connection<Self>, wanted: Frame) {
        connection.subscribe(&wanted);
    }

    fn joined(connection: &mut Connection<Self>, index: usize) {
        let receipt = connection.rooms.get_mut(index).and_then(|room| room.name.receipt.take());
        connection.receipt(receipt.as_deref());
    }

    fn not_joined(connection: &mut Connection<Self>, name: Named, error: &DoorError) {
        connection.refuse_subscription(error, &name.id, name.receipt);
    }

    fn ended(connection: &mut Connection<Self>, code: CloseCode) {
        connection.unsubscribed(code);
    }

    fn answered(connection: &mut Connection<Self>, answered: Answered<ToAnswer>) {
        connection.answer(answered);
    }

    fn head(&self, Named { id, destination, has_acks, .. }: &Named, n: u64) -> Vec<u8> {
        head(self.version, (id, destination), has_acks.then_some(n)).into_head()
    }

    fn ping() -> Bytes {
        ping_frame()
    }

    fn tick(connection: &mut Connection<Self>, now: Instant) {
        let HeartBeat { receives, sends } = connection.own.heart_beat;
        // Twice as long as agreed upon, and a moment: networks are not punctual.
        let silent = now.saturating_duration_since(connection.last_heard);
        if receives.is_some_and(|every| silent >= every * 2 + TICK) {
            return Self::fatal(connection, SILENT, CloseCode::NoSignOfLife);
        }
        let unsaid = now.saturating_duration_since(connection.last_sent);
        if sends.is_some_and(|every| unsaid + 2 * TICK >= every) && connection.is_idle() {
            connection.say("\n");
        }
    }

    fn fatal(connection: &mut Connection<Self>, why: &'static str, code: CloseCode) {
        connection.last_error((why, None), None, code);
    }
}

/// The headers of a MESSAGE that a reader has for itself.
pub fn head(version: Version, (id, destination): (&str, &str), ack: Option<u64>) -> Writer {
    let writer = Writer::head(version).header("subscription", id).header("destination", destination);
    match ack {
        Some(n) => writer.header("ack", &n.to_string()),
        None => writer,
    }
}
