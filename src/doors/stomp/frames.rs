//! What each frame of a client does.

use std::rc::Rc;

use futures_util::FutureExt;
use uuid::Uuid;

use super::{
    client::{Agreed, HEART_BEAT, agreed},
    connection::{Answered, Connection, Done, ToAnswer},
    destination::{ERRORS, Source},
    framing::{JSON, MESSAGES},
    sending::{client_id_of, hand_over, read},
    subscription::{Subscription, Wanted, head},
};
use crate::{
    doors::{error::DoorError, visitor::Visitor},
    http::HttpError,
    session::{ConnectionPermit, Line, Listener, NotAdmitted, NotJoined, Session, refusal, text_refusal},
};
use chat_domain::RoomId;
use chat_rooms::Refusal;
use chat_stomp::{Command, Frame, Version, Writer};
use chat_wire::{CloseCode, ErrorCode, JoinPayload, ResumePoint, encode, timestamp};

/// How many rooms one connection reads.
const SUBSCRIPTIONS_MAX: usize = 20;
/// The longest name that a client gives to a subscription, in bytes: it goes with each MESSAGE.
const ID_BYTES_MAX: usize = 256;

impl Connection {
    pub(super) fn frame(&mut self, frame: Frame) {
        let receipt = frame.headers.get("receipt").map(str::to_owned);
        let has_begun = self.client.is_some();
        match frame.command {
            Command::Connect if has_begun => self.broken("this connection has begun already", receipt.as_deref()),
            Command::Connect => self.connect(&frame),
            _ if !has_begun => self.broken("CONNECT comes first", receipt.as_deref()),
            Command::Begin | Command::Commit | Command::Abort => self.no_transactions(receipt.as_deref()),
            _ if frame.headers.get("transaction").is_some() => self.no_transactions(receipt.as_deref()),
            Command::Send => self.send(&frame, receipt),
            // What a client could do without end, so that each costs what a socket costs; the first is that socket.
            Command::Subscribe if !std::mem::replace(&mut self.has_subscribed, true) => self.subscribe(&frame),
            Command::Subscribe => self.subscribe_later(frame),
            Command::Unsubscribe => self.unsubscribe(&frame, receipt.as_deref()),
            Command::Ack | Command::Nack => {
                let name = if self.version == Version::V12 { "id" } else { "message-id" };
                match frame.headers.get(name) {
                    // What was shown is known by epoch and rev, and asked for by them: nothing is kept for anybody.
                    Some(_) => self.receipt(receipt.as_deref()),
                    None => self
                        .broken("ACK and NACK say of which MESSAGE: id, in 1.0 and 1.1 message-id", receipt.as_deref()),
                }
            }
            Command::Disconnect => {
                let last = receipt.map(|receipt| Writer::receipt(self.version, &receipt).end());
                self.end(last, CloseCode::Done);
                self.ending.iter_mut().for_each(|ending| ending.is_promise = true);
            }
        }
    }

    fn connect(&mut self, frame: &Frame) {
        let Agreed { client, version, heart_beat } = match agreed(frame) {
            Ok(agreed) => agreed,
            Err(why) => {
                let error = Writer::error(self.version, why).header("version", "1.0,1.1,1.2").end();
                return self.end(Some(error), CloseCode::ProtocolBroken);
            }
        };
        self.version = version;
        self.decoder.agreed(version);
        self.heart_beat = heart_beat;
        if client.token.is_none() {
            // Whoever comes by a secret of their own is them, and without one they read.
            return self.done(Done::Connected(Ok(client)));
        }
        let (site, address) = (self.site.clone(), self.address);
        self.doing = Some(
            async move {
                let visitor = Visitor::by(&site, address, (client.token.as_deref(), None)).await;
                Done::Connected(visitor.map(|_| client))
            }
            .boxed_local(),
        );
    }

    /// What became of a frame that took a while.
    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Connected(Ok(client)) => {
                self.client = Some(Rc::new(client));
                let every = HEART_BEAT.as_millis();
                let connected = Writer::connected(self.version)
                    .header("server", concat!("realtime-chat/", env!("CARGO_PKG_VERSION")))
                    .header("heart-beat", &format!("{every},{every}"));
                self.say(connected.end());
            }
            Done::Connected(Err(error)) => self.refused_for_good(&error, None, CloseCode::LoginEnded),
            Done::MaySubscribe(frame) => self.subscribe(&frame),
            Done::Sent(of, Err(error)) => self.answered(Answered { of, became: Err(error) }),
            Done::Sent(of, Ok(handed)) => {
                let (command, answer) = *handed;
                self.asked.push(async move { Answered { of, became: command.answered(answer).await } }.boxed_local());
            }
        }
    }

    fn send(&mut self, frame: &Frame, receipt: Option<String>) {
        let (client_id, refused) = match client_id_of(frame) {
            Ok(client_id) => (client_id, None),
            Err(error) => (Uuid::nil(), Some(error)),
        };
        let of = ToAnswer { client_id, receipt };
        if let Some(error) = refused {
            return self.refuse((&error, None), &of.receipt, None);
        }
        let to_send = match read(frame, client_id) {
            None => return self.broken("what is sent goes to /app/rooms. and a room", of.receipt.as_deref()),
            Some(Err(error)) => return self.answered(Answered { of, became: Err(error) }),
            Some(Ok(to_send)) => to_send,
        };
        let Some(client) = self.client.clone() else { return };
        let (site, setup, address) = (self.site.clone(), self.setup.clone(), self.address);
        self.doing = Some(
            async move {
                let by = (client.token.as_deref(), client.anonymous_id);
                let visitor = Visitor::by(&site, address, by);
                let handed = hand_over((site.clone(), setup), (visitor, client.clone()), to_send).await;
                Done::Sent(of, handed.map(Box::new))
            }
            .boxed_local(),
        );
    }

    /// What a room has said of a command: a RECEIPT where one is wanted, now that it is stored, or why it is not.
    pub(super) fn answered(&mut self, Answered { of, became }: Answered) {
        let ToAnswer { client_id, receipt } = of;
        match (became, receipt) {
            (Err(error), receipt) => self.refuse((&error, Some(client_id)), &receipt, None),
            (Ok(_), None) => {}
            (Ok(published), Some(receipt)) => {
                let stored = &published.stored;
                let frame = Writer::receipt(self.version, &receipt)
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

    fn subscribe_later(&mut self, frame: Frame) {
        let (site, address) = (self.site.clone(), self.address);
        self.doing = Some(
            async move {
                while let Err(wait) = site.rates.upgrade(address) {
                    actix::clock::sleep(wait).await;
                }
                Done::MaySubscribe(frame)
            }
            .boxed_local(),
        );
    }

    fn subscribe(&mut self, frame: &Frame) {
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
        let id = match (frame.headers.get("id"), self.version) {
            (Some(id), _) => id,
            (None, Version::V10) => destination,
            (None, _) => return self.broken("a SUBSCRIBE has an id", receipt.as_deref()),
        };
        let is_known =
            self.subscriptions.iter().any(|s| s.id == id) || self.errors.as_ref().is_some_and(|(e, _)| e == id);
        if is_known || id.len() > ID_BYTES_MAX {
            return self.broken("each subscription has an id of its own, of at most 256 bytes", receipt.as_deref());
        }
        match source {
            Ok(Source::Errors) if self.errors.is_some() => {
                self.broken("what is refused is told once", receipt.as_deref());
            }
            Ok(Source::Errors) => {
                self.errors = Some((id.to_owned(), has_acks));
                self.receipt(receipt.as_deref());
            }
            Ok(Source::Room(_)) if self.subscriptions.len() >= SUBSCRIPTIONS_MAX => {
                self.broken("a connection has at most 20 subscriptions", receipt.as_deref());
            }
            Ok(Source::Room(room)) => {
                let wanted = Wanted { id: id.to_owned(), destination: destination.to_owned(), has_acks, receipt };
                self.enter(room, resume_of(frame), wanted);
            }
            Err(error) => self.refuse_subscription(&text_refusal(error).into(), id, receipt),
        }
    }

    /// Begins a session for a room.
    fn enter(&mut self, room: RoomId, resume: Option<ResumePoint>, wanted: Wanted) {
        let Some(client) = self.client.clone() else { return };
        if self.site.phase.is_refusing() {
            let error = HttpError::overloaded(self.site.retry_after).into();
            return self.refuse_subscription(&error, &wanted.id, wanted.receipt);
        }
        // The first counts as its connection does.
        let permit = match self.subscriptions.is_empty() {
            true => Ok(ConnectionPermit::Shared(self.permit.clone())),
            false => self.site.admission.admit(self.address).map(ConnectionPermit::Session),
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(why) => {
                let (code, message) = match why {
                    NotAdmitted::ServerFull => (ErrorCode::Overloaded, CloseCode::ServerFull.reason()),
                    NotAdmitted::AddressFull => (ErrorCode::RateLimited, CloseCode::AddressFull.reason()),
                };
                return self.refuse_subscription(&refusal(code, message).into(), &wanted.id, wanted.receipt);
            }
        };
        let join = JoinPayload {
            anonymous_id: client.anonymous_id.unwrap_or_else(Uuid::new_v4),
            token: client.token.clone(),
            nickname: client.nickname.clone(),
            avatar: client.avatar.clone(),
            resume,
        };
        let listener = Listener { room, address: self.address, permit, join, is_bearer: true, framing: &MESSAGES };
        let session = Session::listen(self.setup.clone(), Line::default(), listener);
        self.subscriptions.push(Subscription::new(wanted, self.version, session));
    }

    /// A SUBSCRIBE whose session did not get into its room.
    pub(super) fn not_subscribed(&mut self, why: NotJoined, id: &str, receipt: Option<String>) {
        match why {
            NotJoined::Refused(error) => self.refuse_subscription(&error.into(), id, receipt),
            NotJoined::Closed(CloseCode::TooManySessions) => {
                let error = refusal(ErrorCode::RateLimited, CloseCode::TooManySessions.reason());
                self.refuse_subscription(&error.into(), id, receipt);
            }
            NotJoined::Closed(_) => self.refuse_subscription(&Refusal::Overloaded.into(), id, receipt),
        }
    }

    fn refuse_subscription(&mut self, error: &DoorError, id: &str, receipt: Option<String>) {
        if self.errors.is_some() {
            return self.refuse((error, None), &receipt, Some(id));
        }
        // Whoever is not told would wait for what never comes.
        self.refused_for_good(error, receipt.as_deref(), CloseCode::Done);
    }

    fn unsubscribe(&mut self, frame: &Frame, receipt: Option<&str>) {
        let id = match (frame.headers.get("id"), self.version) {
            (Some(id), _) => id,
            (None, Version::V10) => frame.headers.get("destination").unwrap_or_default(),
            (None, _) => return self.broken("an UNSUBSCRIBE has the id of its subscription", receipt),
        };
        self.errors.take_if(|(errors, _)| errors == id);
        match self.subscriptions.iter_mut().find(|subscription| subscription.id == id) {
            // What has begun comes to its end.
            Some(subscription) if subscription.is_open() => subscription.is_over = true,
            _ => self.forget(id),
        }
        self.receipt(receipt);
    }

    /// A subscription was ended by the server, which cannot say so but by ending the connection.
    pub(super) fn ended(&mut self, number: Option<u32>) {
        let code = CloseCode::ALL.into_iter().find(|code| Some(u32::from(code.number())) == number);
        match code.unwrap_or(CloseCode::Restart) {
            CloseCode::LoginEnded => {
                let error = refusal(ErrorCode::BadToken, "this login was ended");
                self.refused_for_good(&error.into(), None, CloseCode::LoginEnded);
            }
            code => self.fatal(code.reason(), code),
        }
    }

    fn receipt(&mut self, receipt: Option<&str>) {
        if let Some(receipt) = receipt {
            self.say(Writer::receipt(self.version, receipt).end());
        }
    }

    /// Tells what was refused where that was subscribed to: a command by its key, a subscription by its name.
    fn refuse(
        &mut self,
        (error, client_id): (&DoorError, Option<Uuid>),
        receipt: &Option<String>,
        subscription: Option<&str>,
    ) {
        let Some((id, has_acks)) = self.errors.clone() else { return };
        self.n_named += 1;
        let (code, _) = error.said();
        let mut frame = head(self.version, (&id, ERRORS), has_acks.then_some(self.n_named))
            .header("message-id", &format!("e{}", self.n_named))
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

    /// The connection cannot go on.
    pub(super) fn fatal(&mut self, why: &str, code: CloseCode) {
        self.last_error((why, None), None, code);
    }

    /// The connection cannot go on, for a reason that the socket has a code for.
    fn refused_for_good(&mut self, error: &DoorError, receipt: Option<&str>, close: CloseCode) {
        let (code, message) = error.said();
        self.last_error((message, Some(code)), receipt, close);
    }

    fn last_error(&mut self, (why, code): (&str, Option<ErrorCode>), receipt: Option<&str>, close: CloseCode) {
        let mut error = Writer::error(self.version, why);
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
