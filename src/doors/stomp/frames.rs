//! What each frame of a client does.

use uuid::Uuid;

use super::{
    client::{Agreed, HEART_BEAT, agreed},
    destination::{ERRORS, Source},
    framing::JSON,
    sending::{client_id_of, read},
    speech::{Named, Stomp, ToAnswer, head},
};
use crate::{
    doors::{
        connection::{Answered, Connection, ROOMS_MAX},
        error::DoorError,
    },
    session::{refusal, text_refusal},
};
use chat_stomp::{Command, Frame, Version, Writer};
use chat_wire::{CloseCode, ErrorCode, ResumePoint, encode, timestamp};

/// The longest name that a client gives to a subscription, in bytes: it goes with each MESSAGE.
const ID_BYTES_MAX: usize = 256;

impl Connection<Stomp> {
    pub(super) fn frame(&mut self, frame: Frame) {
        let receipt = frame.headers.get("receipt").map(str::to_owned);
        let has_begun = self.has_begun();
        match frame.command {
            Command::Connect if has_begun => self.broken("this connection has begun already", receipt.as_deref()),
            Command::Connect => self.agree(&frame),
            _ if !has_begun => self.broken("CONNECT comes first", receipt.as_deref()),
            Command::Begin | Command::Commit | Command::Abort => self.no_transactions(receipt.as_deref()),
            _ if frame.headers.get("transaction").is_some() => self.no_transactions(receipt.as_deref()),
            Command::Send => self.hand_over(&frame, receipt),
            Command::Subscribe => self.want(frame),
            Command::Unsubscribe => self.unsubscribe(&frame, receipt.as_deref()),
            Command::Ack | Command::Nack => {
                let name = if self.own.version == Version::V12 { "id" } else { "message-id" };
                match frame.headers.get(name) {
                    // What was shown is known by epoch and rev, and asked for by them: nothing is kept for anybody.
                    Some(_) => self.receipt(receipt.as_deref()),
                    None => self
                        .broken("ACK and NACK say of which MESSAGE: id, in 1.0 and 1.1 message-id", receipt.as_deref()),
                }
            }
            Command::Disconnect => {
                let last = receipt.map(|receipt| Writer::receipt(self.own.version, &receipt).end());
                self.end_if_answered(last, CloseCode::Done);
            }
        }
    }

    fn agree(&mut self, frame: &Frame) {
        match agreed(frame) {
            Ok(Agreed { client, version, heart_beat }) => {
                self.own.version = version;
                self.own.decoder.agreed(version);
                self.own.heart_beat = heart_beat;
                self.connect(client);
            }
            Err(why) => {
                let error = Writer::error(self.own.version, why).header("version", "1.0,1.1,1.2").end();
                self.end(Some(error), CloseCode::ProtocolBroken);
            }
        }
    }

    pub(super) fn welcome(&mut self) {
        let every = HEART_BEAT.as_millis();
        let connected = Writer::connected(self.own.version)
            .header("server", concat!("realtime-chat/", env!("CARGO_PKG_VERSION")))
            .header("heart-beat", &format!("{every},{every}"));
        self.say(connected.end());
    }

    fn hand_over(&mut self, frame: &Frame, receipt: Option<String>) {
        let (client_id, refused) = match client_id_of(frame) {
            Ok(client_id) => (client_id, None),
            Err(error) => (Uuid::nil(), Some(error)),
        };
        let of = ToAnswer { client_id, receipt };
        if let Some(error) = refused {
            return self.refuse((&error, None), &of.receipt, None);
        }
        match read(frame, client_id) {
            None => self.broken("what is sent goes to /app/rooms. and a room", of.receipt.as_deref()),
            Some(Err(error)) => self.answer(Answered { asker: of, became: Err(error) }),
            Some(Ok(to_send)) => self.send(of, to_send),
        }
    }

    /// What a room has said of a command: a RECEIPT where one is wanted, now that it is stored, or why it is not.
    pub(super) fn answer(&mut self, Answered { asker, became }: Answered<ToAnswer>) {
        let ToAnswer { client_id, receipt } = asker;
        match (became, receipt) {
            (Err(error), receipt) => self.refuse((&error, Some(client_id)), &receipt, None),
            (Ok(_), None) => {}
            (Ok(published), Some(receipt)) => {
                let stored = &published.stored;
                let frame = Writer::receipt(self.own.version, &receipt)
                    .header("client-id", &client_id.to_string())
                    .header("id", &stored.id.to_string())
                    .header("seq", &stored.seq.to_string())
                    .header("rev", &published.rev().to_string())
                    .header("epoch", &stored.epoch.to_string())
                    .header("created-at", &timestamp(stored.created_at));
                self.say(frame.end());
            }
        }
    }

    pub(super) fn subscribe(&mut self, frame: &Frame) {
        let receipt = frame.headers.get("receipt").map(str::to_owned);
        let destination = frame.headers.get("destination").unwrap_or_default();
        let Some(source) = Source::parse(destination) else {
            let why = "what can be subscribed to is /topic/rooms. and a room, and /user/queue/errors";
            return self.broken(why, receipt.as_deref());
        };
        let has_acks = match frame.headers.get("ack").unwrap_or("auto") {
            "auto" => false,
            "client" | "client-individual" => true,
            _ => return self.broken("ack is auto, client or client-individual", receipt.as_deref()),
        };
        // In 1.0 a subscription need not have a name.
        let id = match (frame.headers.get("id"), self.own.version) {
            (Some(id), _) => id,
            (None, Version::V10) => destination,
            (None, _) => return self.broken("a SUBSCRIBE has an id", receipt.as_deref()),
        };
        let is_known =
            self.rooms.iter().any(|room| room.name.id == id) || self.own.errors.as_ref().is_some_and(|(e, _)| e == id);
        if is_known || id.len() > ID_BYTES_MAX {
            return self.broken("each subscription has an id of its own, of at most 256 bytes", receipt.as_deref());
        }
        match source {
            Ok(Source::Errors) if self.own.errors.is_some() => {
                self.broken("what is refused is told once", receipt.as_deref());
            }
            Ok(Source::Errors) => {
                self.own.errors = Some((id.to_owned(), has_acks));
                self.receipt(receipt.as_deref());
            }
            Ok(Source::Room(_)) if self.rooms.len() >= ROOMS_MAX => {
                self.broken("a connection has at most 20 subscriptions", receipt.as_deref());
            }
            Ok(Source::Room(room)) => {
                let (id, destination) = (id.to_owned(), destination.to_owned());
                let named = Named { id, receipt, destination, has_acks };
                if let Err((error, named)) = self.enter(room, resume_of(frame), named) {
                    self.refuse_subscription(&error, &named.id, named.receipt);
                }
            }
            Err(error) => self.refuse_subscription(&text_refusal(error).into(), id, receipt),
        }
    }

    pub(super) fn refuse_subscription(&mut self, error: &DoorError, id: &str, receipt: Option<String>) {
        if self.own.errors.is_some() {
            return self.refuse((error, None), &receipt, Some(id));
        }
        // Whoever is not told would wait for what never comes.
        self.refused_for_good(error, receipt.as_deref(), CloseCode::Done);
    }

    fn unsubscribe(&mut self, frame: &Frame, receipt: Option<&str>) {
        let id = match (frame.headers.get("id"), self.own.version) {
            (Some(id), _) => id,
            (None, Version::V10) => frame.headers.get("destination").unwrap_or_default(),
            (None, _) => return self.broken("an UNSUBSCRIBE has the id of its subscription", receipt),
        };
        self.own.errors.take_if(|(errors, _)| errors == id);
        if let Some(index) = self.rooms.iter().position(|room| room.name.id == id) {
            self.leave(index);
        }
        self.receipt(receipt);
    }

    /// A subscription was ended by the server, which cannot say so but by ending the connection.
    pub(super) fn unsubscribed(&mut self, code: CloseCode) {
        match code {
            CloseCode::LoginEnded => {
                let error = refusal(ErrorCode::BadToken, "this login was ended");
                self.refused_for_good(&error.into(), None, CloseCode::LoginEnded);
            }
            code => self.last_error((code.reason(), None), None, code),
        }
    }

    pub(super) fn receipt(&mut self, receipt: Option<&str>) {
        if let Some(receipt) = receipt {
            self.say(Writer::receipt(self.own.version, receipt).end());
        }
    }

    /// Tells what was refused where that was subscribed to: a command by its key, a subscription by its name.
    fn refuse(
        &mut self,
        (error, client_id): (&DoorError, Option<Uuid>),
        receipt: &Option<String>,
        subscription: Option<&str>,
    ) {
        let Some((id, has_acks)) = self.own.errors.clone() else { return };
        self.n_begun += 1;
        let n = self.n_begun;
        let (code, _) = error.said();
        let mut frame = head(self.own.version, (&id, ERRORS), has_acks.then_some(n))
            .header("message-id", &format!("e{n}"))
            .header("type", "ERROR")
            .header("code", code.as_str());
        let client_id = client_id.map(|client_id| (client_id, client_id.to_string()));
        let about = [
            ("client-id", client_id.as_ref().map(|(_, text)| text.as_str())),
            ("receipt-id", receipt.as_deref()),
            ("about", subscription),
        ];
        for (name, value) in about {
            if let Some(value) = value {
                frame = frame.header(name, value);
            }
        }
        let json = encode(&error.frame(client_id.map(|(client_id, _)| client_id)));
        self.say(frame.body(JSON, json.as_bytes()));
    }

    fn no_transactions(&mut self, receipt: Option<&str>) {
        self.broken("there are no transactions here: each SEND is stored by itself", receipt);
    }

    /// A frame that breaks the protocol: nothing behind it is read.
    pub(super) fn broken(&mut self, why: &str, receipt: Option<&str>) {
        self.last_error((why, None), receipt, CloseCode::ProtocolBroken);
    }

    /// The connection cannot go on, for a reason that the socket has a code for.
    pub(super) fn refused_for_good(&mut self, error: &DoorError, receipt: Option<&str>, close: CloseCode) {
        let (code, message) = error.said();
        self.last_error((message, Some(code)), receipt, close);
    }

    pub(super) fn last_error(
        &mut self,
        (why, code): (&str, Option<ErrorCode>),
        receipt: Option<&str>,
        close: CloseCode,
    ) {
        let mut error = Writer::error(self.own.version, why);
        if let Some(code) = code {
            error = error.header("code", code.as_str());
        }
        if let Some(receipt) = receipt {
            error = error.header("receipt-id", receipt);
        }
        self.end(Some(error.end()), close);
    }
}

/// How far a client was. What is none begins anew, and the client is told so by its WELCOME.
fn resume_of(frame: &Frame) -> Option<ResumePoint> {
    let (epoch, rev) = (frame.headers.get("epoch"), frame.headers.get("rev"));
    if epoch.is_none() && rev.is_none() {
        return None;
    }
    let digits = rev.filter(|rev| !rev.is_empty() && rev.bytes().all(|byte| byte.is_ascii_digit()));
    let rev: Option<u64> = digits.and_then(|rev| rev.parse().ok());
    // An epoch that no room has.
    let epoch = rev.and(epoch).unwrap_or_default().to_owned();
    Some(ResumePoint { epoch, rev: rev.unwrap_or_default() })
}
