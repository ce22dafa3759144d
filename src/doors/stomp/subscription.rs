use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::body::MessageBody;
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::{
    doors::records::{Piece, Records},
    session::{FrameBody, NotJoined},
};
use chat_stomp::{Version, Writer};

/// A room that a client reads: a session of its own, whose frames go into the client's connection.
pub struct Subscription {
    /// As the client calls it.
    pub id: String,
    /// The RECEIPT that it is to get once it is in the room.
    pub receipt: Option<String>,
    /// The client wants no more of it: it ends behind the frame that has begun.
    pub is_over: bool,
    destination: String,
    /// Each MESSAGE has a name by which it is acknowledged.
    has_acks: bool,
    version: Version,
    body: FrameBody,
    /// What becomes of its JOIN, until that is known.
    joined: Option<oneshot::Receiver<Result<(), NotJoined>>>,
    chunk: Bytes,
    records: Records,
    /// Why its session has ended, as the number of a close code.
    ended: Option<u32>,
}

/// What a subscription says.
pub enum Told {
    /// It is in the room, or why not.
    Joined(Result<(), NotJoined>),
    /// The shared part of a MESSAGE begins, which has so many bytes.
    Begin(usize),
    /// Some of it; whether that is the last.
    Bytes(Bytes, bool),
    /// The server has ended it, for this reason.
    Ended(Option<u32>),
    /// The client has not read for too long.
    Cut,
}

/// What a SUBSCRIBE says, besides which room.
pub struct Wanted {
    /// As the client calls it.
    pub id: String,
    /// As the client has written it.
    pub destination: String,
    /// Each MESSAGE has a name by which it is acknowledged.
    pub has_acks: bool,
    /// Of the RECEIPT that is wanted.
    pub receipt: Option<String>,
}

impl Subscription {
    /// A room that is wanted, and the session that was begun for it.
    pub fn new(
        wanted: Wanted,
        version: Version,
        (body, joined): (FrameBody, oneshot::Receiver<Result<(), NotJoined>>),
    ) -> Self {
        let Wanted { id, destination, has_acks, receipt } = wanted;
        Self {
            id,
            receipt,
            is_over: false,
            destination,
            has_acks,
            version,
            body,
            joined: Some(joined),
            chunk: Bytes::new(),
            records: Records::default(),
            ended: None,
        }
    }

    /// What it says next.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Told> {
        if let Some(joined) = &mut self.joined {
            // Where nobody says it the session has ended.
            let became =
                ready!(Pin::new(joined).poll(cx)).unwrap_or(Err(NotJoined::Closed(chat_wire::CloseCode::Restart)));
            self.joined = None;
            return Poll::Ready(Told::Joined(became));
        }
        loop {
            match self.records.next(&mut self.chunk) {
                Some(Piece::Begin(n_bytes)) => return Poll::Ready(Told::Begin(n_bytes)),
                Some(Piece::Bytes(bytes)) => return Poll::Ready(Told::Bytes(bytes, !self.records.is_open())),
                Some(Piece::End(code)) => self.ended = Some(code),
                None => match ready!(Pin::new(&mut self.body).poll_next(cx)) {
                    Some(Ok(bytes)) => self.chunk = bytes,
                    Some(Err(_)) => return Poll::Ready(Told::Cut),
                    None if self.records.is_open() => return Poll::Ready(Told::Cut),
                    None => return Poll::Ready(Told::Ended(self.ended)),
                },
            }
        }
    }

    /// Whether it is in the middle of a MESSAGE.
    pub fn is_open(&self) -> bool {
        self.records.is_open()
    }

    /// What stands before the shared part of its MESSAGE number `n`.
    pub fn head(&self, n: u64) -> Vec<u8> {
        head(self.version, (&self.id, &self.destination), self.has_acks.then_some(n)).into_head()
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
