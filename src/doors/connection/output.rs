use std::{
    collections::VecDeque,
    io::{self, IoSlice},
};

use bytes::{Buf, Bytes, BytesMut};

use crate::session::Socket;
use chat_wire::text_frame_header;

/// While so much waits, nothing more is taken from rooms, and nothing from the client: each waits where it is
/// bounded, in the outbox of its session and in the socket.
const WAITING_BYTES_MAX: usize = 16 * 1024;
/// Most pieces of one write.
const PIECES_MAX: usize = 32;

/// What goes to the client: frames of the WebSocket, each with one frame of the protocol in it. One of them may still be
/// coming from a room while what is before it is written; others wait for its end.
#[derive(Default)]
pub struct Output {
    queue: VecDeque<Bytes>,
    n_bytes: usize,
    /// Whole frames that came in the middle of one.
    behind: VecDeque<Bytes>,
    is_open: bool,
}

impl Output {
    /// Whether all was written.
    pub fn is_empty(&self) -> bool {
        self.n_bytes == 0
    }

    /// Whether it takes another frame.
    pub fn has_room(&self) -> bool {
        self.n_bytes + self.behind.iter().map(Bytes::len).sum::<usize>() < WAITING_BYTES_MAX
    }

    /// Whether it takes more of the frame that has begun. However much stands behind that: it waits for its end, and would
    /// hold it up for ever.
    pub fn takes_rest(&self) -> bool {
        self.is_open && self.n_bytes < WAITING_BYTES_MAX
    }

    /// A whole frame of the WebSocket.
    pub fn push(&mut self, frame: Bytes) {
        if self.is_open { self.behind.push_back(frame) } else { self.add(frame) }
    }

    /// A frame of `head` and of so many bytes that are still to come.
    pub fn begin(&mut self, head: &[u8], n_bytes: usize) {
        let mut before = BytesMut::from(&*text_frame_header(head.len() + n_bytes));
        before.extend_from_slice(head);
        self.add(before.freeze());
        self.is_open = true;
    }

    /// More of the frame that has begun.
    pub fn more(&mut self, bytes: Bytes, is_last: bool) {
        self.add(bytes);
        if is_last {
            self.is_open = false;
            for frame in std::mem::take(&mut self.behind) {
                self.add(frame);
            }
        }
    }

    fn add(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.n_bytes += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    /// Writes what the socket takes; fails as it does, with `WouldBlock` where that is nothing.
    pub fn write(&mut self, socket: &Socket) -> io::Result<()> {
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let n_pieces = pieces.iter_mut().zip(&self.queue).map(|(piece, bytes)| *piece = IoSlice::new(bytes)).count();
        let n_written = socket.write(pieces.get(..n_pieces).unwrap_or_default())?;
        self.written(n_written);
        Ok(())
    }

    fn written(&mut self, mut n_bytes: usize) {
        self.n_bytes = self.n_bytes.saturating_sub(n_bytes);
        while let Some(first) = self.queue.front_mut().filter(|_| n_bytes > 0) {
            let n = n_bytes.min(first.len());
            #[expect(clippy::disallowed_methods, reason = "no more than there is, as the line above has it")]
            first.advance(n);
            n_bytes -= n;
            if first.is_empty() {
                self.queue.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_the_middle_of_a_frame_stands_behind_it() {
        let mut output = Output::default();
        output.begin(b"head ", 4);
        output.push(Bytes::from_static(b"receipt"));
        output.more(Bytes::from_static(b"bo"), false);
        output.more(Bytes::from_static(b"dy"), true);
        output.push(Bytes::from_static(b"last"));
        let all: Vec<u8> = output.queue.iter().flatten().copied().collect();
        assert_eq!(all, b"\x81\x09head bodyreceiptlast");
        output.written(4);
        assert_eq!((&*output.queue[0], output.n_bytes), (&b"ad "[..], all.len() - 4));
        output.written(all.len() - 4);
        assert!(output.is_empty() && output.queue.is_empty() && output.has_room());
    }

    #[test]
    fn what_stands_behind_a_frame_does_not_hold_it_up() {
        let mut output = Output::default();
        output.begin(b"", 1);
        output.written(2);
        output.push(Bytes::from(vec![b'r'; WAITING_BYTES_MAX]));
        assert!(output.is_empty() && !output.has_room() && output.takes_rest());
        output.more(Bytes::from_static(b"x"), true);
        assert!(!output.takes_rest(), "its end has come");
        output.written(1 + WAITING_BYTES_MAX);
        assert!(output.has_room());
    }
}
