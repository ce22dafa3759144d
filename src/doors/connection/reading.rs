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
use chat_wire::CloseCode;

/// A room that a client reads: a session of its own, whose frames go into the client's connection.
pub struct Reading<N> {
    /// What the door knows it by.
    pub name: N,
    /// The client wants no more of it: it ends behind the frame that has begun.
    pub is_over: bool,
    body: FrameBody,
    /// What becomes of its JOIN, until that is known.
    joined: Option<oneshot::Receiver<Result<(), NotJoined>>>,
    chunk: Bytes,
    records: Records,
    /// Why its session has ended, as the number of a close code.
    ended: Option<u32>,
}

/// What a session says.
pub enum Told {
    /// It is in the room, or why not.
    Joined(Result<(), NotJoined>),
    /// The shared part of a frame begins, which has so many bytes.
    Begin(usize),
    /// Some of it; whether that is the last.
    Bytes(Bytes, bool),
    /// The server has ended it, for this reason.
    Ended(CloseCode),
    /// The client has not read for too long.
    Cut,
}

impl<N> Reading<N> {
    /// A room that is wanted, and the session that was begun for it.
    pub fn new(name: N, (body, joined): (FrameBody, oneshot::Receiver<Result<(), NotJoined>>)) -> Self {
        Self {
            name,
            is_over: false,
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
            let became = ready!(Pin::new(joined).poll(cx)).unwrap_or(Err(NotJoined::Closed(CloseCode::Restart)));
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
                    None => {
                        let code = CloseCode::ALL.into_iter().find(|code| Some(u32::from(code.number())) == self.ended);
                        return Poll::Ready(Told::Ended(code.unwrap_or(CloseCode::Restart)));
                    }
                },
            }
        }
    }

    /// Whether it is in the middle of a frame.
    pub fn is_open(&self) -> bool {
        self.records.is_open()
    }

    /// Whether it is in the room.
    pub fn has_joined(&self) -> bool {
        self.joined.is_none()
    }

    /// Whoever reads it is typing.
    pub fn types(&self) {
        self.body.types();
    }
}
