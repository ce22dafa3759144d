use bytes::Bytes;
use uuid::Uuid;

use super::{
    asking::About,
    framing::{EVENTS, end},
};
use crate::{
    doors::{
        connection::{Answered, Connection, Protocol},
        error::DoorError,
    },
    session::Framing,
};
use chat_domain::RoomId;
use chat_socketio::write;
use chat_wire::{CloseCode, ErrorCode, ResumePoint, text_frame};

/// What a connection that speaks Socket.IO keeps.
#[derive(Default)]
pub struct SocketIo {
    /// A message of the WebSocket, which is one packet.
    waiting: Option<Bytes>,
}

/// A room that somebody reads.
pub struct Named {
    /// As the client calls it.
    pub room_id: String,
    /// The answer that is wanted once it is in the room.
    pub joined: Option<u64>,
    /// The answer that is wanted once it has left.
    pub left: Option<u64>,
    end: Bytes,
}

impl Named {
    /// A room that is wanted.
    pub fn new(room_id: String, joined: Option<u64>) -> Self {
        Self { end: end(&room_id), room_id, joined, left: None }
    }
}

/// A `join`.
pub struct Wanted {
    pub room: RoomId,
    pub room_id: String,
    pub resume: Option<ResumePoint>,
    pub ack: Option<u64>,
}

/// Which command is answered.
pub struct ToAnswer {
    pub about: About,
    pub client_id: Uuid,
    /// The answer that is wanted.
    pub ack: Option<u64>,
}

impl Protocol for SocketIo {
    type Frame = Bytes;
    type Name = Named;
    type Wanted = Wanted;
    type Asker = ToAnswer;

    const FRAMING: &'static dyn Framing = &EVENTS;
    const TAKES_BINARY: bool = false;

    fn begun(connection: &mut Connection<Self>) {
        connection.open();
    }

    fn feed(&mut self, bytes: Bytes) {
        self.waiting = Some(bytes);
    }

    fn next(&mut self) -> Option<Bytes> {
        self.waiting.take()
    }

    fn heard(connection: &mut Connection<Self>, frame: Bytes) {
        connection.packet(&frame);
    }

    fn binary(connection: &mut Connection<Self>) {
        connection.broken("nothing here is binary");
    }

    fn too_large(connection: &mut Connection<Self>) {
        connection.last_error((ErrorCode::TooLarge, "a packet has at most 24 KiB"), CloseCode::TooLarge);
    }

    fn connected(connection: &mut Connection<Self>, became: Result<(), DoorError>) {
        match became {
            Ok(()) => connection.say(write::connected(&Uuid::new_v4().to_string())),
            Err(error) => match error.said() {
                // It passes, and whoever gets a CONNECT_ERROR does not come back by itself.
                (ErrorCode::Overloaded | ErrorCode::RateLimited | ErrorCode::StoreUnavailable, _) => {
                    connection.end(None, CloseCode::Restart);
                }
                said => connection.last_error(said, CloseCode::LoginEnded),
            },
        }
    }

    fn may_enter(connection: &mut Connection<Self>, wanted: Wanted) {
        connection.join(wanted);
    }

    fn joined(connection: &mut Connection<Self>, index: usize) {
        let ack = connection.rooms.get_mut(index).and_then(|room| room.name.joined.take());
        connection.taken(ack);
    }

    fn not_joined(connection: &mut Connection<Self>, Named { room_id, joined, left, .. }: Named, error: &DoorError) {
        connection.refuse(error, &About { room_id: Some(room_id), client_id: None }, joined);
        connection.taken(left);
    }

    fn left(connection: &mut Connection<Self>, name: Named) {
        connection.has_left(name);
    }

    fn ended(connection: &mut Connection<Self>, code: CloseCode) {
        match code {
            CloseCode::LoginEnded => {
                connection.last_error((ErrorCode::BadToken, "this login was ended"), CloseCode::LoginEnded);
            }
            // A client comes back by itself, and with it to its rooms, from where it was.
            code => connection.end(None, code),
        }
    }

    fn answered(connection: &mut Connection<Self>, answered: Answered<ToAnswer>) {
        connection.answer(answered);
    }

    fn head(&self, _: &Named, _: u64) -> Vec<u8> {
        Vec::new()
    }

    fn tail(&self, name: &Named) -> Bytes {
        name.end.clone()
    }

    fn ping() -> Bytes {
        text_frame(write::PING)
    }

    fn fatal(connection: &mut Connection<Self>, why: &'static str, code: CloseCode) {
        match code {
            CloseCode::NotJoined => connection.last_error((ErrorCode::NotJoined, why), code),
            code => connection.end(None, code),
        }
    }
}
