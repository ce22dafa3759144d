//! What each packet of a client does, and what it is told.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    asking::{About, Asked, client, read},
    framing::{end, fields},
    speech::{Named, SocketIo, ToAnswer, Wanted},
};
use crate::{
    doors::{
        connection::{Answered, Connection, MESSAGE_BYTES_MAX, ROOMS_MAX},
        error::DoorError,
    },
    session::refusal,
};
use chat_socketio::{
    engine::{self, Engine},
    packet::{self, Packet},
    write,
};
use chat_wire::{AckPayload, CloseCode, ErrorCode, ServerFrame, encode, timestamp};

impl Connection<SocketIo> {
    /// What a client is told first: how long it may be silent, and what it may send.
    pub(super) fn open(&mut self) {
        let (every, silence_max) = self.rhythm();
        let wait = silence_max.saturating_sub(every).max(Duration::from_secs(1));
        self.say(write::open(&Uuid::new_v4().to_string(), every, wait, MESSAGE_BYTES_MAX));
    }

    pub(super) fn packet(&mut self, bytes: &[u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else { return self.broken("a packet is UTF-8") };
        match engine::read(text) {
            Ok(Engine::Ping(of)) => self.say(write::pong(of)),
            Ok(Engine::Pong | Engine::Noop) => {}
            Ok(Engine::Close) => self.end(None, CloseCode::Done),
            Ok(Engine::Message(text)) => self.message(text),
            Err(bad) => self.last_error((ErrorCode::BadFrame, bad.sentence()), CloseCode::ProtocolBroken),
        }
    }

    fn message(&mut self, text: &str) {
        match packet::read(text) {
            Err(bad) => self.broken(bad.sentence()),
            Ok(Packet::Elsewhere(namespace)) => {
                let data = json!({"code": ErrorCode::NotFound.as_str()});
                self.say(write::connect_error(&namespace, "there is no namespace but /", &data));
            }
            Ok(Packet::Connect(_)) if self.has_begun() => self.broken("this connection has begun already"),
            Ok(Packet::Connect(auth)) => match client(auth) {
                Ok(client) => self.connect(client),
                Err(why) => self.last_error((ErrorCode::BadRequest, why), CloseCode::ProtocolBroken),
            },
            Ok(_) if !self.has_begun() => self.broken("CONNECT comes first"),
            Ok(Packet::Disconnect) => self.end(None, CloseCode::Done),
            Ok(Packet::Event { name, payload, ack }) => self.event(&name, payload, ack),
            // Nothing that is said here is to be answered.
            Ok(Packet::Ack) => {}
        }
    }

    fn event(&mut self, name: &str, payload: Value, ack: Option<u64>) {
        let (about, asked) = read(name, payload);
        let room_id = about.room_id.clone().unwrap_or_default();
        match asked {
            Err(error) => self.refuse(&error, &about, ack),
            Ok(Asked::Join(room, resume)) => self.want(Wanted { room, room_id, resume, ack }),
            Ok(Asked::Leave) => match self.room(&room_id) {
                Some(index) => {
                    self.rooms.iter_mut().skip(index).take(1).for_each(|room| room.name.left = ack);
                    self.leave(index);
                }
                None => self.not_in(&about, ack),
            },
            Ok(Asked::Typing) => {
                let index = self.room(&room_id);
                match index.and_then(|index| self.rooms.get(index)).filter(|room| room.has_joined()) {
                    Some(room) => {
                        room.types();
                        self.taken(ack);
                    }
                    None => self.not_in(&about, ack),
                }
            }
            Ok(Asked::Send(to_send)) => {
                let client_id = to_send.client_id;
                self.send(ToAnswer { about, client_id, ack }, to_send);
            }
        }
    }

    /// The place of a room that is read under this name, and not being left.
    fn room(&self, room_id: &str) -> Option<usize> {
        self.rooms.iter().position(|room| room.name.room_id == room_id && !room.is_over)
    }

    pub(super) fn join(&mut self, Wanted { room, room_id, resume, ack }: Wanted) {
        let about = About { room_id: Some(room_id.clone()), client_id: None };
        if self.room(&room_id).is_some() {
            let error = refusal(ErrorCode::AlreadyJoined, "this connection reads the room already");
            return self.refuse(&error.into(), &about, ack);
        }
        if self.rooms.len() >= ROOMS_MAX {
            let error = refusal(ErrorCode::BadRequest, "a connection has at most 20 rooms");
            return self.refuse(&error.into(), &about, ack);
        }
        if let Err((error, _)) = self.enter(room, resume, Named::new(room_id, ack)) {
            self.refuse(&error, &about, ack);
        }
    }

    /// A room was left, perhaps before it was entered.
    pub(super) fn has_left(&mut self, Named { room_id, joined, left, .. }: Named) {
        if joined.is_some() {
            self.not_in(&About { room_id: Some(room_id), client_id: None }, joined);
        }
        self.taken(left);
    }

    fn not_in(&mut self, about: &About, ack: Option<u64>) {
        let error = refusal(ErrorCode::NotJoined, "join the room first");
        self.refuse(&error.into(), about, ack);
    }

    /// What a room has said of a command: an answer where one is wanted, now that it is stored, or why it is not.
    pub(super) fn answer(&mut self, Answered { asker, became }: Answered<ToAnswer>) {
        let ToAnswer { about, client_id, ack } = asker;
        match (became, ack) {
            (Err(error), ack) => self.refuse(&error, &About { client_id: Some(client_id), ..about }, ack),
            (Ok(_), None) => {}
            (Ok(published), Some(ack)) => {
                let stored = &published.stored;
                let frame = ServerFrame::Ack(AckPayload {
                    client_id,
                    id: stored.id.to_string(),
                    seq: stored.seq,
                    rev: published.rev(),
                    created_at: timestamp(stored.created_at),
                });
                let epoch = Value::from(stored.epoch.to_string());
                self.say(write::ack(ack, &format!("{{\"ok\":true,{},\"epoch\":{epoch}}}", inner(&frame))));
            }
        }
    }

    /// The answer to what there is nothing to say about.
    pub(super) fn taken(&mut self, ack: Option<u64>) {
        if let Some(ack) = ack {
            self.say(write::ack(ack, "{\"ok\":true}"));
        }
    }

    /// Tells what was refused: in the answer where one is wanted, else by an event.
    pub(super) fn refuse(&mut self, error: &DoorError, about: &About, ack: Option<u64>) {
        let error = inner(&error.frame(about.client_id));
        match (ack, &about.room_id) {
            (Some(ack), _) => self.say(write::ack(ack, &format!("{{\"ok\":false,{error}}}"))),
            (None, None) => self.say(write::event("error", &format!("{{{error}}}"))),
            (None, Some(room_id)) => {
                let begin = format!("42[\"error\",{{{error},");
                self.say([begin.as_bytes(), &end(room_id)].concat());
            }
        }
    }

    /// A packet that breaks the protocol: nothing behind it is read.
    pub(super) fn broken(&mut self, why: &'static str) {
        self.last_error((ErrorCode::BadFrame, why), CloseCode::ProtocolBroken);
    }

    /// The connection cannot go on, and its client is not to come back by itself.
    pub(super) fn last_error(&mut self, (code, message): (ErrorCode, &'static str), close: CloseCode) {
        if self.is_ending() {
            return;
        }
        if self.has_begun() {
            self.refuse(&refusal(code, message).into(), &About::default(), None);
            return self.end(Some(write::DISCONNECT.into()), close);
        }
        let error = write::connect_error("/", message, &json!({"code": code.as_str()}));
        self.end(Some(error.into()), close);
    }
}

/// The fields of a frame, as they stand in JSON.
fn inner(frame: &ServerFrame<'_>) -> String {
    let json = encode(frame);
    fields(json.as_bytes()).map(|(_, fields)| String::from_utf8_lossy(fields).into_owned()).unwrap_or_default()
}
