use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::body::MessageBody;
use bytes::{Bytes, BytesMut};

use super::framing::own_part;
use crate::{
    doors::records::{Piece, Records},
    session::FrameBody,
};
use chat_wire::CloseCode;

/// A room that a stream reads: a session of its own, whose Changes go into the stream, each whole.
pub struct Feed {
    /// What stands in each of its Changes for this reader alone.
    own: Bytes,
    body: FrameBody,
    chunk: Bytes,
    records: Records,
    /// The Change that is coming, behind its header.
    coming: BytesMut,
    /// Why its session has ended.
    ended: Option<CloseCode>,
}

/// What a feed says.
pub enum Told {
    /// A message of gRPC, with its header.
    Change(Bytes),
    /// The server has ended it, for this reason.
    Ended(CloseCode),
}

impl Feed {
    /// Of the room that the client calls so.
    pub fn new(room: &str, body: FrameBody) -> Self {
        let (chunk, records, coming, ended) = Default::default();
        Self { own: own_part(room), body, chunk, records, coming, ended }
    }

    /// What it says next.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Told> {
        loop {
            match self.records.next(&mut self.chunk) {
                Some(Piece::Begin(n_bytes)) => self.coming = header(self.own.len() + n_bytes, &self.own),
                Some(Piece::Bytes(bytes)) => {
                    self.coming.extend_from_slice(&bytes);
                    if !self.records.is_open() {
                        return Poll::Ready(Told::Change(std::mem::take(&mut self.coming).freeze()));
                    }
                }
                Some(Piece::End(number)) => {
                    self.ended = CloseCode::ALL.into_iter().find(|code| u32::from(code.number()) == number);
                }
                None => match ready!(Pin::new(&mut self.body).poll_next(cx)) {
                    Some(Ok(bytes)) => self.chunk = bytes,
                    // What was coming goes with it: what the client has are whole Changes, and from them it comes back.
                    Some(Err(_)) => return Poll::Ready(Told::Ended(CloseCode::TooSlow)),
                    None => return Poll::Ready(Told::Ended(self.ended.unwrap_or(CloseCode::Restart))),
                },
            }
        }
    }
}

/// What stands before a message of gRPC, not compressed, of so many bytes, and the first of those.
pub fn header(n_bytes: usize, first: &[u8]) -> BytesMut {
    let mut out = BytesMut::with_capacity(5 + n_bytes);
    out.extend_from_slice(&[0]);
    out.extend_from_slice(&u32::try_from(n_bytes).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(first);
    out
}
